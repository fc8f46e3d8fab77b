//! Which tasks an object starts, as the supervisor decides it.

use scar_schemas::construct::JoinBy;
use scar_schemas::contract::stem;
use scar_schemas::hand_over::{
    Done, bodies_prefix, done_key, item_task, join_task, requested_task,
};
use scar_schemas::record::{ObjectVersion, metadata};
use scar_workflow::{Stage, Workflow};

use super::group;
use crate::task::{self, Head, head};
use crate::{Cloud, Deployment, Error};

/// A task that an object starts, or has a part in.
pub(crate) struct Arrival {
    pub(crate) stage: String,
    pub(crate) task: String,
    pub(crate) input: ObjectVersion,
    pub(crate) stem: String,
    pub(crate) group: Option<String>,
}

/// The tasks that an object starts.
pub(super) async fn of(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    object: &ObjectVersion,
) -> Result<Vec<Arrival>, Error> {
    let mut all = Vec::new();
    for stage in &workflow.stages {
        all.extend(of_stage(cloud, deployment, stage, object).await?);
    }
    Ok(all)
}

/// The tasks of one stage that an object starts.
pub(crate) async fn of_stage(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
    object: &ObjectVersion,
) -> Result<Vec<Arrival>, Error> {
    if let Some(request) = requested(deployment, stage, object) {
        let task = requested_task(&deployment.name, &stage.id, request);
        return Ok(vec![arrival(deployment, stage, task, object)]);
    }
    match task::takes(deployment, stage, object) {
        true => taken(cloud, deployment, stage, object).await,
        false => Ok(Vec::new()),
    }
}

/// The tasks of the stages that are after a finished one; `None` if it has not told yet.
pub(crate) async fn after(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    id: &str,
    finished: &str,
) -> Result<Option<Vec<Arrival>>, Error> {
    let key = done_key(id, finished);
    let Some(found) = head(cloud, &deployment.state_bucket, &key).await? else {
        return Ok(None);
    };
    let done: Option<Done> = task::read_json(cloud, &deployment.state_bucket, &key).await?;
    let run = done.map(|done| done.run).unwrap_or_default();
    let waiting = workflow
        .stages
        .iter()
        .filter(|stage| stage.after.iter().any(|one| one == id));
    let mut all = Vec::new();
    for stage in waiting {
        all.push(match stage.after.len() {
            1 => {
                let task = found.object.task(&deployment.name, &stage.id);
                arrival(deployment, stage, task, &found.object)
            }
            _ => member(cloud, deployment, stage, &found.object, run.clone()).await?,
        });
    }
    Ok(Some(all))
}

/// The request that an object is the body of.
fn requested<'a>(
    deployment: &Deployment,
    stage: &Stage,
    object: &'a ObjectVersion,
) -> Option<&'a str> {
    let is_state = object.bucket == deployment.state_bucket;
    let rest = object.key.strip_prefix(&bodies_prefix(&stage.id));
    rest.filter(|_| is_state)?.split('/').next()
}

async fn taken(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
    object: &ObjectVersion,
) -> Result<Vec<Arrival>, Error> {
    let by = stage.join.as_ref().map(|join| join.by);
    if by == Some(JoinBy::Window) {
        // Which window takes it is decided when the window closes.
        return Ok(Vec::new());
    }
    let found = match by == Some(JoinBy::Run) || stage.loop_max.is_some() {
        true => head(cloud, &object.bucket, &object.key).await?,
        false => None,
    };
    if found
        .as_ref()
        .is_some_and(|found| is_last_round(stage, found))
    {
        return Ok(Vec::new());
    }
    let plain = object.task(&deployment.name, &stage.id);
    if let Some(by) = by {
        let run = found.and_then(|found| found.label(metadata::RUN));
        let group = match by {
            JoinBy::Stem => group::of_stem(deployment, stage, object),
            _ => run.unwrap_or(plain),
        };
        return Ok(vec![member(cloud, deployment, stage, object, group).await?]);
    }
    let whole = deployment.cached(stage, plain);
    if stage.items.is_empty() {
        return Ok(vec![Arrival {
            task: whole,
            ..arrival(deployment, stage, String::new(), object)
        }]);
    }
    let count = u32::try_from(stage.items.len()).unwrap_or(u32::MAX);
    let item = |index| Arrival {
        task: item_task(&whole, index),
        ..arrival(deployment, stage, String::new(), object)
    };
    Ok((0..count).map(item).collect())
}

fn arrival(
    deployment: &Deployment,
    stage: &Stage,
    task: String,
    object: &ObjectVersion,
) -> Arrival {
    Arrival {
        stage: stage.name.clone(),
        task: deployment.cached(stage, task),
        input: object.clone(),
        stem: stem(&object.key).to_owned(),
        group: None,
    }
}

/// The task of the firing that has, or will have, the object as a member.
async fn member(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
    object: &ObjectVersion,
    group: String,
) -> Result<Arrival, Error> {
    let generation = group::generation(cloud, deployment, stage, &group, object).await?;
    let task = join_task(&deployment.name, &stage.id, &group, generation);
    let name = group.rsplit('/').next().unwrap_or(&group).to_owned();
    Ok(Arrival {
        stem: name,
        group: Some(group),
        ..arrival(deployment, stage, task, object)
    })
}

/// Whether the object has gone round as often as the stage's loop allows.
fn is_last_round(stage: &Stage, found: &Head) -> bool {
    let Some(max) = stage.loop_max else {
        return false;
    };
    let rounds = found.label(metadata::ROUNDS).unwrap_or_default();
    let counts = rounds.split(',').filter_map(|pair| pair.split_once(':'));
    let own = counts.filter(|(name, _)| *name == stage.id);
    own.filter_map(|(_, count)| count.parse::<u32>().ok())
        .any(|count| count >= max)
}
