//! What all services of one cloud share.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::Notify;

use crate::auth::Keys;
use crate::batch;
use crate::faults::Faults;
use crate::lambda::Executor;
use crate::mapping::Batches;
use crate::registry::Uploads;
use crate::store::Store;

/// How to open a local cloud.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Directory of all state, made if it is missing.
    pub directory: PathBuf,
    /// Port on 127.0.0.1; `None` takes a free one.
    pub port: Option<u16>,
    /// Twelve digits.
    pub account: String,
    /// AWS region that the cloud pretends to be.
    pub region: String,
    /// Functions that may run at the same time.
    pub concurrency: usize,
    /// Wait before the first retry of a failed asynchronous invocation; the second waits twice as long.
    /// AWS waits one minute.
    pub retry_delay: Duration,
    /// Faults to inject from the start, in the form of `PUT /_local/faults`.
    pub faults: Option<String>,
}

impl Settings {
    /// The usual settings for a directory: account 000000000000, us-east-1, one function per core, and
    /// the faults of the variable `SCAR_LOCAL_FAULTS`.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            port: None,
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            concurrency: std::thread::available_parallelism().map_or(2, usize::from),
            retry_delay: Duration::from_secs(1),
            faults: std::env::var("SCAR_LOCAL_FAULTS").ok(),
        }
    }
}

/// State shared by the services; always behind an `Arc`.
pub(crate) struct Services {
    /// All durable state.
    pub(crate) store: Store,
    /// How the cloud was opened.
    pub(crate) settings: Settings,
    /// `http://127.0.0.1:<port>`.
    pub(crate) endpoint: String,
    /// Root key and the keys of running sandboxes.
    pub(crate) keys: Keys,
    /// Sandboxes of functions.
    pub(crate) executor: Executor,
    /// Rung after events were committed to [`crate::store::Table::Events`].
    pub(crate) events: Notify,
    /// Rung after invocations were committed to [`crate::store::Table::Invocations`].
    pub(crate) invocations: Notify,
    /// Rung after messages were committed to [`crate::store::Table::Messages`].
    pub(crate) messages: Notify,
    /// Rung after jobs were committed to [`crate::store::Table::WaitingJobs`], or a place is free.
    pub(crate) jobs: Notify,
    /// Rung after schedules were changed.
    pub(crate) schedules: Notify,
    /// Batches of event source mappings that are under way.
    pub(crate) batches: Batches,
    /// Batch jobs that run.
    pub(crate) batch: batch::Running,
    /// Blobs of images on their way in.
    pub(crate) uploads: Uploads,
    /// What goes wrong on purpose.
    pub(crate) faults: Faults,
    /// Rung (`notify_waiters`) whenever something pending ended; `Cloud::idle` looks again then.
    pub(crate) progress: Notify,
}
