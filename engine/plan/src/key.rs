//! What keys and log buckets of an environment need beyond what a template can say.

use scar_schemas::construct::Events;
use scar_schemas::deployed::Deployed;
use scar_workflow::Workflow;

use crate::{Check, CheckOutcome, Plan, Request, check};

/// Where people read on.
const PAGE: &str = "docs/guide/linters.md has the policy";

/// What others have to allow first, and what stays behind when a key goes.
pub(crate) fn checks(
    plan: &Plan,
    workflow: &Workflow,
    old: Option<&Deployed>,
    request: &Request<'_>,
) -> Vec<Check> {
    let before = |name: &str| old?.settings.get(name).map(String::as_str);
    let safeguards = &workflow.safeguards;
    let (key, logs) = (
        safeguards.kms_key.as_deref(),
        safeguards.access_logs.as_deref(),
    );
    let place = |name: &str| request.place([format!("envs.{}.{name}", plan.environment).as_str()]);
    let one = |code: &str, is_new: bool, name: &str, summary: String| Check {
        code: code.to_owned(),
        outcome: match is_new {
            true => CheckOutcome::Warning,
            false => CheckOutcome::Passed,
        },
        place: place(name),
        ..check::judged(code, None, &summary)
    };
    let mut checks = Vec::new();
    if let Some(key) = key {
        let summary = format!(
            "the policy of {key} must let in {}: {PAGE}",
            services(workflow)
        );
        checks.push(one(
            "kms-key",
            before("kms_key") != Some(key),
            "kms_key",
            summary,
        ));
    }
    if let Some(old) = before("kms_key").filter(|old| key != Some(*old)) {
        let summary = format!(
            "what was stored so far stays encrypted with {old}, which stages may not use any more"
        );
        checks.push(one("old-kms-key", true, "kms_key", summary));
    }
    if let Some(logs) = logs {
        let summary =
            format!("the policy of bucket {logs} must let in logging.s3.amazonaws.com: {PAGE}");
        checks.push(one(
            "access-logs",
            before("access_logs") != Some(logs),
            "access_logs",
            summary,
        ));
    }
    checks
}

/// Services that encrypt with the key on their own account. Everybody else comes with the rights of a role
/// ("Encrypt log data in CloudWatch Logs using AWS KMS", "Amazon SQS key management").
fn services(workflow: &Workflow) -> &'static str {
    let has_queue = |stage: &scar_workflow::Stage| stage.events == Events::Queue;
    match workflow.stages.iter().any(has_queue) {
        true => "CloudWatch Logs and EventBridge",
        false => "CloudWatch Logs",
    }
}
