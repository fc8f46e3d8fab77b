//! Who refers to whom, and the order that follows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::evaluate::{is_function, single};
use crate::substitution::{Part, parts};
use crate::{Document, Resource};

/// Something a value refers to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// `Ref`, or `${Name}`: a resource, parameter or pseudo parameter.
    Name(String),
    /// `Fn::GetAtt`, or `${Name.Attribute}`.
    Attribute(String, String),
    /// The condition of an `Fn::If`, or `Condition`.
    Condition(String),
}

/// Resources that need each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("circular dependency between resources: [{}]", .0.join(", "))]
pub struct Cycle(pub Vec<String>);

/// The same, borrowed from the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Borrowed<'a> {
    Name(&'a str),
    Attribute(&'a str, &'a str),
    Condition(&'a str),
}

/// Everything a value refers to.
#[must_use]
pub fn references(value: &Value) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    collect(value, &mut |reference| {
        found.insert(match reference {
            Borrowed::Name(name) => Reference::Name(name.to_owned()),
            Borrowed::Attribute(id, attribute) => {
                Reference::Attribute(id.to_owned(), attribute.to_owned())
            }
            Borrowed::Condition(name) => Reference::Condition(name.to_owned()),
        });
    });
    found
}

/// Logical ids of the resources that a resource needs: by its properties and by `DependsOn`.
#[must_use]
pub fn dependencies<'a>(document: &Document, resource: &'a Resource) -> BTreeSet<&'a str> {
    let mut names: BTreeSet<&str> = resource.depends_on.iter().map(String::as_str).collect();
    for value in resource.properties.values() {
        collect(value, &mut |reference| match reference {
            Borrowed::Name(name) | Borrowed::Attribute(name, _) => {
                names.insert(name);
            }
            Borrowed::Condition(_) => {}
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
pub(crate) fn conditions(value: &Value) -> BTreeSet<String> {
    let name = |reference| match reference {
        Reference::Condition(name) => Some(name),
        _ => None,
    };
    references(value).into_iter().filter_map(name).collect()
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

fn collect<'a>(value: &'a Value, found: &mut impl FnMut(Borrowed<'a>)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(map) => {
            if let Some((name, argument)) = single(map).filter(|(name, _)| is_function(name)) {
                collect_function(name, argument, found);
            }
            map.values().for_each(|item| collect(item, found));
        }
        _ => {}
    }
}

fn collect_function<'a>(name: &str, argument: &'a Value, found: &mut impl FnMut(Borrowed<'a>)) {
    let first = || argument.get(0).and_then(Value::as_str);
    let reference = match name {
        "Ref" => argument.as_str().map(Borrowed::Name),
        "Condition" => argument.as_str().map(Borrowed::Condition),
        "Fn::If" => first().map(Borrowed::Condition),
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

fn attribute(argument: &Value) -> Option<Borrowed<'_>> {
    let (logical_id, attribute) = match argument.as_str() {
        Some(path) => path.split_once('.')?,
        None => (
            argument.get(0)?.as_str()?,
            argument.get(1)?.as_str().unwrap_or_default(),
        ),
    };
    Some(Borrowed::Attribute(logical_id, attribute))
}

fn variables<'a>(
    text: &'a str,
    own: Option<&'a Value>,
) -> impl Iterator<Item = Borrowed<'a>> + use<'a> {
    parts(text).into_iter().filter_map(move |part| match part {
        Part::Variable(name) if own.is_none_or(|own| own.get(name).is_none()) => {
            Some(match name.split_once('.') {
                Some((id, attribute)) => Borrowed::Attribute(id, attribute),
                None => Borrowed::Name(name),
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
