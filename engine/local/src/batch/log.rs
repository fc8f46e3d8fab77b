//! What jobs write, on its way to their log streams.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use super::Job;
use crate::logs::{self, Group, Line};
use crate::services::Services;
use crate::store::{Store, Table};
use crate::{Error, clock, lambda};

/// Group of jobs whose definition names none.
const DEFAULT_GROUP: &str = "/aws/batch/job";
/// Lines that wait for the store before the job has to wait too.
const LINES_WAITING: usize = 4096;
/// Longest time that a line waits for others before it is stored.
const FLUSH_INTERVAL: Duration = Duration::from_millis(200);

/// The log group and the stream of an attempt.
pub(super) struct Place {
    pub(super) group: String,
    pub(super) stream: String,
}

impl Place {
    /// Where a job's attempt writes: its `logConfiguration`, or what Batch does without one.
    pub(super) fn of(job: &Job, task: &str) -> Self {
        let options = job
            .container
            .get("logConfiguration")
            .map(|log| &log["options"]);
        let option = |name: &str| {
            options
                .and_then(|all| all.get(name))
                .and_then(Value::as_str)
        };
        let definition = job.definition.rsplit('/').next().unwrap_or_default();
        let name = definition.split(':').next().unwrap_or_default();
        let prefix = option("awslogs-stream-prefix").unwrap_or(name);
        Self {
            group: option("awslogs-group").unwrap_or(DEFAULT_GROUP).to_owned(),
            stream: format!("{prefix}/default/{task}"),
        }
    }

    /// Makes sure that the group is there. Batch makes its default group; another one must exist.
    pub(super) async fn open(&self, services: &Services) -> Result<(), String> {
        let settings = &services.settings;
        let (region, account) = (&settings.region, &settings.account);
        if self.group == DEFAULT_GROUP {
            let arn = format!("arn:aws:logs:{region}:{account}:log-group:{}", self.group);
            let made = lambda::ensure_log_group(&services.store, &self.group, arn).await;
            return made.map_err(|error| error.to_string());
        }
        match services.store.get::<Group>(Table::LogGroups, &self.group) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(format!(
                "ResourceInitializationError: failed to validate logger args: the log group {} does \
                 not exist",
                self.group
            )),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Opens the way for lines, and stores them until its other end is dropped.
pub(super) fn follow(
    store: Store,
    place: Place,
) -> (mpsc::Sender<String>, tokio::task::JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel(LINES_WAITING);
    (sender, tokio::spawn(keep(store, place, receiver)))
}

async fn keep(store: Store, place: Place, mut lines: mpsc::Receiver<String>) {
    let mut texts = Vec::new();
    while lines.recv_many(&mut texts, LINES_WAITING).await > 0 {
        let time_ms = clock::now_ms();
        let gathered = texts.drain(..).map(|mut message| {
            let end = message.floor_char_boundary(logs::MESSAGE_LIMIT);
            message.truncate(end);
            Line {
                stream: place.stream.clone(),
                time_ms,
                message,
            }
        });
        let stored: Result<(), Error> =
            logs::append(&store, &place.group, gathered.collect()).await;
        // What a failing store does not take is lost: the job must not hang for its log.
        drop(stored);
        if !lines.is_closed() {
            tokio::time::sleep(FLUSH_INTERVAL).await;
        }
    }
}
