//! Runs invocations in sandboxes: warm ones again, new ones where there is none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::asynchronous::Waiting;
use super::processes::is_marked;
use super::runtime_api::{Outcome, failure};
use super::sandbox::{Sandbox, sandboxes};
use super::spawner::Spawner;
use super::{Function, find};
use crate::services::{Services, Settings};
use crate::{Error, random};

/// Time after which an idle sandbox is ended.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// One invocation.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Identity of the request; retries keep it.
    pub(crate) id: String,
    /// The event.
    pub(crate) payload: Bytes,
    /// Tracing header.
    pub(crate) trace_id: String,
}

impl Request {
    /// A new request.
    pub(crate) fn new(payload: Bytes) -> Self {
        let id = random::uuid();
        Self::again(id, payload)
    }

    /// A request that was made before.
    pub(crate) fn again(id: String, payload: Bytes) -> Self {
        let trace_id = format!("Root=1-{}-{};Sampled=0", random::hex(4), random::hex(12));
        Self {
            id,
            payload,
            trace_id,
        }
    }
}

/// What came of an invocation.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    /// The answer.
    pub(crate) outcome: Outcome,
    /// Last lines of its log.
    pub(crate) tail: String,
}

/// Sandboxes and the permits to run in them.
pub(crate) struct Executor {
    /// Starts the processes.
    pub(crate) spawner: Spawner,
    /// One permit per invocation that may run at the same time.
    pub(crate) permits: Arc<Semaphore>,
    /// Asynchronous invocations that are not running.
    pub(crate) waiting: Mutex<Waiting>,
    idle: Mutex<BTreeMap<String, Vec<Sandbox>>>,
    running: Mutex<BTreeMap<String, u64>>,
}

impl Executor {
    /// An executor without sandboxes; must be made within a runtime.
    pub(crate) fn start(settings: &Settings) -> Result<Self, Error> {
        let file_error = |source| Error::File {
            path: settings.directory.clone(),
            source,
        };
        Ok(Self {
            spawner: Spawner::start().map_err(file_error)?,
            permits: Arc::new(Semaphore::new(settings.concurrency.max(1))),
            waiting: Mutex::default(),
            idle: Mutex::default(),
            running: Mutex::default(),
        })
    }

    /// Ends idle sandboxes that have waited long, or whose function has changed or gone.
    pub(crate) fn reap(&self, services: &Services) {
        let mut idle = self.idle();
        for (name, sandboxes) in idle.iter_mut() {
            // A store that cannot be read says nothing about the function.
            let Ok(function) = find(services, name) else {
                continue;
            };
            sandboxes.retain(|sandbox| {
                let is_current = function
                    .as_ref()
                    .is_some_and(|function| function.revision == sandbox.revision);
                is_current && sandbox.idle_since.elapsed() < IDLE_LIMIT
            });
        }
        idle.retain(|_, sandboxes| !sandboxes.is_empty());
    }

    /// Ends all idle sandboxes, and refuses new invocations.
    pub(crate) async fn close(&self) {
        self.permits.close();
        self.idle().clear();
        // Lets the runtime reap what was killed.
        tokio::task::yield_now().await;
    }

    fn take(&self, function: &Function) -> Option<Sandbox> {
        let mut idle = self.idle();
        let sandboxes = idle.get_mut(&function.name)?;
        sandboxes.retain(|sandbox| sandbox.revision == function.revision);
        sandboxes.pop()
    }

    fn keep(&self, name: &str, sandbox: Sandbox) {
        if sandbox.is_usable && !self.permits.is_closed() {
            self.idle()
                .entry(name.to_owned())
                .or_default()
                .push(sandbox);
        }
    }

    fn idle(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Sandbox>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the invocations of a function that run at the same time.
pub(crate) struct Slot {
    services: Arc<Services>,
    function: String,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let running = &self.services.executor.running;
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&self.function) {
            *count -= 1;
        }
        running.retain(|_, count| *count > 0);
    }
}

/// A place for an invocation; `None` if as many run as the function has reserved.
pub(crate) fn admit(services: &Arc<Services>, function: &Function) -> Option<Slot> {
    let running = &services.executor.running;
    let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
    let count = running.entry(function.name.clone()).or_default();
    if function.reserved.is_some_and(|reserved| *count >= reserved) {
        return None;
    }
    *count += 1;
    Some(Slot {
        services: Arc::clone(services),
        function: function.name.clone(),
    })
}

/// Runs an invocation to its end. Whoever calls this holds a permit.
pub(crate) async fn run(
    services: &Arc<Services>,
    function: &Function,
    request: &Request,
) -> Finished {
    let executor = &services.executor;
    let mut sandbox = match executor.take(function) {
        Some(sandbox) => sandbox,
        None => match Sandbox::start(services, function).await {
            Ok(sandbox) => sandbox,
            Err(error) => {
                let message = format!("RequestId: {} Error: {error}", request.id);
                return Finished {
                    outcome: failure("Runtime.InvalidEntrypoint", &message),
                    tail: message,
                };
            }
        },
    };
    let (outcome, tail) = sandbox.invoke(function, request).await;
    executor.keep(&function.name, sandbox);
    Finished { outcome, tail }
}

/// Ends and removes what sandboxes of a killed process left.
pub(crate) fn sweep(services: &Services) {
    let Ok(directory) = std::path::absolute(sandboxes(services)) else {
        return;
    };
    kill_marked(&format!("LAMBDA_TASK_ROOT={}/", directory.display()));
    // Without the directory there is nothing to sweep.
    drop(std::fs::remove_dir_all(directory));
}

/// Kills the processes that have a variable which starts with `mark`.
pub(crate) fn kill_marked(mark: &str) {
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = process.file_name();
        let id = name.to_str().and_then(|name| name.parse::<i32>().ok());
        let marked = id.filter(|id| is_marked(*id, mark));
        if let Some(id) = marked.and_then(rustix::process::Pid::from_raw) {
            // It may have ended meanwhile.
            rustix::process::kill_process(id, rustix::process::Signal::KILL).ok();
        }
    }
}
