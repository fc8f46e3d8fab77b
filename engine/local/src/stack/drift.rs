//! Drift: what resources are now, compared with what their template says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Resource, Stack};
use crate::Error;
use crate::batch::JobDefinition;
use crate::events::Rule;
use crate::lambda::Function;
use crate::logs::Group;
use crate::queue::{self, Queue};
use crate::s3::Bucket;
use crate::store::{Store, Table};

/// What became of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DriftStatus {
    /// It is what the template says.
    InSync,
    /// A property differs.
    Modified,
    /// It is gone.
    Deleted,
    /// Nothing of it can be read back.
    NotChecked,
}

impl DriftStatus {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InSync => "IN_SYNC",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::NotChecked => "NOT_CHECKED",
        }
    }
}

/// A resource, as it is and as it should be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Drift {
    /// Its name in the template.
    pub(crate) logical_id: String,
    /// Its physical id.
    pub(crate) physical_id: String,
    /// Its type.
    pub(crate) kind: String,
    /// What became of it.
    pub(crate) status: DriftStatus,
    /// The properties that were compared, as the template has them.
    pub(crate) expected: Value,
    /// The same, as they are.
    pub(crate) actual: Value,
    /// Where they differ.
    pub(crate) differences: Vec<Difference>,
}

/// A property that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Difference {
    /// Path, for instance `/Environment/Variables/A`.
    pub(crate) path: String,
    /// What the template says.
    pub(crate) expected: String,
    /// What it is.
    pub(crate) actual: String,
    /// `ADD`, `REMOVE` or `NOT_EQUAL`.
    pub(crate) kind: String,
}

/// What can be read back of a resource.
enum Observed {
    Nothing,
    Gone,
    Properties(Value),
}

/// Compares all resources of a stack.
pub(crate) fn detect(store: &Store, stack: &Stack) -> Result<Vec<Drift>, Error> {
    let resources = stack.resources.values();
    resources.map(|resource| compare(store, resource)).collect()
}

fn compare(store: &Store, resource: &Resource) -> Result<Drift, Error> {
    let mut drift = Drift {
        logical_id: resource.logical_id.clone(),
        physical_id: resource.physical_id.clone(),
        kind: resource.kind.clone(),
        status: DriftStatus::InSync,
        expected: json!({}),
        actual: json!({}),
        differences: Vec::new(),
    };
    let actual = match observe(store, resource)? {
        Observed::Nothing => {
            drift.status = DriftStatus::NotChecked;
            return Ok(drift);
        }
        Observed::Gone => {
            drift.status = DriftStatus::Deleted;
            return Ok(drift);
        }
        Observed::Properties(actual) => actual,
    };
    // Only what the template says is compared: defaults are no drift.
    let (expected, actual) = shared(&resource.properties, &actual);
    differences("", &expected, &actual, &mut drift.differences);
    if !drift.differences.is_empty() {
        drift.status = DriftStatus::Modified;
    }
    (drift.expected, drift.actual) = (expected, actual);
    Ok(drift)
}

/// The properties that are in the template and can be read back.
fn shared(expected: &BTreeMap<String, Value>, actual: &Value) -> (Value, Value) {
    let (mut both, mut now) = (json!({}), json!({}));
    for (name, value) in expected {
        if let Some(current) = actual.get(name) {
            both[name] = value.clone();
            now[name] = current.clone();
        }
    }
    (both, now)
}

fn differences(path: &str, expected: &Value, actual: &Value, found: &mut Vec<Difference>) {
    if let (Value::Object(wanted), Value::Object(current)) = (expected, actual) {
        let names: std::collections::BTreeSet<&String> =
            wanted.keys().chain(current.keys()).collect();
        for name in names {
            let path = format!("{path}/{name}");
            let side = |fields: &serde_json::Map<String, Value>| {
                fields.get(name).cloned().unwrap_or(Value::Null)
            };
            differences(&path, &side(wanted), &side(current), found);
        }
        return;
    }
    if same(expected, actual) {
        return;
    }
    let kind = match (expected, actual) {
        (Value::Null, _) => "ADD",
        (_, Value::Null) => "REMOVE",
        _ => "NOT_EQUAL",
    };
    found.push(Difference {
        path: path.to_owned(),
        expected: text(expected),
        actual: text(actual),
        kind: kind.to_owned(),
    });
}

