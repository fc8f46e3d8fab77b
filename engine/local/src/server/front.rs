//! Doors that are not the API of a service: the registry's own protocol, function URLs and HTTP APIs.

mod gateway;
mod registry;
mod token;

use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;

use crate::services::Services;

/// Where function URLs are: `/_url/<id>/`. A bucket cannot have this name.
pub(crate) const URL_PREFIX: &str = "/_url/";
/// Where HTTP APIs are: `/_api/<id>/`.
pub(crate) const API_PREFIX: &str = "/_api/";
const REGISTRY_PREFIX: &str = "/v2/";

/// Which door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// Images.
    Registry,
    /// A function's own address.
    FunctionUrl,
    /// An HTTP API.
    Api,
}

impl Door {
    /// The door of a request, if it is for one. Signed requests are for the API of a service.
    pub(super) fn of(parts: &Parts) -> Option<Self> {
        let path = parts.uri.path();
        if path.starts_with(URL_PREFIX) {
            return Some(Self::FunctionUrl);
        }
        if path.starts_with(API_PREFIX) {
            return Some(Self::Api);
        }
        let header = parts.headers.get(AUTHORIZATION);
        let is_signed = header.is_some_and(|value| value.as_bytes().starts_with(b"AWS4"));
        (path.starts_with(REGISTRY_PREFIX) && !is_signed).then_some(Self::Registry)
    }
}

/// Answers a request at a door.
pub(super) async fn handle(
    services: &Arc<Services>,
    door: Door,
    parts: Parts,
    body: Incoming,
) -> Response<s3s::Body> {
    match door {
        Door::Registry => registry::handle(services, &parts, body).await,
        Door::FunctionUrl => gateway::function_url(services, &parts, body).await,
        Door::Api => gateway::api(services, &parts, body).await,
    }
}

/// A small document as an answer.
fn document(status: StatusCode, value: &serde_json::Value) -> Response<s3s::Body> {
    let body = s3s::Body::from(Bytes::from(value.to_string()));
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
}
