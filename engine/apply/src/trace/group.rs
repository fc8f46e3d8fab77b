//! Groups of joins: what an object belongs to, and whether all of it has arrived.

use std::collections::{BTreeMap, BTreeSet};

use scar_schemas::construct::JoinBy;
use scar_schemas::contract::stem;
use scar_schemas::hand_over::{Fire, fire_key, fires_prefix, group_hash, slots_prefix, stem_group};
use scar_schemas::record::ObjectVersion;
use scar_workflow::{Stage, Workflow};

use super::TaskView;
use crate::data::list_each;
use crate::{Cloud, Deployment, Error, task};

/// The group of an object in a join by stem.
pub(super) fn of_stem(deployment: &Deployment, stage: &Stage, object: &ObjectVersion) -> String {
    let names: Vec<&str> = deployment.manifest_names(&object.bucket).collect();
    let taking = stage
        .inputs
        .iter()
        .find(|input| names.contains(&input.bucket.as_str()) && input.pattern.matches(&object.key));
    taking.map_or_else(
        || stem(&object.key).to_owned(),
        |input| stem_group(&input.pattern, &object.key),
    )
}

/// Number of a group's newest firing.
pub(crate) async fn newest_fire(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
    group: &str,
) -> Result<Option<u32>, Error> {
    let prefix = format!("{}{}/", fires_prefix(&stage.id), group_hash(group));
    let mut newest: Option<u32> = None;
    list_each(cloud, &deployment.state_bucket, &prefix, &mut |one| {
        let name = one.object.key.strip_prefix(&prefix);
        let number = name.and_then(|name| name.strip_suffix(".json")?.parse::<u32>().ok());
        newest = newest.max(number);
    })
    .await?;
    Ok(newest)
}

/// Number of the firing that has the object as a member; if none has, of the one that will have.
pub(super) async fn generation(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
    group: &str,
    object: &ObjectVersion,
) -> Result<u32, Error> {
    let Some(newest) = newest_fire(cloud, deployment, stage, group).await? else {
        return Ok(0);
    };
    for number in (0..=newest).rev() {
        let key = fire_key(&stage.id, group, number);
        let fire: Option<Fire> = task::read_json(cloud, &deployment.state_bucket, &key).await?;
        let members = fire.map(|fire| fire.members).unwrap_or_default();
        if members.iter().any(|member| member.object == *object) {
            return Ok(number);
        }
    }
    Ok(newest.saturating_add(1))
}

/// How many places of a join's group are taken, if not all of them are; `None` while it may still fire.
pub(super) async fn missing(
    cloud: &Cloud,
    deployment: &Deployment,
    workflow: &Workflow,
    view: &TaskView,
) -> Result<Option<usize>, Error> {
    let stage = workflow.stages.iter().find(|one| one.name == view.stage);
    let (Some(stage), Some(group)) = (stage, &view.group) else {
        return Ok(None);
    };
    let prefix = format!("{}{}/", slots_prefix(&stage.id), group_hash(group));
    let mut places: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    list_each(cloud, &deployment.state_bucket, &prefix, &mut |one| {
        let place = one.object.key.strip_prefix(&prefix);
        let place = place.and_then(|place| place.split_once('/'));
        if let Some((Ok(input), items)) = place.map(|(input, items)| (input.parse(), items)) {
            places.entry(input).or_default().insert(items.to_owned());
        }
    })
    .await?;
    let arrived: usize = places.values().map(BTreeSet::len).sum();
    // The followed object's own place is taken a moment after it came to be.
    let may_fire = arrived == 0 || is_complete(stage, &places);
    // A time limit fires, or fails, a group that is not complete.
    let has_limit = stage
        .join
        .as_ref()
        .is_some_and(|join| join.timeout_s.is_some());
    Ok((!may_fire && !has_limit).then_some(arrived))
}

fn is_complete(stage: &Stage, places: &BTreeMap<usize, BTreeSet<String>>) -> bool {
    let inputs = match stage.after.len() {
        0 => stage.inputs.len(),
        after => after,
    };
    let by_stem = stage
        .join
        .as_ref()
        .is_some_and(|join| join.by == JoinBy::Stem);
    (0..inputs).all(|input| {
        let Some(found) = places.get(&input) else {
            return false;
        };
        let paths: Vec<Vec<(u32, u32)>> = found.iter().map(|items| path(items)).collect();
        let paths: Vec<&[(u32, u32)]> = paths.iter().map(Vec::as_slice).collect();
        by_stem || covers(&paths)
    })
}

/// `0-3.1-2` is item 0 of 3 and, below it, item 1 of 2.
fn path(items: &str) -> Vec<(u32, u32)> {
    let level = |text: &str| {
        let (index, count) = text.split_once('-')?;
        Some((index.parse().ok()?, count.parse().ok()?))
    };
    items.split('.').filter_map(level).collect()
}

/// Whether every fan-out that is known of has all its items.
fn covers(paths: &[&[(u32, u32)]]) -> bool {
    if paths.iter().any(|path| path.is_empty()) {
        return true;
    }
    let mut branches: BTreeMap<u32, Vec<&[(u32, u32)]>> = BTreeMap::new();
    let mut count = 0;
    for path in paths {
        let (index, of) = path[0];
        branches.entry(index).or_default().push(&path[1..]);
        count = count.max(of);
    }
    count > 0 && branches.len() == count as usize && branches.values().all(|branch| covers(branch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fan_out_is_complete_with_all_its_items() {
        let complete = |items: &[&str]| {
            let paths: Vec<Vec<(u32, u32)>> = items.iter().map(|items| path(items)).collect();
            covers(&paths.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        assert!(complete(&["-"]));
        assert!(complete(&["0-2", "1-2"]));
        assert!(!complete(&["0-2"]));
        assert!(complete(&["0-2.0-1", "1-2.0-2", "1-2.1-2"]));
        assert!(!complete(&["0-2.0-1", "1-2.1-2"]));
        assert!(!complete(&[]));
    }
}
