//! What became of inputs: every task they started, found in S3 alone.

use std::time::Duration;

use scar_schemas::digest::Digest;
use scar_schemas::record::{Failure, ObjectVersion, RunReport};
use scar_workflow::Workflow;

use crate::{Cloud, Deployment, Error};

/// A task: one stage and one input at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// Name of the stage.
    pub stage: String,
    /// Identity of the task.
    pub task: String,
    /// What it is made of.
    pub input: ObjectVersion,
    /// Task whose output the input is; `None` for those given.
    pub parent: Option<String>,
    /// Where it stands.
    pub state: State,
    /// How it ran, if it left a record.
    pub report: Option<RunReport>,
}

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not begun, running, or not fully visible yet.
    Waiting,
    /// Done.
    Published {
        /// What it made, in publishing order.
        outputs: Vec<Output>,
    },
    /// Given up.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// A newer version of the input took its place.
    Superseded,
}

/// An output of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Real bucket name.
    pub bucket: String,
    /// Key.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the content, if there is a record of it.
    pub digest: Option<Digest>,
    /// The object as it is there now; `None` if it is gone or something else took its place.
    pub object: Option<ObjectVersion>,
}

/// Finds all tasks of some inputs, parents before children.
///
/// # Errors
/// [`Error::Call`], [`Error::Record`].
pub async fn trace(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    inputs: &[ObjectVersion],
) -> Result<Vec<TaskView>, Error> {
    let _ = (cloud, workflow, deployment, inputs);
    todo!()
}

/// Follows all tasks of some inputs until none waits. Each task is told when it is found and whenever its
/// state changes.
///
/// # Errors
/// [`Error::TimedOut`] after `timeout`, [`Error::Call`], [`Error::Record`].
pub async fn wait(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    inputs: &[ObjectVersion],
    timeout: Option<Duration>,
    on_change: &mut dyn FnMut(&TaskView),
) -> Result<Vec<TaskView>, Error> {
    let _ = (cloud, workflow, deployment, inputs, timeout, on_change);
    todo!()
}
