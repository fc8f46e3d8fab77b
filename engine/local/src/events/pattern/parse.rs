//! Reading event patterns from their JSON form.

use serde_json::{Map, Value};

use super::{Comparison, InvalidPattern, Matcher, Node, Pattern};

/// Parses the fields of an object.
pub(super) fn parse_fields(
    fields: &Map<String, Value>,
    path: &str,
) -> Result<Pattern, InvalidPattern> {
    let mut pattern = Pattern {
        fields: Vec::new(),
        alternatives: Vec::new(),
    };
    for (name, value) in fields {
        let here = format!("{path}.{name}");
        match value {
            Value::Array(items) if name == "$or" => {
                pattern.alternatives.push(parse_alternatives(items, &here)?);
            }
            Value::Array(items) if items.is_empty() => return Err(invalid(&here, "empty list")),
            Value::Array(items) => {
                let matchers: Result<_, _> = items
                    .iter()
                    .map(|item| parse_matcher(item, &here))
                    .collect();
                pattern.fields.push((name.clone(), Node::Leaf(matchers?)));
            }
            Value::Object(inner) if !inner.is_empty() => {
                pattern
                    .fields
                    .push((name.clone(), Node::Nested(parse_fields(inner, &here)?)));
            }
            _ => return Err(invalid(&here, "expected a list of values or an object")),
        }
    }
    Ok(pattern)
}

fn parse_alternatives(items: &[Value], path: &str) -> Result<Vec<Pattern>, InvalidPattern> {
    let parse = |item: &Value| match item {
        Value::Object(fields) if !fields.is_empty() => parse_fields(fields, path),
        _ => Err(invalid(path, "expected objects that are not empty")),
    };
    items.iter().map(parse).collect()
}

fn parse_matcher(value: &Value, path: &str) -> Result<Matcher, InvalidPattern> {
    let Value::Object(fields) = value else {
        return match value {
            Value::Array(_) => Err(invalid(path, "list within a list")),
            scalar => Ok(Matcher::Equals(scalar.clone())),
        };
    };
    let mut entries = fields.iter();
    let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
        return Err(invalid(path, "expected exactly one operator"));
    };
    match operator.as_str() {
        "exists" => operand
            .as_bool()
            .map(Matcher::Exists)
            .ok_or_else(|| invalid(path, "exists needs true or false")),
        "numeric" => parse_numeric(operand, path),
        "anything-but" => parse_anything_but(operand, path),
        _ => parse_text_operator(operator, operand, path),
    }
}

fn parse_text_operator(
    operator: &str,
    operand: &Value,
    path: &str,
) -> Result<Matcher, InvalidPattern> {
    let ignoring_case = operand
        .get("equals-ignore-case")
        .and_then(Value::as_str)
        .map(str::to_owned);
    match (operator, operand.as_str().map(str::to_owned), ignoring_case) {
        ("prefix", Some(text), _) => Ok(Matcher::Prefix(text)),
        ("prefix", None, Some(text)) => Ok(Matcher::PrefixIgnoreCase(text)),
        ("suffix", Some(text), _) => Ok(Matcher::Suffix(text)),
        ("suffix", None, Some(text)) => Ok(Matcher::SuffixIgnoreCase(text)),
        ("equals-ignore-case", Some(text), _) => Ok(Matcher::EqualsIgnoreCase(text)),
        ("wildcard", Some(text), _) if text.contains("**") => {
            Err(invalid(path, "two stars in a row"))
        }
        ("wildcard", Some(text), _) => Ok(Matcher::Wildcard(text)),
        ("prefix" | "suffix" | "equals-ignore-case" | "wildcard", ..) => {
            Err(invalid(path, "operator needs a text"))
        }
        _ => Err(invalid(path, "unknown operator")),
    }
}

fn parse_numeric(operand: &Value, path: &str) -> Result<Matcher, InvalidPattern> {
    let items = operand
        .as_array()
        .filter(|items| matches!(items.len(), 2 | 4));
    let items = items.ok_or_else(|| invalid(path, "numeric needs one or two comparisons"))?;
    let bounds: Option<Vec<_>> = items
        .chunks(2)
        .map(|pair| Some((Comparison::parse(pair[0].as_str()?)?, pair[1].as_f64()?)))
        .collect();
    bounds
        .map(Matcher::Numeric)
        .ok_or_else(|| invalid(path, "numeric needs comparisons with numbers"))
}

fn parse_anything_but(operand: &Value, path: &str) -> Result<Matcher, InvalidPattern> {
    let refused = match operand {
        Value::Array(items) if items.is_empty() => return Err(invalid(path, "empty list")),
        Value::Array(items) => items
            .iter()
            .map(|item| parse_matcher(item, path))
            .collect::<Result<_, _>>()?,
        Value::Object(fields) => parse_refused_operator(fields, path)?,
        scalar => vec![Matcher::Equals(scalar.clone())],
    };
    Ok(Matcher::AnythingBut(refused))
}

/// `{"anything-but": {"suffix": [".tmp", ".part"]}}`: the operand may be one text or several.
fn parse_refused_operator(
    fields: &Map<String, Value>,
    path: &str,
) -> Result<Vec<Matcher>, InvalidPattern> {
    let mut refused = Vec::new();
    for (operator, operand) in fields {
        let operands = operand
            .as_array()
            .map_or_else(|| vec![operand.clone()], Clone::clone);
        for operand in &operands {
            refused.push(parse_text_operator(operator, operand, path)?);
        }
    }
    Ok(refused)
}

/// A pattern that is refused for what is at `path`.
pub(super) fn invalid(path: &str, reason: &'static str) -> InvalidPattern {
    InvalidPattern {
        path: path.to_owned(),
        reason,
    }
}
