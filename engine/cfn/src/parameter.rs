//! Values of parameters: given or default, checked against the parameter's own rules.

use std::collections::BTreeMap;

use regex_automata::nfa::thompson::pikevm::PikeVM;
use serde_json::{Value, json};

use crate::Document;
use crate::evaluate::EvaluateError;

/// Binds every parameter of the document.
pub(crate) fn bind(
    document: &Document,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, EvaluateError> {
    if let Some(name) = given
        .keys()
        .find(|name| !document.parameters.contains_key(*name))
    {
        return Err(EvaluateError::UnknownParameter { name: name.clone() });
    }
    let bind_one = |(name, declared): (&String, &Value)| {
        let text = given
            .get(name)
            .cloned()
            .or_else(|| declared.get("Default").map(default_text));
        let text = text.ok_or_else(|| EvaluateError::MissingParameter { name: name.clone() })?;
        check(declared, &text)
            .map(|value| (name.clone(), value))
            .map_err(|problem| EvaluateError::InvalidParameter {
                name: name.clone(),
                problem,
            })
    };
    document.parameters.iter().map(bind_one).collect()
}

fn default_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// One value as `Ref` gives it.
fn check(declared: &Value, text: &str) -> Result<Value, String> {
    check_value(declared, text)?;
    match declared
        .get("Type")
        .and_then(Value::as_str)
        .unwrap_or_default()
    {
        "CommaDelimitedList" | "List<String>" | "List<Number>" => {
            Ok(text.split(',').map(|item| json!(item.trim())).collect())
        }
        _ => Ok(json!(text)),
    }
}

/// Whether a value keeps to the parameter's own rules.
pub(crate) fn check_value(declared: &Value, text: &str) -> Result<(), String> {
    if let Some(allowed) = declared.get("AllowedValues").and_then(Value::as_array)
        && !allowed.iter().any(|value| default_text(value) == text)
    {
        return Err("must be one of AllowedValues".to_owned());
    }
    check_length(declared, text)?;
    check_pattern(declared, text)?;
    let kind = declared.get("Type").and_then(Value::as_str);
    if kind == Some("Number") {
        check_number(declared, text)?;
    }
    Ok(())
}

fn check_length(declared: &Value, text: &str) -> Result<(), String> {
    let length = text.chars().count() as u64;
    let limit = |name: &str| {
        declared
            .get(name)
            .and_then(|value| default_text(value).parse::<u64>().ok())
    };
    match (limit("MinLength"), limit("MaxLength")) {
        (Some(least), _) if length < least => Err(format!("must have at least {least} characters")),
        (_, Some(most)) if length > most => Err(format!("must have at most {most} characters")),
        _ => Ok(()),
    }
}

/// `AllowedPattern` must match the whole value.
fn check_pattern(declared: &Value, text: &str) -> Result<(), String> {
    let Some(pattern) = declared.get("AllowedPattern").and_then(Value::as_str) else {
        return Ok(());
    };
    let whole = format!("^(?:{pattern})$");
    let machine = PikeVM::new(&whole)
        .map_err(|_| format!("has an AllowedPattern that is no pattern: {pattern}"))?;
    if machine.is_match(&mut machine.create_cache(), text) {
        Ok(())
    } else {
        Err(format!("must match pattern {pattern}"))
    }
}

fn check_number(declared: &Value, text: &str) -> Result<(), String> {
    let number: f64 = text
        .trim()
        .parse()
        .map_err(|_| "must be a number".to_owned())?;
    let limit = |name: &str| {
        declared
            .get(name)
            .and_then(|value| default_text(value).parse::<f64>().ok())
    };
    let low = limit("MinValue").is_some_and(|least| number < least);
    let high = limit("MaxValue").is_some_and(|most| number > most);
    if low || high {
        Err("is out of its range".to_owned())
    } else {
        Ok(())
    }
}
