//! Rules of an event bus ("`PutRule`", "`PutTargets`" and "Input transformation").

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, at, flag, number, text};
use super::super::pattern;
use super::super::scalar::shown;
use super::super::schedule::{self, Once};

const MAX_TARGETS: usize = 5;

/// Checks a rule.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    pattern::check(
        item.at("EventPattern"),
        &item.place("EventPattern"),
        findings,
    );
    if let Some(expression) = item.text("ScheduleExpression") {
        if let Some(problem) = schedule::problem(&expression, Once::Refused) {
            findings.error(item.place("ScheduleExpression"), problem);
        }
        let bus = item
            .text("EventBusName")
            .unwrap_or_else(|| "default".to_owned());
        if bus != "default" {
            findings.error(
                item.place("ScheduleExpression"),
                "schedules are for the default event bus only",
            );
        }
    }
    check_targets(item, findings);
}

fn check_targets(item: &Item<'_>, findings: &mut Findings) {
    let targets = item.list("Targets");
    if targets.len() > MAX_TARGETS {
        findings
            .error(
                item.place("Targets"),
                format!(
                    "{} targets, at most {MAX_TARGETS} are allowed",
                    targets.len()
                ),
            )
            .fix("make a second rule with the same pattern");
    }
    let mut ids: Vec<String> = Vec::new();
    for (path, target) in targets {
        let id = target.get("Id").and_then(text);
        if id.as_ref().is_some_and(|id| ids.contains(id)) {
            findings.error(
                item.place(&format!("{path}.Id")),
                "two targets have this id",
            );
        }
        ids.extend(id);
        check_input(item, &path, target, findings);
        check_kind(item, &path, target, findings);
    }
}

fn check_input(item: &Item<'_>, path: &str, target: &Value, findings: &mut Findings) {
    let kinds = ["Input", "InputPath", "InputTransformer"];
    let count = kinds.iter().filter(|key| target.get(key).is_some()).count();
    if count > 1 {
        findings.error(
            item.place(path),
            format!("{} exclude each other", kinds.join(", ")),
        );
    }
    if let Some(input) = target.get("Input").and_then(text)
        && serde_json::from_str::<Value>(&input).is_err()
    {
        findings.error(
            item.place(&format!("{path}.Input")),
            format!("{} is no JSON", shown(&input)),
        );
    }
    if let Some(input) = target
        .get("InputPath")
        .and_then(text)
        .filter(|input| !input.starts_with('$'))
    {
        findings.error(
            item.place(&format!("{path}.InputPath")),
            format!("{} is no path such as $.detail", shown(&input)),
        );
    }
    if let Some(transformer) = target.get("InputTransformer") {
        check_transformer(
            item,
            &format!("{path}.InputTransformer"),
            transformer,
            findings,
        );
    }
}

fn check_transformer(item: &Item<'_>, path: &str, transformer: &Value, findings: &mut Findings) {
    let paths = transformer.get("InputPathsMap").and_then(Value::as_object);
    for (name, value) in paths.into_iter().flatten() {
        if text(value).is_some_and(|value| !value.starts_with('$')) {
            findings.error(
                item.place(&format!("{path}.InputPathsMap.{name}")),
                "a path begins with $",
            );
        }
        if name.to_lowercase().starts_with("aws") {
            findings.error(
                item.place(&format!("{path}.InputPathsMap.{name}")),
                "names that begin with aws are reserved",
            );
        }
    }
    if paths.is_some_and(|paths| paths.len() > 100) {
        findings.error(item.place(path), "more than 100 paths");
    }
    let template = transformer
        .get("InputTemplate")
        .and_then(text)
        .unwrap_or_default();
    for name in placeholders(&template) {
        let is_known =
            name.starts_with("aws.") || paths.is_some_and(|paths| paths.contains_key(name));
        if !is_known {
            findings.error(
                item.place(&format!("{path}.InputTemplate")),
                format!("<{name}> is not in InputPathsMap"),
            );
        }
    }
}

/// Names in angle brackets.
fn placeholders(template: &str) -> Vec<&str> {
    let is_letter =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    template
        .split('<')
        .skip(1)
        .filter_map(|rest| rest.split_once('>'))
        .map(|(name, _)| name)
        .filter(|name| !name.is_empty() && name.chars().all(is_letter))
        .collect()
}

/// What a target needs depends on what it is.
fn check_kind(item: &Item<'_>, path: &str, target: &Value, findings: &mut Findings) {
    let resource = target.get("Arn").and_then(|arn| item.target(arn));
    let kind = resource.as_ref().map(|(_, one)| one.kind.as_str());
    let has = |key: &str| target.get(key).is_some();
    if has("BatchParameters") || kind == Some("AWS::Batch::JobQueue") {
        check_batch(item, path, target, findings);
    }
    if has("BatchParameters")
        && kind.is_some_and(|kind| kind.starts_with("AWS::") && kind != "AWS::Batch::JobQueue")
    {
        findings.error(
            item.place(&format!("{path}.BatchParameters")),
            "the target is no job queue",
        );
    }
    if let Some((_, queue)) = resource
        .as_ref()
        .filter(|(_, one)| one.kind == "AWS::SQS::Queue")
    {
        let is_fifo = queue.properties.get("FifoQueue").and_then(flag) == Some(true);
        if is_fifo != has("SqsParameters") {
            let message = if is_fifo {
                "a FIFO queue needs SqsParameters"
            } else {
                "SqsParameters are for FIFO queues"
            };
            findings.error(item.place(path), message);
        }
    }
    if let Some((id, _)) = resource.filter(|(_, one)| one.kind == "AWS::Lambda::Function") {
        check_allowed(item, path, id, has("RoleArn"), findings);
    }
}

fn check_batch(item: &Item<'_>, path: &str, target: &Value, findings: &mut Findings) {
    if target.get("RoleArn").is_none() {
        findings
            .error(item.place(path), "a job queue needs RoleArn")
            .fix("give a role that events.amazonaws.com may take, with batch:SubmitJob");
    }
    let Some(parameters) = target.get("BatchParameters") else {
        findings.error(item.place(path), "a job queue needs BatchParameters");
        return;
    };
    let ranges = [
        ("ArrayProperties.Size", 2.0, 10_000.0),
        ("RetryStrategy.Attempts", 1.0, 10.0),
    ];
    for (key, low, high) in ranges {
        if let Some(value) =
            number(at(parameters, key)).filter(|value| *value < low || *value > high)
        {
            findings.error(
                item.place(&format!("{path}.BatchParameters.{key}")),
                format!("{value} is not within {low} to {high}"),
            );
        }
    }
    super::job_queue::check_submission(item, path, target, findings);
}

fn check_allowed(item: &Item<'_>, path: &str, id: &str, has_role: bool, findings: &mut Findings) {
    let is_allowed = item.invokers.may_be_of(id).any(|one| {
        let principal = one.properties.get("Principal").and_then(text);
        principal.is_none_or(|name| name.starts_with("events.amazonaws.com"))
    });
    if !is_allowed && !has_role {
        findings
            .error(item.place(path), format!("the rule may not invoke {id}"))
            .fix("add an AWS::Lambda::Permission with Principal events.amazonaws.com");
    }
}
