//! Status of a stage whose tasks are not one for each object: joins, scatters, stages after others, doors,
//! schedules and rounds.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use scar_schemas::hand_over::{bodies_prefix, done_prefix};
use scar_schemas::record::{ObjectVersion, records_prefix};
use scar_workflow::{Stage, Workflow};

use super::{PARALLEL, StageStatus, inputs};
use crate::data::{Listed, list};
use crate::trace::{self, Arrival, Present, State, TaskView, look};
use crate::{Cloud, Deployment, Error};

/// Whether more than the objects under its inputs says which tasks the stage has.
pub(super) fn is_needed(stage: &Stage) -> bool {
    stage.join.is_some()
        || !stage.items.is_empty()
        || !stage.after.is_empty()
        || stage.http.is_some()
        || stage.schedule.is_some()
        || stage.loop_max.is_some()
}

/// Status of one such stage.
pub(super) async fn status(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    stage: &Stage,
) -> Result<StageStatus, Error> {
    let mut tasks = Tasks::default();
    for object in objects(cloud, deployment, stage).await? {
        let arrivals = trace::of_stage(cloud, deployment, stage, &object.object).await?;
        tasks.add(arrivals, object.modified_ms);
    }
    for (id, finished, modified_ms) in finished(cloud, deployment, stage).await? {
        let arrivals = trace::after(cloud, workflow, deployment, &id, &finished).await?;
        let own = arrivals
            .into_iter()
            .flatten()
            .filter(|one| one.stage == stage.name);
        tasks.add(own.collect(), modified_ms);
    }
    let present = Present::list(cloud, deployment, stage).await?;
    tasks.add_recorded(deployment, stage, &present.records);
    count(cloud, deployment, stage, &present, tasks).await
}

/// Tasks by identity, each with the time since when something of it is there.
#[derive(Default)]
struct Tasks(BTreeMap<String, (TaskView, u64)>);

impl Tasks {
    fn add(&mut self, arrivals: Vec<Arrival>, modified_ms: u64) {
        for one in arrivals {
            let view = TaskView {
                stage: one.stage,
                task: one.task.clone(),
                input: one.input,
                stem: one.stem,
                group: one.group,
                parent: None,
                state: State::Waiting,
                report: None,
            };
            let (_, since) = self.0.entry(one.task).or_insert((view, modified_ms));
            *since = modified_ms.min(*since);
        }
    }

    /// Tasks that no object tells of: those of a schedule, and those whose input is gone.
    fn add_recorded(&mut self, deployment: &Deployment, stage: &Stage, records: &BTreeSet<String>) {
        let prefix = records_prefix(&stage.id);
        let of_key = |key: &String| {
            let task = key.strip_prefix(&prefix)?.strip_suffix(".json")?;
            Some(Arrival {
                stage: stage.name.clone(),
                task: task.to_owned(),
                input: ObjectVersion {
                    bucket: deployment.state_bucket.clone(),
                    key: key.clone(),
                    etag: String::new(),
                    size: 0,
                    version_id: None,
                },
                stem: String::new(),
                group: None,
            })
        };
        let unknown = records.iter().filter_map(of_key);
        let unknown = unknown.filter(|one| !self.0.contains_key(&one.task));
        self.add(unknown.collect(), 0);
    }
}

/// All objects that start its tasks or have a part in them.
async fn objects(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
) -> Result<Vec<Listed>, Error> {
    let mut all = inputs(cloud, deployment, stage).await?;
    if stage.http.is_some() {
        let prefix = bodies_prefix(&stage.id);
        all.extend(list(cloud, &deployment.state_bucket, &prefix).await?);
    }
    Ok(all)
}

/// Finished tasks that it comes after: stage id, task and time.
async fn finished(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
) -> Result<Vec<(String, String, u64)>, Error> {
    let mut all = Vec::new();
    for id in &stage.after {
        let prefix = done_prefix(id);
        let told = list(cloud, &deployment.state_bucket, &prefix).await?;
        all.extend(told.into_iter().filter_map(|one| {
            let name = one.object.key.strip_prefix(&prefix)?;
            let task = name.strip_suffix(".json")?;
            Some((id.clone(), task.to_owned(), one.modified_ms))
        }));
    }
    Ok(all)
}

async fn count(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
    present: &Present,
    tasks: Tasks,
) -> Result<StageStatus, Error> {
    let one = async |(view, since): (TaskView, u64)| {
        let seen = look(cloud, deployment, stage, &view, Some(present)).await?;
        Ok::<_, Error>((view, Some(seen), since))
    };
    let questions: Vec<_> = tasks.0.into_values().map(one).collect();
    let answers: Vec<_> = stream::iter(questions)
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    Ok(StageStatus::of(stage, answers))
}
