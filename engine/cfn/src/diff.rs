//! What differs between two sets of resources, down to the property.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Resource;

/// How one logical id differs.
#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Only the new set has it.
    Added,
    /// Only the old set has it.
    Removed,
    /// Both have it, with another type.
    Retyped,
    /// Both have it, with other values; none if it is the same.
    Changed(Vec<PropertyDifference>),
}

/// One value that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyDifference {
    /// Path below `Properties`, for instance `Layers.0`; attributes of the resource have their name,
    /// for instance `DeletionPolicy`.
    pub path: String,
    /// Whether it is an attribute of the resource and no property.
    pub is_attribute: bool,
    /// Old value, if there was one.
    pub before: Option<Value>,
    /// New value, if there is one.
    pub after: Option<Value>,
}

/// Compares two sets of resources. The result has every logical id of either.
#[must_use]
pub fn diff<'a, Id: Ord>(
    old: &'a BTreeMap<Id, impl Borrow<Resource>>,
    new: &'a BTreeMap<Id, impl Borrow<Resource>>,
) -> BTreeMap<&'a Id, Difference> {
    let ids: BTreeSet<&Id> = old.keys().chain(new.keys()).collect();
    let of = |id: &Id| {
        (
            old.get(id).map(Borrow::borrow),
            new.get(id).map(Borrow::borrow),
        )
    };
    let difference = |id: &Id| match of(id) {
        (Some(_), None) => Difference::Removed,
        (Some(before), Some(after)) if before.kind != after.kind => Difference::Retyped,
        (Some(before), Some(after)) => Difference::Changed(changes(before, after)),
        _ => Difference::Added,
    };
    ids.into_iter().map(|id| (id, difference(id))).collect()
}

fn changes(before: &Resource, after: &Resource) -> Vec<PropertyDifference> {
    let mut changes = attributes(before, after);
    if before.properties == after.properties {
        return changes;
    }
    let names: BTreeSet<&String> = before
        .properties
        .keys()
        .chain(after.properties.keys())
        .collect();
    for name in names {
        compare(
            name,
            before.properties.get(name),
            after.properties.get(name),
            &mut changes,
        );
    }
    changes
}

/// `DependsOn` and `Metadata` change nothing that is deployed.
fn attributes(before: &Resource, after: &Resource) -> Vec<PropertyDifference> {
    let pairs = [
        (
            "DeletionPolicy",
            &before.deletion_policy,
            &after.deletion_policy,
        ),
        (
            "UpdateReplacePolicy",
            &before.update_replace_policy,
            &after.update_replace_policy,
        ),
    ];
    let differing = pairs
        .into_iter()
        .filter(|(_, before, after)| before != after);
    let text = |value: &Option<String>| value.clone().map(Value::String);
    differing
        .map(|(path, before, after)| PropertyDifference {
            path: path.to_owned(),
            is_attribute: true,
            before: text(before),
            after: text(after),
        })
        .collect()
}

fn compare(
    path: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    changes: &mut Vec<PropertyDifference>,
) {
    // Most values are the same, and need no path then.
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                compare(
                    &format!("{path}.{key}"),
                    old.get(key),
                    new.get(key),
                    changes,
                );
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                compare(
                    &format!("{path}.{index}"),
                    old.get(index),
                    new.get(index),
                    changes,
                );
            }
        }
        (before, after) => changes.push(PropertyDifference {
            path: path.to_owned(),
            is_attribute: false,
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    fn resources(text: &str) -> BTreeMap<String, Resource> {
        Document::parse(&format!("Resources: {text}"))
            .unwrap()
            .resources
    }

    #[test]
    fn names_the_path() {
        let old = resources(
            "{A: {Type: T, Properties: {X: {Y: [1, {Z: 2}]}}}, B: {Type: T}, C: {Type: T}}",
        );
        let new = resources(
            "{A: {Type: T, Properties: {X: {Y: [1, {Z: 3}, 4]}}}, B: {Type: U}, D: {Type: T}}",
        );
        let found = diff(&old, &new);
        let Difference::Changed(changes) = &found[&"A".to_owned()] else {
            panic!("{found:?}")
        };
        let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(paths, ["X.Y.1.Z", "X.Y.2"]);
        assert_eq!(found[&"B".to_owned()], Difference::Retyped);
        assert_eq!(
            (&found[&"C".to_owned()], &found[&"D".to_owned()]),
            (&Difference::Removed, &Difference::Added)
        );
        assert!(
            diff(&old, &old)
                .values()
                .all(|one| *one == Difference::Changed(vec![]))
        );
    }
}
