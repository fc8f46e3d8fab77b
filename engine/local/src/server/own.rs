//! Calls of the local cloud's own, below `/_local/`: see `docs/reference/local-cloud.md`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde_json::json;

use crate::faults::Rates;
use crate::services::Services;
use crate::{Error, batch, clock, cloud, schedule};

/// Time for which credentials are said to be good, in milliseconds. They live as long as their job.
const CREDENTIALS_MS: u64 = 6 * 3600 * 1000;

/// Where these calls are.
pub(super) const PREFIX: &str = "/_local/";

/// Answers one call.
pub(super) async fn handle(
    services: &Arc<Services>,
    parts: &Parts,
    body: &[u8],
) -> Response<Bytes> {
    let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let steps: Vec<&str> = path.split('/').collect();
    if let ["credentials", access_key] = steps.as_slice() {
        return credentials(services, parts, access_key);
    }
    if !is_root(services, parts) {
        return unauthorized();
    }
    let answered = match (&parts.method, steps.as_slice()) {
        (&Method::GET, ["idle"]) => idle(services).await,
        (&Method::GET, ["faults"]) => Ok(faults(services)),
        (&Method::PUT, ["faults"]) => Ok(put_faults(services, body)),
        (&Method::POST, ["schedules", group, name, "fire"]) => fire(services, group, name).await,
        (&Method::POST, ["jobs", id, "interrupt"]) => Ok(interrupt(services, id)),
        _ => Ok(told(StatusCode::NOT_FOUND, "there is no such call")),
    };
    answered.unwrap_or_else(|error| told(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))
}

/// User name and password of HTTP Basic authentication.
pub(super) fn basic(parts: &Parts) -> Option<(String, String)> {
    let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let decoded = STANDARD
        .decode(header.strip_prefix("Basic ")?.trim())
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// Compares secrets in a time that does not depend on where they differ.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    one.len() == other.len() && pairs.fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

fn is_root(services: &Services, parts: &Parts) -> bool {
    let root = services.keys.root();
    basic(parts).is_some_and(|(name, password)| {
        name == root.access_key && is_same(&password, &root.secret_key)
    })
}

fn unauthorized() -> Response<Bytes> {
    let mut response = told(
        StatusCode::UNAUTHORIZED,
        "this call needs the root key of cloud.json as user name and password",
    );
    let realm = HeaderValue::from_static("Basic realm=\"local cloud\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, realm);
    response
}

async fn idle(services: &Services) -> Result<Response<Bytes>, Error> {
    cloud::wait_until_idle(services).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn faults(services: &Services) -> Response<Bytes> {
    document(&json!(services.faults.rates()))
}

fn put_faults(services: &Services, body: &[u8]) -> Response<Bytes> {
    match Rates::parse(body) {
        Ok(rates) => {
            services.faults.set(rates);
            faults(services)
        }
        Err(error) => told(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

async fn fire(services: &Arc<Services>, group: &str, name: &str) -> Result<Response<Bytes>, Error> {
    match schedule::fire(services, group, name).await? {
        true => Ok(empty(StatusCode::NO_CONTENT)),
        false => {
            let message = format!("there is no schedule {name} in the group {group}");
            Ok(told(StatusCode::NOT_FOUND, &message))
        }
    }
}

fn interrupt(services: &Services, id: &str) -> Response<Bytes> {
    match batch::interrupt(services, id) {
        true => empty(StatusCode::NO_CONTENT),
        false => told(StatusCode::NOT_FOUND, "there is no running job of this id"),
    }
}

/// What an SDK in a job asks for ("Task IAM role" in the ECS developer guide).
fn credentials(services: &Services, parts: &Parts, access_key: &str) -> Response<Bytes> {
    let token = parts
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let found = services
        .keys
        .find(access_key)
        .map(|(credentials, _)| credentials);
    let matching = found.filter(|found| {
        let wanted = found.session_token.as_deref();
        wanted
            .zip(token)
            .is_some_and(|(wanted, given)| is_same(wanted, given))
    });
    match matching {
        Some(found) => document(&json!({
            "AccessKeyId": found.access_key,
            "SecretAccessKey": found.secret_key,
            "Token": found.session_token,
            "Expiration": clock::rfc3339(clock::now_ms() + CREDENTIALS_MS),
        })),
        None => told(StatusCode::UNAUTHORIZED, "there are no such credentials"),
    }
}

fn document(value: &serde_json::Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(value.to_string()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn told(status: StatusCode, message: &str) -> Response<Bytes> {
    let mut response = document(&json!({ "message": message }));
    *response.status_mut() = status;
    response
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
