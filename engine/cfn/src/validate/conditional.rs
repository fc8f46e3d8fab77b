//! Resources that are not always there, and those that need them.

use serde_json::Value;

use super::finding::Findings;
use super::item::Item;
use super::world::{World, settle, worlds};
use crate::Document;
use crate::reference::{Reference, references};

/// Checks that nothing is referred to that is not there in this world.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    check_value(
        item.document,
        &item.properties,
        item.world,
        &item.place(""),
        findings,
    );
}

/// The conditions that decide about a value: its own, and those of everything it refers to.
pub(super) fn deciding<'v>(
    document: &Document,
    own: Option<&String>,
    values: impl Iterator<Item = &'v Value>,
) -> std::collections::BTreeSet<String> {
    let mut names: std::collections::BTreeSet<String> = own.cloned().into_iter().collect();
    for reference in values.flat_map(references) {
        match reference {
            Reference::Condition(name) => {
                names.insert(name);
            }
            Reference::Name(id) | Reference::Attribute(id, _) => {
                let resource = document.resources.get(&id);
                names.extend(resource.and_then(|one| one.condition.clone()));
            }
        }
    }
    names.retain(|name| document.conditions.contains_key(name));
    names
}

/// Checks the outputs.
pub(super) fn check_outputs(document: &Document, findings: &mut Findings) {
    for (name, output) in &document.outputs {
        let condition = output
            .get("Condition")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let Some(value) = output.get("Value") else {
            continue;
        };
        for world in worlds(
            document,
            &deciding(document, condition.as_ref(), std::iter::once(value)),
        ) {
            let is_there = condition
                .as_ref()
                .is_none_or(|name| world.get(name) != Some(&false));
            if let Some(value) = settle(value, &world).filter(|_| is_there) {
                check_value(
                    document,
                    &value,
                    &world,
                    &format!("Outputs.{name}.Value"),
                    findings,
                );
            }
        }
    }
}

fn check_value(
    document: &Document,
    value: &Value,
    world: &World,
    path: &str,
    findings: &mut Findings,
) {
    for reference in references(value) {
        let (Reference::Name(id) | Reference::Attribute(id, _)) = reference else {
            continue;
        };
        let condition = document
            .resources
            .get(&id)
            .and_then(|one| one.condition.as_ref());
        if let Some(name) = condition.filter(|name| world.get(*name) == Some(&false)) {
            findings
                .error(
                    path,
                    format!(
                        "{id} is referred to where {name} does not hold, and is not there then"
                    ),
                )
                .fix(format!("use Fn::If with {name}"));
        }
    }
}
