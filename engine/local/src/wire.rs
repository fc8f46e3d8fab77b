//! Requests to all services but S3, and their answers: which service speaks which protocol, and how
//! each says errors, so that SDKs recognise them.

mod batch;
mod cloudformation;
mod cloudformation_drift;
mod cloudformation_input;
mod cloudformation_views;
mod ecr;
mod events;
mod json;
mod lambda;
mod lambda_settings;
mod logs;
mod parameters;
mod query;
mod scheduler;
mod sqs;
mod sts;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};

use crate::auth::Identity;
use crate::services::Services;
use crate::{Error, random};

/// Why a request was refused, in the terms of AWS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct Fault {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// Error code of the service.
    pub(crate) code: String,
    /// What is wrong, for people.
    pub(crate) message: String,
}

impl Fault {
    /// A fault of the client's making: status 400.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// `ValidationError`, which `CloudFormation` answers to nearly everything.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationError", message)
    }

    /// The same fault under another HTTP status.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let cause = std::error::Error::source(&error)
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        Self::new("InternalFailure", format!("{error}{cause}"))
            .with_status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Answers a request whose signature was verified. `service` is that of the credential scope:
/// `cloudformation`, `lambda`, `logs`, `events`, `sqs`, `sts`.
pub(crate) async fn handle(
    services: Arc<Services>,
    service: &str,
    request: Request<Bytes>,
    identity: Identity,
) -> Response<Bytes> {
    let result = match service {
        "cloudformation" => cloudformation::handle(services, &request, &identity).await,
        "batch" => batch::handle(services, &request, &identity).await,
        "ecr" => ecr::handle(services, &request, &identity).await,
        "lambda" => lambda::handle(services, &request, &identity).await,
        "logs" => logs::handle(services, &request, &identity).await,
        "events" => events::handle(services, &request, &identity).await,
        "sqs" => sqs::handle(services, &request, &identity).await,
        "scheduler" => scheduler::handle(&services, &request, &identity),
        "secretsmanager" => parameters::handle_secrets(services, &request, &identity).await,
        "ssm" => parameters::handle_parameters(services, &request, &identity).await,
        "sts" => sts::handle(&services, &request, &identity),
        _ => Err(Fault::new(
            "UnknownService",
            format!("the local cloud has no service {service:?}"),
        )
        .with_status(StatusCode::NOT_FOUND)),
    };
    result.unwrap_or_else(|fault| refusal(service, &fault))
}

/// An error in the service's own form, for requests that never reached it.
pub(crate) fn refuse(
    service: &str,
    status: StatusCode,
    code: &str,
    message: &str,
) -> Response<Bytes> {
    refusal(service, &Fault::new(code, message).with_status(status))
}

fn refusal(service: &str, fault: &Fault) -> Response<Bytes> {
    match service {
        "cloudformation" => query::refusal(cloudformation::NAMESPACE, fault),
        "sts" => query::refusal(sts::NAMESPACE, fault),
        "batch" | "lambda" | "scheduler" => json::rest_refusal(fault),
        "sqs" => json::query_compatible_refusal(fault),
        _ => json::refusal(fault),
    }
}

/// A role session may only do what its role's policies allow; the root key may do everything.
fn authorize(
    services: &Services,
    identity: &Identity,
    action: &str,
    resource: &str,
) -> Result<(), Fault> {
    if crate::iam::allows(services, identity, action, resource)? {
        return Ok(());
    }
    let caller = identity.arn(&services.settings.account);
    let message =
        format!("User: {caller} is not authorized to perform: {action} on resource: {resource}");
    Err(Fault::new("AccessDeniedException", message).with_status(StatusCode::FORBIDDEN))
}

/// An answer with the headers that every AWS answer has.
fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(&random::uuid()) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}
