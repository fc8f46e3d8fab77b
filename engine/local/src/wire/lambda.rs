//! Lambda: invoking functions and looking at them.

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use http::header::HeaderValue;
use http::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::json::{answer, answer_with};
use super::query::Parameters;
use super::{Fault, authorize, respond};
use crate::auth::Identity;
use crate::lambda::{self, Finished, Function, LayerVersion, Outcome};
use crate::services::Services;
use crate::store::Table;
use crate::{clock, random};

/// Largest event of a synchronous invocation in bytes, the limit that Lambda has.
const EVENT_LIMIT: usize = 6 * 1024 * 1024;
/// Largest event of an asynchronous invocation in bytes, the limit that Lambda has.
const ASYNCHRONOUS_EVENT_LIMIT: usize = 1024 * 1024;

/// Answers one request.
pub(super) async fn handle(
    services: Arc<Services>,
    request: &Request<Bytes>,
    identity: &Identity,
) -> Result<Response<Bytes>, Fault> {
    let path = percent_decode_str(request.uri().path())
        .decode_utf8_lossy()
        .into_owned();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match (request.method(), parts.as_slice()) {
        (&Method::POST, [_, "functions", name, "invocations"]) => {
            invoke(services, name, request, identity).await
        }
        (&Method::GET, [_, "functions"]) => {
            authorize(&services, identity, "lambda:ListFunctions", "*")?;
            list_functions(&services, request)
        }
        (&Method::GET, [_, "functions", name]) => {
            let function = function(&services, identity, "lambda:GetFunction", name)?;
            answer(&json!({
                "Configuration": configuration(&services, &function)?,
                "Code": code(&function),
                "Tags": function.tags,
            }))
        }
        (&Method::GET, [_, "functions", name, "configuration"]) => {
            let function = function(&services, identity, "lambda:GetFunctionConfiguration", name)?;
            answer(&configuration(&services, &function)?)
        }
        (&Method::GET, [_, "functions", name, "policy"]) => {
            let function = function(&services, identity, "lambda:GetPolicy", name)?;
            policy(&function)
        }
        (&Method::GET, [_, "functions", name, "event-invoke-config"]) => {
            let function = function(
                &services,
                identity,
                "lambda:GetFunctionEventInvokeConfig",
                name,
            )?;
            invoke_config(&function)
        }
        (&Method::GET, [_, "layers", name, "versions"]) => {
            authorize(&services, identity, "lambda:ListLayerVersions", "*")?;
            list_layer_versions(&services, name, request)
        }
        _ => super::lambda_settings::handle(&services, request, identity, &parts).await,
    }
}

async fn invoke(
    services: Arc<Services>,
    name: &str,
    request: &Request<Bytes>,
    identity: &Identity,
) -> Result<Response<Bytes>, Fault> {
    let function = function(&services, identity, "lambda:InvokeFunction", name)?;
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let kind = header("x-amz-invocation-type").unwrap_or("RequestResponse");
    let event = if request.body().is_empty() {
        Bytes::from_static(b"{}")
    } else {
        request.body().clone()
    };
    check_event(&event, kind)?;
    match kind {
        "DryRun" => Ok(respond(
            StatusCode::NO_CONTENT,
            "application/json",
            Bytes::new(),
        )),
        "Event" => queue(&services, &function, &event).await,
        "RequestResponse" => {
            let finished = invoke_now(&services, &function, event, identity).await?;
            Ok(finished_response(
                &finished,
                header("x-amz-log-type") == Some("Tail"),
            ))
        }
        other => Err(Fault::new(
            "InvalidParameterValueException",
            format!("no invocation type {other}"),
        )),
    }
}

