//! Names become parts of ARNs, keys and other names, so their form is checked once more here, where a
//! wrong one would widen what a role may do.

use scar_workflow::Workflow;
use serde_json::Value;

use crate::Error;

/// Checks all names of a workflow.
pub(crate) fn names(workflow: &Workflow) -> Result<(), Error> {
    let stages = workflow.stages.iter();
    let stages = stages.flat_map(|stage| [&stage.name, &stage.id].into_iter().chain(&stage.after));
    let own = [&workflow.name, &workflow.environment]
        .into_iter()
        .chain(workflow.buckets.keys())
        .chain(stages);
    let existing = workflow.buckets.values().flatten();
    let wrong = own
        .filter(|name| !is_name(name))
        .chain(existing.filter(|name| !is_bucket_name(name)))
        .chain(workflow.alarm.iter().filter(|topic| !is_topic(topic)))
        .next();
    match wrong {
        Some(name) => Err(Error::InvalidName { name: name.clone() }),
        None => Ok(()),
    }
}

/// Whether `CloudFormation` would put a secret or a parameter in place of some text of a resource: nothing
/// that scar renders asks for one.
pub(crate) fn dynamic_reference(resource: &Value) -> Option<&str> {
    match resource {
        Value::String(text) => is_dynamic(text).then_some(text),
        Value::Array(items) => items.iter().find_map(dynamic_reference),
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            let in_key = is_dynamic(key).then_some(key.as_str());
            in_key.or_else(|| dynamic_reference(value))
        }),
        _ => None,
    }
}

/// Most text has no brace at all, which is seen soonest.
fn is_dynamic(text: &str) -> bool {
    text.contains('{') && text.contains("{{resolve:")
}

/// A topic's name ("`CreateTopic`" of SNS) or its ARN.
fn is_topic(topic: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let name = topic.rsplit(':').next().unwrap_or_default();
    let is_arn = topic.starts_with("arn:") && !topic.contains("${");
    (is_arn || name == topic) && !name.is_empty() && name.bytes().all(is_allowed)
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.bytes().all(is_plain)
}

/// Buckets made before 2018 may have upper case and underscores ("Bucket naming rules" of S3).
fn is_bucket_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (3..=255).contains(&name.len()) && name.bytes().all(is_allowed)
}
