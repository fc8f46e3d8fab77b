//! What a function says, as a response.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::Value;

use super::document;

/// What a function answers: a document with `statusCode`, or anything else as a JSON body.
pub(super) fn response(payload: &[u8]) -> Response<s3s::Body> {
    let value: Value = serde_json::from_slice(payload).unwrap_or(Value::Null);
    let Some(status) = value.get("statusCode").and_then(Value::as_u64) else {
        return document(StatusCode::OK, &value);
    };
    let status = u16::try_from(status)
        .ok()
        .and_then(|code| StatusCode::from_u16(code).ok());
    let body = value["body"].as_str().unwrap_or_default();
    let body = match value["isBase64Encoded"] == true {
        true => STANDARD.decode(body).unwrap_or_default(),
        false => body.as_bytes().to_vec(),
    };
    let mut response = Response::new(s3s::Body::from(body));
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    for (name, value) in value["headers"].as_object().into_iter().flatten() {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let pair = (
            HeaderName::try_from(name.as_str()),
            HeaderValue::from_str(&text),
        );
        if let (Ok(name), Ok(value)) = pair {
            response.headers_mut().insert(name, value);
        }
    }
    for cookie in value["cookies"].as_array().into_iter().flatten() {
        if let Ok(cookie) = HeaderValue::from_str(cookie.as_str().unwrap_or_default()) {
            response
                .headers_mut()
                .append(http::header::SET_COOKIE, cookie);
        }
    }
    response
}
