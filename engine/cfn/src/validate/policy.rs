//! Policy documents of IAM ("IAM JSON policy element reference" in its user guide).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::finding::Findings;
use super::item::{each, is_open, text};
use super::scalar::shown;
use super::similar::similar;
use super::text::Text;
use super::trail::Trail;

/// What a policy belongs to, which decides about its principals and resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What a role may do.
    Identity,
    /// Who may do something with a resource.
    Resource,
    /// Who may do something with the resource that the policy is part of, and so need not name.
    Own,
    /// Who may take a role.
    Trust,
}

const STATEMENT_KEYS: &[&str] = &[
    "Action",
    "Condition",
    "Effect",
    "NotAction",
    "NotPrincipal",
    "NotResource",
    "Principal",
    "Resource",
    "Sid",
];

/// Services that take roles or call the resources of such templates.
const PRINCIPALS: &[&str] = &[
    "apigateway",
    "batch",
    "cloudformation",
    "cloudwatch",
    "delivery.logs",
    "ec2",
    "ecs",
    "ecs-tasks",
    "edgelambda",
    "events",
    "firehose",
    "lambda",
    "logging.s3",
    "logs",
    "pipes",
    "s3",
    "scheduler",
    "sns",
    "spotfleet",
    "sqs",
    "ssm",
    "states",
    "vpc-flow-logs",
];

const OPERATORS: &[&str] = &[
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "BinaryEquals",
    "Bool",
    "DateEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateNotEquals",
    "IpAddress",
    "NotIpAddress",
    "Null",
    "NumericEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericNotEquals",
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringNotLike",
];

/// Checks a policy document; one that is given as text or by a function is left to the service.
pub(super) fn check(document: &Value, purpose: Purpose, path: &Trail<'_>, findings: &mut Findings) {
    let Some(map) = document.as_object().filter(|_| !is_open(document)) else {
        return;
    };
    if let Some(key) = map
        .keys()
        .find(|key| !matches!(key.as_str(), "Version" | "Id" | "Statement"))
    {
        findings.error(path, format!("unknown policy element {key}"));
    }
    check_version(map, path, findings);
    let statements = map.get("Statement").map(each).unwrap_or_default();
    if statements.is_empty() {
        findings.error(path, "a policy needs a Statement");
    }
    check_names(&statements, path, findings);
    for (index, statement) in statements.into_iter().enumerate() {
        let place = path.key("Statement");
        let place = place.index(index);
        match statement.as_object() {
            Some(_) if is_open(statement) => {}
            Some(map) => check_statement(map, purpose, &place, findings),
            None => {
                findings.error(&place, "a statement is a mapping");
            }
        }
    }
}

/// The name of a statement is there once in a policy.
fn check_names(statements: &[&Value], path: &Trail<'_>, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    let names = statements
        .iter()
        .filter_map(|statement| statement.get("Sid"));
    for name in names.filter_map(text) {
        if !seen.insert(name.clone()) {
            let message = format!("two statements have the Sid {}", shown(&name));
            findings.error(path, message);
        }
    }
}

fn check_version(map: &Map<String, Value>, path: &Trail<'_>, findings: &mut Findings) {
    let place = path.key("Version");
    match map.get("Version").map(text) {
        None => {
            findings
                .warning(
                    path,
                    "without Version the policy is read by the rules of 2008",
                )
                .fix("add Version: \"2012-10-17\"");
        }
        Some(Some(version)) if !matches!(version.as_str(), "2012-10-17" | "2008-10-17") => {
            findings
                .error(
                    &place,
                    format!("{} is no version of the policy language", shown(&version)),
                )
                .fix("use \"2012-10-17\"");
        }
        Some(_) => {}
    }
}