/// Templates may write numbers and truth values as texts.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        _ => text(one) == text(other),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn observe(store: &Store, resource: &Resource) -> Result<Observed, Error> {
    let id = resource.physical_id.as_str();
    let observed = match resource.kind.as_str() {
        "AWS::Lambda::Function" => store
            .get::<Function>(Table::Functions, id)?
            .map(|one| function(&one)),
        "AWS::SQS::Queue" => {
            let queue = store.get::<Queue>(Table::Queues, queue::name_of(id))?;
            queue.map(|one| queue_properties(&one))
        }
        "AWS::Events::Rule" => store.get::<Rule>(Table::Rules, id)?.map(|one| rule(&one)),
        "AWS::Logs::LogGroup" => {
            let group = store.get::<Group>(Table::LogGroups, id)?;
            group.map(
                |one| json!({ "KmsKeyId": one.kms_key, "RetentionInDays": one.retention_days }),
            )
        }
        "AWS::S3::Bucket" => store
            .get::<Bucket>(Table::Buckets, id)?
            .map(|one| bucket(&one)),
        "AWS::Batch::JobDefinition" => job_definition(store, id)?,
        other => {
            let Some((table, key)) = place(other, id) else {
                return Ok(Observed::Nothing);
            };
            let found = store.get::<serde::de::IgnoredAny>(table, key)?;
            found.map(|_| json!({}))
        }
    };
    Ok(observed.map_or(Observed::Gone, Observed::Properties))
}

/// Where a resource stands of which only its existence is looked at.
fn place<'a>(kind: &str, id: &'a str) -> Option<(Table, &'a str)> {
    let last = id.rsplit('/').next().unwrap_or(id);
    Some(match kind {
        "AWS::ApiGatewayV2::Api" => (Table::Apis, id),
        "AWS::Batch::ComputeEnvironment" => (Table::ComputeEnvironments, last),
        "AWS::Batch::JobQueue" => (Table::JobQueues, last),
        "AWS::ECR::Repository" => (Table::Repositories, id),
        "AWS::IAM::Role" => (Table::Roles, id),
        "AWS::Lambda::EventSourceMapping" => (Table::Mappings, id),
        "AWS::Lambda::LayerVersion" => (Table::Layers, id),
        _ => return None,
    })
}

fn function(one: &Function) -> Value {
    json!({
        "Description": one.description,
        "Environment": { "Variables": one.environment },
        "EphemeralStorage": { "Size": one.disk_mib },
        "Handler": one.handler,
        "KmsKeyArn": one.kms_key,
        "Layers": one.layers,
        "MemorySize": one.memory_mib,
        "ReservedConcurrentExecutions": one.reserved,
        "Role": one.role_arn,
        "Runtime": one.runtime,
        "Timeout": one.timeout_s,
        "VpcConfig": one.network,
    })
}

fn queue_properties(one: &Queue) -> Value {
    let redrive = one.redrive.as_ref().map(|redrive| {
        json!({
            "deadLetterTargetArn": redrive.dead_letter,
            "maxReceiveCount": redrive.receives_max,
        })
    });
    json!({
        "DelaySeconds": one.delay_s,
        "KmsMasterKeyId": one.kms_key,
        "MessageRetentionPeriod": one.retention_s,
        "RedrivePolicy": redrive,
        "VisibilityTimeout": one.visibility_timeout_s,
    })
}

fn rule(one: &Rule) -> Value {
    json!({
        "Description": one.description,
        "EventPattern": one.pattern,
        "State": if one.is_enabled { "ENABLED" } else { "DISABLED" },
    })
}

fn bucket(one: &Bucket) -> Value {
    let status = one.versioning.status();
    json!({
        "BucketEncryption": one.properties["BucketEncryption"],
        "LifecycleConfiguration": one.properties["LifecycleConfiguration"],
        "LoggingConfiguration": one.properties["LoggingConfiguration"],
        "VersioningConfiguration": status.map(|status| json!({ "Status": status })),
    })
}

/// A definition that is not active any more is gone for those who use it.
fn job_definition(store: &Store, arn: &str) -> Result<Option<Value>, Error> {
    let last = arn.rsplit('/').next().unwrap_or(arn);
    let Some((name, revision)) = last.rsplit_once(':') else {
        return Ok(None);
    };
    let key = JobDefinition::key(name, revision.parse().unwrap_or(0));
    let found = store.get::<JobDefinition>(Table::JobDefinitions, &key)?;
    Ok(found.filter(|one| one.is_active).map(|_| json!({})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_paths() {
        let expected = json!({ "Timeout": "3", "Environment": { "Variables": { "A": "1", "B": "2" } }, "L": [1, "2"] });
        let actual = json!({ "Timeout": 3, "Environment": { "Variables": { "A": "9", "C": "4" } }, "L": ["1", 2] });
        let mut found = Vec::new();
        differences("", &expected, &actual, &mut found);
        let shown: Vec<(&str, &str)> = found
            .iter()
            .map(|one| (one.path.as_str(), one.kind.as_str()))
            .collect();
        let variables = "/Environment/Variables";
        assert_eq!(
            shown,
            [
                (format!("{variables}/A").as_str(), "NOT_EQUAL"),
                (format!("{variables}/B").as_str(), "REMOVE"),
                (format!("{variables}/C").as_str(), "ADD"),
            ]
        );
    }
}
