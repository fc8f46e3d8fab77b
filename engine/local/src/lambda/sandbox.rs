//! A sandbox: a directory with a function's code and layers, a process in it, and its Runtime API.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use super::executor::Request;
use super::journal::{self, Figures, Journal};
use super::package::copy_tree;
use super::runtime_api::{Job, Outcome, RuntimeApi, failure};
use super::spawner::leashed;
use super::{Function, LayerVersion, packages};
use crate::auth::{Credentials, Identity};
use crate::services::Services;
use crate::store::Table;
use crate::{Error, clock, iam, random};

/// Time a process has from its start to its first poll.
const START_LIMIT: Duration = Duration::from_secs(10);
/// Time in which an answer that was under way when the process ended still counts.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// A running sandbox. It dies, whole process group and directory, when it is dropped.
pub(crate) struct Sandbox {
    /// Revision of the function that it runs.
    pub(crate) revision: String,
    /// When it became idle.
    pub(crate) idle_since: Instant,
    /// Whether it can take another invocation.
    pub(crate) is_usable: bool,
    api: RuntimeApi,
    child: Child,
    group: Option<Pid>,
    journal: Arc<Journal>,
    started: Option<Instant>,
    _ground: Ground,
}

/// What a sandbox stands on; it goes with it, also if the process never started.
struct Ground {
    services: Arc<Services>,
    directory: PathBuf,
    credentials: Credentials,
}

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// There is no program to start.
    #[error("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")]
    Bootstrap,
    /// A layer version that was deleted.
    #[error("layer version {0} does not exist")]
    Layer(String),
    /// Files or processes.
    #[error("cannot set up the sandbox: {0}")]
    System(#[from] io::Error),
    /// The store.
    #[error("cannot read the function's layers: {0}")]
    Store(#[from] Error),
}

impl Sandbox {
    /// Makes the directory and starts the process.
    pub(crate) async fn start(
        services: &Arc<Services>,
        function: &Function,
    ) -> Result<Self, StartError> {
        let started = Instant::now();
        let ground = Ground {
            services: Arc::clone(services),
            directory: std::path::absolute(sandboxes(services))?.join(random::hex(8)),
            credentials: services.keys.issue(function.role(), &function.name),
        };
        let (trees, target) = (trees(services, function)?, ground.directory.clone());
        let populated = tokio::task::spawn_blocking(move || populate(&target, &trees));
        populated.await.map_err(io::Error::other)??;
        let api = RuntimeApi::listen().await?;
        let (journal, stream) = open_journal(services, function).await?;
        let command = command(&ground, function, &api, &stream)?;
        let mut child = services.executor.spawner.spawn(command).await?;
        if let Some(output) = child.stdout.take() {
            tokio::spawn(Arc::clone(&journal).follow(output));
        }
        if let Some(output) = child.stderr.take() {
            tokio::spawn(Arc::clone(&journal).follow(output));
        }
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Ok(Self {
            revision: function.revision.clone(),
            idle_since: Instant::now(),
            is_usable: true,
            api,
            child,
            group,
            journal,
            started: Some(started),
            _ground: ground,
        })
    }

    /// Runs one invocation to its end, whatever that is.
    pub(crate) async fn invoke(
        &mut self,
        function: &Function,
        request: &Request,
    ) -> (Outcome, String) {
        let begun = Instant::now();
        let start = self
            .started
            .take()
            .map(|started| begun.duration_since(started));
        self.journal.start(&request.id);
        let (outcome, problem) = self.wait(function, request).await;
        self.is_usable = problem.is_none() && matches!(self.child.try_wait(), Ok(None));
        if !self.is_usable {
            self.kill();
        }
        // What was printed before the answer is in the pipes by now; let their readers have it first.
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
        if let (Some(_), Outcome::Failure(answer)) = (problem, &outcome) {
            self.journal
                .write(String::from_utf8_lossy(answer).into_owned());
        }
        let figures = Figures {
            duration: begun.elapsed(),
            start,
            memory_mib: function.memory_mib,
            peak_mib: self.peak_mib(),
        };
        self.journal.end(&request.id, figures, problem);
        let tail = self.journal.tail();
        let journal = Arc::clone(&self.journal);
        tokio::spawn(async move { journal.flush().await });
        self.idle_since = Instant::now();
        (outcome, tail)
    }

    /// The outcome, and what kind of problem it was if it leaves the sandbox unusable.
    async fn wait(
        &mut self,
        function: &Function,
        request: &Request,
    ) -> (Outcome, Option<&'static str>) {
        let timeout = Duration::from_secs(function.timeout_s);
        let (taken, was_taken) = oneshot::channel();
        let (outcome, answered) = oneshot::channel();
        let job = Job {
            request_id: request.id.clone(),
            payload: request.payload.clone(),
            timeout,
            function_arn: function.arn.clone(),
            trace_id: request.trace_id.clone(),
            taken,
            outcome,
        };
        if self.api.jobs.send(job).await.is_err() {
            return (exited(&request.id, None), Some("error"));
        }
        let mut answer = pin!(answer(was_taken, answered, timeout));
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            status = self.child.wait() => match tokio::time::timeout(LAST_WORDS, answer).await {
                Ok(Some(outcome)) => Some(outcome),
                _ => return (exited(&request.id, status.ok()), Some("error")),
            },
        };
        match answer {
            Some(outcome) => (outcome, None),
            None => (timed_out(&request.id, timeout), Some("timeout")),
        }
    }

    fn peak_mib(&self) -> u64 {
        let read = |group: Pid| {
            std::fs::read_to_string(format!("/proc/{}/status", group.as_raw_nonzero())).ok()
        };
        let status = self.group.and_then(read).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.unwrap_or(0).div_ceil(1024)
    }

    fn kill(&self) {
        if let Some(group) = self.group {
            // A group that is gone already is what was wanted.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.services.keys.revoke(&self.credentials.access_key);
        // What cannot be removed now is swept when a cloud opens the directory.
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

/// Where sandboxes live.
pub(crate) fn sandboxes(services: &Services) -> PathBuf {
    services.settings.directory.join("sandboxes")
}

/// The answer, or nothing if time ran out.
async fn answer(
    was_taken: oneshot::Receiver<()>,
    answered: oneshot::Receiver<Outcome>,
    timeout: Duration,
) -> Option<Outcome> {
    if tokio::time::timeout(START_LIMIT + timeout, was_taken)
        .await
        .is_err()
    {
        return None;
    }
    match tokio::time::timeout(timeout, answered).await {
        Ok(Ok(outcome)) => Some(outcome),
        // The listener is gone: the process ended, which the caller sees.
        Ok(Err(_)) => std::future::pending().await,
        Err(_) => None,
    }
}

fn exited(request_id: &str, status: Option<ExitStatus>) -> Outcome {
    let how = status.map_or_else(
        || "unknown exit status".to_owned(),
        |status| match status.code() {
            Some(code) => format!("exit status {code}"),
            None => status.to_string(),
        },
    );
    let message = format!("RequestId: {request_id} Error: Runtime exited with error: {how}");
    failure("Runtime.ExitError", &message)
}

fn timed_out(request_id: &str, timeout: Duration) -> Outcome {
    let seconds = timeout.as_secs_f64();
    let message =
        format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds");
    failure("Sandbox.Timedout", &message)
}

/// The unpacked code and layers: what is copied, and into which folder of the sandbox.
fn trees(
    services: &Services,
    function: &Function,
) -> Result<Vec<(PathBuf, &'static str)>, StartError> {
    let packages = packages(services);
    let mut trees = vec![(function.package.directory(&packages), "task")];
    for arn in &function.layers {
        let layer = services.store.get::<LayerVersion>(Table::Layers, arn)?;
        let layer = layer.ok_or_else(|| StartError::Layer(arn.clone()))?;
        trees.push((layer.package.directory(&packages), "opt"));
    }
    Ok(trees)
}

fn populate(directory: &Path, trees: &[(PathBuf, &'static str)]) -> io::Result<()> {
    for folder in ["task", "opt", "tmp"] {
        std::fs::create_dir_all(directory.join(folder))?;
    }
    for (tree, folder) in trees {
        copy_tree(tree, &directory.join(folder))?;
    }
    Ok(())
}

/// A journal and the name of its stream.
async fn open_journal(
    services: &Services,
    function: &Function,
) -> Result<(Arc<Journal>, String), Error> {
    let settings = &services.settings;
    let today = clock::rfc3339(clock::now_ms())[..10].replace('-', "/");
    let stream = format!("{today}/[$LATEST]{}", random::hex(16));
    let group_arn = format!(
        "arn:aws:logs:{}:{}:log-group:{}",
        settings.region, settings.account, function.log_group
    );
    let identity = Identity::Session {
        role: function.role().to_owned(),
        session: function.name.clone(),
    };
    let may = |action: &str, resource: &str| iam::allows(services, &identity, action, resource);
    let is_kept = may(
        "logs:PutLogEvents",
        &format!("{group_arn}:log-stream:{stream}"),
    )?;
    if function.log_group == format!("/aws/lambda/{}", function.name)
        && may("logs:CreateLogGroup", &group_arn)?
    {
        journal::ensure_group(&services.store, &function.log_group, group_arn).await?;
    }
    Ok((
        Journal::new(services.store.clone(), function, stream.clone(), is_kept),
        stream,
    ))
}

fn command(
    ground: &Ground,
    function: &Function,
    api: &RuntimeApi,
    stream: &str,
) -> Result<Command, StartError> {
    let Ground {
        services,
        directory,
        credentials,
    } = ground;
    let (task, opt, tmp) = (
        directory.join("task"),
        directory.join("opt"),
        directory.join("tmp"),
    );
    let bootstraps = [task.join("bootstrap"), opt.join("bootstrap")];
    let bootstrap = bootstraps
        .iter()
        .find(|path| path.is_file())
        .ok_or(StartError::Bootstrap)?;
    let mut command = leashed(bootstrap);
    command
        .env_clear()
        .current_dir(&task)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("LANG", "en_US.UTF-8")
        .env("TZ", ":UTC")
        .env("TMPDIR", &tmp)
        .env("SCAR_WORK_DIR", &tmp)
        .env(
            "SCAR_IMAGE_CACHE",
            std::path::absolute(services.settings.directory.join("images"))?,
        )
        .envs(&function.environment)
        .env("LAMBDA_TASK_ROOT", &task)
        .env("LAMBDA_RUNTIME_DIR", &opt)
        .env("_HANDLER", &function.handler)
        .env("AWS_LAMBDA_RUNTIME_API", api.address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env(
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            function.memory_mib.to_string(),
        )
        .env("AWS_LAMBDA_LOG_GROUP_NAME", &function.log_group)
        .env("AWS_LAMBDA_LOG_STREAM_NAME", stream)
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env(
            "AWS_EXECUTION_ENV",
            format!("AWS_Lambda_{}", function.runtime),
        )
        .env("AWS_REGION", &services.settings.region)
        .env("AWS_DEFAULT_REGION", &services.settings.region)
        .env("AWS_ENDPOINT_URL", &services.endpoint)
        .env("AWS_ACCESS_KEY_ID", &credentials.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &credentials.secret_key);
    if let Some(token) = &credentials.session_token {
        command.env("AWS_SESSION_TOKEN", token);
    }
    Ok(command)
}
