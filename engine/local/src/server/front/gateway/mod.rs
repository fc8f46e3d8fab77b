//! Function URLs and HTTP APIs: a request becomes an event in the payload format 2.0, and what the
//! function answers becomes the response.

mod answer;
mod event;
mod route;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use self::event::Event;
use super::{API_PREFIX, URL_PREFIX, document, token};
use crate::auth::{self, Identity};
use crate::iam;
use crate::lambda::{self, Api, Function, Outcome, Route};
use crate::services::Services;
use crate::store::Table;

/// Bytes of a request or a response, the limit of Lambda for payloads.
const LIMIT: usize = 6 * 1024 * 1024;

/// Status and text of a refusal.
struct Refusal(StatusCode, &'static str);

const NOT_FOUND: Refusal = Refusal(StatusCode::NOT_FOUND, "Not Found");
const FORBIDDEN: Refusal = Refusal(StatusCode::FORBIDDEN, "Forbidden");
const UNAUTHORIZED: Refusal = Refusal(StatusCode::UNAUTHORIZED, "Unauthorized");
const FAILED: Refusal = Refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
const TOO_MANY: Refusal = Refusal(StatusCode::TOO_MANY_REQUESTS, "Rate Exceeded.");

type Answer = Result<Response<s3s::Body>, Refusal>;

impl From<crate::Error> for Refusal {
    fn from(_: crate::Error) -> Self {
        FAILED
    }
}

/// Answers a request at a function's own address.
pub(super) async fn function_url(
    services: &Arc<Services>,
    parts: &Parts,
    body: Incoming,
) -> Response<s3s::Body> {
    respond(at_url(services, parts, body).await)
}

/// Answers a request at an HTTP API.
pub(super) async fn api(
    services: &Arc<Services>,
    parts: &Parts,
    body: Incoming,
) -> Response<s3s::Body> {
    respond(at_api(services, parts, body).await)
}

fn respond(answer: Answer) -> Response<s3s::Body> {
    answer
        .unwrap_or_else(|Refusal(status, message)| document(status, &json!({ "message": message })))
}

async fn at_url(services: &Arc<Services>, parts: &Parts, body: Incoming) -> Answer {
    let (id, path) = split(parts.uri.path(), URL_PREFIX).ok_or(NOT_FOUND)?;
    let functions = services.store.list::<Function>(Table::Functions, "")?;
    let has_id = |one: &Function| one.url.as_ref().is_some_and(|url| url.id == id);
    let mut functions = functions.into_iter().map(|(_, function)| function);
    let function = functions.find(has_id).ok_or(NOT_FOUND)?;
    let body = collect(body).await?;
    let needs_signature = function.url.as_ref().is_none_or(|url| url.needs_signature);
    let identity = if needs_signature {
        let identity = auth::verify(&services.keys, parts, &body).map_err(|_| FORBIDDEN)?;
        let allowed = iam::allows(
            services,
            &identity,
            "lambda:InvokeFunctionUrl",
            &function.arn,
        )?;
        allowed.then_some(identity).ok_or(FORBIDDEN)?
    } else if function.is_public() {
        Identity::Root
    } else {
        return Err(FORBIDDEN);
    };
    let event = Event {
        parts,
        body: &body,
        path,
        api_id: id,
        route: "$default",
        path_parameters: Map::new(),
        authorizer: needs_signature.then(|| caller(services, &identity)),
    };
    let limit = Duration::from_secs(function.timeout_s + 5);
    call(services, &function, &event.document(services), limit).await
}

/// Who signed, as the event tells it.
fn caller(services: &Services, identity: &Identity) -> Value {
    let account = &services.settings.account;
    json!({ "iam": { "accountId": account, "userArn": identity.arn(account) } })
}

async fn at_api(services: &Arc<Services>, parts: &Parts, body: Incoming) -> Answer {
    let (id, path) = split(parts.uri.path(), API_PREFIX).ok_or(NOT_FOUND)?;
    let api = services
        .store
        .get::<Api>(Table::Apis, id)?
        .ok_or(NOT_FOUND)?;
    if !api.stages.contains_key("$default") {
        return Err(NOT_FOUND);
    }
    let (route, path_parameters) = route::find(&api, &parts.method, path).ok_or(NOT_FOUND)?;
    let body = collect(body).await?;
    let authorizer = authorize(services, &api, route, parts, &body).await?;
    let integration = route
        .integration
        .as_ref()
        .and_then(|id| api.integrations.get(id));
    let integration = integration.ok_or(FAILED)?;
    let function = lambda::find(services, &integration.function)?.ok_or(FAILED)?;
    let settings = &services.settings;
    let (region, account) = (&settings.region, &settings.account);
    let source = format!(
        "arn:aws:execute-api:{region}:{account}:{id}/$default/{}{path}",
        parts.method
    );
    if !function.admits("apigateway.amazonaws.com", &source, account) {
        return Err(FAILED);
    }
    let event = Event {
        parts,
        body: &body,
        path,
        api_id: id,
        route: &route.key,
        path_parameters,
        authorizer,
    };
    let limit = Duration::from_millis(integration.timeout_ms);
    call(services, &function, &event.document(services), limit).await
}

async fn authorize(
    services: &Services,
    api: &Api,
    route: &Route,
    parts: &Parts,
    body: &[u8],
) -> Result<Option<Value>, Refusal> {
    if route.needs_signature {
        let identity = auth::verify(&services.keys, parts, body).map_err(|_| FORBIDDEN)?;
        return Ok(Some(caller(services, &identity)));
    }
    let Some(id) = &route.authorizer else {
        return Ok(None);
    };
    let authorizer = api.authorizers.get(id).ok_or(FAILED)?;
    let claims = token::verify(authorizer, parts)
        .await
        .map_err(|_| UNAUTHORIZED)?;
    let held = claims
        .get("scope")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let held: Vec<&str> = held.split(' ').collect();
    let has_scope = |scope: &String| held.contains(&scope.as_str());
    if !route.scopes.is_empty() && !route.scopes.iter().any(has_scope) {
        return Err(FORBIDDEN);
    }
    // Claims are texts in events.
    let text = |(name, value): (&String, &Value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (name.clone(), Value::from(text))
    };
    let claims: Map<String, Value> = claims.iter().map(text).collect();
    Ok(Some(json!({ "jwt": { "claims": claims, "scopes": null } })))
}

/// The id in a path, and the rest of it with its slash.
fn split<'a>(path: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    let rest = path.strip_prefix(prefix)?;
    Some(match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    })
}

async fn collect(body: Incoming) -> Result<Bytes, Refusal> {
    let collected = Limited::new(body, LIMIT).collect().await;
    let too_large = Refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    collected.map(|body| body.to_bytes()).map_err(|_| too_large)
}

async fn call(
    services: &Arc<Services>,
    function: &Function,
    event: &Value,
    limit: Duration,
) -> Answer {
    let event = Bytes::from(event.to_string());
    if event.len() > LIMIT {
        return Err(Refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Request Entity Too Large",
        ));
    }
    let _slot = lambda::admit(services, function).ok_or(TOO_MANY)?;
    let _permit = services
        .executor
        .permits
        .acquire()
        .await
        .map_err(|_| FAILED)?;
    let invoked = tokio::time::timeout(limit, lambda::invoke(services, function, event)).await;
    let timed_out = Refusal(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    match invoked.map_err(|_| timed_out)?.outcome {
        Outcome::Success(payload) => Ok(answer::response(&payload)),
        Outcome::Failure(_) => Err(Refusal(StatusCode::BAD_GATEWAY, "Internal Server Error")),
    }
}
