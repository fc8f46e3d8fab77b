//! Faults of S3 on the wire.

use http::request::Parts;
use http::{Method, Response};
use percent_encoding::percent_decode_str;
use s3s::s3_error;

use crate::auth::{Identity, Scope};
use crate::faults::{S3Call, S3Fault};
use crate::services::Services;

/// Decides on a request of S3.
pub(super) fn of(services: &Services, scope: &Scope, parts: &Parts) -> Option<S3Fault> {
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let key = path
        .trim_start_matches('/')
        .split_once('/')
        .map_or("", |(_, key)| key);
    let has = |name: &str| parts.headers.contains_key(name);
    let identity = services
        .keys
        .find(&scope.access_key)
        .map(|(_, identity)| identity);
    services.faults.s3_fault(S3Call {
        operation: operation(parts, !key.is_empty()),
        key,
        is_conditional: has("if-none-match") || has("if-match"),
        by_root: identity == Some(Identity::Root),
    })
}

/// The answer of a fault that has one.
pub(super) fn answer(fault: S3Fault) -> Option<Response<s3s::Body>> {
    let error = match fault {
        S3Fault::Conflict => {
            let mut error = s3_error!(
                ConditionalRequestConflict,
                "The conditional request cannot succeed due to a conflicting operation against this \
                 resource."
            );
            error.set_status_code(http::StatusCode::CONFLICT);
            error
        }
        S3Fault::Internal => {
            s3_error!(
                InternalError,
                "We encountered an internal error. Please try again."
            )
        }
        S3Fault::Unavailable => s3_error!(SlowDown, "Please reduce your request rate."),
        S3Fault::ResetBefore | S3Fault::ResetAfter => return None,
    };
    error.to_http_response().ok()
}

/// Name of the operation that a request asks for, as far as its form tells.
fn operation(parts: &Parts, is_object: bool) -> &'static str {
    let query = parts.uri.query().unwrap_or_default();
    let names = || {
        query
            .split('&')
            .map(|pair| pair.split('=').next().unwrap_or(pair))
    };
    let has = |name: &str| names().any(|one| one == name);
    let is_copy = parts.headers.contains_key("x-amz-copy-source");
    match (&parts.method, is_object) {
        (&Method::PUT, true) if has("partNumber") && is_copy => "UploadPartCopy",
        (&Method::PUT, true) if has("partNumber") => "UploadPart",
        (&Method::PUT, true) if has("tagging") => "PutObjectTagging",
        (&Method::PUT, true) if is_copy => "CopyObject",
        (&Method::PUT, true) => "PutObject",
        (&Method::POST, true) if has("uploads") => "CreateMultipartUpload",
        (&Method::POST, true) if has("uploadId") => "CompleteMultipartUpload",
        (&Method::DELETE, true) if has("uploadId") => "AbortMultipartUpload",
        (&Method::DELETE, true) => "DeleteObject",
        (&Method::HEAD, true) => "HeadObject",
        (&Method::GET, true) if has("uploadId") => "ListParts",
        (&Method::GET, true) if has("tagging") => "GetObjectTagging",
        (&Method::GET, true) => "GetObject",
        (&Method::HEAD, false) => "HeadBucket",
        (&Method::POST, false) if has("delete") => "DeleteObjects",
        (&Method::GET, false) if has("versions") => "ListObjectVersions",
        (&Method::GET, false) if has("uploads") => "ListMultipartUploads",
        (&Method::GET, false) if has("list-type") => "ListObjectsV2",
        _ => "",
    }
}
