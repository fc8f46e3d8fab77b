//! Event patterns of `EventBridge` ("Comparison operators for use in event patterns" in its user guide).

use serde_json::{Map, Value};

use super::finding::Findings;
use super::item::{is_open, number, text};
use super::scalar::{is_network, shown};
use super::similar::similar;

const OPERATORS: &[&str] = &[
    "anything-but",
    "cidr",
    "equals-ignore-case",
    "exists",
    "numeric",
    "prefix",
    "suffix",
    "wildcard",
];

/// Fields that every event has ("Events" in the user guide).
const FIELDS: &[&str] = &[
    "$or",
    "account",
    "detail",
    "detail-type",
    "id",
    "region",
    "resources",
    "source",
    "time",
    "version",
    "replay-name",
];

/// Characters of a pattern at most ("`EventBridge` quotas").
const MAX_CHARACTERS: usize = 2048;

/// Checks a pattern.
pub(super) fn check(pattern: &Value, path: &str, findings: &mut Findings) {
    let Some(map) = pattern.as_object().filter(|_| !is_open(pattern)) else {
        return;
    };
    if map.is_empty() {
        findings.error(path, "the pattern is empty");
    }
    for key in map.keys().filter(|key| !FIELDS.contains(&key.as_str())) {
        let finding = findings.error(path, format!("events have no field {key}"));
        if let Some(name) = similar(key, FIELDS.iter().copied()) {
            finding.fix(format!("did you mean {name}?"));
        }
    }
    check_fields(map, path, findings);
    let length = pattern.to_string().chars().count();
    if length > MAX_CHARACTERS {
        let message =
            format!("a pattern of {length} characters, at most {MAX_CHARACTERS} are allowed");
        findings.error(path, message);
    }
}

fn check_fields(map: &Map<String, Value>, path: &str, findings: &mut Findings) {
    for (key, value) in map {
        let place = format!("{path}.{key}");
        match value {
            Value::Array(items) if key == "$or" => {
                if items.len() < 2 {
                    findings.error(&*place, "$or needs two alternatives or more");
                }
                for fields in items.iter().filter_map(Value::as_object) {
                    check_fields(fields, &place, findings);
                }
            }
            Value::Array(items) => check_values(items, &place, findings),
            Value::Object(_) if is_open(value) => {}
            Value::Object(fields) if fields.is_empty() => {
                findings.error(place, "the field has nothing to match");
            }
            Value::Object(fields) => check_fields(fields, &place, findings),
            _ => {
                findings
                    .error(place, "a value in a pattern stands in a list")
                    .fix("put it in square brackets");
            }
        }
    }
}

fn check_values(items: &[Value], path: &str, findings: &mut Findings) {
    if items.is_empty() {
        findings.error(path, "the list is empty");
    }
    for item in items.iter().filter(|item| !is_open(item)) {
        match item {
            Value::Object(map) if map.len() == 1 => {
                for (operator, argument) in map {
                    check_operator(operator, argument, path, findings);
                }
            }
            Value::Object(_) | Value::Array(_) => {
                findings.error(path, "a matcher is a value or a mapping with one operator");
            }
            _ => {}
        }
    }
}

fn check_operator(operator: &str, argument: &Value, path: &str, findings: &mut Findings) {
    if is_open(argument) {
        return;
    }
    let problem = match operator {
        "prefix" | "suffix" => misshapen_text(argument, &["equals-ignore-case"]),
        "wildcard" => misshapen_wildcard(argument),
        "equals-ignore-case" => misshapen_text(argument, &[]),
        "cidr" => misshapen_network(argument),
        "exists" => (!argument.is_boolean()).then(|| "needs true or false".to_owned()),
        "numeric" => misshapen_numeric(argument),
        "anything-but" => misshapen_except(argument),
        _ => {
            let finding =
                findings.error(path, format!("{operator} is no operator of event patterns"));
            if let Some(name) = similar(operator, OPERATORS.iter().copied()) {
                finding.fix(format!("did you mean {name}?"));
            }
            return;
        }
    };
    if let Some(problem) = problem {
        findings.error(path, format!("{operator} {problem}"));
    }
}

fn misshapen_text(argument: &Value, nested: &[&str]) -> Option<String> {
    let is_nested = argument.as_object().is_some_and(|map| {
        map.len() == 1
            && map
                .iter()
                .all(|(key, value)| nested.contains(&key.as_str()) && value.is_string())
    });
    (!argument.is_string() && !is_nested).then(|| "needs text".to_owned())
}

fn misshapen_network(argument: &Value) -> Option<String> {
    let is_good = |text: &str| text.contains(':') || is_network(text, 0, 32);
    let text = argument.as_str();
    (!text.is_some_and(is_good)).then(|| "needs a network such as 10.0.0.0/24".to_owned())
}

fn misshapen_wildcard(argument: &Value) -> Option<String> {
    let Some(text) = text(argument).filter(|_| argument.is_string()) else {
        return Some("needs text".to_owned());
    };
    text.contains("**")
        .then(|| format!("has two stars in a row in {}", shown(&text)))
}

/// One comparison, or a lower and an upper bound.
fn misshapen_numeric(argument: &Value) -> Option<String> {
    let Some(parts) = argument.as_array() else {
        return Some("needs a list such as [\">\", 0, \"<=\", 5]".to_owned());
    };
    if !matches!(parts.len(), 2 | 4) {
        return Some("needs one or two pairs of a comparison and a number".to_owned());
    }
    for pair in parts.chunks(2) {
        let comparison = pair[0].as_str().unwrap_or_default();
        if !matches!(comparison, "<" | "<=" | "=" | ">" | ">=") {
            return Some(format!("has no comparison {}", shown(comparison)));
        }
        if !pair[1].is_number() && !is_open(&pair[1]) {
            return Some("compares with something that is no number".to_owned());
        }
    }
    misshapen_bounds(parts)
}

fn misshapen_bounds(parts: &[Value]) -> Option<String> {
    if parts.len() != 4 {
        return None;
    }
    let is_lower = parts[0].as_str().is_some_and(|one| one.starts_with('>'));
    let is_upper = parts[2].as_str().is_some_and(|one| one.starts_with('<'));
    if !is_lower || !is_upper {
        return Some("needs the lower bound first, then the upper".to_owned());
    }
    let (low, high) = (number(&parts[1])?, number(&parts[3])?);
    (low >= high).then(|| format!("matches nothing between {low} and {high}"))
}

fn misshapen_except(argument: &Value) -> Option<String> {
    match argument {
        Value::Array(items) if items.is_empty() => Some("has an empty list".to_owned()),
        Value::Array(items) => items
            .iter()
            .any(|item| item.is_array() || (item.is_object() && !is_open(item)))
            .then(|| "has an item that is no value".to_owned()),
        Value::Object(map) => {
            let (operator, _) = map.iter().next().filter(|_| map.len() == 1)?;
            let is_known = matches!(
                operator.as_str(),
                "prefix" | "suffix" | "wildcard" | "equals-ignore-case" | "cidr"
            );
            (!is_known).then(|| format!("cannot be used with {operator}"))
        }
        _ => None,
    }
}
