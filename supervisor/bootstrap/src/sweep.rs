//! Looking after joins that wait: those whose time is up, and those that a kill kept from firing.

use std::collections::BTreeMap;

use scar_schemas::hand_over::{Member, join_task, slots_prefix};
use scar_schemas::record::{
    self, Failure, FailureClass, ObjectVersion, RunReport, TaskRecord, TaskState, deployment,
};

use crate::clock::now_ms;
use crate::collect::{Collected, Collector, MAX_MEMBERS};
use crate::join::{End, Place};
use crate::json;
use crate::listing::Listed;
use crate::perform::body;
use crate::random;
use crate::setup::Setup;
use crate::step::{Condition, failure};
use crate::store::{Labels, Location, StoreError};

const MAX_MEMBER_BYTES: u64 = 64 * 1024;
/// Groups that one sweep looks at.
const MAX_SLOTS: usize = 50 * MAX_MEMBERS;

/// Looks at all groups of the stage's join.
pub(crate) async fn run(setup: &Setup) -> Result<Vec<Collected>, StoreError> {
    let more = &setup.config.more;
    if more.join.is_none() && more.after.len() < 2 {
        return Ok(Vec::new());
    }
    let bucket = setup.bucket(&setup.config.state_bucket);
    let prefix = slots_prefix(setup.config.id());
    let listed = setup.list(bucket, &prefix, MAX_SLOTS).await?;
    let mut swept = Vec::new();
    for slots in groups(&prefix, listed).into_values() {
        if let Some(collected) = sweep(setup, &slots).await? {
            swept.push(collected);
        }
    }
    Ok(swept)
}

/// Slots by their group; other markers below the prefix are left out.
fn groups(prefix: &str, listed: Vec<Listed>) -> BTreeMap<String, Vec<Listed>> {
    let mut groups: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
    for one in listed {
        let rest = one.object.key.strip_prefix(prefix).unwrap_or_default();
        let mut parts = rest.splitn(3, '/');
        if let (Some(group), Some(_), Some(_)) = (parts.next(), parts.next(), parts.next()) {
            groups.entry(group.to_owned()).or_default().push(one);
        }
    }
    groups
}

async fn sweep(setup: &Setup, slots: &[Listed]) -> Result<Option<Collected>, StoreError> {
    let first_ms = slots.iter().map(|one| one.written_ms).min();
    let timeout_s = setup
        .config
        .more
        .join
        .as_ref()
        .and_then(|join| join.timeout_s);
    let is_over = match (first_ms, timeout_s) {
        (Some(first), Some(timeout)) => now_ms() >= first.saturating_add(timeout * 1_000),
        _ => false,
    };
    let Some(slot) = slots.first() else {
        return Ok(None);
    };
    let at = Location::new(&slot.object.bucket, slot.object.key.as_str());
    let found = setup.store.get(&at, MAX_MEMBER_BYTES).await?;
    let member = found.and_then(|(_, text)| json::read::<Member>(&text).ok());
    let Some(member) = member else {
        return Ok(None);
    };
    let collected = Collector::of_group(setup, &member, is_over).run().await?;
    if let End::TooFew { share, places } = &collected.end {
        let failure = too_few(setup, &collected.group, *share, places);
        fail(setup, &collected.group, member.object.clone(), failure).await?;
    }
    Ok(Some(collected))
}

/// Records that a group will not become whole.
async fn fail(
    setup: &Setup,
    group: &str,
    input: ObjectVersion,
    failure: Failure,
) -> Result<(), StoreError> {
    let config = &setup.config;
    let name = deployment(&config.workflow, &config.environment);
    let task = config.cached(join_task(&name, config.id(), group, 0));
    close(setup, task, input, failure).await
}

/// Creates the record of a task that ends before it could begin.
pub(crate) async fn close(
    setup: &Setup,
    task: String,
    input: ObjectVersion,
    failure: Failure,
) -> Result<(), StoreError> {
    let labels = Labels {
        run: task.clone(),
        task: task.clone(),
        attempt: random::attempt(),
        source: input.source(),
        hops: 1,
        input: input.key.clone(),
        items: String::new(),
        rounds: String::new(),
    };
    let record = TaskRecord {
        format: record::FORMAT,
        task: task.clone(),
        stage: setup.config.stage.clone(),
        attempt: labels.attempt.clone(),
        run: labels.run.clone(),
        state: TaskState::Failed,
        input,
        outputs: Vec::new(),
        failure: Some(failure),
        report: RunReport {
            started_ms: now_ms(),
            ..RunReport::default()
        },
        items: String::new(),
        hops: 1,
    };
    let at = setup.state(record::record_key(setup.config.id(), &task));
    let text = body(&record);
    let store = &setup.store;
    store.write(&at, text, &labels, &Condition::Absent).await?;
    Ok(())
}

fn too_few(
    setup: &Setup,
    group: &str,
    share: f64,
    places: &std::collections::BTreeSet<Place>,
) -> Failure {
    let inputs = setup.config.inputs.iter().enumerate();
    let missing = inputs.filter(|(index, _)| !places.iter().any(|(input, _)| input == index));
    let missing: Vec<&str> = missing.map(|(_, input)| input.pattern.as_str()).collect();
    let missing = match missing.is_empty() {
        true => "items of its run".to_owned(),
        false => format!("members of {}", missing.join(" and ")),
    };
    let percent = share * 100.0;
    let message = format!(
        "the join of {group:?} had {percent:.0} % when its time was up; missing: {missing}"
    );
    failure(FailureClass::Input, message)
}
