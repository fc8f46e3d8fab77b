//! Everything in a template beside its resources: parameters, mappings, conditions, outputs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::finding::Findings;
use super::function::{self, Place};
use super::item::{number, text};
use super::parameter;
use super::similar::similar;
use super::trail::Trail;
use super::world::settle;
use crate::reference::{Reference, conditions, each_reference, references};
use crate::{Document, canonical};

/// Checks the sections.
pub(super) fn check(document: &Document, findings: &mut Findings) {
    for (name, declared) in &document.parameters {
        parameter::check(name, declared, findings);
    }
    check_names(document, findings);
    for (name, mapping) in &document.mappings {
        check_mapping(name, mapping, findings);
    }
    for (name, condition) in &document.conditions {
        check_condition(document, name, condition, findings);
    }
    check_circles(document, findings);
    for (name, output) in &document.outputs {
        check_output(document, name, output, findings);
    }
    check_exports(document, findings);
    check_unused(document, findings);
}

/// A parameter and a resource cannot have the same name, since `Ref` could mean either.
fn check_names(document: &Document, findings: &mut Findings) {
    for name in document.parameters.keys() {
        if document.resources.contains_key(name) {
            let message = format!("{name} is also the name of a resource");
            findings.error(format!("Parameters.{name}"), message);
        }
    }
}

fn check_mapping(name: &str, mapping: &Value, findings: &mut Findings) {
    let path = format!("Mappings.{name}");
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        findings.error(&*path, "the name of a mapping has letters and digits only");
    }
    let Some(keys) = mapping.as_object().filter(|keys| !keys.is_empty()) else {
        findings.error(path, "a mapping has keys with entries");
        return;
    };
    for (key, entries) in keys {
        let place = format!("{path}.{key}");
        let Some(entries) = entries.as_object().filter(|entries| !entries.is_empty()) else {
            findings.error(place, "a key of a mapping has entries");
            continue;
        };
        let is_value = |value: &Value| match value {
            Value::Array(items) => items
                .iter()
                .all(|item| !item.is_array() && !item.is_object()),
            other => !other.is_object() && !other.is_null(),
        };
        if let Some((entry, _)) = entries.iter().find(|(_, value)| !is_value(value)) {
            findings
                .error(
                    format!("{place}.{entry}"),
                    "a mapping has text and lists of text only",
                )
                .fix("functions cannot be used in Mappings");
        }
    }
}

fn check_condition(document: &Document, name: &str, condition: &Value, findings: &mut Findings) {
    let path = format!("Conditions.{name}");
    let key = condition
        .as_object()
        .and_then(|map| map.keys().next().filter(|_| map.len() == 1));
    let is_logic = key.is_some_and(|key| {
        matches!(
            key.as_str(),
            "Fn::And" | "Fn::Equals" | "Fn::Not" | "Fn::Or" | "Condition"
        )
    });
    if !is_logic {
        findings
            .error(
                &*path,
                "a condition is one of Fn::Equals, Fn::And, Fn::Or, Fn::Not and Condition",
            )
            .fix("compare with Fn::Equals");
    }
    function::check(
        document,
        condition,
        Place::Condition,
        &Trail::new(&path),
        findings,
    );
    for id in references(condition)
        .into_iter()
        .filter_map(Reference::logical_id)
    {
        if document.resources.contains_key(id) {
            let message = format!("a condition cannot depend on the resource {id}");
            findings.error(&*path, message).fix("use a parameter");
        }
    }
}

fn check_circles(document: &Document, findings: &mut Findings) {
    let needs: BTreeMap<&str, BTreeSet<&str>> = document
        .conditions
        .iter()
        .map(|(name, condition)| (name.as_str(), conditions(condition)))
        .collect();
    for name in needs.keys() {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> = needs[name].iter().copied().collect();
        while let Some(one) = open.pop() {
            if seen.insert(one) {
                open.extend(needs.get(one).into_iter().flatten().copied());
            }
        }
        if seen.contains(name) {
            findings.error(format!("Conditions.{name}"), "the condition needs itself");
        }
    }
}

fn check_output(document: &Document, name: &str, output: &Value, findings: &mut Findings) {
    const KEYS: &[&str] = &["Condition", "Description", "Export", "Value"];
    let path = format!("Outputs.{name}");
    let Some(map) = output.as_object() else {
        findings.error(path, "an output is a mapping with a Value");
        return;
    };
    for key in map.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        let finding = findings.error(&*path, format!("an output has no {key}"));
        if let Some(name) = similar(key, KEYS.iter().copied()) {
            finding.fix(format!("did you mean {name}?"));
        }
    }
    if let Some(value) = map.get("Value") {
        let place = format!("{path}.Value");
        function::check(document, value, Place::Value, &Trail::new(&place), findings);
        check_text(document, value, &place, findings);
    }
    if map.get("Description").is_some_and(|one| !one.is_string()) {
        findings.error(
            format!("{path}.Description"),
            "a description is text, without functions",
        );
    }
    if let Some(export) = map.get("Export") {
        match export.get("Name") {
            Some(name) => function::check(
                document,
                name,
                Place::Value,
                &Trail::new(&format!("{path}.Export")),
                findings,
            ),
            None => {
                findings.error(format!("{path}.Export"), "Name is missing");
            }
        }
    }
}

