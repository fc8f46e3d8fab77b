//! Resources that are not always there, and those that need them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::finding::Findings;
use super::item::Item;
use super::trail::Trail;
use super::world::{World, settle, worlds};
use crate::Document;
use crate::reference::{Reference, each_reference, references};

/// Checks that nothing is referred to that is not there in this world.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    for value in item.properties.values() {
        check_value(item.document, value, item.world, item.root, findings);
    }
}

/// The conditions that decide about a value: its own, and those of everything it refers to.
pub(super) fn deciding<'v>(
    document: &'v Document,
    own: Option<&'v str>,
    values: impl Iterator<Item = &'v Value>,
) -> BTreeSet<&'v str> {
    if document.conditions.is_empty() {
        return BTreeSet::new();
    }
    let mut names: BTreeSet<&str> = own.into_iter().collect();
    for value in values {
        each_reference(value, &mut |reference| {
            names.extend(match reference {
                Reference::Condition(name) => Some(name),
                Reference::Name(id) | Reference::Attribute(id, _) => condition_of(document, id),
            });
        });
    }
    names.retain(|name| document.conditions.contains_key(*name));
    names
}

/// The condition of a resource, if it has one.
fn condition_of<'d>(document: &'d Document, id: &str) -> Option<&'d str> {
    document.resources.get(id)?.condition.as_deref()
}

/// Checks the outputs.
pub(super) fn check_outputs(document: &Document, findings: &mut Findings) {
    let outputs = Trail::new("Outputs");
    for (name, output) in &document.outputs {
        let path = outputs.key(name);
        let condition = output.get("Condition").and_then(Value::as_str);
        let Some(value) = output.get("Value") else {
            continue;
        };
        for world in worlds(
            document,
            &deciding(document, condition, std::iter::once(value)),
        ) {
            let is_there = condition.is_none_or(|name| world.get(name) != Some(&false));
            if let Some(value) = settle(value, &world).filter(|_| is_there) {
                check_value(document, &value, &world, &path.key("Value"), findings);
            }
        }
    }
}

fn check_value(
    document: &Document,
    value: &Value,
    world: &World,
    path: &Trail<'_>,
    findings: &mut Findings,
) {
    if world.is_empty() {
        return;
    }
    for id in references(value)
        .into_iter()
        .filter_map(Reference::logical_id)
    {
        let condition = condition_of(document, id);
        if let Some(name) = condition.filter(|name| world.get(*name) == Some(&false)) {
            let message =
                format!("{id} is referred to where {name} does not hold, and is not there then");
            findings
                .error(path, message)
                .fix(format!("use Fn::If with {name}"));
        }
    }
}
