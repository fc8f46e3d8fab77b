//! A sandbox: a directory with a function's code and layers or the root of its image, a process in it, and
//! its Runtime API.

mod process;
mod setup;

use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use process::Process;
use rustix::process::Signal;
use setup::{Ground, open_journal};
use tokio::sync::oneshot;

pub(crate) use setup::{StartError, sandboxes};

use super::Function;
use super::executor::Request;
use super::journal::{Figures, Journal};
use super::limits::Watch;
use super::runtime_api::{Job, Outcome, RuntimeApi, failure};
use crate::services::Services;

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
    process: Process,
    watch: Watch,
    journal: Arc<Journal>,
    started: Option<Instant>,
    _ground: Ground,
}

impl Sandbox {
    /// Makes the directory and starts the process.
    pub(crate) async fn start(
        services: &Arc<Services>,
        function: &Function,
    ) -> Result<Self, StartError> {
        let started = Instant::now();
        let ground = Ground::new(services, function)?;
        ground.populate(function).await?;
        let api = RuntimeApi::listen().await?;
        let (journal, stream) = open_journal(services, function).await?;
        let address = api.address.to_string();
        let order = ground.order(function, &stream, &address).await?;
        let process = Process::start(services, order, &journal).await?;
        Ok(Self {
            revision: function.revision.clone(),
            idle_since: Instant::now(),
            is_usable: true,
            api,
            watch: Watch::new(function, process.tree(), ground.tmp()),
            process,
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
        let peak_mib = self.watch.peak_mib();
        self.is_usable = problem.is_none() && self.process.is_running();
        if !self.is_usable {
            self.kill();
        }
        self.process.settle().await;
        if let (Some(_), Outcome::Failure(answer)) = (problem, &outcome) {
            self.journal
                .write(String::from_utf8_lossy(answer).into_owned());
        }
        let figures = Figures {
            duration: begun.elapsed(),
            start,
            memory_mib: function.memory_mib,
            peak_mib,
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
        let killed = ExitStatus::from_raw(Signal::KILL.as_raw());
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            status = self.process.wait() => match tokio::time::timeout(LAST_WORDS, answer).await {
                Ok(Some(outcome)) => Some(outcome),
                _ => return (exited(&request.id, status), Some("error")),
            },
            excess = self.watch.excess() => {
                self.journal.write(format!("RequestId: {} Error: {excess}", request.id));
                return (exited(&request.id, Some(killed)), Some("error"));
            }
        };
        match answer {
            Some(outcome) => (outcome, None),
            None => (timed_out(&request.id, timeout), Some("timeout")),
        }
    }

    fn kill(&mut self) {
        self.watch.kill();
        self.process.kill();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kill();
    }
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
    let how = status.map_or_else(|| "unknown exit status".to_owned(), describe);
    let message = format!("RequestId: {request_id} Error: Runtime exited with error: {how}");
    failure("Runtime.ExitError", &message)
}

/// How a process ended, in the words that Lambda has for it.
fn describe(status: ExitStatus) -> String {
    match status.signal().and_then(Signal::from_named_raw) {
        Some(Signal::KILL) => "signal: killed".to_owned(),
        Some(Signal::SEGV) => "signal: segmentation fault".to_owned(),
        Some(Signal::ABORT) => "signal: aborted".to_owned(),
        Some(Signal::TERM) => "signal: terminated".to_owned(),
        _ => status
            .to_string()
            .replacen("exit status: ", "exit status ", 1),
    }
}

fn timed_out(request_id: &str, timeout: Duration) -> Outcome {
    let seconds = timeout.as_secs_f64();
    let message =
        format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds");
    failure("Sandbox.Timedout", &message)
}
