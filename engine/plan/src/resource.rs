//! The resources of one stack: what happens to each, and why.

use std::collections::{BTreeMap, BTreeSet};

use scar_cfn::reference::{Reference, references};
use scar_cfn::{
    Difference, Document, PropertyDifference, Replacement, Resource, creation_order, replacement,
};
use scar_template::Origin;
use serde_json::Value;

use crate::stack::View;
use crate::{Action, PropertyChange, Reason, ResourceChange};

/// Compares two evaluated sets of resources. `template` is the new one with its references.
pub(crate) fn compare(
    old: &View<'_>,
    new: &View<'_>,
    template: &Document,
    origins: Option<&BTreeMap<String, Origin>>,
) -> Vec<ResourceChange> {
    let mut changes: BTreeMap<&str, ResourceChange> = scar_cfn::diff(old, new)
        .into_iter()
        .filter_map(|(id, difference)| {
            let before = old.get(id).map(AsRef::as_ref);
            let resource = new.get(id).map(AsRef::as_ref).or(before)?;
            let origin = origins.and_then(|origins| origins.get(*id));
            let change = change(id, resource, before, difference, origin);
            Some((*id, change))
        })
        .collect();
    follow_replacements(&mut changes, template);
    changes.into_values().collect()
}

fn change(
    id: &str,
    resource: &Resource,
    before: Option<&Resource>,
    difference: Difference,
    origin: Option<&Origin>,
) -> ResourceChange {
    let (action, reason, properties) = match difference {
        Difference::Added => (Action::Create, Reason::New, Vec::new()),
        Difference::Removed => (Action::Delete, Reason::Removed, Vec::new()),
        Difference::Retyped => (
            Action::Replace,
            Reason::Immutable {
                property: "Type".to_owned(),
            },
            Vec::new(),
        ),
        Difference::Changed(properties) if properties.is_empty() => {
            (Action::Keep, Reason::Unchanged, Vec::new())
        }
        Difference::Changed(properties) => {
            let (action, reason) = judge(&resource.kind, &properties);
            (
                action,
                reason,
                properties.into_iter().map(property).collect(),
            )
        }
    };
    ResourceChange {
        logical_id: id.to_owned(),
        kind: resource.kind.clone(),
        stage: origin.and_then(|origin| origin.stage.clone()),
        retained: is_retained(action, before.unwrap_or(resource)),
        action,
        reason,
        properties,
        origin: origin.map(|origin| origin.path.clone()).unwrap_or_default(),
        consequence: String::new(),
        place: None,
    }
}

/// A property that may replace is taken to replace: better one warning too many.
fn judge(kind: &str, properties: &[PropertyDifference]) -> (Action, Reason) {
    let replaces = |change: &&PropertyDifference| {
        !change.is_attribute && replacement(kind, &change.path) != Replacement::Never
    };
    match properties.iter().find(replaces) {
        Some(change) => (
            Action::Replace,
            Reason::Immutable {
                property: change.path.clone(),
            },
        ),
        None => (Action::Update, Reason::Manifest),
    }
}

fn property(difference: PropertyDifference) -> PropertyChange {
    PropertyChange {
        path: difference.path,
        before: difference.before,
        after: difference.after,
        origin: String::new(),
        place: None,
    }
}

fn is_retained(action: Action, resource: &Resource) -> bool {
    let policy = match action {
        Action::Replace => &resource.update_replace_policy,
        _ => &resource.deletion_policy,
    };
    policy.as_deref() == Some("Retain")
}

/// A replaced resource has another name, so those that refer to it change too, and may be replaced
/// themselves. Going along in creation order, each is looked at after those it refers to.
fn follow_replacements(changes: &mut BTreeMap<&str, ResourceChange>, template: &Document) {
    let is_replaced = |change: &ResourceChange| change.action == Action::Replace;
    if !changes.values().any(is_replaced) {
        return;
    }
    let mut replaced = BTreeSet::new();
    for id in creation_order(template).unwrap_or_default() {
        let id = id.as_str();
        let (Some(change), Some(resource)) = (changes.get_mut(id), template.resources.get(id))
        else {
            continue;
        };
        if matches!(change.action, Action::Keep | Action::Update) {
            for (name, value) in &resource.properties {
                if let Some(target) = refers_to(value, &replaced) {
                    follow(change, name, target);
                }
            }
        }
        if change.action == Action::Replace {
            replaced.insert(id.to_owned());
        }
    }
}

fn refers_to<'v>(value: &'v Value, replaced: &BTreeSet<String>) -> Option<&'v str> {
    references(value)
        .into_iter()
        .filter_map(Reference::logical_id)
        .find(|id| replaced.contains(*id))
}

fn follow(change: &mut ResourceChange, property: &str, target: &str) {
    let replaces = replacement(&change.kind, property) == Replacement::Always;
    if change.action == Action::Keep || replaces {
        change.reason = Reason::Follows {
            logical_id: target.to_owned(),
        };
        change.action = if replaces {
            Action::Replace
        } else {
            Action::Update
        };
    }
    let is_known = change
        .properties
        .iter()
        .any(|known| known.path.split('.').next() == Some(property));
    if !is_known {
        let value = Some(Value::String(format!("${{{target}}}")));
        let path = property.to_owned();
        change.properties.push(PropertyChange {
            path,
            before: value.clone(),
            after: value,
            origin: String::new(),
            place: None,
        });
    }
}