fn check_statement(
    map: &Map<String, Value>,
    purpose: Purpose,
    path: &Trail<'_>,
    findings: &mut Findings,
) {
    for key in map
        .keys()
        .filter(|key| !STATEMENT_KEYS.contains(&key.as_str()))
    {
        let finding = findings.error(path, format!("unknown statement element {key}"));
        if let Some(name) = similar(key, STATEMENT_KEYS.iter().copied()) {
            finding.fix(format!("did you mean {name}?"));
        }
    }
    check_effect(map, path, findings);
    check_pair(map, ["Action", "NotAction"], path, findings);
    for key in ["Action", "NotAction"] {
        for action in map.get(key).map(each).unwrap_or_default() {
            check_action(action, &path.key(key), findings);
        }
    }
    check_principals(map, purpose, path, findings);
    check_resources(map, purpose, path, findings);
    if let Some(condition) = map.get("Condition") {
        check_condition(condition, &path.key("Condition"), findings);
    }
}

fn check_effect(map: &Map<String, Value>, path: &Trail<'_>, findings: &mut Findings) {
    let place = path.key("Effect");
    match map.get("Effect").map(text) {
        None => {
            findings
                .error(path, "Effect is missing")
                .fix("use Allow or Deny");
        }
        Some(Some(effect)) if !matches!(effect.as_str(), "Allow" | "Deny") => {
            findings
                .error(&place, format!("{} is no effect", shown(&effect)))
                .fix("use Allow or Deny");
        }
        Some(_) => {}
    }
}

/// Exactly one of an element and its negation.
fn check_pair(
    map: &Map<String, Value>,
    pair: [&str; 2],
    path: &Trail<'_>,
    findings: &mut Findings,
) {
    let [name, negation] = pair;
    match pair.map(|key| map.contains_key(key)) {
        [false, false] => {
            findings.error(path, format!("{name} is missing"));
        }
        [true, true] => {
            findings.error(path, format!("{name} and {negation} exclude each other"));
        }
        _ => {}
    }
    let is_empty = |key: &&str| {
        let list = map.get(*key).and_then(Value::as_array);
        list.is_some_and(Vec::is_empty)
    };
    if let Some(key) = pair.into_iter().find(is_empty) {
        findings.error(&path.key(key), "the list is empty");
    }
}

fn check_action(action: &Value, path: &Trail<'_>, findings: &mut Findings) {
    let Some(action) = Text::of(action).and_then(Text::constant) else {
        if !is_open(action) {
            findings.error(path, "an action is text");
        }
        return;
    };
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '*' | '?');
    let is_good = action == "*"
        || action.split_once(':').is_some_and(|(service, name)| {
            let is_service = |letter: char| is_letter(letter) || letter == '-';
            !service.is_empty()
                && service != "*"
                && !name.is_empty()
                && service.chars().all(is_service)
                && name.chars().all(is_letter)
        });
    if !is_good {
        findings
            .error(path, format!("{} is no action", shown(&action)))
            .fix("an action is service:Name, for instance s3:GetObject");
    }
}

fn check_principals(
    map: &Map<String, Value>,
    purpose: Purpose,
    path: &Trail<'_>,
    findings: &mut Findings,
) {
    let given = map.get("Principal").or_else(|| map.get("NotPrincipal"));
    let place = path.key("Principal");
    match (purpose, given) {
        (Purpose::Identity, Some(_)) => {
            findings
                .error(path, "a policy of a role has no Principal")
                .fix("the role itself is the principal; remove it");
        }
        (Purpose::Trust | Purpose::Resource | Purpose::Own, None) => {
            findings.error(path, "Principal is missing");
        }
        (_, Some(Value::Object(kinds))) => check_principal_kinds(kinds, &place, findings),
        (_, Some(Value::String(all))) if all != "*" => {
            findings
                .error(&place, format!("{} is no principal", shown(all)))
                .fix("use \"*\" or a mapping such as {Service: lambda.amazonaws.com}");
        }
        _ => {}
    }
}

