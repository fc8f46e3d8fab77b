//! Parameters of a template ("Parameters" in the `CloudFormation` user guide).

use serde_json::{Map, Value};

use super::finding::Findings;
use super::item::{flag, number};
use super::section::check_bounds;
use super::similar::similar;
use crate::parameter::check_value;

const KEYS: &[&str] = &[
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];

const KINDS: &[&str] = &[
    "AWS::EC2::AvailabilityZone::Name",
    "AWS::EC2::Image::Id",
    "AWS::EC2::Instance::Id",
    "AWS::EC2::KeyPair::KeyName",
    "AWS::EC2::SecurityGroup::GroupName",
    "AWS::EC2::SecurityGroup::Id",
    "AWS::EC2::Subnet::Id",
    "AWS::EC2::VPC::Id",
    "AWS::EC2::Volume::Id",
    "AWS::Route53::HostedZone::Id",
    "AWS::SSM::Parameter::Name",
    "CommaDelimitedList",
    "Number",
    "String",
];

/// Checks a declaration.
pub(super) fn check(name: &str, declared: &Value, findings: &mut Findings) {
    let path = format!("Parameters.{name}");
    let Some(map) = declared.as_object() else {
        findings.error(path, "a parameter is a mapping with a Type");
        return;
    };
    for key in map.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        let finding = findings.error(&*path, format!("a parameter has no {key}"));
        if let Some(name) = similar(key, KEYS.iter().copied()) {
            finding.fix(format!("did you mean {name}?"));
        }
    }
    check_kind(map, &path, findings);
    if map.get("NoEcho").is_some_and(|value| flag(value).is_none()) {
        findings.error(&*path, "NoEcho is neither true nor false");
    }
    check_constraints(map, &path, findings);
    check_bounds(declared, "MinLength", "MaxLength", &path, findings);
    check_bounds(declared, "MinValue", "MaxValue", &path, findings);
    check_default(declared, &path, findings);
}

fn check_kind(map: &Map<String, Value>, path: &str, findings: &mut Findings) {
    let Some(kind) = map.get("Type").and_then(Value::as_str) else {
        return;
    };
    if is_kind(kind) {
        return;
    }
    let finding = findings.error(
        format!("{path}.Type"),
        format!("{kind} is no type of parameters"),
    );
    if let Some(name) = similar(kind, KINDS.iter().copied()) {
        finding.fix(format!("did you mean {name}?"));
    }
}

fn is_kind(kind: &str) -> bool {
    let stored = kind
        .strip_prefix("AWS::SSM::Parameter::Value<")
        .and_then(|rest| rest.strip_suffix('>'));
    let item = |kind: &str| {
        kind.strip_prefix("List<")
            .and_then(|rest| rest.strip_suffix('>'))
            .map(str::to_owned)
    };
    let is_item = |kind: &str| {
        matches!(kind, "String" | "Number") || kind.starts_with("AWS::") && KINDS.contains(&kind)
    };
    match (stored, item(kind)) {
        (Some(inner), _) => {
            inner == "CommaDelimitedList" || is_item(item(inner).as_deref().unwrap_or(inner))
        }
        (None, Some(inner)) => is_item(&inner),
        (None, None) => KINDS.contains(&kind),
    }
}

/// Lengths are for text, values for numbers.
fn check_constraints(map: &Map<String, Value>, path: &str, findings: &mut Findings) {
    let is_number = map.get("Type").and_then(Value::as_str) == Some("Number");
    let foreign = if is_number {
        ["MinLength", "MaxLength"]
    } else {
        ["MinValue", "MaxValue"]
    };
    for key in foreign.iter().filter(|key| map.contains_key(**key)) {
        let what = if is_number { "text" } else { "numbers" };
        findings.error(format!("{path}.{key}"), format!("{key} is for {what} only"));
    }
    for key in ["MinLength", "MaxLength", "MinValue", "MaxValue"] {
        if map.get(key).is_some_and(|value| number(value).is_none()) {
            findings.error(format!("{path}.{key}"), "a bound is a number");
        }
    }
    if let Some(value) = map.get("AllowedValues")
        && value.as_array().is_none_or(Vec::is_empty)
    {
        findings.error(
            format!("{path}.AllowedValues"),
            "a list of values is wanted",
        );
    }
    for key in ["Description", "ConstraintDescription", "AllowedPattern"] {
        if map.get(key).is_some_and(|value| !value.is_string()) {
            findings.error(format!("{path}.{key}"), "text is wanted");
        }
    }
}

fn check_default(declared: &Value, path: &str, findings: &mut Findings) {
    let Some(default) = declared.get("Default") else {
        return;
    };
    let place = format!("{path}.Default");
    let text = match default {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) | Value::Null => {
            findings
                .error(place, "a default is text or a number, without functions")
                .fix("write a list as text with commas");
            return;
        }
        other => other.to_string(),
    };
    let is_stored = declared
        .get("Type")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.starts_with("AWS::SSM"));
    let items: Vec<&str> = match declared.get("Type").and_then(Value::as_str) {
        Some(kind) if kind == "CommaDelimitedList" || kind.starts_with("List<") => {
            text.split(',').map(str::trim).collect()
        }
        _ => vec![text.as_str()],
    };
    for item in items.into_iter().filter(|_| !is_stored) {
        if let Err(problem) = check_value(declared, item) {
            findings.error(&*place, format!("{item:?} {problem}"));
        }
    }
}
