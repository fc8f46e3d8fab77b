//! Errors of SDK calls, said in our words.

use std::error::Error as StdError;
use std::fmt::Debug;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::Error;

/// Turns the error of an SDK call into ours.
pub(crate) fn failed<E, R>(
    operation: &'static str,
    subject: impl Into<String>,
) -> impl FnOnce(SdkError<E, R>) -> Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    let subject = subject.into();
    move |error| {
        let code = error.code().map(str::to_owned);
        let message = error.message().map(str::to_owned);
        // The service's own words say it all; the SDK's chain under them only repeats that it failed.
        let source: Option<Box<dyn StdError + Send + Sync>> = match &error {
            SdkError::ServiceError(_) if code.is_some() => None,
            _ => Some(Box::new(error)),
        };
        Error::Call {
            operation,
            subject,
            code,
            message,
            source,
        }
    }
}

/// Whether the service answered with this HTTP status.
pub(crate) fn has_status<E>(
    error: &SdkError<E, aws_sdk_s3::config::http::HttpResponse>,
    status: u16,
) -> bool {
    error
        .raw_response()
        .is_some_and(|response| response.status().as_u16() == status)
}
