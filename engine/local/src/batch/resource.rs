//! What jobs need: definitions, queues, compute environments.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::store::{Table, Transaction};

/// A revision of a job definition, in `Table::JobDefinitions` under `<name>:<revision>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobDefinition {
    /// Its name.
    pub(crate) name: String,
    /// From 1.
    pub(crate) revision: u64,
    /// ARN with the revision.
    pub(crate) arn: String,
    /// Whether jobs can be submitted with it.
    pub(crate) is_active: bool,
    /// What it was registered with, names as the API writes them.
    pub(crate) properties: Value,
    /// Its tags.
    pub(crate) tags: BTreeMap<String, String>,
}

/// A job queue, in `Table::JobQueues` under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobQueue {
    /// Its name.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// What it was made with, names as the API writes them.
    pub(crate) properties: Value,
}

/// A compute environment, in `Table::ComputeEnvironments` under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ComputeEnvironment {
    /// Its name.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// What it was made with, names as the API writes them.
    pub(crate) properties: Value,
}

impl JobDefinition {
    /// Key in the table: revisions of a name in order.
    pub(crate) fn key(name: &str, revision: u64) -> String {
        format!("{name}:{revision:010}")
    }
}

impl JobQueue {
    /// Whether it takes jobs.
    pub(crate) fn is_enabled(&self) -> bool {
        self.properties.get("state").and_then(Value::as_str) != Some("DISABLED")
    }
}

/// Registers the next revision of a job definition.
pub(crate) fn register(
    transaction: &mut Transaction<'_>,
    name: &str,
    arn_prefix: &str,
    properties: Value,
    tags: BTreeMap<String, String>,
) -> Result<JobDefinition, Error> {
    let revision = transaction.next_number(&format!("job-definition/{name}"))?;
    let definition = JobDefinition {
        name: name.to_owned(),
        revision,
        arn: format!("{arn_prefix}job-definition/{name}:{revision}"),
        is_active: true,
        properties,
        tags,
    };
    let key = JobDefinition::key(name, revision);
    transaction.put(Table::JobDefinitions, &key, &definition)?;
    Ok(definition)
}

/// Refuses what jobs here would not have.
pub(crate) fn check_definition(properties: &Value) -> Result<(), String> {
    let has = |name: &str| properties.get(name).is_some();
    if has("ecsProperties") || has("eksProperties") {
        return Err("the local cloud runs jobs of one container each".to_owned());
    }
    let ranges = properties
        .get("nodeProperties")
        .and_then(|one| one.get("nodeRangeProperties"));
    let ranges = ranges.and_then(Value::as_array).into_iter().flatten();
    let nodes = ranges.filter_map(|range| range.get("container"));
    let containers: Vec<&Value> = properties
        .get("containerProperties")
        .into_iter()
        .chain(nodes)
        .collect();
    if containers.is_empty() {
        return Err("a job definition needs containerProperties or nodeProperties".to_owned());
    }
    for container in containers {
        if container
            .get("image")
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            return Err("a container needs an image".to_owned());
        }
        let has_volumes = |name: &str| {
            container
                .get(name)
                .and_then(Value::as_array)
                .is_some_and(|list| !list.is_empty())
        };
        if has_volumes("volumes") || has_volumes("mountPoints") {
            return Err("the local cloud gives no volumes to jobs".to_owned());
        }
    }
    Ok(())
}

/// Makes a definition inactive: jobs that were submitted with it go on.
pub(crate) fn deregister(transaction: &mut Transaction<'_>, named: &str) -> Result<(), Error> {
    if let Some(mut definition) = find_definition(transaction, named)? {
        definition.is_active = false;
        let key = JobDefinition::key(&definition.name, definition.revision);
        transaction.put(Table::JobDefinitions, &key, &definition)?;
    }
    Ok(())
}

/// An active definition by ARN, by `name:revision`, or the newest one by name.
pub(super) fn find_definition(
    transaction: &Transaction<'_>,
    named: &str,
) -> Result<Option<JobDefinition>, Error> {
    let short = named.rsplit('/').next().unwrap_or(named);
    let (name, revision) = match short.rsplit_once(':') {
        Some((name, revision)) => (name, revision.parse::<u64>().ok()),
        None => (short, None),
    };
    let all = transaction.list::<JobDefinition>(Table::JobDefinitions, &format!("{name}:"))?;
    let mut active = all.into_iter().map(|(_, definition)| definition);
    Ok(active.rfind(|definition| {
        definition.is_active && revision.is_none_or(|revision| definition.revision == revision)
    }))
}

/// A queue by name or ARN.
pub(super) fn find_queue(
    transaction: &Transaction<'_>,
    named: &str,
) -> Result<Option<JobQueue>, Error> {
    let name = named.rsplit('/').next().unwrap_or(named);
    transaction.get(Table::JobQueues, name)
}
