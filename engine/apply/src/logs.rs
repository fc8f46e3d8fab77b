//! Log lines of a deployed workflow's stages.

use scar_workflow::Workflow;

use crate::{Cloud, Deployment, Error};

/// Which lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Names of stages; empty is all.
    pub stages: Vec<String>,
    /// Only lines of tasks whose identity starts with this.
    pub task: Option<String>,
    /// Not before this time, milliseconds since the Unix epoch.
    pub since_ms: Option<u64>,
    /// Before this time, milliseconds since the Unix epoch.
    pub until_ms: Option<u64>,
    /// Go on with what comes, until the future is dropped.
    pub follow: bool,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Name of the stage.
    pub stage: String,
    /// Log stream: one per execution environment.
    pub stream: String,
    /// The line as it was logged, without its line end.
    pub message: String,
}

/// Gives matching lines in the order of time.
///
/// # Errors
/// [`Error::NotDeployed`], [`Error::Call`].
pub async fn logs(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    query: &Query,
    on_line: &mut dyn FnMut(Line),
) -> Result<(), Error> {
    let _ = (cloud, workflow, deployment, query, on_line);
    todo!()
}
