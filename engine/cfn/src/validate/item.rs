//! A resource as a rule looks at it: in one world, with everything that can be said about its values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::invokers::Invokers;
use super::text::{Text, referred};
use super::trail::Trail;
use super::world::{World, function};
use crate::{Document, Resource};

/// A resource in a world.
#[derive(Debug)]
pub(super) struct Item<'a> {
    /// The template.
    pub(super) document: &'a Document,
    /// Its logical id.
    pub(super) id: &'a str,
    /// The resource as written.
    pub(super) resource: &'a Resource,
    /// Where its properties stand.
    pub(super) root: &'a Trail<'a>,
    /// Its properties in this world.
    pub(super) properties: Cow<'a, BTreeMap<String, Value>>,
    /// Which conditions hold.
    pub(super) world: &'a World,
    /// Who may invoke the template's functions.
    pub(super) invokers: &'a Invokers<'a>,
}

const NOTHING: Value = Value::Null;

impl<'a> Item<'a> {
    /// Its type.
    pub(super) fn kind(&self) -> &'a str {
        &self.resource.kind
    }

    /// The path of a property for a finding.
    pub(super) fn place(&self, path: &str) -> String {
        match path {
            "" => self.root.to_string(),
            path => self.root.key(path).to_string(),
        }
    }

    /// The value at a path such as `Code.ImageUri` or `Targets.0.Arn`; null if there is none.
    pub(super) fn at(&self, path: &str) -> &Value {
        let (name, below) = match path.split_once('.') {
            Some((name, below)) => (name, Some(below)),
            None => (path, None),
        };
        let value = self.properties.get(name).unwrap_or(&NOTHING);
        below.map_or(value, |below| at(value, below))
    }

    /// Whether there is a value.
    pub(super) fn has(&self, path: &str) -> bool {
        !self.at(path).is_null()
    }

    /// Text that is the same in every stack.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        text(self.at(path))
    }

    /// A number that is the same in every stack.
    pub(super) fn number(&self, path: &str) -> Option<f64> {
        number(self.at(path))
    }

    /// The items of a list with their paths; none if it is no list.
    pub(super) fn list(&self, path: &str) -> Vec<(String, &Value)> {
        let items = self.at(path).as_array().map(Vec::as_slice);
        let place = |(index, value)| (format!("{path}.{index}"), value);
        items
            .unwrap_or_default()
            .iter()
            .enumerate()
            .map(place)
            .collect()
    }

    /// The resource that a value refers to.
    pub(super) fn target(&self, value: &Value) -> Option<(&'a str, &'a Resource)> {
        target(self.document, value)
    }
}

/// The resource that a value refers to.
pub(super) fn target<'a>(document: &'a Document, value: &Value) -> Option<(&'a str, &'a Resource)> {
    let name = referred(value)?;
    let id = name.split('.').next()?;
    let (id, resource) = document.resources.get_key_value(id)?;
    Some((id, resource))
}

/// The value at a path; null if there is none.
pub(super) fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(value, |value, part| {
        let below = match value {
            Value::Array(items) => part.parse().ok().and_then(|index: usize| items.get(index)),
            _ => value.get(part),
        };
        below.unwrap_or(&NOTHING)
    })
}

/// Text that is the same in every stack.
pub(super) fn text(value: &Value) -> Option<String> {
    Text::of(value)?.constant().map(Cow::into_owned)
}

/// A number, also as text.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|one: &f64| one.is_finite()),
        _ => None,
    }
}

/// Whether a switch is on, also as text.
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

/// One value or a list of them, as policies write it.
pub(super) fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

/// Whether what it will be is not known yet.
pub(super) fn is_open(value: &Value) -> bool {
    function(value).is_some()
}
