//! Job definitions ("`RegisterJobDefinition`" of the Batch API reference).

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, at, number, text};
use super::super::scalar::shown;
use super::compute_environment::is_name;
use super::container::{self, Machine};
use crate::Resource;

/// Ways to say what runs, and the type of job each is for.
const SHAPES: &[(&str, &str)] = &[
    ("ContainerProperties", "container"),
    ("EcsProperties", "container"),
    ("EksProperties", "container"),
    ("NodeProperties", "multinode"),
];
const MAX_CONDITIONS: usize = 5;

/// Checks a job definition.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    if let Some(name) = item.text("JobDefinitionName").filter(|name| !is_name(name)) {
        findings
            .error(
                item.place("JobDefinitionName"),
                format!("{} is no name of a job definition", shown(&name)),
            )
            .fix("1 to 128 letters, digits, hyphens and underscores");
    }
    check_shape(item, findings);
    check_retries(item, findings);
    check_timeout(item, findings);
    let machine = machine(item);
    if let Some(machine) = machine {
        container::check_definition(item, machine, findings);
    }
    check_nodes(item, machine, findings);
}

/// Whether a definition is for Fargate.
pub(super) fn is_fargate(resource: &Resource) -> bool {
    let platforms = resource.properties.get("PlatformCapabilities");
    platforms.and_then(Value::as_array).is_some_and(|all| {
        all.iter()
            .any(|one| text(one).as_deref() == Some("FARGATE"))
    })
}

/// Where the job runs; `None` if it cannot be said.
fn machine(item: &Item<'_>) -> Option<Machine> {
    let platforms = item.list("PlatformCapabilities");
    if !item.has("PlatformCapabilities") {
        return Some(Machine::Instance);
    }
    match platforms.as_slice() {
        [(_, one)] => match text(one)?.as_str() {
            "FARGATE" => Some(Machine::Fargate),
            "EC2" => Some(Machine::Instance),
            _ => None,
        },
        _ => None,
    }
}

fn check_shape(item: &Item<'_>, findings: &mut Findings) {
    let given: Vec<&(&str, &str)> = SHAPES.iter().filter(|(key, _)| item.has(key)).collect();
    let [(key, wanted)] = given.as_slice() else {
        let names: Vec<&str> = SHAPES.iter().map(|(key, _)| *key).collect();
        findings.error(
            item.place(""),
            format!("exactly one of {} is needed", names.join(", ")),
        );
        return;
    };
    let kind = item.text("Type").map(|kind| kind.to_lowercase());
    if kind.is_some_and(|kind| kind != *wanted) {
        findings
            .error(
                item.place("Type"),
                format!("{key} is for jobs of the type {wanted}"),
            )
            .fix(format!("set Type: {wanted}"));
    }
    if item.list("PlatformCapabilities").len() > 1 {
        findings.error(
            item.place("PlatformCapabilities"),
            "a job is for EC2 or for Fargate, not for both",
        );
    }
}

fn check_retries(item: &Item<'_>, findings: &mut Findings) {
    let attempts = "RetryStrategy.Attempts";
    if let Some(value) = item
        .number(attempts)
        .filter(|value| !(1.0..=10.0).contains(value))
    {
        findings.error(
            item.place(attempts),
            format!("{value} is not within 1 to 10"),
        );
    }
    let conditions = item.list("RetryStrategy.EvaluateOnExit");
    if conditions.len() > MAX_CONDITIONS {
        findings.error(
            item.place("RetryStrategy.EvaluateOnExit"),
            format!(
                "{} conditions, at most {MAX_CONDITIONS} are allowed",
                conditions.len()
            ),
        );
    }
    if !conditions.is_empty() && !item.has(attempts) {
        findings
            .error(item.place("RetryStrategy"), "EvaluateOnExit needs Attempts")
            .fix("add Attempts");
    }
    for (path, condition) in conditions {
        check_exit(item, &path, condition, findings);
    }
}

fn check_exit(item: &Item<'_>, path: &str, condition: &Value, findings: &mut Findings) {
    let keys = ["OnExitCode", "OnReason", "OnStatusReason"];
    if condition.is_object() && !keys.iter().any(|key| condition.get(key).is_some()) {
        findings.error(
            item.place(path),
            format!("one of {} is needed", keys.join(", ")),
        );
    }
    let code = text(at(condition, "OnExitCode")).unwrap_or_default();
    let is_code = code
        .strip_suffix('*')
        .unwrap_or(&code)
        .chars()
        .all(|letter| letter.is_ascii_digit());
    if !is_code {
        findings
            .error(
                item.place(&format!("{path}.OnExitCode")),
                format!("{} is no exit code", shown(&code)),
            )
            .fix("digits, and a star at the end for any others");
    }
}

