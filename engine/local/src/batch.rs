//! Batch: job definitions, queues and compute environments are records; jobs are processes.
//!
//! A job's state stands in the store and changes there before and after every attempt, so a killed
//! cloud starts the jobs that were running again, as a new attempt, and forgets none.

mod attempt;
mod image;
mod log;
mod process;
mod resource;
mod retry;
mod scheduler;
mod settle;
mod stop;
mod submit;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use image::{ecr_host, fetch as fetch_image};
pub(crate) use process::Running;
pub(crate) use resource::{
    ComputeEnvironment, JobDefinition, JobQueue, check_definition, deregister, register,
};
pub(crate) use scheduler::{pending, run, shutdown, start};
pub(crate) use stop::{interrupt, stop};
pub(crate) use submit::submit;

use crate::Error;
use crate::services::Services;
use crate::store::{Table, Transaction};

/// A job, a child of an array or a node, in `Table::Jobs` under its id. Children have ids `<job>:<index>`
/// and nodes `<job>#<index>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// ARN of its queue.
    pub(crate) queue: String,
    /// ARN of its definition, with the revision.
    pub(crate) definition: String,
    /// For instance `RUNNABLE`.
    pub(crate) status: Status,
    /// Why it has this status, if there is something to say.
    pub(crate) reason: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
    /// Start of the last attempt, in milliseconds since the Unix epoch.
    pub(crate) started_ms: Option<u64>,
    /// End of the job, in milliseconds since the Unix epoch.
    pub(crate) stopped_ms: Option<u64>,
    /// One job, or several.
    pub(crate) shape: Shape,
    /// The container as the definition and the overrides of the request make it; children of arrays have
    /// that of their parent.
    pub(crate) container: Value,
    /// `retryStrategy` of the request or the definition.
    pub(crate) retry: Value,
    /// Seconds that an attempt may take.
    pub(crate) timeout_s: Option<u64>,
    /// Jobs that must succeed first.
    pub(crate) depends_on: Vec<String>,
    /// Values of the parameters.
    pub(crate) parameters: BTreeMap<String, String>,
    /// Its tags.
    pub(crate) tags: BTreeMap<String, String>,
    /// Attempts so far; the last one may still be running.
    pub(crate) attempts: Vec<Attempt>,
    /// Attempts that ended because the machine did: they do not count.
    pub(crate) interruptions: u64,
    /// Children of an array that succeeded.
    pub(crate) children_succeeded: u64,
    /// Children of an array that failed.
    pub(crate) children_failed: u64,
    /// Whether it was cancelled or terminated.
    pub(crate) is_terminated: bool,
}

/// Whether a job is one or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Shape {
    /// One.
    Single,
    /// So many children, of which each has a state of its own.
    Array {
        /// Number of children.
        size: u64,
    },
    /// A child of an array.
    Child {
        /// Id of the array job.
        parent: String,
        /// Its index, from 0.
        index: u64,
    },
    /// So many nodes, which run at the same time.
    MultiNode {
        /// Number of nodes.
        nodes: u64,
        /// Index of the node that decides.
        main: u64,
    },
    /// A node of a multi-node job.
    Node {
        /// Id of the multi-node job.
        parent: String,
        /// Its index, from 0.
        index: u64,
        /// Number of nodes.
        nodes: u64,
        /// Index of the node that decides.
        main: u64,
    },
}

/// States of jobs ("Job states" in the AWS Batch user guide).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    /// Accepted.
    Submitted,
    /// Waits for other jobs.
    Pending,
    /// Waits for a place.
    Runnable,
    /// Its image is fetched.
    Starting,
    /// It runs.
    Running,
    /// Exit code 0.
    Succeeded,
    /// All attempts are over.
    Failed,
}

/// An attempt of a job.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// Milliseconds since the Unix epoch; absent while the image is fetched.
    pub(crate) started_ms: Option<u64>,
    /// Milliseconds since the Unix epoch; absent while it runs.
    pub(crate) stopped_ms: Option<u64>,
    /// Exit code of the container, 128 and the signal for a killed one.
    pub(crate) exit_code: Option<i32>,
    /// What the container's end is called, for instance `OutOfMemoryError: Container killed`.
    pub(crate) reason: Option<String>,
    /// What the attempt's end is called.
    pub(crate) status_reason: Option<String>,
    /// Where its output goes.
    pub(crate) log_stream: String,
    /// Identity of the task.
    pub(crate) task: String,
}

impl Status {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::Pending => "PENDING",
            Self::Runnable => "RUNNABLE",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether nothing comes after it.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

impl Job {
    /// Id of the job that this one is a part of.
    pub(crate) fn parent(&self) -> Option<&str> {
        match &self.shape {
            Shape::Child { parent, .. } | Shape::Node { parent, .. } => Some(parent),
            _ => None,
        }
    }

    /// Stores the job.
    pub(crate) fn put(&self, transaction: &mut Transaction<'_>) -> Result<(), Error> {
        transaction.put(Table::Jobs, &self.id, self)
    }

    /// Name of the role that its processes act as, if it has one.
    pub(crate) fn role(&self) -> Option<&str> {
        let arn = self.container.get("jobRoleArn")?.as_str()?;
        Some(arn.rsplit('/').next().unwrap_or(arn))
    }

    /// A resource requirement, `VCPU`, `MEMORY` or `GPU`.
    pub(crate) fn requirement(&self, kind: &str) -> Option<f64> {
        let all = self.container.get("resourceRequirements")?.as_array()?;
        let found = all.iter().find(|one| one["type"] == kind)?;
        found["value"].as_str()?.parse().ok()
    }

    /// Memory in MiB.
    pub(crate) fn memory_mib(&self) -> Option<u64> {
        let required = self.requirement("MEMORY").map(|mib| mib as u64);
        required.or_else(|| self.container.get("memory")?.as_u64())
    }
}

/// A job by its id.
pub(crate) fn find(services: &Services, id: &str) -> Result<Option<Job>, Error> {
    let job = services.store.get::<Job>(Table::Jobs, id)?;
    match job {
        Some(job) if matches!(job.shape, Shape::Child { .. }) => whole(services, job).map(Some),
        other => Ok(other),
    }
}

/// A child of an array with what it has from its parent.
fn whole(services: &Services, child: Job) -> Result<Job, Error> {
    let Some(parent) = child.parent() else {
        return Ok(child);
    };
    let parent = services.store.get::<Job>(Table::Jobs, parent)?;
    Ok(match parent {
        Some(parent) => Job {
            container: parent.container,
            retry: parent.retry,
            parameters: parent.parameters,
            tags: parent.tags,
            ..child
        },
        None => child,
    })
}
