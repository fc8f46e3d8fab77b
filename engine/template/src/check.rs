//! Names become parts of ARNs, keys and other names, so their form is checked once more here, where a
//! wrong one would widen what a role may do.

use scar_workflow::Workflow;

use crate::Error;

/// Checks all names of a workflow.
pub(crate) fn names(workflow: &Workflow) -> Result<(), Error> {
    let stages = workflow.stages.iter().map(|stage| &stage.name);
    let own = [&workflow.name, &workflow.environment]
        .into_iter()
        .chain(workflow.buckets.keys())
        .chain(stages);
    let existing = workflow.buckets.values().flatten();
    let wrong = own
        .filter(|name| !is_name(name))
        .chain(existing.filter(|name| !is_bucket_name(name)))
        .next();
    match wrong {
        Some(name) => Err(Error::InvalidName { name: name.clone() }),
        None => Ok(()),
    }
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
