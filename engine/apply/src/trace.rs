//! What became of inputs: every task they started, found in S3 alone.

mod arrive;
mod group;
mod look;
mod tracer;

use std::time::{Duration, Instant};

use scar_schemas::digest::Digest;
use scar_schemas::record::{Failure, ObjectVersion, RunReport};
use scar_workflow::Workflow;

use crate::{Cloud, Deployment, Error};

pub(crate) use arrive::{Arrival, after, of_stage};
pub(crate) use group::newest_fire;
pub(crate) use look::{Present, look};
use tracer::Tracer;

/// A task: one stage and one input at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// Name of the stage.
    pub stage: String,
    /// Identity of the task.
    pub task: String,
    /// What it is made of; of several objects, the one that was followed here.
    pub input: ObjectVersion,
    /// Text that stands for `*` in the name of a single output.
    pub stem: String,
    /// What its members have in common, if it waits for several objects.
    pub group: Option<String>,
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
    /// It waits for objects that nothing under way will bring.
    Incomplete {
        /// Places that are taken.
        arrived: usize,
    },
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
    let mut tracer = Tracer::new(cloud, workflow, deployment, inputs).await?;
    let mut first_new = 0;
    while first_new < tracer.tasks.len() {
        let count = tracer.tasks.len();
        tracer.look(first_new, &mut |_| ()).await?;
        first_new = count;
    }
    Ok(tracer.tasks)
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
    let start = Instant::now();
    let mut tracer = Tracer::new(cloud, workflow, deployment, inputs).await?;
    tracer.tasks.iter().for_each(&mut *on_change);
    let mut pauses = cloud.pauses();
    loop {
        if tracer.look(0, on_change).await? {
            pauses = cloud.pauses();
        }
        let waiting = tracer.open();
        if waiting == 0 || tracer.settle(on_change).await? {
            return Ok(tracer.tasks);
        }
        if timeout.is_some_and(|timeout| start.elapsed() >= timeout) {
            return Err(Error::TimedOut {
                waiting,
                seconds: start.elapsed().as_secs(),
            });
        }
        pauses.pause().await;
    }
}
