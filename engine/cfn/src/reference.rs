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
    let ids: Vec<&str> = document.resources.keys().map(String::as_str).collect();
    let number_of: BTreeMap<&str, usize> = ids.iter().copied().zip(0..).collect();
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); ids.len()];
    let mut missing: Vec<usize> = Vec::with_capacity(ids.len());
    for (number, resource) in document.resources.values().enumerate() {
        let needs = dependencies(document, resource);
        for need in needs.iter().filter_map(|id| number_of.get(id)) {
            needed_by[*need].push(number);
        }
        missing.push(needs.len());
    }
    // Numbers are in alphabetical order.
    let mut ready: BTreeSet<usize> = (0..ids.len()).filter(|one| missing[*one] == 0).collect();
    let mut order: Vec<String> = Vec::with_capacity(ids.len());
    while let Some(number) = ready.pop_first() {
        order.push(ids[number].to_owned());
        for needy in &needed_by[number] {
            missing[*needy] -= 1;
            if missing[*needy] == 0 {
                ready.insert(*needy);
            }
        }
    }
    if order.len() == ids.len() {
        return Ok(order);
    }
    let waiting = (0..ids.len()).filter(|number| missing[*number] > 0);
    Err(Cycle(cycle(
        document,
        waiting.map(|number| ids[number]).collect(),
    )))
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
fn cycle(document: &Document, waiting: BTreeSet<&str>) -> Vec<String> {
    let next = |id: &str| {
        let needs = dependencies(document, document.resources.get(id)?);
        needs.into_iter().find(|need| waiting.contains(need))
    };
    let mut path: Vec<&str> = waiting.first().copied().into_iter().collect();
    while let Some(next) = path.last().and_then(|last| next(last)) {
        if let Some(start) = path.iter().position(|id| *id == next) {
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
