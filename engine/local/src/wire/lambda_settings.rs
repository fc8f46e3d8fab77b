//! Lambda: settings of functions, their addresses, and the queues that feed them.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::json::answer;
use super::lambda::{configuration, function, missing};
use super::query::Parameters;
use super::{Fault, authorize};
use crate::auth::Identity;
use crate::lambda::{self, Function, LayerVersion};
use crate::mapping::Mapping;
use crate::services::Services;
use crate::store::Table;
use crate::{clock, random};

/// Answers one request, given the parts of its path.
pub(super) async fn handle(
    services: &Services,
    request: &Request<Bytes>,
    identity: &Identity,
    parts: &[&str],
) -> Result<Response<Bytes>, Fault> {
    match (request.method(), parts) {
        (&Method::PUT, [_, "functions", name, "configuration"]) => {
            let action = "lambda:UpdateFunctionConfiguration";
            let function = function(services, identity, action, name)?;
            let changed = update_configuration(services, function, request.body()).await?;
            answer(&configuration(services, &changed)?)
        }
        (&Method::PUT, [_, "functions", name, "concurrency"]) => {
            let function = function(services, identity, "lambda:PutFunctionConcurrency", name)?;
            put_concurrency(services, function, request.body()).await
        }
        (&Method::GET, [_, "functions", name, "url"]) => {
            let function = function(services, identity, "lambda:GetFunctionUrlConfig", name)?;
            url_config(services, &function)
        }
        (&Method::GET, [_, "account-settings"]) => {
            authorize(services, identity, "lambda:GetAccountSettings", "*")?;
            answer(&account_settings(services)?)
        }
        (&Method::GET, [_, "event-source-mappings"]) => {
            authorize(services, identity, "lambda:ListEventSourceMappings", "*")?;
            list_mappings(services, request)
        }
        _ => Err(Fault::new(
            "UnknownOperationException",
            format!("no operation {} {}", request.method(), request.uri().path()),
        )
        .with_status(StatusCode::NOT_FOUND)),
    }
}

/// What a new account has ("Lambda quotas"); what is used is this cloud's.
fn account_settings(services: &Services) -> Result<Value, Fault> {
    const CODE_LIMIT: u64 = 75 * 1024 * 1024 * 1024;
    const CONCURRENCY: u64 = 1000;
    let functions = services.store.list::<Function>(Table::Functions, "")?;
    let layers = services.store.list::<LayerVersion>(Table::Layers, "")?;
    let reserved: u64 = functions.iter().filter_map(|(_, one)| one.reserved).sum();
    let code: u64 = functions.iter().map(|(_, one)| one.package.size).sum();
    let of_layers: u64 = layers.iter().map(|(_, one)| one.package.size).sum();
    Ok(json!({
        "AccountLimit": {
            "CodeSizeUnzipped": 250 * 1024 * 1024,
            "CodeSizeZipped": 50 * 1024 * 1024,
            "ConcurrentExecutions": CONCURRENCY,
            "TotalCodeSize": CODE_LIMIT,
            "UnreservedConcurrentExecutions": CONCURRENCY.saturating_sub(reserved),
        },
        "AccountUsage": { "FunctionCount": functions.len(), "TotalCodeSize": code + of_layers },
    }))
}

async fn update_configuration(
    services: &Services,
    mut function: Function,
    body: &[u8],
) -> Result<Function, Fault> {
    let input: Value = super::json::input(body)?;
    let number = |name: &str| input.get(name).and_then(Value::as_u64);
    let text = |name: &str| input.get(name).and_then(Value::as_str).map(str::to_owned);
    function.memory_mib = number("MemorySize").unwrap_or(function.memory_mib);
    function.timeout_s = number("Timeout").unwrap_or(function.timeout_s);
    function.description = text("Description").unwrap_or(function.description);
    function.handler = text("Handler").unwrap_or(function.handler);
    let disk = input
        .get("EphemeralStorage")
        .and_then(|disk| disk["Size"].as_u64());
    function.disk_mib = disk.unwrap_or(function.disk_mib);
    let variables = input
        .get("Environment")
        .and_then(|one| one.get("Variables"));
    if let Some(variables) = variables {
        let invalid = |error: serde_json::Error| {
            Fault::new("InvalidParameterValueException", error.to_string())
        };
        function.environment = serde_json::from_value(variables.clone()).map_err(invalid)?;
    }
    function.revision = random::uuid();
    function.modified_ms = clock::now_ms();
    services
        .store
        .put(Table::Functions, &function.name, &function)
        .await?;
    Ok(function)
}

async fn put_concurrency(
    services: &Services,
    mut function: Function,
    body: &[u8],
) -> Result<Response<Bytes>, Fault> {
    let input: Value = super::json::input(body)?;
    function.reserved = input
        .get("ReservedConcurrentExecutions")
        .and_then(Value::as_u64);
    services
        .store
        .put(Table::Functions, &function.name, &function)
        .await?;
    answer(&json!({ "ReservedConcurrentExecutions": function.reserved }))
}

fn url_config(services: &Services, function: &Function) -> Result<Response<Bytes>, Fault> {
    let url = function.url.as_ref();
    let url = url.ok_or_else(|| missing("The resource you requested does not exist."))?;
    answer(&json!({
        "FunctionUrl": format!("{}{}{}/", services.endpoint, crate::server::URL_PREFIX, url.id),
        "FunctionArn": function.arn,
        "AuthType": if url.needs_signature { "AWS_IAM" } else { "NONE" },
        "InvokeMode": "BUFFERED",
        "CreationTime": clock::rfc3339(url.created_ms),
        "LastModifiedTime": clock::rfc3339(url.created_ms),
    }))
}

fn list_mappings(services: &Services, request: &Request<Bytes>) -> Result<Response<Bytes>, Fault> {
    let query = Parameters::parse(request.uri().query().unwrap_or_default());
    let named = query.text("FunctionName").map(lambda::function_name);
    let source = query.text("EventSourceArn");
    let all = services.store.list::<Mapping>(Table::Mappings, "")?;
    let is_asked = |one: &&Mapping| {
        named.is_none_or(|name| one.function == name)
            && source.is_none_or(|source| one.source == source)
    };
    let found = all.iter().map(|(_, one)| one).filter(is_asked);
    let shown = found.map(|one| {
        let settings = &services.settings;
        let (region, account) = (&settings.region, &settings.account);
        json!({
            "UUID": one.id,
            "EventSourceArn": one.source,
            "FunctionArn": format!("arn:aws:lambda:{region}:{account}:function:{}", one.function),
            "BatchSize": one.batch_size,
            "State": if one.is_enabled { "Enabled" } else { "Disabled" },
            "LastModified": one.modified_ms / 1000,
        })
    });
    answer(&json!({ "EventSourceMappings": shown.collect::<Vec<_>>() }))
}