fn check_event(event: &Bytes, kind: &str) -> Result<(), Fault> {
    let limit = if kind == "Event" {
        ASYNCHRONOUS_EVENT_LIMIT
    } else {
        EVENT_LIMIT
    };
    if event.len() > limit {
        let message = format!(
            "{} byte payload is too large for the {kind} invocation type (limit {limit} bytes)",
            event.len()
        );
        return Err(Fault::new("RequestTooLargeException", message)
            .with_status(StatusCode::PAYLOAD_TOO_LARGE));
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(event)
        .map(|_| ())
        .map_err(|error| {
            Fault::new(
                "InvalidRequestContentException",
                format!("Could not parse request body into json: {error}"),
            )
        })
}

async fn queue(
    services: &Services,
    function: &Function,
    event: &Bytes,
) -> Result<Response<Bytes>, Fault> {
    let (name, event) = (
        function.name.clone(),
        String::from_utf8_lossy(event).into_owned(),
    );
    let queued = services
        .store
        .transact(move |transaction| lambda::queue(transaction, &name, event).map_err(Fault::from))
        .await?;
    lambda::enqueue(services, &[queued]);
    Ok(respond(
        StatusCode::ACCEPTED,
        "application/json",
        Bytes::new(),
    ))
}

/// A function that invokes another one already holds a permit; needing a second could block for ever.
async fn invoke_now(
    services: &Arc<Services>,
    function: &Function,
    event: Bytes,
    identity: &Identity,
) -> Result<Finished, Fault> {
    let closed = |_| {
        Fault::new("ServiceException", "the local cloud is shutting down")
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
    };
    let _permit = match identity {
        Identity::Root => Some(services.executor.permits.acquire().await.map_err(closed)?),
        Identity::Session { .. } => None,
    };
    let Some(_slot) = lambda::admit(services, function) else {
        let fault = Fault::new("TooManyRequestsException", "Rate Exceeded.");
        return Err(fault.with_status(StatusCode::TOO_MANY_REQUESTS));
    };
    Ok(lambda::invoke(services, function, event).await)
}

fn finished_response(finished: &Finished, with_tail: bool) -> Response<Bytes> {
    let (body, is_error) = match &finished.outcome {
        Outcome::Success(body) => (body, false),
        Outcome::Failure(body) => (body, true),
    };
    let mut response = respond(StatusCode::OK, "application/json", body.clone());
    let headers = response.headers_mut();
    headers.insert(
        "x-amz-executed-version",
        HeaderValue::from_static("$LATEST"),
    );
    if is_error {
        headers.insert(
            "x-amz-function-error",
            HeaderValue::from_static("Unhandled"),
        );
    }
    let tail = base64::engine::general_purpose::STANDARD.encode(&finished.tail);
    if with_tail && let Ok(tail) = HeaderValue::from_str(&tail) {
        headers.insert("x-amz-log-result", tail);
    }
    response
}

pub(super) fn function(
    services: &Services,
    identity: &Identity,
    action: &str,
    name: &str,
) -> Result<Function, Fault> {
    let settings = &services.settings;
    let arn = format!(
        "arn:aws:lambda:{}:{}:function:{}",
        settings.region,
        settings.account,
        lambda::function_name(name)
    );
    authorize(services, identity, action, &arn)?;
    lambda::find(services, name)?.ok_or_else(|| missing(format!("Function not found: {arn}")))
}

fn list_functions(services: &Services, request: &Request<Bytes>) -> Result<Response<Bytes>, Fault> {
    let functions = services.store.list::<Function>(Table::Functions, "")?;
    let (page, next) = page(request, functions, |(name, _)| name.clone());
    let shown: Result<Vec<Value>, Fault> = page
        .iter()
        .map(|(_, function)| configuration(services, function))
        .collect();
    answer(&json!({ "Functions": shown?, "NextMarker": next }))
}

fn list_layer_versions(
    services: &Services,
    name: &str,
    request: &Request<Bytes>,
) -> Result<Response<Bytes>, Fault> {
    let name = name.rsplit(':').next().unwrap_or(name);
    let mut versions = services.store.list::<LayerVersion>(Table::Layers, "")?;
    versions.retain(|(_, version)| version.layer == name);
    versions.sort_by_key(|(_, version)| std::cmp::Reverse(version.version));
    let (page, next) = page(request, versions, |(_, version)| {
        version.version.to_string()
    });
    let shown: Vec<Value> = page
        .iter()
        .map(|(_, version)| shown_layer(version))
        .collect();
    answer(&json!({ "LayerVersions": shown, "NextMarker": next }))
}

/// One page of `items`: from the marker of the request, which is the name of an item, on.
fn page<T>(
    request: &Request<Bytes>,
    mut items: Vec<T>,
    name: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let parameters = Parameters::parse(request.uri().query().unwrap_or_default());
    let start = parameters
        .text("Marker")
        .and_then(|marker| items.iter().position(|item| name(item) == marker));
    let mut page = items.split_off(start.unwrap_or(0));
    let limit = parameters
        .text("MaxItems")
        .and_then(|limit| limit.parse().ok())
        .unwrap_or(50)
        .clamp(1, 50);
    let next = page.get(limit).map(&name);
    page.truncate(limit);
    (page, next)
}

fn shown_layer(version: &LayerVersion) -> Value {
    json!({
        "LayerVersionArn": version.arn,
        "Version": version.version,
        "Description": version.description,
        "CreatedDate": lambda_time(version.created_ms),
        "CompatibleRuntimes": version.runtimes,
        "CompatibleArchitectures": version.architectures,
    })
}

pub(super) fn configuration(services: &Services, function: &Function) -> Result<Value, Fault> {
    let mut layers = Vec::new();
    for arn in &function.layers {
        let version = services.store.get::<LayerVersion>(Table::Layers, arn)?;
        layers.push(
            json!({ "Arn": arn, "CodeSize": version.map_or(0, |version| version.package.size) }),
        );
    }
    let is_image = function.package.image.is_some();
    let of_zip = |text: &String| (!is_image).then(|| text.clone());
    let mut shown = json!({
        "FunctionName": function.name,
        "FunctionArn": function.arn,
        "Runtime": of_zip(&function.runtime),
        "Role": function.role_arn,
        "Handler": of_zip(&function.handler),
        "CodeSize": function.package.size,
        "CodeSha256": function.package.sha256_base64(),
        "Description": function.description,
        "Timeout": function.timeout_s,
        "MemorySize": function.memory_mib,
        "LastModified": lambda_time(function.modified_ms),
        "Version": "$LATEST",
        "Environment": { "Variables": function.environment },
        "TracingConfig": { "Mode": "PassThrough" },
        "RevisionId": function.revision,
        "Layers": layers,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": if is_image { "Image" } else { "Zip" },
        "Architectures": [function.architecture],
        "EphemeralStorage": { "Size": function.disk_mib },
        "LoggingConfig": {
            "LogFormat": if function.json_logs { "JSON" } else { "Text" },
            "LogGroup": function.log_group,
        },
    });
    if let Some(key) = &function.kms_key {
        shown["KMSKeyArn"] = key.clone().into();
    }
    if let Some(network) = &function.network {
        shown["VpcConfig"] = network.clone();
    }
    Ok(shown)
}

/// Where the code is.
fn code(function: &Function) -> Value {
    let package = &function.package;
    let Some(image) = &package.image else {
        return json!({ "RepositoryType": "S3" });
    };
    let name = image
        .split_once('@')
        .map_or(image.as_str(), |(name, _)| name);
    let resolved = format!("{name}@sha256:{}", package.digest);
    json!({ "RepositoryType": "ECR", "ImageUri": image, "ResolvedImageUri": resolved })
}

fn policy(function: &Function) -> Result<Response<Bytes>, Fault> {
    if function.permissions.is_empty() {
        return Err(missing("The resource you requested does not exist."));
    }
    let statement = |(id, permission): (&String, &lambda::Permission)| {
        let mut statement = json!({
            "Sid": id,
            "Effect": "Allow",
            "Principal": { "Service": permission.principal },
            "Action": permission.action,
            "Resource": function.arn,
        });
        if let Some(source) = &permission.source_arn {
            statement["Condition"]["ArnLike"] = json!({ "AWS:SourceArn": source });
        }
        if let Some(account) = &permission.source_account {
            statement["Condition"]["StringEquals"] = json!({ "AWS:SourceAccount": account });
        }
        statement
    };
    let statements: Vec<Value> = function.permissions.iter().map(statement).collect();
    let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements });
    answer(&json!({ "Policy": policy.to_string(), "RevisionId": random::uuid() }))
}

fn invoke_config(function: &Function) -> Result<Response<Bytes>, Fault> {
    let settings = function.asynchronous.as_ref();
    let settings = settings.ok_or_else(|| {
        missing(format!(
            "The function {}:$LATEST doesn't have an EventInvokeConfig",
            function.arn
        ))
    })?;
    let destination = settings
        .on_failure
        .as_ref()
        .map(|arn| json!({ "Destination": arn }));
    answer_with(
        StatusCode::OK,
        &json!({
            "FunctionArn": format!("{}:$LATEST", function.arn),
            "MaximumRetryAttempts": settings.retries_max,
            "MaximumEventAgeInSeconds": settings.age_max_s,
            "LastModified": function.modified_ms / 1000,
            "DestinationConfig": { "OnSuccess": {}, "OnFailure": destination.unwrap_or_else(|| json!({})) },
        }),
    )
}

/// Lambda writes its times with a numeric offset.
fn lambda_time(time_ms: u64) -> String {
    clock::rfc3339(time_ms).replace('Z', "+0000")
}

pub(super) fn missing(message: impl Into<String>) -> Fault {
    Fault::new("ResourceNotFoundException", message).with_status(StatusCode::NOT_FOUND)
}
