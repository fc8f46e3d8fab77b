//! Errors in S3's terms.

use s3s::{Body, S3Error, S3ErrorCode, s3_error};

use super::bucket::BucketError;
use crate::Error;
use crate::auth::Refusal;

impl From<Error> for S3Error {
    fn from(error: Error) -> Self {
        let message = match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        Self::with_message(S3ErrorCode::InternalError, message)
    }
}

impl From<BucketError> for S3Error {
    fn from(error: BucketError) -> Self {
        let message = error.to_string();
        let code = match error {
            BucketError::InvalidName(_) => S3ErrorCode::InvalidBucketName,
            BucketError::Exists(_) => S3ErrorCode::BucketAlreadyOwnedByYou,
            BucketError::Missing(_) => S3ErrorCode::NoSuchBucket,
            BucketError::NotEmpty(_) => S3ErrorCode::BucketNotEmpty,
            BucketError::Store(error) => return error.into(),
        };
        Self::with_message(code, message)
    }
}

pub(super) fn no_such_bucket() -> S3Error {
    s3_error!(NoSuchBucket, "The specified bucket does not exist")
}

pub(super) fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The specified key does not exist.")
}

pub(super) fn no_such_upload() -> S3Error {
    s3_error!(
        NoSuchUpload,
        "The specified multipart upload does not exist."
    )
}

pub(super) fn access_denied() -> S3Error {
    s3_error!(AccessDenied, "Access Denied")
}

/// AWS keeps its reasons to itself; whoever owns the disk can do something about it.
pub(super) fn io_fault(error: std::io::Error) -> S3Error {
    let message = format!("the local cloud cannot keep the object: {error}");
    S3Error::with_message(S3ErrorCode::InternalError, message)
}

/// The answer to a request that was not let in.
pub(crate) fn refuse(refusal: Refusal) -> http::Response<Body> {
    let error = match refusal {
        Refusal::Missing => access_denied(),
        Refusal::UnknownKey => {
            s3_error!(
                InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records."
            )
        }
        Refusal::Malformed => s3_error!(AuthorizationHeaderMalformed, "{}", refusal),
        Refusal::Expired => s3_error!(RequestTimeTooSkewed, "{}", refusal),
        Refusal::Mismatch => s3_error!(SignatureDoesNotMatch, "{}", refusal),
    };
    error.to_http_response().unwrap_or_else(|_| {
        let mut response = http::Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::FORBIDDEN;
        response
    })
}
