//! The one-event entry, for tests and jobs outside Lambda. Log to standard error, report to standard output.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::clock::now_ms;
use crate::event::{self, Rejected};
use crate::step::failure;
use crate::task::Invocation;
use crate::{random, runtime, say};
use scar_schemas::record::FailureClass;

/// Handles the event in a file. Exit code 0 means that the event is done, also where its task failed for
/// good; 75 that it must come again.
pub(crate) fn run(file: &Path) -> ExitCode {
    let handled = read(file).and_then(|(event, text)| {
        let runtime = runtime().map_err(|error| rejected(error.to_string()))?;
        runtime.block_on(handle(&event, text))
    });
    match handled {
        Ok(report) => say(
            &mut std::io::stdout(),
            &format!("{report}\n"),
            ExitCode::SUCCESS,
        ),
        Err(Rejected { failure }) => {
            let report = json!({ "tasks": [], "rejected": failure });
            say(
                &mut std::io::stdout(),
                &format!("{report}\n"),
                ExitCode::from(75),
            )
        }
    }
}

fn read(file: &Path) -> Result<(Value, String), Rejected> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| rejected(format!("event {file:?} cannot be read: {error}")))?;
    let event = serde_json::from_str(&text)
        .map_err(|error| rejected(format!("event {file:?} is not JSON: {error}")))?;
    Ok((event, text))
}

async fn handle(event: &Value, text: String) -> Result<Value, Rejected> {
    let setup = event::setup().await;
    let timeout_s = setup.as_ref().map_or(0, |setup| setup.config.timeout_s);
    let deadline_ms = now_ms().saturating_add(u64::from(timeout_s) * 1_000);
    let invocation = Invocation {
        request: random::attempt(),
        event: text,
        deadline_ms,
    };
    event::handle(setup.as_ref(), event, &invocation, true).await
}

fn rejected(message: String) -> Rejected {
    Rejected {
        failure: failure(FailureClass::Input, message),
    }
}
