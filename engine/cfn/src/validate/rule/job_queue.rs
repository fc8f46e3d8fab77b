//! Job queues ("`CreateJobQueue`" of the Batch API reference).

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, number, text};
use super::super::scalar::shown;
use super::compute_environment::{is_fargate, is_name, is_spot};
use crate::Resource;

const MAX_ENVIRONMENTS: usize = 3;

/// Checks a queue.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    if let Some(name) = item.text("JobQueueName").filter(|name| !is_name(name)) {
        findings
            .error(
                item.place("JobQueueName"),
                format!("{} is no name of a queue", shown(&name)),
            )
            .fix("1 to 128 letters, digits, hyphens and underscores");
    }
    let place = item.place("ComputeEnvironmentOrder");
    if item.has("ComputeEnvironmentOrder") && item.at("ComputeEnvironmentOrder").is_array() {
        let count = item.list("ComputeEnvironmentOrder").len();
        if !(1..=MAX_ENVIRONMENTS).contains(&count) {
            findings.error(
                &*place,
                format!("{count} environments, 1 to {MAX_ENVIRONMENTS} are possible"),
            );
        }
    }
    check_order(item, &place, findings);
    check_kinds(item, &place, findings);
}

/// A job over several nodes does not run on Spot instances.
pub(super) fn check_submission(
    item: &Item<'_>,
    path: &str,
    target: &Value,
    findings: &mut Findings,
) {
    let definition = target
        .get("BatchParameters")
        .and_then(|one| item.target(one.get("JobDefinition")?));
    let queue = target.get("Arn").and_then(|arn| item.target(arn));
    let (Some((id, definition)), Some((_, queue))) = (definition, queue) else {
        return;
    };
    let is_over_nodes =
        definition.properties.get("Type").and_then(text).as_deref() == Some("multinode");
    let environments = environments(item, queue.properties.get("ComputeEnvironmentOrder"));
    let is_on_spot = environments
        .iter()
        .any(|(_, one)| is_spot(one) == Some(true));
    if is_over_nodes && is_on_spot {
        findings
            .error(
                item.place(path),
                format!("{id} runs over several nodes, which Spot instances do not do"),
            )
            .fix("use a queue with EC2 instances");
    }
    let is_fargate_job = super::job_definition::is_fargate(definition);
    let differs = environments
        .iter()
        .any(|(_, one)| is_fargate(one).is_some_and(|of| of != is_fargate_job));
    if differs && !is_over_nodes {
        findings.error(
            item.place(path),
            format!("{id} and the queue are not both for Fargate or both for instances"),
        );
    }
}

fn check_order(item: &Item<'_>, place: &str, findings: &mut Findings) {
    let mut orders: Vec<f64> = Vec::new();
    for (_, one) in item.list("ComputeEnvironmentOrder") {
        let order = one.get("Order").and_then(number);
        if order.is_some_and(|order| orders.contains(&order)) {
            findings.error(place, "two environments have the same Order");
        }
        orders.extend(order);
    }
}

fn check_kinds(item: &Item<'_>, place: &str, findings: &mut Findings) {
    let environments = environments(item, Some(item.at("ComputeEnvironmentOrder")));
    let kinds: Vec<bool> = environments
        .iter()
        .filter_map(|(_, one)| is_fargate(one))
        .collect();
    if kinds.contains(&true) && kinds.contains(&false) {
        findings
            .error(place, "Fargate and instances cannot be mixed in one queue")
            .fix("make a queue for each");
    }
    let mut ids: Vec<&str> = Vec::new();
    for (id, _) in environments {
        if ids.contains(&id) {
            findings.error(place, format!("{id} is there twice"));
        }
        ids.push(id);
    }
}

fn environments<'a>(item: &Item<'a>, order: Option<&Value>) -> Vec<(&'a str, &'a Resource)> {
    let items = order.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|one| item.target(one.get("ComputeEnvironment")?))
        .collect()
}
