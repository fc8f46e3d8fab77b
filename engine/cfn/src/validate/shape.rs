//! The arguments of functions: how many there are, and of which kind.

use serde_json::Value;

use super::function::function_name;

pub(super) fn misshapen_attribute(argument: &Value) -> Option<String> {
    let is_good = match argument {
        Value::String(path) => path
            .split_once('.')
            .is_some_and(|(id, name)| !id.is_empty() && !name.is_empty()),
        Value::Array(parts) => {
            parts.len() == 2
                && parts[0].is_string()
                && (parts[1].is_string() || parts[1].is_object())
        }
        _ => false,
    };
    (!is_good).then(|| "needs a resource and an attribute".to_owned())
}

pub(super) fn misshapen_substitution(argument: &Value) -> Option<String> {
    let is_good = match argument {
        Value::String(_) => true,
        Value::Array(parts) => parts.len() == 2 && parts[0].is_string() && parts[1].is_object(),
        _ => false,
    };
    if !is_good {
        return Some("needs text, or text and a mapping of variables".to_owned());
    }
    let own = argument.get(1).and_then(Value::as_object);
    let wrong = own.into_iter().flatten().find(|(_, value)| {
        value.is_array() || value.is_null() || (value.is_object() && function_name(value).is_none())
    });
    wrong.map(|(name, _)| format!("has a variable {name} that is no text"))
}

pub(super) fn misshapen_join(argument: &Value) -> Option<String> {
    let Some([delimiter, items]) = argument.as_array().map(Vec::as_slice) else {
        return Some("needs a delimiter and a list".to_owned());
    };
    if !delimiter.is_string() {
        return Some("needs text as its delimiter".to_owned());
    }
    match items {
        Value::Array(items) => items.iter().find_map(misshapen_joined),
        other => function_name(other)
            .is_none()
            .then(|| "needs a list as its second part".to_owned()),
    }
}

pub(super) fn misshapen_joined(item: &Value) -> Option<String> {
    let is_list = matches!(
        function_name(item),
        Some("Fn::Split" | "Fn::GetAZs" | "Fn::Cidr")
    );
    let is_structure = item.is_array() || (item.is_object() && function_name(item).is_none());
    (is_list || is_structure || item.is_null()).then(|| "has an item that is no text".to_owned())
}

pub(super) fn misshapen_select(argument: &Value) -> Option<String> {
    let Some([index, items]) = argument.as_array().map(Vec::as_slice) else {
        return Some("needs an index and a list".to_owned());
    };
    let number = match index {
        Value::Number(number) => Some(number.as_u64()),
        Value::String(text) => Some(text.parse().ok()),
        other => {
            function_name(other)?;
            None
        }
    };
    let is_list = items.is_array() || function_name(items).is_some();
    match (number, is_list) {
        (Some(None), _) => Some("needs an index, from 0".to_owned()),
        (_, false) => Some("needs a list as its second part".to_owned()),
        (Some(Some(index)), true) => {
            let count = items.as_array().map(|items| items.len() as u64);
            count
                .filter(|count| index >= *count)
                .map(|count| format!("selects item {index} of a list of {count}"))
        }
        _ => None,
    }
}

pub(super) fn misshapen_split(argument: &Value) -> Option<String> {
    let Some([delimiter, text]) = argument.as_array().map(Vec::as_slice) else {
        return Some("needs a delimiter and a text".to_owned());
    };
    let is_text = text.is_string() || function_name(text).is_some();
    match delimiter.as_str() {
        None | Some("") => Some("needs text as its delimiter".to_owned()),
        Some(_) => (!is_text).then(|| "needs text as its second part".to_owned()),
    }
}

pub(super) fn misshapen_lookup(argument: &Value) -> Option<String> {
    match argument.as_array().map(Vec::len) {
        Some(3) => None,
        Some(4) => Some(
            "has a DefaultValue, which needs a transform of the template; add the key to the mapping".to_owned(),
        ),
        _ => Some("needs a mapping and two keys".to_owned()),
    }
}

pub(super) fn misshapen_networks(argument: &Value) -> Option<String> {
    let items = argument.as_array().map(Vec::as_slice).unwrap_or_default();
    if !(2..=3).contains(&items.len()) {
        return Some("needs a network, a count and how many bits of each are for hosts".to_owned());
    }
    let count = super::item::number(&items[1]);
    count
        .filter(|count| !(1.0..=256.0).contains(count))
        .map(|_| "can make 1 to 256 networks".to_owned())
}
