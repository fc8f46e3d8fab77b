//! `AWS::ApiGatewayV2::{Api, Route, Integration, Stage, Authorizer}`: HTTP APIs.

use serde::Deserialize;
use serde_json::Value;

use super::{
    Attributes, Context, Made, Properties, Refusal, attributes, missing, number, read, refuse,
};
use crate::lambda::{Api, Authorizer, Integration, Route, function_name};
use crate::random;
use crate::server::API_PREFIX;
use crate::store::{Table, Transaction};

const API: &str = "AWS::ApiGatewayV2::Api";
/// Longest time of an integration in milliseconds.
const TIMEOUT_MS: u64 = 30_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ApiProperties {
    name: String,
    protocol_type: String,
    #[serde(rename = "Description")]
    _description: Option<String>,
    #[serde(rename = "CorsConfiguration")]
    _cors_configuration: Option<Value>,
    #[serde(rename = "DisableExecuteApiEndpoint")]
    _disable_execute_api_endpoint: Option<Value>,
    #[serde(rename = "Tags")]
    _tags: Option<Value>,
}

pub(super) fn put_api(
    transaction: &mut Transaction<'_>,
    context: &Context,
    existing: Option<&str>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: ApiProperties = read(properties)?;
    if read.protocol_type != "HTTP" {
        return Err(refuse("the local cloud has HTTP APIs only"));
    }
    let id = existing.map_or_else(|| random::hex(5), str::to_owned);
    let before = transaction.get::<Api>(Table::Apis, &id)?;
    let endpoint = format!("{}{API_PREFIX}{id}", context.endpoint);
    let api = Api {
        id: id.clone(),
        name: read.name,
        endpoint: endpoint.clone(),
        ..before.unwrap_or_default()
    };
    transaction.put(Table::Apis, &id, &api)?;
    let attributes = attributes(&[("ApiEndpoint", &endpoint), ("ApiId", &id)]);
    Ok(Made::new(id, attributes))
}