/// Outputs are text.
fn check_text(document: &Document, value: &Value, path: &str, findings: &mut Findings) {
    let is_list = match super::world::function(value) {
        Some((name, _)) => super::result::gives_list(document, name, value),
        None => value.is_array() || value.is_object() || value.is_null(),
    };
    if is_list {
        findings
            .error(path, "an output is text")
            .fix("join a list with Fn::Join");
    }
}

fn check_exports(document: &Document, findings: &mut Findings) {
    let mut names: BTreeMap<String, &String> = BTreeMap::new();
    for (output, value) in &document.outputs {
        let Some(name) = value.get("Export").and_then(|export| export.get("Name")) else {
            continue;
        };
        let settled = settle(name, &BTreeMap::new()).unwrap_or_default();
        if let Some(other) = names.insert(canonical(&settled), output) {
            let message = format!("the export has the same name as that of {other}");
            findings.error(format!("Outputs.{output}.Export"), message);
        }
        let text = text(name).unwrap_or_default();
        let is_letter =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, ':' | '-');
        if !text.chars().all(is_letter) || text.len() > 255 {
            findings
                .error(
                    format!("Outputs.{output}.Export.Name"),
                    "an export's name has letters, digits, colons and hyphens",
                )
                .fix("at most 255 of them");
        }
    }
}

/// What nobody uses is probably a slip.
fn check_unused(document: &Document, findings: &mut Findings) {
    let used = used(document);
    for name in document.parameters.keys() {
        if !used.contains(&Reference::Name(name)) {
            findings.warning(format!("Parameters.{name}"), "nothing uses the parameter");
        }
    }
    for name in document.conditions.keys() {
        if !used.contains(&Reference::Condition(name)) {
            findings.warning(format!("Conditions.{name}"), "nothing uses the condition");
        }
    }
}

/// The parameters and conditions that something refers to.
fn used(document: &Document) -> BTreeSet<Reference<'_>> {
    let resources = document.resources.values();
    let outputs = document.outputs.values();
    let values = resources
        .clone()
        .flat_map(|one| one.properties.values().chain(one.metadata.values()))
        .chain(outputs.clone())
        .chain(document.conditions.values())
        .chain(document.metadata.values());
    let of_resources = resources.filter_map(|one| one.condition.as_deref());
    let of_outputs = outputs.filter_map(|one| one.get("Condition")?.as_str());
    let named = of_resources.chain(of_outputs).map(Reference::Condition);
    let mut used: BTreeSet<Reference<'_>> = named.collect();
    for value in values {
        each_reference(value, &mut |reference| {
            let is_declared = match reference {
                Reference::Name(name) => document.parameters.contains_key(name),
                Reference::Attribute(..) => false,
                Reference::Condition(_) => true,
            };
            if is_declared {
                used.insert(reference);
            }
        });
    }
    used
}

/// Limits of a template as a whole ("`CloudFormation` quotas" in its user guide).
pub(super) fn check_size(document: &Document, findings: &mut Findings) {
    let limits = [
        ("resources", document.resources.len(), 500),
        ("parameters", document.parameters.len(), 200),
        ("outputs", document.outputs.len(), 200),
        ("mappings", document.mappings.len(), 200),
    ];
    for (what, count, most) in limits {
        if count > most {
            findings
                .error("", format!("{count} {what}, at most {most} are allowed"))
                .fix("split the template");
        }
    }
    let description = document.description.as_ref().map_or(0, String::len);
    if description > 1024 {
        findings.error(
            "",
            format!("a description of {description} bytes, at most 1024 are allowed"),
        );
    }
    for (name, mapping) in &document.mappings {
        let count = mapping.as_object().map_or(0, serde_json::Map::len);
        if count > 200 {
            findings.error(
                format!("Mappings.{name}"),
                format!("{count} keys, at most 200 are allowed"),
            );
        }
    }
}

/// Smallest of two bounds must not be above the largest.
pub(super) fn check_bounds(
    declared: &Value,
    low: &str,
    high: &str,
    path: &str,
    findings: &mut Findings,
) {
    let bound = |name: &str| declared.get(name).and_then(number);
    if let (Some(least), Some(most)) = (bound(low), bound(high))
        && least > most
    {
        findings.error(path, format!("{low} is above {high}"));
    }
}
