//! How far each stage is: its inputs joined with its records, by task identity.

mod construct;

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use scar_schemas::contract::stem;
use scar_schemas::record::record_key;
use scar_workflow::{Stage, Workflow};

use crate::data::{Listed, list_each};
use crate::task::{self, Seen};
use crate::trace::{Present, State, TaskView, look};
use crate::{Cloud, Deployment, Error};

/// Records read at once.
const PARALLEL: usize = 32;

/// A stage, counted over the inputs that are in the buckets now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageStatus {
    /// Name of the stage.
    pub stage: String,
    /// Tasks that its inputs, calls and times have started; of most stages one for each object.
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
    let mut all = Vec::new();
    for stage in &workflow.stages {
        all.push(match construct::is_needed(stage) {
            true => construct::status(cloud, workflow, deployment, stage).await?,
            false => stage_status(cloud, deployment, stage).await?,
        });
    }
    Ok(all)
}

async fn stage_status(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
) -> Result<StageStatus, Error> {
    // Records after inputs: what was done by the time of the first listing is then seen as done.
    let inputs = inputs(cloud, deployment, stage).await?;
    let present = Present::list(cloud, deployment, stage).await?;
    let shared = shared_targets(deployment, stage, &inputs);
    let one = async |input: &Listed| {
        let view = waiting(deployment, stage, input);
        let is_done = is_plainly_done(deployment, stage, &view, input, &present, &shared);
        let seen = match is_done {
            true => None,
            false => Some(look(cloud, deployment, stage, &view, Some(&present)).await?),
        };
        Ok::<_, Error>((view, seen, input.modified_ms))
    };
    let questions: Vec<_> = inputs.iter().map(one).collect();
    let answers: Vec<_> = stream::iter(questions)
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    Ok(StageStatus::of(stage, answers))
}

impl StageStatus {
    /// Counts tasks, each with what was seen of it (nothing, if it is plainly done) and its time.
    fn of(stage: &Stage, tasks: Vec<(TaskView, Option<Seen>, u64)>) -> Self {
        let mut status = Self {
            stage: stage.name.clone(),
            ..Self::default()
        };
        tasks
            .into_iter()
            .for_each(|(view, seen, since_ms)| status.count(view, seen, since_ms));
        status
    }

    fn count(&mut self, view: TaskView, seen: Option<Seen>, modified_ms: u64) {
        self.inputs += 1;
        let Some(seen) = seen else {
            self.done += 1;
            return;
        };
        match &seen.state {
            State::Published { .. } => self.done += 1,
            State::Superseded => self.superseded += 1,
            State::Waiting | State::Incomplete { .. } => {
                self.waiting += 1;
                let oldest = self.oldest_waiting_ms.unwrap_or(modified_ms);
                self.oldest_waiting_ms = Some(oldest.min(modified_ms));
            }
            State::Failed { .. } => {
                self.failed += 1;
                self.failures.push(TaskView {
                    state: seen.state,
                    report: seen.report,
                    ..view
                });
            }
        }
    }
}

/// All objects that a stage takes.
async fn inputs(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
) -> Result<Vec<Listed>, Error> {
    let mut found = BTreeMap::new();
    for input in &stage.inputs {
        let Some(bucket) = deployment.buckets.get(&input.bucket) else {
            continue;
        };
        list_each(cloud, bucket, &input.pattern.literal_prefix(), &mut |one| {
            if task::takes(deployment, stage, &one.object) {
                found.insert((bucket.clone(), one.object.key.clone()), one);
            }
        })
        .await?;
    }
    Ok(found.into_values().collect())
}

fn waiting(deployment: &Deployment, stage: &Stage, input: &Listed) -> TaskView {
    TaskView {
        stage: stage.name.clone(),
        task: deployment.cached(stage, input.object.task(&deployment.name, &stage.id)),
        input: input.object.clone(),
        stem: stem(&input.object.key).to_owned(),
        group: None,
        parent: None,
        state: State::Waiting,
        report: None,
    }
}

/// How many inputs map to each output key of an atomic stage.
fn shared_targets(
    deployment: &Deployment,
    stage: &Stage,
    inputs: &[Listed],
) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for input in inputs {
        if let Some((_, key)) = task::single_target(deployment, stage, stem(&input.object.key)) {
            *count.entry(key).or_default() += 1;
        }
    }
    count
}

/// An atomic stage's output that is newer than the only input it can come from needs no question. Times
/// are in seconds, so the same second is a doubt.
fn is_plainly_done(
    deployment: &Deployment,
    stage: &Stage,
    view: &TaskView,
    input: &Listed,
    present: &Present,
    shared: &BTreeMap<String, usize>,
) -> bool {
    let Some((_, key)) = task::single_target(deployment, stage, &view.stem) else {
        return false;
    };
    let is_newer = present
        .outputs
        .get(&key)
        .is_some_and(|time| *time > input.modified_ms + 999);
    let has_record = present.records.contains(&record_key(&stage.id, &view.task));
    is_newer && !has_record && shared.get(&key) == Some(&1)
}
