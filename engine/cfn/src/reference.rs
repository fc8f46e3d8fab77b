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

/// Everything a value refers to.
#[must_use]
pub fn references(value: &Value) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    collect(value, &mut found);
    found
}

/// Logical ids of the resources that a resource needs: by its properties and by `DependsOn`.
#[must_use]
pub fn dependencies(document: &Document, resource: &Resource) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = resource.depends_on.iter().cloned().collect();
    for reference in resource.properties.values().flat_map(references) {
        match reference {
            Reference::Name(name) | Reference::Attribute(name, _) => names.insert(name),
            Reference::Condition(_) => false,
        };
    }
    names.retain(|name| document.resources.contains_key(name));
    names
}

/// All resources, each after those it needs; ties in alphabetical order.
///
/// # Errors
/// Resources that need each other.
pub fn creation_order(document: &Document) -> Result<Vec<String>, Cycle> {
    let mut waiting: BTreeMap<&String, BTreeSet<String>> = document
        .resources
        .iter()
        .map(|(id, resource)| (id, dependencies(document, resource)))
        .collect();
    let needed_by = inverse(&waiting);
    let mut ready: BTreeSet<&String> = BTreeSet::new();
    waiting.retain(|id, needs| !needs.is_empty() || !ready.insert(*id));
    let mut order: Vec<String> = Vec::new();
    while let Some(id) = ready.pop_first() {
        order.push(id.clone());
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

fn inverse<'a>(
    needs_of: &BTreeMap<&'a String, BTreeSet<String>>,
) -> BTreeMap<String, Vec<&'a String>> {
    let mut needed_by: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for (id, needs) in needs_of {
        for need in needs {
            needed_by.entry(need.clone()).or_default().push(id);
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
fn cycle(waiting: &BTreeMap<&String, BTreeSet<String>>) -> Vec<String> {
    let mut path: Vec<String> = waiting
        .keys()
        .next()
        .map(|id| (*id).clone())
        .into_iter()
        .collect();
    while let Some(next) = path.last().and_then(|last| waiting.get(last)?.first()) {
        if let Some(start) = path.iter().position(|id| id == next) {
            return path.split_off(start);
        }
        path.push(next.clone());
    }
    path
}

fn collect(value: &Value, found: &mut BTreeSet<Reference>) {
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

fn collect_function(name: &str, argument: &Value, found: &mut BTreeSet<Reference>) {
    let first = || argument.get(0).and_then(Value::as_str);
    match name {
        "Ref" => found.extend(
            argument
                .as_str()
                .map(|name| Reference::Name(name.to_owned())),
        ),
        "Condition" => found.extend(
            argument
                .as_str()
                .map(|name| Reference::Condition(name.to_owned())),
        ),
        "Fn::If" => found.extend(first().map(|name| Reference::Condition(name.to_owned()))),
        "Fn::GetAtt" => found.extend(attribute(argument)),
        "Fn::Sub" => {
            let text = argument.as_str().or_else(first).unwrap_or_default();
            let own = argument.get(1);
            found.extend(variables(text, own));
        }
        _ => {}
    }
}

fn attribute(argument: &Value) -> Option<Reference> {
    let (logical_id, attribute) = match argument.as_str() {
        Some(path) => path.split_once('.')?,
        None => (
            argument.get(0)?.as_str()?,
            argument.get(1)?.as_str().unwrap_or_default(),
        ),
    };
    Some(Reference::Attribute(
        logical_id.to_owned(),
        attribute.to_owned(),
    ))
}

fn variables<'a>(
    text: &'a str,
    own: Option<&'a Value>,
) -> impl Iterator<Item = Reference> + use<'a> {
    parts(text).into_iter().filter_map(move |part| match part {
        Part::Variable(name) if own.is_none_or(|own| own.get(name).is_none()) => {
            Some(match name.split_once('.') {
                Some((id, attribute)) => Reference::Attribute(id.to_owned(), attribute.to_owned()),
                None => Reference::Name(name.to_owned()),
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
