//! The entry of a job of AWS Batch: the stage package from the artifact bucket, the work from a variable.

use std::process::ExitCode;

use scar_schemas::contract::function_variable;
use scar_schemas::exit_code::STAGE_TRY_LATER;
use scar_schemas::hand_over::{Cause, FORMAT, HandedOver, JOB_VARIABLE, JobRequest};
use scar_schemas::record::{Failure, FailureClass};
use serde_json::json;

use crate::arrive::{self, Came};
use crate::batch::Rank;
use crate::clock::now_ms;
use crate::event::log;
use crate::failure::{chain, of_store};
use crate::json;
use crate::log::Log;
use crate::route::{Arrival, recognise};
use crate::runtime;
use crate::setup::{Environment, Setup};
use crate::step::{End, Ending, failure};
use crate::task::Invocation;

/// Exit code of a process that `SIGTERM` ended.
const TERMINATED: u8 = 128 + 15;
/// Largest marker.
const MAX_MARKER_BYTES: u64 = 64 * 1024;

/// Does the job. Exit code 0 means that its event is done, also where the task failed for good; 75 that
/// Batch must start it again; 143 that it was told to end.
pub(crate) fn run() -> ExitCode {
    let Ok(runtime) = runtime() else {
        return ExitCode::from(code(STAGE_TRY_LATER));
    };
    let ended = runtime.block_on(async {
        tokio::select! {
            code = serve() => code,
            () = terminated() => TERMINATED,
        }
    });
    // The container's thread may still be waiting; its processes end with this one.
    runtime.shutdown_background();
    ExitCode::from(ended)
}

/// Waits until the platform wants the job to end.
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

async fn serve() -> u8 {
    let environment = Environment::of_process();
    let rank = Rank::of(environment);
    match prepare(environment, rank.clone()).await {
        Ok((setup, request)) => Box::pin(work(&setup, &rank, request)).await,
        Err(failure) => {
            let log = Log {
                stage: environment
                    .optional(&[function_variable::STAGE])
                    .unwrap_or_default(),
                task: None,
                request: rank.job,
                to_stderr: false,
            };
            log.warn("job cannot start", json!({ "failure": failure }));
            code(STAGE_TRY_LATER)
        }
    }
}

async fn prepare(environment: &Environment, rank: Rank) -> Result<(Setup, JobRequest), Failure> {
    let internal = |text: String| failure(FailureClass::Internal, text);
    let setup = Setup::read(environment).await;
    let mut setup = setup.map_err(|error| internal(chain(&error)))?;
    setup.rank = Some(rank);
    // Here the stage has the time of its jobs, not that of its function.
    if setup.config.more.job_timeout_s > 0 {
        setup.config.timeout_s = setup.config.more.job_timeout_s;
    }
    let text = environment.required(&[JOB_VARIABLE]);
    let request = parse(&text.map_err(|error| internal(chain(&error)))?)?;
    let request = match request.cause {
        Cause::Stored(key) => stored(&setup, key).await?,
        _ => request,
    };
    Ok((setup, request))
}

fn parse(text: &str) -> Result<JobRequest, Failure> {
    let internal = |text: String| failure(FailureClass::Internal, text);
    let text = aws_smithy_types::base64::decode(text)
        .map_err(|_| internal(format!("{JOB_VARIABLE} is not base64")))?;
    let request: JobRequest = json::read(&text)
        .map_err(|error| internal(format!("{JOB_VARIABLE} is not valid: {error}")))?;
    match request.format > FORMAT {
        true => Err(internal(format!(
            "{JOB_VARIABLE} has format {}",
            request.format
        ))),
        false => Ok(request),
    }
}

async fn stored(setup: &Setup, key: String) -> Result<JobRequest, Failure> {
    let at = setup.state(key);
    let found = setup.store.get(&at, MAX_MARKER_BYTES).await;
    let found = found.map_err(|error| of_store(&error, 0))?;
    let marker = found.and_then(|(_, text)| json::read::<HandedOver>(&text).ok());
    let missing = || {
        failure(
            FailureClass::Internal,
            format!("{:?} holds no request", at.key),
        )
    };
    Ok(marker.ok_or_else(missing)?.request)
}

async fn work(setup: &Setup, rank: &Rank, request: JobRequest) -> u8 {
    let timeout_ms = u64::from(setup.config.timeout_s) * 1_000;
    let invocation = Invocation {
        request: rank.job.clone(),
        event: String::from_utf8(json::write(&request)).unwrap_or_default(),
        deadline_ms: now_ms().saturating_add(timeout_ms),
    };
    let log = log(setup, &invocation, false);
    let came = match request.cause {
        Cause::Scheduled(time) => arrive::scheduled(setup, &invocation, &log, &time).await,
        Cause::Object(object) => {
            let role = recognise(&object, &setup.config, &setup.buckets);
            match role {
                Err(reason) => Came::Left(reason),
                Ok(role) => {
                    let time = request.time;
                    let arrival = Arrival { object, time, role };
                    let came = arrive::handle(setup, &invocation, &log, arrival).await;
                    came.unwrap_or_else(|error| Came::trouble(of_store(&error, 0)))
                }
            }
        }
        Cause::Stored(_) => Came::trouble(failure(
            FailureClass::Internal,
            "the stored request leads to another one".to_owned(),
        )),
    };
    came.log(&log);
    exit_code(rank, &came)
}

fn exit_code(rank: &Rank, came: &Came) -> u8 {
    if came.retry().is_some() {
        return code(STAGE_TRY_LATER);
    }
    match came {
        // What another computer of the job came to is told by its exit code alone.
        Came::Task(finished) if !rank.is_main() => match &finished.end {
            End::Closed(Ending::Failed(failure)) => code(failure.exit_code.unwrap_or(1)),
            _ => 0,
        },
        _ => 0,
    }
}

fn code(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(1)
}
