//! Mistakes in a template that need no cloud to be seen.
//!
//! Each resource is looked at in every combination of conditions that can be: first against the shape that
//! AWS publishes for its type, then by rules for what that shape cannot say.

mod arn;
mod conditional;
mod finding;
mod function;
mod invokers;
mod item;
mod node;
mod parameter;
mod pattern;
mod policy;
mod result;
mod rule;
mod scalar;
mod schedule;
mod schema;
mod section;
mod shape;
mod similar;
mod target;
mod text;
mod trail;
mod world;

pub use finding::{Finding, Severity};

use std::borrow::Cow;
use std::collections::BTreeMap;

use finding::Findings;
use function::Place;
use invokers::Invokers;
use item::Item;
use serde_json::Value;
use trail::Trail;
use world::World;

use crate::{Document, Resource, problems};

/// All mistakes of a document, errors first. Without an error it can be deployed, as far as one can say
/// without the account.
#[must_use]
pub fn validate(document: &Document) -> Vec<Finding> {
    let mut findings = Findings::default();
    section::check_size(document, &mut findings);
    check_content(document, &mut findings);
    findings.into_sorted()
}

/// The same for a document of any size: how many resources, parameters and outputs one template can have is
/// left aside.
#[must_use]
pub fn validate_content(document: &Document) -> Vec<Finding> {
    let mut findings = Findings::default();
    check_content(document, &mut findings);
    findings.into_sorted()
}

/// What one template cannot have so much of, which is the rest of [`validate`].
#[must_use]
pub fn validate_size(document: &Document) -> Vec<Finding> {
    let mut findings = Findings::default();
    section::check_size(document, &mut findings);
    findings.into_sorted()
}

fn check_content(document: &Document, findings: &mut Findings) {
    for problem in problems(document) {
        findings.error(problem.place(), problem.to_string());
    }
    section::check(document, findings);
    conditional::check_outputs(document, findings);
    let invokers = Invokers::of(document);
    for (id, resource) in &document.resources {
        check_resource(document, &invokers, id, resource, findings);
    }
    rule::check_stack(document, findings);
}

fn check_resource(
    document: &Document,
    invokers: &Invokers<'_>,
    id: &str,
    resource: &Resource,
    findings: &mut Findings,
) {
    check_attributes(id, resource, findings);
    let top = Trail::new("Resources");
    let place = top.key(id);
    let root = place.key("Properties");
    for (name, value) in &resource.properties {
        let path = root.key(name);
        function::check(document, value, Place::Value, &path, findings);
        arn::check(value, &path, findings);
    }
    let wanted = conditional::deciding(
        document,
        resource.condition.as_deref(),
        resource.properties.values(),
    );
    for world in world::worlds(document, &wanted) {
        let condition = resource.condition.as_ref();
        if condition.is_some_and(|name| world.get(name) == Some(&false)) {
            continue;
        }
        let item = Item {
            document,
            id,
            resource,
            root: &root,
            properties: settled(&resource.properties, &world),
            world: &world,
            invokers,
        };
        check_item(&item, findings);
    }
}

fn settled<'v>(
    properties: &'v BTreeMap<String, Value>,
    world: &World,
) -> Cow<'v, BTreeMap<String, Value>> {
    if properties.values().all(world::is_settled) {
        return Cow::Borrowed(properties);
    }
    let settle = |(name, value): (&String, &'v Value)| {
        Some((name.clone(), world::settle(value, world)?.into_owned()))
    };
    Cow::Owned(properties.iter().filter_map(settle).collect())
}

fn check_item(item: &Item<'_>, findings: &mut Findings) {
    if let Some(shape) = schema::find(item.kind()) {
        let mut shape = node::Shape {
            shape,
            document: item.document,
            findings,
        };
        shape.check_root(&item.properties, item.root);
    }
    conditional::check(item, findings);
    target::check(item, findings);
    rule::check(item, findings);
}

/// Attributes of a resource that are no properties.
fn check_attributes(id: &str, resource: &Resource, findings: &mut Findings) {
    let path = format!("Resources.{id}");
    check_kind(&resource.kind, &path, findings);
    let policies = [
        (
            "DeletionPolicy",
            &resource.deletion_policy,
            &["Delete", "Retain", "RetainExceptOnCreate"][..],
        ),
        (
            "UpdateReplacePolicy",
            &resource.update_replace_policy,
            &["Delete", "Retain"][..],
        ),
    ];
    for (name, value, allowed) in policies {
        // Types that are not described here may be able to make snapshots.
        let is_snapshot =
            value.as_deref() == Some("Snapshot") && schema::find(&resource.kind).is_none();
        if let Some(value) = value
            .as_deref()
            .filter(|one| !allowed.contains(one) && !is_snapshot)
        {
            findings
                .error(
                    format!("{path}.{name}"),
                    format!("{value:?} is not one of its values"),
                )
                .fix(format!("use {}", allowed.join(", ")));
        }
    }
    for (index, name) in resource.depends_on.iter().enumerate() {
        if name == id {
            findings.error(
                format!("{path}.DependsOn"),
                format!("{id} depends on itself"),
            );
        }
        if resource.depends_on[..index].contains(name) {
            findings.warning(
                format!("{path}.DependsOn"),
                format!("{name} is there twice"),
            );
        }
    }
}

fn check_kind(kind: &str, path: &str, findings: &mut Findings) {
    if kind.starts_with("Custom::") || schema::find(kind).is_some() {
        return;
    }
    let parts: Vec<&str> = kind.split("::").collect();
    let is_shape = parts.len() >= 3 && parts.iter().all(|part| !part.is_empty());
    if is_shape && (parts[0] != "AWS" || schema::exists(kind)) {
        return;
    }
    let finding = findings.error(
        format!("{path}.Type"),
        format!("{kind} is no type of resource"),
    );
    let names: Vec<String> = schema::names().collect();
    if let Some(name) = similar::similar(kind, names.iter().map(String::as_str)) {
        finding.fix(format!("did you mean {name}?"));
    }
}
