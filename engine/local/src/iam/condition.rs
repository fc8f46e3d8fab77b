//! The `Condition` block of a statement, for the operators on strings, ARNs and booleans.

use serde_json::Value;

use super::{items, matches};

/// Whether all conditions hold. `unknown` answers for operators that are not known here.
pub(super) fn holds(block: Option<&Value>, context: &[(&str, &str)], unknown: bool) -> bool {
    let Some(block) = block else { return true };
    let Some(operators) = block.as_object() else {
        return unknown;
    };
    operators
        .iter()
        .all(|(operator, tests)| match tests.as_object() {
            Some(tests) => tests
                .iter()
                .all(|(key, values)| test(operator, key, values, context, unknown)),
            None => unknown,
        })
}

fn test(
    operator: &str,
    key: &str,
    values: &Value,
    context: &[(&str, &str)],
    unknown: bool,
) -> bool {
    // Later entries are those of the request and stand for earlier ones.
    let found = context
        .iter()
        .rev()
        .find(|(name, _)| name.eq_ignore_ascii_case(key));
    let actual = found.map(|(_, value)| *value);
    if operator == "Null" {
        let wants_absent = items(Some(values)).any(|value| text(value) == "true");
        return actual.is_none() == wants_absent;
    }
    let (name, if_exists) = match operator.strip_suffix("IfExists") {
        Some(name) => (name, true),
        None => (operator, false),
    };
    let (name, negated) = match name {
        "StringNotEquals" => ("StringEquals", true),
        "StringNotEqualsIgnoreCase" => ("StringEqualsIgnoreCase", true),
        "StringNotLike" => ("StringLike", true),
        "ArnNotEquals" | "ArnNotLike" => ("ArnLike", true),
        name => (name, false),
    };
    let compare: fn(&str, &str) -> bool = match name {
        "StringEquals" => |wanted, actual| wanted == actual,
        "StringEqualsIgnoreCase" | "Bool" => str::eq_ignore_ascii_case,
        "StringLike" | "ArnLike" | "ArnEquals" => matches,
        _ => return unknown,
    };
    // A missing key satisfies negated operators and those with IfExists.
    let Some(actual) = actual else {
        return if_exists || negated;
    };
    items(Some(values)).any(|value| compare(&text(value), actual)) != negated
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
