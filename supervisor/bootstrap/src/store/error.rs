//! What can go wrong with a request, told apart by who can help.

use std::error::Error;
use std::path::PathBuf;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::Location;
use crate::cloud::CloudError;

/// A request that came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The store said no.
    #[error("{operation} of s3://{bucket}/{key} was refused with {status} {code}: {message}")]
    Refused {
        operation: &'static str,
        bucket: String,
        key: String,
        status: u16,
        code: String,
        message: String,
    },
    /// The store did not say anything that can be used.
    #[error("{operation} of s3://{bucket}/{key} had no usable answer: {reason}")]
    NoAnswer {
        operation: &'static str,
        bucket: String,
        key: String,
        reason: String,
    },
    /// A local file.
    #[error("file {path:?} could not be used")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// The answers to a request that matter to the protocol.
pub(super) enum Answer {
    /// 404, or 405 for a delete marker.
    Gone,
    /// 412.
    Precondition,
    /// 409, and nothing at all: nobody knows whether it took effect.
    Undecided(StoreError),
    /// Anything else.
    Error(StoreError),
}

/// Sorts an SDK error.
pub(super) fn sort<E>(
    operation: &'static str,
    at: &Location,
    error: &SdkError<E, HttpResponse>,
) -> Answer
where
    E: Error + ProvideErrorMetadata + 'static,
{
    let status = error
        .raw_response()
        .map(|response| response.status().as_u16());
    match status {
        Some(404 | 405) => Answer::Gone,
        Some(412) => Answer::Precondition,
        Some(409) => Answer::Undecided(refused(operation, at, error, 409)),
        // Also a redirection: the bucket is in another region, and asking again will not move it.
        Some(status @ (300..=499 | 501)) => Answer::Error(refused(operation, at, error, status)),
        _ if matches!(error, SdkError::ConstructionFailure(_)) => {
            Answer::Error(no_answer(operation, at, chain(error)))
        }
        _ => Answer::Undecided(no_answer(operation, at, chain(error))),
    }
}

impl Answer {
    /// For requests to which no condition was attached.
    pub(super) fn into_error(self, operation: &'static str, at: &Location) -> StoreError {
        match self {
            Self::Undecided(error) | Self::Error(error) => error,
            Self::Gone => no_answer(operation, at, "it is not there".to_owned()),
            Self::Precondition => no_answer(operation, at, "it has changed".to_owned()),
        }
    }
}

/// An error of a request that did not go through the S3 client.
pub(crate) fn of_cloud(
    operation: &'static str,
    error: CloudError,
    bucket: &str,
    key: &str,
) -> StoreError {
    let (bucket, key) = (bucket.to_owned(), key.to_owned());
    match error {
        CloudError::Refused {
            status,
            code,
            message,
            ..
        } => StoreError::Refused {
            operation,
            bucket,
            key,
            status,
            code,
            message,
        },
        CloudError::NoAnswer { reason, .. } => StoreError::NoAnswer {
            operation,
            bucket,
            key,
            reason,
        },
    }
}

pub(super) fn no_answer(operation: &'static str, at: &Location, reason: String) -> StoreError {
    let Location { bucket, key } = at.clone();
    StoreError::NoAnswer {
        operation,
        bucket,
        key,
        reason,
    }
}

fn refused<E: ProvideErrorMetadata>(
    operation: &'static str,
    at: &Location,
    error: &SdkError<E, HttpResponse>,
    status: u16,
) -> StoreError {
    let Location { bucket, key } = at.clone();
    let code = error.code().unwrap_or("no code").to_owned();
    let message = error.message().unwrap_or("no message").to_owned();
    StoreError::Refused {
        operation,
        bucket,
        key,
        status,
        code,
        message,
    }
}

/// The causes of an error in one line; the SDK's own text is only "dispatch failure" and the like.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
