//! One attempt of a job: image, credentials, processes, and how it ended.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use scar_container::{Command, Exit, Job as Work, Limits, Mount, Outcome};
use serde_json::Value;

use super::log::{self, Place};
use super::process::{self, Ended, Order, Stop, Why};
use super::{Attempt, Job, Shape, image};
use crate::auth::Credentials;
use crate::services::Services;
use crate::{clock, random};

/// Longest time of an attempt without a timeout ("Job timeouts": 14 days on Fargate).
const LONGEST: Duration = Duration::from_hours(14 * 24);
/// Time from `SIGTERM` to `SIGKILL` for an attempt whose time is over.
const GRACE: Duration = Duration::from_secs(30);
/// Bytes of output that are kept of one attempt.
const OUTPUT_LIMIT: u64 = 256 << 20;
/// Where a job finds the images that others have unpacked.
const IMAGES: &str = "/var/cache/scar";
/// What the end of a container is called.
const EXITED: &str = "Essential container in task exited";

/// How an attempt ended.
#[derive(Debug, Clone)]
pub(super) struct Finished {
    /// Its figures.
    pub(super) attempt: Attempt,
    /// What decides about another one.
    pub(super) end: End,
}

/// What decides about another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Exit code 0.
    Success,
    /// Anything else of its own making, or a machine that went away.
    Failure,
    /// Its time was over: never retried.
    Timeout,
    /// Somebody ended the job.
    Terminated,
    /// The cloud closes: nothing is settled.
    Closing,
}

/// What belongs to one attempt and goes with it.
struct Ground {
    services: Arc<Services>,
    directory: PathBuf,
    credentials: Option<Credentials>,
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Some(credentials) = &self.credentials {
            self.services.keys.revoke(&credentials.access_key);
        }
        // What cannot be removed now is swept when a cloud opens the directory.
        drop(scar_container::remove_tree(&self.directory));
    }
}

/// A new attempt of a job.
pub(super) fn new(job: &Job) -> Attempt {
    let task = random::hex(16);
    Attempt {
        log_stream: Place::of(job, &task).stream,
        task,
        ..Attempt::default()
    }
}

/// Runs the last attempt of a job. `started` is told when its container starts.
pub(super) async fn perform(
    services: &Arc<Services>,
    job: &Job,
    stop: &Stop,
    started: impl AsyncFnOnce(),
) -> Finished {
    let mut attempt = job.attempts.last().cloned().unwrap_or_default();
    let place = Place::of(job, &attempt.task);
    let order = tokio::select! {
        order = prepare(services, job, &place) => order,
        why = stop.wait() => return stopped(attempt, why),
    };
    let (order, ground, writer) = match order {
        Ok(prepared) => prepared,
        Err(reason) => return refused(attempt, reason),
    };
    started().await;
    attempt.started_ms = Some(clock::now_ms());
    let ended = process::run(order, stop).await;
    // All lines are stored before the job is said to be over.
    drop(writer.await);
    drop(ground);
    attempt.stopped_ms = Some(clock::now_ms());
    finish(attempt, ended, stop.asked())
}

type Prepared = (Order, Ground, tokio::task::JoinHandle<()>);

async fn prepare(services: &Arc<Services>, job: &Job, place: &Place) -> Result<Prepared, String> {
    place.open(services).await?;
    let engine = services.batch.engine().await?;
    let name = job
        .container
        .get("image")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let rootfs = image::fetch(services, name, &Limits::default())
        .await
        .map_err(|reason| format!("CannotPullContainerError: {name}: {reason}"))?;
    let ground = ground(services, job)?;
    let work = work(job, &ground)?;
    let place = Place {
        group: place.group.clone(),
        stream: place.stream.clone(),
    };
    let (lines, writer) = log::follow(services.store.clone(), place);
    let order = Order {
        engine,
        rootfs,
        work,
        lines,
        memory_mib: job.memory_mib(),
    };
    Ok((order, ground, writer))
}

fn ground(services: &Arc<Services>, job: &Job) -> Result<Ground, String> {
    let file = |error: std::io::Error| format!("cannot set up the job: {error}");
    let directory = directory(services).map_err(file)?.join(random::hex(8));
    std::fs::create_dir_all(&directory).map_err(file)?;
    std::fs::create_dir_all(image::cache(services).map_err(file)?).map_err(file)?;
    let session = job.id.replace([':', '#'], "-");
    Ok(Ground {
        services: Arc::clone(services),
        directory,
        credentials: job.role().map(|role| services.keys.issue(role, &session)),
    })
}

/// Where the files of running jobs are.
pub(super) fn directory(services: &Services) -> std::io::Result<PathBuf> {
    std::path::absolute(services.settings.directory.join("jobs"))
}

fn work(job: &Job, ground: &Ground) -> Result<Work, String> {
    let command: Vec<String> = list(&job.container, "command");
    let command = match command.is_empty() {
        true => Command::Image,
        false => Command::Arguments(command),
    };
    let images = image::cache(&ground.services).map_err(|error| error.to_string())?;
    let mut work = Work::new(command, &ground.directory);
    work.variables = variables(job, ground);
    work.mounts = vec![Mount {
        source: images,
        target: IMAGES.to_owned(),
        read_only: false,
    }];
    let user = job.container.get("user").and_then(Value::as_str);
    work.user = user.map(str::to_owned);
    work.timeout = job.timeout_s.map_or(LONGEST, Duration::from_secs);
    work.grace = GRACE;
    work.max_output_bytes = OUTPUT_LIMIT;
    Ok(work)
}

