//! Who refers to whom, and the order that follows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::evaluate::{is_function, single};
use crate::substitution::{Part, parts};
use crate::{Document, Resource};

/// Something a value refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference<'a> {
    /// `Ref`, or `${Name}`: a resource, parameter or pseudo parameter.
    Name(&'a str),
    /// `Fn::GetAtt`, or `${Name.Attribute}`.
    Attribute(&'a str, &'a str),
    /// The condition of an `Fn::If`, or `Condition`.
    Condition(&'a str),
}

impl<'a> Reference<'a> {
    /// The resource, parameter or pseudo parameter that is referred to, if it is no condition.
    #[must_use]
    pub fn logical_id(self) -> Option<&'a str> {
        match self {
            Self::Name(id) | Self::Attribute(id, _) => Some(id),
            Self::Condition(_) => None,
        }
    }
}

/// Resources that need each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("circular dependency between resources: [{}]", .0.join(", "))]
pub struct Cycle(pub Vec<String>);

/// Everything a value refers to, each once.
#[must_use]
pub fn references(value: &Value) -> BTreeSet<Reference<'_>> {
    let mut found = BTreeSet::new();
    each_reference(value, &mut |reference| {
        found.insert(reference);
    });
    found
}

/// Shows everything a value refers to, as often as it does.
pub fn each_reference<'a>(value: &'a Value, found: &mut impl FnMut(Reference<'a>)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| each_reference(item, found)),
        Value::Object(map) => {
            if let Some((name, argument)) = single(map).filter(|(name, _)| is_function(name)) {
                of_function(name, argument, found);
            }
            map.values().for_each(|item| each_reference(item, found));
        }
        _ => {}
    }
}

/// Logical ids of the resources that a resource needs: by its properties and by `DependsOn`.
#[must_use]
pub fn dependencies<'a>(document: &Document, resource: &'a Resource) -> BTreeSet<&'a str> {
    let mut names: BTreeSet<&str> = resource.depends_on.iter().map(String::as_str).collect();
    for value in resource.properties.values() {
        each_reference(value, &mut |reference| {
            names.extend(reference.logical_id());
        });
    }
    names.retain(|name| document.resources.contains_key(*name));
    names
}

/// All resources, each after those it needs; ties in alphabetical order.
///
/// # Errors
/// Resources that need each other.
pub fn creation_order(document: &Document) -> Result<Vec<String>, Cycle> {
    let mut waiting: BTreeMap<&str, BTreeSet<&str>> = document
        .resources
        .iter()
        .map(|(id, resource)| (id.as_str(), dependencies(document, resource)))
        .collect();
    let needed_by = inverse(&waiting);
    let mut ready: BTreeSet<&str> = BTreeSet::new();
    waiting.retain(|id, needs| !needs.is_empty() || !ready.insert(*id));
    let mut order: Vec<String> = Vec::new();
    while let Some(id) = ready.pop_first() {
        order.push(id.to_owned());
        for needy in needed_by.get(id).into_iter().flatten() {
            let Some(needs) = waiting.get_mut(needy) else {
                continue;
            };
            needs.remove(id);
            if needs.is_empty() {
                waiting.remove(needy);
                ready.insert(needy);
            }
        }
    }
    if waiting.is_empty() {
        Ok(order)
    } else {
        Err(Cycle(cycle(&waiting)))
    }
}

fn inverse<'a>(needs_of: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut needed_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, needs) in needs_of {
        for need in needs {
            needed_by.entry(need).or_default().push(id);
        }
    }
    needed_by
}

/// Names of the conditions that a value needs.
pub(crate) fn conditions(value: &Value) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    each_reference(value, &mut |reference| {
        if let Reference::Condition(name) = reference {
            names.insert(name);
        }
    });
    names
}

/// Every waiting resource needs another waiting one, so walking along must come back to a visited one.
fn cycle(waiting: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut path: Vec<&str> = waiting.keys().next().copied().into_iter().collect();
    while let Some(next) = path.last().and_then(|last| waiting.get(last)?.first()) {
        if let Some(start) = path.iter().position(|id| id == next) {
            path.drain(..start);
            break;
        }
        path.push(next);
    }
    path.into_iter().map(str::to_owned).collect()
}

fn of_function<'a>(name: &str, argument: &'a Value, found: &mut impl FnMut(Reference<'a>)) {
    let first = || argument.get(0).and_then(Value::as_str);
    let reference = match name {
        "Ref" => argument.as_str().map(Reference::Name),
        "Condition" => argument.as_str().map(Reference::Condition),
        "Fn::If" => first().map(Reference::Condition),
        "Fn::GetAtt" => attribute(argument),
        "Fn::Sub" => {
            let text = argument.as_str().or_else(first).unwrap_or_default();
            let own = argument.get(1);
            variables(text, own).for_each(&mut *found);
            None
        }
        _ => None,
    };
    reference.into_iter().for_each(found);
}

fn attribute(argument: &Value) -> Option<Reference<'_>> {
    let (logical_id, attribute) = match argument.as_str() {
        Some(path) => path.split_once('.')?,
        None => (
            argument.get(0)?.as_str()?,
            argument.get(1)?.as_str().unwrap_or_default(),
        ),
    };
    Some(Reference::Attribute(logical_id, attribute))
}

fn variables<'a>(
    text: &'a str,
    own: Option<&'a Value>,
) -> impl Iterator<Item = Reference<'a>> + use<'a> {
    parts(text).into_iter().filter_map(move |part| match part {
        Part::Variable(name) if own.is_none_or(|own| own.get(name).is_none()) => {
            Some(match name.split_once('.') {
                Some((id, attribute)) => Reference::Attribute(id, attribute),
                None => Reference::Name(name),
            })
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(resources: &str) -> Document {
        Document::parse(&format!("Resources: {resources}")).unwrap()
    }

    #[test]
    fn order_follows_references() {
        let document = document(
            "{A: {Type: T, Properties: {X: !Sub '${B.Arn}-${AWS::Region}'}}, B: {Type: T, DependsOn: C},
              C: {Type: T, Properties: {Y: !Sub ['${x}', {x: !Ref D}]}}, D: {Type: T}}",
        );
        assert_eq!(creation_order(&document).unwrap(), ["D", "C", "B", "A"]);
    }

    #[test]
    fn cycles_are_named_without_bystanders() {
        let document = document(
            "{A: {Type: T, DependsOn: B}, B: {Type: T, DependsOn: C}, C: {Type: T, DependsOn: B}}",
        );
        assert_eq!(
            creation_order(&document),
            Err(Cycle(vec!["B".into(), "C".into()]))
        );
    }
}