fn check_principal_kinds(kinds: &Map<String, Value>, path: &Trail<'_>, findings: &mut Findings) {
    const KINDS: &[&str] = &["AWS", "CanonicalUser", "Federated", "Service"];
    for (kind, names) in kinds {
        if kind.starts_with("Fn::") || kind == "Ref" {
            continue;
        }
        if !KINDS.contains(&kind.as_str()) {
            findings
                .error(path, format!("unknown kind of principal {kind}"))
                .fix(format!("use one of {}", KINDS.join(", ")));
        }
        for name in each(names).into_iter().filter(|_| kind == "Service") {
            if let Some(name) = Text::of(name).and_then(Text::sample) {
                check_service(&name, path, findings);
            }
        }
    }
}

/// The name of a service as a principal: known, or at least in the form of one.
pub(super) fn check_service(name: &str, path: &Trail<'_>, findings: &mut Findings) {
    let base = name
        .strip_suffix(".amazonaws.com")
        .or_else(|| name.strip_suffix(".amazonaws.com.cn"));
    let Some(base) = base else {
        findings
            .error(path, format!("{} is no service principal", shown(name)))
            .fix("it looks like lambda.amazonaws.com");
        return;
    };
    let first = base.split('.').next().unwrap_or_default();
    let is_known = PRINCIPALS.contains(&base) || PRINCIPALS.contains(&first);
    if is_known {
        return;
    }
    if let Some(known) = similar(base, PRINCIPALS.iter().copied()).filter(|_| base.len() > 2) {
        findings
            .error(path, format!("{} is no service principal", shown(name)))
            .fix(format!("did you mean {known}.amazonaws.com?"));
    }
}

fn check_resources(
    map: &Map<String, Value>,
    purpose: Purpose,
    path: &Trail<'_>,
    findings: &mut Findings,
) {
    let is_given = map.contains_key("Resource") || map.contains_key("NotResource");
    if purpose == Purpose::Trust {
        if is_given {
            findings
                .error(path, "a trust policy has no Resource")
                .fix("the role itself is the resource; remove it");
        }
        return;
    }
    if purpose != Purpose::Own {
        check_pair(map, ["Resource", "NotResource"], path, findings);
    }
    for key in ["Resource", "NotResource"] {
        for resource in map.get(key).map(each).unwrap_or_default() {
            check_resource(resource, &path.key(key), findings);
        }
    }
}

fn check_resource(resource: &Value, path: &Trail<'_>, findings: &mut Findings) {
    let Some(known) = Text::of(resource) else {
        if !is_open(resource) {
            findings.error(path, "a resource is text");
        }
        return;
    };
    let outline = known.outline();
    // What is not known yet is an x.
    let is_reference = outline.starts_with('x');
    if !is_reference
        && outline != "*"
        && !outline.starts_with("arn:")
        && !outline.starts_with("{{resolve")
    {
        findings
            .error(path, format!("{} is no ARN", shown(&outline)))
            .fix("a resource is an ARN or \"*\"");
    }
}

fn check_condition(condition: &Value, path: &Trail<'_>, findings: &mut Findings) {
    let Some(map) = condition.as_object().filter(|_| !is_open(condition)) else {
        if condition.is_array() {
            let message = "a condition is a mapping of operators, not a list";
            findings.error(path, message);
        }
        return;
    };
    for (operator, tests) in map {
        let base = operator
            .split_once(':')
            .map_or(operator.as_str(), |(_, name)| name);
        let base = base.strip_suffix("IfExists").unwrap_or(base);
        if !OPERATORS.contains(&base) && !base.starts_with("Fn::") {
            let finding = findings.error(path, format!("unknown condition operator {operator}"));
            if let Some(name) = similar(base, OPERATORS.iter().copied()) {
                finding.fix(format!("did you mean {name}?"));
            }
        } else if !tests.is_object() {
            findings.error(
                &path.key(operator),
                "a condition is a mapping of keys to values",
            );
        }
    }
}
