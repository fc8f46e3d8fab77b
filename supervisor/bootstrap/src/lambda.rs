//! The Lambda entry: polls the Runtime API, one event at a time.

use std::sync::OnceLock;

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;

use crate::event::{self, Rejected};
use crate::setup::{Setup, SetupError};
use crate::task::Invocation;

/// Serves events until the platform ends the process.
pub(crate) async fn serve() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Rejected> {
    static SETUP: OnceLock<Result<Setup, SetupError>> = OnceLock::new();
    let invocation = Invocation {
        request: event.context.request_id.clone(),
        event: event.payload.to_string(),
        deadline_ms: event.context.deadline,
    };
    let setup = SETUP.get_or_init(event::setup);
    event::handle(setup, &event.payload, &invocation, false).await
}

impl From<Rejected> for Diagnostic {
    fn from(rejected: Rejected) -> Self {
        let class = serde_json::to_value(rejected.failure.class).unwrap_or_default();
        let error_type = format!("Scar.{}", class.as_str().unwrap_or("internal"));
        Self {
            error_type,
            error_message: rejected.failure.message,
        }
    }
}