fn list(container: &Value, name: &str) -> Vec<String> {
    let items = container.get(name).and_then(Value::as_array);
    let texts = items.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn variables(job: &Job, ground: &Ground) -> BTreeMap<String, String> {
    let services = &ground.services;
    let mut variables = BTreeMap::new();
    let given = job.container.get("environment").and_then(Value::as_array);
    for one in given.into_iter().flatten() {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        variables.insert(text("name"), text("value"));
    }
    let mut set = |name: &str, value: String| drop(variables.insert(name.to_owned(), value));
    set("SCAR_IMAGE_CACHE", IMAGES.to_owned());
    // By this the processes are found that a killed cloud left.
    set(process::MARK, ground.directory.display().to_string());
    set("AWS_REGION", services.settings.region.clone());
    set("AWS_DEFAULT_REGION", services.settings.region.clone());
    set("AWS_ENDPOINT_URL", services.endpoint.clone());
    if let Some(credentials) = &ground.credentials {
        let path = format!("/_local/credentials/{}", credentials.access_key);
        set(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            format!("{}{path}", services.endpoint),
        );
        let token = credentials.session_token.clone().unwrap_or_default();
        set("AWS_CONTAINER_AUTHORIZATION_TOKEN", token);
    }
    describe(job, &mut set);
    variables
}

/// "AWS Batch job environment variables" in the AWS Batch user guide.
fn describe(job: &Job, set: &mut impl FnMut(&str, String)) {
    let queue = job.queue.rsplit('/').next().unwrap_or_default();
    set("AWS_BATCH_JQ_NAME", queue.to_owned());
    set("AWS_BATCH_CE_NAME", "local".to_owned());
    set("AWS_BATCH_JOB_ID", job.id.clone());
    set("AWS_BATCH_JOB_ATTEMPT", job.attempts.len().to_string());
    match &job.shape {
        Shape::Child { index, .. } => set("AWS_BATCH_JOB_ARRAY_INDEX", index.to_string()),
        Shape::Node {
            index, nodes, main, ..
        } => {
            set("AWS_BATCH_JOB_NODE_INDEX", index.to_string());
            set("AWS_BATCH_JOB_NUM_NODES", nodes.to_string());
            set("AWS_BATCH_JOB_MAIN_NODE_INDEX", main.to_string());
            if index != main {
                let address = "127.0.0.1".to_owned();
                set("AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS", address);
            }
        }
        _ => {}
    }
}

fn refused(mut attempt: Attempt, reason: String) -> Finished {
    attempt.stopped_ms = Some(clock::now_ms());
    attempt.status_reason = Some("Task failed to start".to_owned());
    attempt.reason = Some(reason);
    Finished {
        attempt,
        end: End::Failure,
    }
}

fn stopped(mut attempt: Attempt, why: Why) -> Finished {
    attempt.stopped_ms = Some(clock::now_ms());
    let end = end_of_stop(&mut attempt, why);
    Finished { attempt, end }
}

fn end_of_stop(attempt: &mut Attempt, why: Why) -> End {
    match why {
        Why::Terminated => End::Terminated,
        Why::Closing => End::Closing,
        Why::Interrupted => {
            attempt.status_reason = Some(host_terminated());
            End::Failure
        }
    }
}

/// What Batch says when a machine goes away under a job.
pub(super) fn host_terminated() -> String {
    format!("Host EC2 (instance i-{}) terminated.", random::hex(8))
}

fn finish(mut attempt: Attempt, ended: Ended, asked: Option<Why>) -> Finished {
    attempt.status_reason = Some(EXITED.to_owned());
    let end = match (&ended.outcome, asked) {
        (Ok(outcome), why) => {
            attempt.exit_code = Some(process::exit_code(outcome.exit));
            judged(&mut attempt, outcome, ended.had_too_much_memory, why)
        }
        (Err(_), Some(why)) => end_of_stop(&mut attempt, why),
        (Err(reason), None) => {
            attempt.reason = Some(format!("CannotStartContainerError: {reason}"));
            End::Failure
        }
    };
    Finished { attempt, end }
}

fn judged(
    attempt: &mut Attempt,
    outcome: &Outcome,
    had_too_much_memory: bool,
    asked: Option<Why>,
) -> End {
    if had_too_much_memory {
        attempt.exit_code = Some(137);
        let reason = "OutOfMemoryError: Container killed due to memory usage";
        attempt.reason = Some(reason.to_owned());
        return End::Failure;
    }
    match (outcome.exit, asked) {
        (_, Some(why @ (Why::Interrupted | Why::Closing))) => end_of_stop(attempt, why),
        (Exit::Code(0), None) => End::Success,
        (_, Some(Why::Terminated)) => End::Terminated,
        (Exit::Timeout, None) => {
            let reason = "Job attempt duration exceeded timeout";
            attempt.status_reason = Some(reason.to_owned());
            End::Timeout
        }
        _ => End::Failure,
    }
}
