//! The buckets of a workflow: managed ones as resources, the others' notifications.

use std::collections::BTreeSet;

use scar_schemas::construct::Events;
use scar_schemas::digest::Digest;
use scar_schemas::record::STAGED_PREFIX;
use scar_workflow::{BucketSettings, Stage, Workflow};
use serde_json::{Map, Value, json};

use crate::event::{self, direct};
use crate::fragment::Fragments;
use crate::{Error, Notification, NotificationTarget, Origin, name};

/// Digits of the hash in the id of a notification rule.
const ID_DIGITS: usize = 8;
/// Length of a bucket's name, less `-<account>-`, and less the closing `-an` ("Bucket naming rules" of S3).
const MAX_PREFIX_AND_REGION: usize = 63 - 14 - 3;
/// The shortest region. Where the manifest names none, the service refuses names that a longer one spoils.
const SHORTEST_REGION: &str = "us-east-1";

/// Logical id, resource and origin.
pub(crate) type Placed = (String, Value, Origin);

/// Resources of the managed buckets.
pub(crate) fn resources(fragments: &Fragments, workflow: &Workflow) -> Result<Vec<Placed>, Error> {
    let plain = BucketSettings::default();
    let mut resources = Vec::new();
    for bucket in managed(workflow) {
        let prefix = name::bucket_prefix(&workflow.name, &workflow.environment, bucket);
        let settings = workflow.bucket_settings.get(bucket).unwrap_or(&plain);
        let functions = functions(workflow, bucket);
        let values = json!({
            "prefix": checked_prefix(prefix, workflow)?,
            "events": true,
            "functions": functions.notifications,
            "permissions": functions.permissions,
            "expire": expire(settings),
            "staged": (*bucket == workflow.state_bucket).then_some(STAGED_PREFIX),
            "versioned": settings.versioned,
            "old_versions_days": settings.old_versions_days,
            "kms_key": workflow.safeguards.kms_key,
            "access_logs": workflow.safeguards.access_logs,
        });
        let id = name::bucket_id(bucket);
        let guard = json!({"bucket": id, "policy": "Retain"});
        let origin = Origin {
            stage: None,
            path: format!("buckets.{bucket}"),
        };
        let resource = fragments.render("bucket", values)?;
        resources.push((id, resource, origin.clone()));
        let resource = fragments.render("guard", guard)?;
        resources.push((name::guard_id(bucket), resource, origin));
    }
    Ok(resources)
}

/// Outputs with the real names of the managed buckets.
pub(crate) fn outputs(workflow: &Workflow) -> Map<String, Value> {
    let output = |bucket: &str| json!({ "Value": { "Ref": name::bucket_id(bucket) } });
    managed(workflow)
        .map(|bucket| (name::bucket_output(bucket), output(bucket)))
        .collect()
}

/// What buckets that scar did not make have to tell of.
pub(crate) fn notifications(workflow: &Workflow) -> Vec<Notification> {
    let mut notifications = BTreeSet::new();
    for stage in workflow
        .stages
        .iter()
        .filter(|stage| event::has_main_events(stage))
    {
        for (bucket, target) in targets(workflow, stage) {
            if let Some(Some(existing)) = workflow.buckets.get(bucket) {
                let bucket = existing.clone();
                notifications.insert(Notification { bucket, target });
            }
        }
    }
    notifications.into_iter().collect()
}

/// The prefix, if the name made of it is not too long.
pub(crate) fn checked_prefix(prefix: String, workflow: &Workflow) -> Result<String, Error> {
    let region = workflow.region.as_deref().unwrap_or(SHORTEST_REGION);
    let limit = MAX_PREFIX_AND_REGION.saturating_sub(region.len());
    if prefix.len() > limit {
        return Err(Error::BucketName { prefix, limit });
    }
    Ok(prefix)
}

fn managed(workflow: &Workflow) -> impl Iterator<Item = &str> {
    let buckets = workflow.buckets.iter();
    buckets
        .filter(|(_, existing)| existing.is_none())
        .map(|(bucket, _)| bucket.as_str())
}

fn expire(settings: &BucketSettings) -> Vec<Value> {
    let rule = |(prefix, days): (&String, &u32)| {
        let id = if prefix.is_empty() {
            "scar-expire".to_owned()
        } else {
            // Ids have 255 characters at most, prefixes more ("LifecycleRule" of S3).
            format!("scar-expire-{}", digits(prefix))
        };
        json!({"id": id, "prefix": prefix, "days": days})
    };
    settings.expire_days.iter().map(rule).collect()
}

/// What a bucket tells functions, and the permissions that have to be there first.
#[derive(Default)]
struct Functions {
    notifications: Vec<Value>,
    permissions: Vec<String>,
}

fn functions(workflow: &Workflow, bucket: &str) -> Functions {
    let mut functions = Functions::default();
    for stage in &workflow.stages {
        let filters = direct::filters(stage);
        let Some(index) = filters.keys().position(|one| *one == bucket) else {
            continue;
        };
        for filter in filters.get(bucket).into_iter().flatten() {
            functions.notifications.push(json!({
                "prefix": filter.prefix,
                "suffix": filter.suffix,
                "function": name::function_id(&stage.id),
            }));
        }
        let rules = event::rules(workflow, stage).map_or(0, |rules| rules.len());
        functions
            .permissions
            .push(name::permission_id(&stage.id, rules + index));
    }
    functions
}

fn targets<'a>(workflow: &Workflow, stage: &'a Stage) -> Vec<(&'a str, NotificationTarget)> {
    if stage.events != Events::Direct {
        let buckets = stage.inputs.iter().map(|input| input.bucket.as_str());
        return buckets
            .map(|bucket| (bucket, NotificationTarget::EventBridge))
            .collect();
    }
    let mut targets = Vec::new();
    for (bucket, filters) in direct::filters(stage) {
        for filter in filters {
            let seed = format!("{bucket}\0{}\0{}", filter.prefix, filter.suffix);
            let Workflow {
                name, environment, ..
            } = workflow;
            let target = NotificationTarget::Function {
                id: format!("scar.{name}.{environment}.{}.{}", stage.id, digits(&seed)),
                stage: stage.name.clone(),
                logical_id: name::function_id(&stage.id),
                prefix: filter.prefix,
                suffix: filter.suffix,
            };
            targets.push((bucket, target));
        }
    }
    targets
}

fn digits(text: &str) -> String {
    let digest = Digest::of(text.as_bytes());
    digest.hex().chars().take(ID_DIGITS).collect()
}