fn check_timeout(item: &Item<'_>, findings: &mut Findings) {
    let path = "Timeout.AttemptDurationSeconds";
    if let Some(value) = item.number(path).filter(|value| *value < 60.0) {
        findings.error(
            item.place(path),
            format!("{value} s, at least 60 s are needed"),
        );
    }
    let priority = "SchedulingPriority";
    if let Some(value) = item
        .number(priority)
        .filter(|value| !(0.0..=9999.0).contains(value))
    {
        findings.error(
            item.place(priority),
            format!("{value} is not within 0 to 9999"),
        );
    }
}

fn check_nodes(item: &Item<'_>, machine: Option<Machine>, findings: &mut Findings) {
    if !item.has("NodeProperties") {
        return;
    }
    if machine == Some(Machine::Fargate) {
        findings
            .error(
                item.place("PlatformCapabilities"),
                "a job over several nodes does not run on Fargate",
            )
            .fix("use EC2");
    }
    let (nodes, main) = (
        item.number("NodeProperties.NumNodes"),
        item.number("NodeProperties.MainNode"),
    );
    if nodes.is_some_and(|nodes| nodes < 1.0) {
        findings.error(
            item.place("NodeProperties.NumNodes"),
            "at least one node is needed",
        );
    }
    if let (Some(nodes), Some(main)) = (nodes, main)
        && (main >= nodes || main < 0.0)
    {
        findings.error(
            item.place("NodeProperties.MainNode"),
            format!("node {main} is not one of {nodes}, counted from 0"),
        );
    }
    check_ranges(item, nodes, findings);
}

/// Every node must be in a range.
fn check_ranges(item: &Item<'_>, nodes: Option<f64>, findings: &mut Findings) {
    let ranges = item.list("NodeProperties.NodeRangeProperties");
    let mut covered: Vec<(f64, f64)> = Vec::new();
    for (path, range) in ranges {
        let Some(target) = text(at(range, "TargetNodes")) else {
            return;
        };
        let Some((low, high)) = bounds(&target, nodes) else {
            findings
                .error(
                    item.place(&format!("{path}.TargetNodes")),
                    format!("{} is no range of nodes", shown(&target)),
                )
                .fix("write it as 0:, :3 or 1:3");
            return;
        };
        if low > high || nodes.is_some_and(|nodes| high >= nodes) {
            findings.error(
                item.place(&format!("{path}.TargetNodes")),
                format!("{} goes beyond the nodes there are", shown(&target)),
            );
        }
        covered.push((low, high));
    }
    let Some(nodes) = nodes.filter(|nodes| *nodes <= 10_000.0) else {
        return;
    };
    covered.sort_by(|left, right| left.0.total_cmp(&right.0));
    let mut next = 0.0;
    for (low, high) in covered {
        if low > next {
            break;
        }
        next = f64::max(next, high + 1.0);
    }
    if next < nodes && item.has("NodeProperties.NodeRangeProperties") {
        findings.error(
            item.place("NodeProperties.NodeRangeProperties"),
            format!("node {next} is in no range"),
        );
    }
}

fn bounds(target: &str, nodes: Option<f64>) -> Option<(f64, f64)> {
    let whole = |text: &str| text.parse::<u32>().ok().map(f64::from);
    match target.split_once(':') {
        Some((low, high)) => {
            let low = if low.is_empty() {
                Some(0.0)
            } else {
                whole(low)
            }?;
            let last = nodes.map_or(low, |nodes| nodes - 1.0);
            let high = if high.is_empty() {
                Some(last)
            } else {
                whole(high)
            }?;
            Some((low, high))
        }
        None => whole(target).map(|one| (one, one)),
    }
}

/// A number of a requirement.
pub(super) fn requirement(container: &Value, kind: &str) -> Option<f64> {
    let all = container.get("ResourceRequirements")?.as_array()?;
    let one = all
        .iter()
        .find(|one| one.get("Type").and_then(text).as_deref() == Some(kind))?;
    number(one.get("Value")?)
}
