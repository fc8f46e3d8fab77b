//! How far each stage is: its inputs joined with its records, by task identity.

use scar_workflow::Workflow;

use crate::trace::TaskView;
use crate::{Cloud, Deployment, Error};

/// A stage, counted over the inputs that are in the buckets now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageStatus {
    /// Name of the stage.
    pub stage: String,
    /// Objects that match its inputs.
    pub inputs: usize,
    /// Tasks whose outputs are visible.
    pub done: usize,
    /// Tasks given up.
    pub failed: usize,
    /// Tasks whose input was replaced.
    pub superseded: usize,
    /// Tasks not begun or running.
    pub waiting: usize,
    /// Time since when the oldest waiting input is there, milliseconds since the Unix epoch.
    pub oldest_waiting_ms: Option<u64>,
    /// The failed tasks, with their causes.
    pub failures: Vec<TaskView>,
}

/// Status of all stages, in topological order.
///
/// # Errors
/// [`Error::Call`], [`Error::Record`].
pub async fn status(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
) -> Result<Vec<StageStatus>, Error> {
    let _ = (cloud, workflow, deployment);
    todo!()
}
