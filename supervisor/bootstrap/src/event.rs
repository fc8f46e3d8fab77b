//! One invocation from its arrival to its answer, the same under Lambda and in `once`.

use scar_schemas::record::{Failure, FailureClass};
use serde_json::{Value, json};

use crate::arrive::{self, Came};
use crate::envelope::{self, Envelope, Letter};
use crate::failure::{chain, of_store};
use crate::log::Log;
use crate::report;
use crate::route::{Refused, route};
use crate::setup::{Environment, Setup, SetupError};
use crate::step::failure;
use crate::store::StoreError;
use crate::task::Invocation;
use crate::{door, sweep, window};

/// Longest answer in bytes: Lambda takes 6 MB ("Lambda quotas").
const MAX_RESULT_BYTES: usize = 6_000_000;

/// An event that must come again, or that nobody can do anything with.
#[derive(Debug)]
pub(crate) struct Rejected {
    /// What went wrong first.
    pub(crate) failure: Failure,
}

/// Handles one event. The setup is read when the first event comes, because nothing may delay the first
/// poll; a mistake in it is told with every event, until it is mended.
pub(crate) async fn handle(
    setup: Result<&Setup, &SetupError>,
    event: &Value,
    invocation: &Invocation,
    to_stderr: bool,
) -> Result<Value, Rejected> {
    let setup = match setup {
        Ok(setup) => setup,
        Err(error) => return Err(rejected(FailureClass::Internal, chain(error))),
    };
    let log = log(setup, invocation, to_stderr);
    let envelope = envelope::open(event, &invocation.event);
    let envelope = envelope.map_err(|error| refused(&log, &error))?;
    let answer = match envelope {
        Envelope::Letters { letters, is_queue } => {
            letters_of(setup, invocation, &log, letters, is_queue).await
        }
        Envelope::Schedule(time) => scheduled(setup, invocation, &log, time).await,
        Envelope::Sweep => swept(setup, &log).await,
        Envelope::Request(request) => Ok(door::handle(setup, invocation, &log, request).await),
        Envelope::Payload => door::payload(setup, invocation, &log).await,
    }?;
    Ok(report::within(answer, MAX_RESULT_BYTES))
}

/// The setup of this process.
pub(crate) async fn setup() -> Result<Setup, SetupError> {
    Setup::read(Environment::of_process()).await
}

/// The log of an invocation.
pub(crate) fn log(setup: &Setup, invocation: &Invocation, to_stderr: bool) -> Log {
    Log {
        stage: setup.config.stage.clone(),
        task: None,
        request: invocation.request.clone(),
        to_stderr,
    }
}

/// Every letter of a queue is answered for on its own; otherwise one that must come again makes all come
/// again, which is harmless, because what is done is found done.
async fn letters_of(
    setup: &Setup,
    invocation: &Invocation,
    log: &Log,
    letters: Vec<Letter>,
    is_queue: bool,
) -> Result<Value, Rejected> {
    let mut all = report::Report::default();
    let mut failed = Vec::new();
    let mut first = None;
    for letter in letters {
        if let Err(rejected) = read_letter(setup, invocation, log, letter.event, &mut all).await {
            failed.push(json!({ "itemIdentifier": letter.id.unwrap_or_default() }));
            first.get_or_insert(rejected);
        }
    }
    match (is_queue, first) {
        (true, _) => Ok(json!({ "batchItemFailures": failed })),
        (false, Some(rejected)) => Err(rejected),
        (false, None) => Ok(all.to_json()),
    }
}

async fn read_letter(
    setup: &Setup,
    invocation: &Invocation,
    log: &Log,
    event: Result<Value, Refused>,
    all: &mut report::Report,
) -> Result<(), Rejected> {
    let routed = event.and_then(|event| route(&event, &setup.config, &setup.buckets));
    let routed = routed.map_err(|error| refused(log, &error))?;
    for (reason, count) in &routed.ignored {
        let fields = json!({ "reason": reason.as_str(), "count": count });
        log.info("objects ignored", fields);
        all.ignore(*reason, *count);
    }
    let mut retry = None;
    for arrival in routed.arrivals {
        let came = arrive::handle(setup, invocation, log, arrival).await;
        let came = came.unwrap_or_else(|error| Came::trouble(of_store(&error, 0)));
        came.log(log);
        if let Some(failure) = came.retry() {
            retry.get_or_insert(failure);
        }
        all.add(came);
    }
    // Tasks that are done are found done when the event comes again, so one is enough to ask for it.
    match retry {
        Some(failure) => Err(Rejected { failure }),
        None => Ok(()),
    }
}

async fn scheduled(
    setup: &Setup,
    invocation: &Invocation,
    log: &Log,
    time: String,
) -> Result<Value, Rejected> {
    if !setup.config.more.scheduled {
        return Err(refused(log, &Refused::NoSchedule));
    }
    if setup.config.more.join.is_some() {
        let fired = window::fire(setup, &time).await;
        let members = fired.map_err(|error| Rejected {
            failure: of_store(&error, 0),
        })?;
        let fields = json!({ "time": time, "members": members });
        log.info("window fired", fields.clone());
        return Ok(fields);
    }
    let came = arrive::scheduled(setup, invocation, log, &time).await;
    came.log(log);
    match came.retry() {
        Some(failure) => Err(Rejected { failure }),
        None => Ok(report::Report::of(came).to_json()),
    }
}

async fn swept(setup: &Setup, log: &Log) -> Result<Value, Rejected> {
    let trouble = |error: StoreError| Rejected {
        failure: of_store(&error, 0),
    };
    let removed = setup.sweep_staged().await.map_err(trouble)?;
    log.info("staged objects swept", json!({ "removed": removed }));
    let swept = sweep::run(setup).await.map_err(trouble)?;
    let mut all = report::Report::default();
    for collected in swept {
        let came = Came::Collected(collected);
        came.log(log);
        all.add(came);
    }
    Ok(all.to_json())
}

fn refused(log: &Log, error: &Refused) -> Rejected {
    log.warn("event refused", json!({ "reason": error.to_string() }));
    rejected(FailureClass::Input, error.to_string())
}

fn rejected(class: FailureClass, message: String) -> Rejected {
    Rejected {
        failure: failure(class, message),
    }
}
