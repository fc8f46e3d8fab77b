//! The process of a sandbox: a program of this machine, or one in the root of an image.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use scar_container::{Engine, Exit, Job, Rootfs, Stream};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot, watch};

use super::super::journal::Journal;
use super::super::processes::ProcessTree;
use super::StartError;
use crate::services::Services;

/// Lines on their way from a container to the journal.
const LINES: usize = 1024;
/// Time that what a container has printed takes to the journal.
const LINES_TIME: Duration = Duration::from_millis(5);

/// What is to be started.
pub(super) enum Order {
    /// A program of this machine.
    Program(Command),
    /// What an image says, in its root.
    Container(Rootfs, Box<Job>),
}

/// A started process with everything that descends from it.
pub(super) enum Process {
    /// In a group of its own.
    Program { child: Child, group: Option<Pid> },
    /// Started by a thread that waits for it.
    Container {
        thread: Pid,
        ended: watch::Receiver<Option<ExitStatus>>,
    },
}

impl Process {
    /// Starts it; what it prints goes to the journal.
    pub(super) async fn start(
        services: &Arc<Services>,
        order: Order,
        journal: &Arc<Journal>,
    ) -> Result<Self, StartError> {
        match order {
            Order::Program(command) => program(services, command, journal).await,
            Order::Container(rootfs, job) => {
                let engine = services.batch.engine().await.map_err(StartError::Engine)?;
                container(engine, rootfs, *job, journal).await
            }
        }
    }

    /// Its processes.
    pub(super) fn tree(&self) -> ProcessTree {
        match self {
            Self::Program { group, .. } => group.map(ProcessTree::of).unwrap_or_default(),
            Self::Container { thread, .. } => ProcessTree::of_thread(*thread),
        }
    }

    /// Whether its first process has not ended.
    pub(super) fn is_running(&mut self) -> bool {
        match self {
            Self::Program { child, .. } => matches!(child.try_wait(), Ok(None)),
            Self::Container { ended, .. } => {
                ended.borrow().is_none() && ended.has_changed().is_ok()
            }
        }
    }

    /// Waits for its end; `None` if it cannot be told how it ended.
    pub(super) async fn wait(&mut self) -> Option<ExitStatus> {
        match self {
            Self::Program { child, .. } => child.wait().await.ok(),
            Self::Container { ended, .. } => {
                let status = ended.wait_for(Option::is_some).await;
                status.ok().and_then(|status| *status)
            }
        }
    }

    /// Returns when what was printed before an answer is in the journal.
    pub(super) async fn settle(&self) {
        match self {
            // It is in the pipes by now; their readers may have it first.
            Self::Program { .. } => {
                for _ in 0..16 {
                    tokio::task::yield_now().await;
                }
            }
            Self::Container { .. } => tokio::time::sleep(LINES_TIME).await,
        }
    }

    /// Kills what the tree of its processes does not show.
    pub(super) fn kill(&self) {
        if let Self::Program {
            group: Some(group), ..
        } = self
        {
            // A group that is gone already is what was wanted.
            kill_process_group(*group, Signal::KILL).ok();
        }
    }
}

async fn program(
    services: &Arc<Services>,
    mut command: Command,
    journal: &Arc<Journal>,
) -> Result<Process, StartError> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = services.executor.spawner.spawn(command).await?;
    if let Some(output) = child.stdout.take() {
        tokio::spawn(Arc::clone(journal).follow(output));
    }
    if let Some(output) = child.stderr.take() {
        tokio::spawn(Arc::clone(journal).follow(output));
    }
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let group = id.and_then(Pid::from_raw);
    Ok(Process::Program { child, group })
}

/// The kernel ends the container when the thread ends that has started it: at the end of this process.
async fn container(
    engine: Arc<dyn Engine>,
    rootfs: Rootfs,
    job: Job,
    journal: &Arc<Journal>,
) -> Result<Process, StartError> {
    let (id_sender, id) = oneshot::channel();
    let (end, ended) = watch::channel(None);
    let (lines, gathered) = mpsc::channel(LINES);
    tokio::spawn(Arc::clone(journal).gather(gathered));
    let run = move || {
        // A caller that is gone asks nothing any more.
        id_sender.send(rustix::thread::gettid()).ok();
        let print = |line: String| {
            // Without a reader lines are dropped; the function goes on.
            drop(lines.blocking_send(line));
        };
        let mut output = |_: Stream, line: &[u8]| print(String::from_utf8_lossy(line).into_owned());
        let outcome = engine.run(&rootfs, &job, &mut output);
        if let Err(error) = &outcome {
            print(format!("the image cannot be started: {}", told(error)));
        }
        drop(lines);
        // Without a sandbox nobody asks.
        end.send(Some(status(outcome.map(|outcome| outcome.exit))))
            .ok();
    };
    std::thread::Builder::new()
        .name("scar-local-image".to_owned())
        .spawn(run)?;
    let thread = id.await.map_err(std::io::Error::other)?;
    Ok(Process::Container { thread, ended })
}

/// An exit in the form that the system has for it.
fn status(exit: Result<Exit, scar_container::Error>) -> ExitStatus {
    match exit {
        Ok(Exit::Code(code)) => ExitStatus::from_raw(code << 8),
        Ok(Exit::Signal(signal)) => ExitStatus::from_raw(signal),
        Ok(Exit::Timeout) => ExitStatus::from_raw(Signal::KILL.as_raw()),
        Err(_) => ExitStatus::from_raw(1 << 8),
    }
}

fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
