//! The Lambda entry: polls the Runtime API, one event at a time.

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::event::{self, Rejected};
use crate::own_root;
use crate::setup::Setup;
use crate::task::Invocation;

/// Serves events until the platform ends the process.
pub(crate) async fn serve() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Rejected> {
    static SETUP: OnceCell<Setup> = OnceCell::const_new();
    let invocation = Invocation {
        request: event.context.request_id.clone(),
        event: event.payload.to_string(),
        deadline_ms: event.context.deadline,
    };
    let setup = SETUP.get_or_try_init(event::setup).await;
    let answer = event::handle(setup.as_ref().copied(), &event.payload, &invocation, false).await;
    if let Some(setup) = SETUP.get() {
        own_root::tidy(setup);
    }
    answer
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
