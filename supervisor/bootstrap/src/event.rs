//! One event from its arrival to its report, the same under Lambda and in `once`.

use scar_schemas::record::{Failure, FailureClass};
use serde_json::{Value, json};

use crate::failure::chain;
use crate::log::Log;
use crate::report;
use crate::route::route;
use crate::setup::{Environment, Setup, SetupError};
use crate::step::{End, failure};
use crate::task::{self, Invocation};

/// An event that must come again, or that nobody can do anything with.
#[derive(Debug)]
pub(crate) struct Rejected {
    /// What went wrong first.
    pub(crate) failure: Failure,
}

/// Handles one event. The setup is read when the first event comes, because nothing may delay the first
/// poll; a mistake in it is told with every event.
pub(crate) async fn handle(
    setup: &Result<Setup, SetupError>,
    event: &Value,
    invocation: &Invocation,
    to_stderr: bool,
) -> Result<Value, Rejected> {
    let setup = match setup {
        Ok(setup) => setup,
        Err(error) => return Err(rejected(FailureClass::Internal, chain(error))),
    };
    let log = Log {
        stage: setup.config.stage.clone(),
        task: None,
        request: invocation.request.clone(),
        to_stderr,
    };
    let routed = match route(event, &invocation.event, &setup.config, &setup.buckets) {
        Ok(routed) => routed,
        Err(error) => {
            log.warn("event refused", json!({ "reason": error.to_string() }));
            return Err(rejected(FailureClass::Input, error.to_string()));
        }
    };
    for (reason, count) in &routed.ignored {
        log.info(
            "objects ignored",
            json!({ "reason": reason.as_str(), "count": count }),
        );
    }
    let mut finished = Vec::with_capacity(routed.jobs.len());
    for job in &routed.jobs {
        let one = Box::pin(task::run(setup, invocation, job, log.clone())).await;
        let log = Log {
            task: Some(one.task.clone()),
            ..log.clone()
        };
        log.info("task ended", report::task(&one));
        finished.push(one);
    }
    // Tasks that are done are found done when the event comes again, so one is enough to ask for it.
    let retry = finished.iter().find_map(|one| match &one.end {
        End::Retry(failure) => Some(failure.clone()),
        _ => None,
    });
    match retry {
        Some(failure) => Err(Rejected { failure }),
        None => Ok(report::report(&routed, &finished)),
    }
}

/// The setup of this process.
pub(crate) fn setup() -> Result<Setup, SetupError> {
    Setup::read(&Environment::of_process())
}

fn rejected(class: FailureClass, message: String) -> Rejected {
    Rejected {
        failure: failure(class, message),
    }
}
