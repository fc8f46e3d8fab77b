//! The JSON protocols: a target header and a JSON body (Logs, Events, SQS), or REST (Lambda).

use bytes::Bytes;
use http::header::HeaderValue;
use http::{Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{Fault, respond};

/// The operation that a request's target header names: `Logs_20140328.GetLogEvents` is `GetLogEvents`.
pub(crate) fn operation(request: &Request<Bytes>) -> Result<&str, Fault> {
    let target = request
        .headers()
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok());
    let named = target.and_then(|target| target.rsplit('.').next());
    named.ok_or_else(|| {
        Fault::new(
            "UnknownOperationException",
            "the request names no operation",
        )
    })
}

/// What is said of an operation that is not there.
pub(crate) fn unknown_operation(name: &str) -> Result<Response<Bytes>, Fault> {
    let message = format!("no operation {name}");
    Err(Fault::new("UnknownOperationException", message))
}

/// The input of an operation.
pub(crate) fn input<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body)
        .map_err(|error| Fault::new("SerializationException", error.to_string()))
}

/// A successful answer.
pub(crate) fn answer(output: &impl Serialize) -> Result<Response<Bytes>, Fault> {
    answer_with(StatusCode::OK, output)
}

/// A successful answer with a status of its own.
pub(crate) fn answer_with(
    status: StatusCode,
    output: &impl Serialize,
) -> Result<Response<Bytes>, Fault> {
    let body = serde_json::to_vec(output)
        .map_err(|error| Fault::new("InternalFailure", error.to_string()))?;
    Ok(respond(status, "application/x-amz-json-1.1", body))
}

/// An error of a target-header service.
pub(crate) fn refusal(fault: &Fault) -> Response<Bytes> {
    let body = json!({ "__type": fault.code, "message": fault.message }).to_string();
    respond(fault.status, "application/x-amz-json-1.1", body)
}

/// An error of SQS, whose clients also look for the code that its older protocol had.
pub(crate) fn query_compatible_refusal(fault: &Fault) -> Response<Bytes> {
    let old_code = match fault.code.as_str() {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
        other => other,
    };
    let body =
        json!({ "__type": format!("com.amazonaws.sqs#{}", fault.code), "message": fault.message });
    let mut response = respond(fault.status, "application/x-amz-json-1.0", body.to_string());
    if let Ok(value) = HeaderValue::from_str(&format!("{old_code};Sender")) {
        response.headers_mut().insert("x-amzn-query-error", value);
    }
    response
}

/// An error of Lambda.
pub(crate) fn rest_refusal(fault: &Fault) -> Response<Bytes> {
    let blame = if fault.status.is_server_error() {
        "Service"
    } else {
        "User"
    };
    let body =
        json!({ "Type": blame, "Message": fault.message, "message": fault.message }).to_string();
    let mut response = respond(fault.status, "application/json", body);
    if let Ok(code) = HeaderValue::from_str(&fault.code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}
