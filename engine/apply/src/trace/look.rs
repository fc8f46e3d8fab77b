//! Where a task stands, told by its record or by its only output.

use std::collections::{BTreeMap, BTreeSet};

use scar_schemas::record::records_prefix;
use scar_workflow::Stage;

use super::{State, TaskView};
use crate::data::list_each;
use crate::task::{self, Seen};
use crate::{Cloud, Deployment, Error};

/// What there is of a stage: then only what is there need be asked for.
pub(crate) struct Present {
    /// Keys of records.
    pub(crate) records: BTreeSet<String>,
    /// Keys of the outputs of an atomic stage, with the time of their last change.
    pub(crate) outputs: BTreeMap<String, u64>,
}

impl Present {
    pub(crate) async fn list(
        cloud: &Cloud,
        deployment: &Deployment,
        stage: &Stage,
    ) -> Result<Self, Error> {
        let (mut records, mut outputs) = (BTreeSet::new(), BTreeMap::new());
        let prefix = records_prefix(&stage.id);
        list_each(cloud, &deployment.state_bucket, &prefix, &mut |one| {
            records.insert(one.object.key);
        })
        .await?;
        if let Some((bucket, before, _)) = task::single_output(deployment, stage) {
            list_each(cloud, bucket, before, &mut |one| {
                outputs.insert(one.object.key, one.modified_ms);
            })
            .await?;
        }
        Ok(Self { records, outputs })
    }
}

/// Looks at one task, asking only for what may be there.
pub(crate) async fn look(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
    view: &TaskView,
    present: Option<&Present>,
) -> Result<Seen, Error> {
    let target = task::single_target(deployment, stage, &view.stem);
    let target = target.filter(|(_, key)| present.is_none_or(|all| all.outputs.contains_key(key)));
    if let Some((bucket, key)) = &target
        && let Some(seen) = task::by_output(cloud, bucket, key, &view.task).await?
    {
        return Ok(seen);
    }
    let record = scar_schemas::record::record_key(&stage.id, &view.task);
    let mut seen = Seen::waiting();
    if present.is_none_or(|all| all.records.contains(&record)) {
        seen = task::by_record(cloud, deployment, &stage.id, &view.task).await?;
    }
    if let Some((bucket, key)) = &target
        && seen.state == State::Waiting
        && view.group.is_none()
        && task::is_superseded(cloud, bucket, key, &view.input).await?
    {
        seen.state = State::Superseded;
    }
    Ok(seen)
}