pub(super) fn delete_api(transaction: &mut Transaction<'_>, id: &str) {
    transaction.delete(Table::Apis, id);
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RouteProperties {
    api_id: String,
    route_key: String,
    target: Option<String>,
    authorization_type: Option<String>,
    authorizer_id: Option<String>,
    #[serde(default)]
    authorization_scopes: Vec<String>,
    #[serde(rename = "OperationName")]
    _operation_name: Option<String>,
}

pub(super) fn put_route(
    transaction: &mut Transaction<'_>,
    existing: Option<&str>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: RouteProperties = read(properties)?;
    let is_route = |key: &str| {
        key == "$default"
            || key
                .split_once(' ')
                .is_some_and(|(_, path)| path.starts_with('/'))
    };
    if !is_route(&read.route_key) {
        return Err(refuse("The provided route key is not formatted properly"));
    }
    let kind = read.authorization_type.as_deref().unwrap_or("NONE");
    if !["NONE", "JWT", "AWS_IAM"].contains(&kind) {
        return Err(refuse(format!(
            "the local cloud has no authorization of type {kind}"
        )));
    }
    if (kind == "JWT") != read.authorizer_id.is_some() {
        return Err(refuse("AuthorizerId belongs to the authorization type JWT"));
    }
    let route = Route {
        integration: read
            .target
            .map(|target| target.replace("integrations/", "")),
        authorizer: read.authorizer_id,
        needs_signature: kind == "AWS_IAM",
        scopes: read.authorization_scopes,
        key: read.route_key,
    };
    add(transaction, &read.api_id, existing, |api, id| {
        drop(api.routes.insert(id, route));
        "RouteId"
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct IntegrationProperties {
    api_id: String,
    integration_type: String,
    integration_uri: String,
    payload_format_version: Option<String>,
    #[serde(default, deserialize_with = "number")]
    timeout_in_millis: Option<u64>,
    #[serde(rename = "IntegrationMethod")]
    _integration_method: Option<String>,
    #[serde(rename = "Description")]
    _description: Option<String>,
}

pub(super) fn put_integration(
    transaction: &mut Transaction<'_>,
    existing: Option<&str>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: IntegrationProperties = read(properties)?;
    let version = read.payload_format_version.as_deref();
    if read.integration_type != "AWS_PROXY" || version != Some("2.0") {
        return Err(refuse(
            "the local cloud has integrations of type AWS_PROXY with payloads of format 2.0",
        ));
    }
    let timeout_ms = read.timeout_in_millis.unwrap_or(TIMEOUT_MS);
    if !(50..=TIMEOUT_MS).contains(&timeout_ms) {
        return Err(refuse("Timeout should be between 50 ms and 30000 ms"));
    }
    let name = function_name(&read.integration_uri);
    if !transaction.contains(Table::Functions, name)? {
        return Err(missing("AWS::Lambda::Function", name));
    }
    let integration = Integration {
        function: read.integration_uri,
        timeout_ms,
    };
    add(transaction, &read.api_id, existing, |api, id| {
        drop(api.integrations.insert(id, integration));
        "IntegrationId"
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StageProperties {
    api_id: String,
    stage_name: String,
    #[serde(rename = "AutoDeploy")]
    _auto_deploy: Option<Value>,
    #[serde(rename = "AccessLogSettings")]
    _access_log_settings: Option<Value>,
    #[serde(rename = "DefaultRouteSettings")]
    _default_route_settings: Option<Value>,
    #[serde(rename = "Description")]
    _description: Option<String>,
    #[serde(rename = "Tags")]
    _tags: Option<Value>,
}

pub(super) fn put_stage(
    transaction: &mut Transaction<'_>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: StageProperties = read(properties)?;
    if read.stage_name != "$default" {
        return Err(refuse("the local cloud has the stage $default only"));
    }
    let mut api = find(transaction, &read.api_id)?;
    api.stages.insert(read.stage_name.clone(), Value::Null);
    transaction.put(Table::Apis, &api.id, &api)?;
    Ok(Made::new(read.stage_name, Attributes::new()))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AuthorizerProperties {
    api_id: String,
    authorizer_type: String,
    identity_source: Vec<String>,
    jwt_configuration: Option<JwtConfiguration>,
    #[serde(rename = "Name")]
    _name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct JwtConfiguration {
    #[serde(default)]
    audience: Vec<String>,
    issuer: String,
}

pub(super) fn put_authorizer(
    transaction: &mut Transaction<'_>,
    existing: Option<&str>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: AuthorizerProperties = read(properties)?;
    let source = read.identity_source.into_iter().next();
    let parts = read.jwt_configuration.zip(source);
    let Some((configuration, source)) = parts.filter(|_| read.authorizer_type == "JWT") else {
        return Err(refuse("the local cloud has authorizers of type JWT only"));
    };
    let authorizer = Authorizer {
        issuer: configuration.issuer,
        audience: configuration.audience,
        source,
    };
    add(transaction, &read.api_id, existing, |api, id| {
        drop(api.authorizers.insert(id, authorizer));
        "AuthorizerId"
    })
}

/// Puts something into an API, under its id or a new one. `put` names the attribute that is the id.
fn add(
    transaction: &mut Transaction<'_>,
    api: &str,
    existing: Option<&str>,
    put: impl FnOnce(&mut Api, String) -> &'static str,
) -> Result<Made, Refusal> {
    let mut api = find(transaction, api)?;
    let id = existing.map_or_else(|| random::hex(4), str::to_owned);
    let attribute = put(&mut api, id.clone());
    transaction.put(Table::Apis, &api.id, &api)?;
    let attributes = attributes(&[(attribute, &id)]);
    Ok(Made::new(id, attributes))
}

fn find(transaction: &Transaction<'_>, id: &str) -> Result<Api, Refusal> {
    transaction
        .get(Table::Apis, id)?
        .ok_or_else(|| missing(API, id))
}

/// Takes a part out of its API; with the API its parts are gone too.
pub(super) fn delete_part(
    transaction: &mut Transaction<'_>,
    kind: &str,
    id: &str,
    properties: &Properties,
) -> Result<(), Refusal> {
    let api = properties
        .get("ApiId")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let Some(mut api) = transaction.get::<Api>(Table::Apis, api)? else {
        return Ok(());
    };
    match kind {
        "AWS::ApiGatewayV2::Route" => drop(api.routes.remove(id)),
        "AWS::ApiGatewayV2::Integration" => drop(api.integrations.remove(id)),
        "AWS::ApiGatewayV2::Authorizer" => drop(api.authorizers.remove(id)),
        _ => drop(api.stages.remove(id)),
    }
    Ok(transaction.put(Table::Apis, &api.id, &api)?)
}
