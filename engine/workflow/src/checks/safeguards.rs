//! How an environment keeps what it stores safe.

use scar_manifest::{Diagnostic, Span};

use super::Look;
use crate::resolve::span;

/// Reports a key of another region, and logs that would log themselves.
pub(crate) fn check(look: &Look<'_>, report: &mut Vec<Diagnostic>) {
    report.extend(region(look));
    report.extend(log_bucket(look));
}

/// The place of a setting of the environment.
fn place(look: &Look<'_>, key: &str) -> Span {
    let path = format!("envs.{}.{key}", look.workflow.environment);
    span(look.places, &path)
}

/// Buckets, queues and logs take keys of their own region only.
fn region(look: &Look<'_>) -> Option<Diagnostic> {
    let key = look.workflow.safeguards.kms_key.as_ref()?;
    let of_key = key.split(':').nth(3)?;
    let region = look.workflow.region.as_ref()?;
    if of_key == region {
        return None;
    }
    let summary = format!("the KMS key is in {of_key}, the workflow in {region}");
    let help = "name a key of the workflow's region; a multi-region key has a replica there with an ARN of its own";
    Some(
        Diagnostic::error("E838", summary)
            .label(place(look, "kms_key"), format!("of {of_key}"))
            .help(help),
    )
}

/// Each log that S3 writes into a bucket would be one more access to it, or start a task.
fn log_bucket(look: &Look<'_>) -> Option<Diagnostic> {
    let logs = look.workflow.safeguards.access_logs.as_ref()?;
    let is_it = |real: &Option<String>| real.as_ref() == Some(logs);
    let (name, _) = look.workflow.buckets.iter().find(|(_, real)| is_it(real))?;
    let summary = format!("the access logs would go into bucket `{name}` of the workflow");
    let own = span(look.places, &format!("buckets.{name}"));
    Some(
        Diagnostic::error("E839", summary)
            .label(place(look, "access_logs"), "for the logs")
            .label(own, "for the workflow's objects")
            .help("give the logs a bucket of their own: every log would be a new object of the workflow"),
    )
}
