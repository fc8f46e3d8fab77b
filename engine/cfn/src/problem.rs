//! What `CloudFormation` itself refuses before it looks at any resource: names that lead nowhere.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::reference::{Reference, creation_order, each_reference};
use crate::{Cycle, Document, Resource};

/// A mistake in a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A `Ref` or `${…}` to nothing.
    #[error("unresolved resource dependency {name} in {place}")]
    UnresolvedName {
        /// What is referred to.
        name: String,
        /// Where, for instance `Resources.Split`.
        place: String,
    },
    /// A `Fn::GetAtt` of nothing.
    #[error("{place} reads {attribute} of {logical_id}, which is no resource")]
    UnresolvedAttribute {
        /// What is referred to.
        logical_id: String,
        /// The attribute.
        attribute: String,
        /// Where.
        place: String,
    },
    /// A condition that is not defined.
    #[error("unresolved condition {name} in {place}")]
    UnresolvedCondition {
        /// Its name.
        name: String,
        /// Where.
        place: String,
    },
    /// A logical id may only have ASCII letters and digits, at most 255.
    #[error("logical id {logical_id:?} is not alphanumeric")]
    InvalidLogicalId {
        /// The id.
        logical_id: String,
    },
    /// `DependsOn` of nothing.
    #[error("{logical_id} depends on {name}, which is no resource")]
    UnresolvedDependency {
        /// Who depends.
        logical_id: String,
        /// On what.
        name: String,
    },
    /// A parameter without a type, or an output without a value.
    #[error("{place} has no {attribute}")]
    Missing {
        /// Where.
        place: String,
        /// What is missing.
        attribute: &'static str,
    },
    /// Resources that need each other.
    #[error(transparent)]
    Cycle(#[from] Cycle),
}

impl Problem {
    /// Where it is, for instance `Resources.Split`; empty if it is in several places.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::UnresolvedName { place, .. }
            | Self::UnresolvedAttribute { place, .. }
            | Self::UnresolvedCondition { place, .. }
            | Self::Missing { place, .. } => place.clone(),
            Self::UnresolvedDependency { logical_id, .. } => format!("Resources.{logical_id}"),
            Self::InvalidLogicalId { .. } | Self::Cycle(_) => String::new(),
        }
    }
}

/// All such mistakes of a document. [`crate::validate`] finds these and many more.
#[must_use]
pub fn problems(document: &Document) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (id, resource) in &document.resources {
        check_resource(document, id, resource, &mut problems);
    }
    for (name, output) in &document.outputs {
        check_output(document, name, output, &mut problems);
    }
    for (name, parameter) in &document.parameters {
        check_id(name, &mut problems);
        check_has(
            parameter,
            "Type",
            &format!("Parameters.{name}"),
            &mut problems,
        );
    }
    for (name, condition) in &document.conditions {
        let place = format!("Conditions.{name}");
        check_references(document, [condition], &place, &mut problems);
    }
    problems.extend(creation_order(document).err().map(Problem::Cycle));
    problems
}

fn check_resource(document: &Document, id: &str, resource: &Resource, problems: &mut Vec<Problem>) {
    let place = format!("Resources.{id}");
    check_id(id, problems);
    check_condition(document, resource.condition.as_deref(), &place, problems);
    let unknown = resource
        .depends_on
        .iter()
        .filter(|name| !document.resources.contains_key(*name));
    problems.extend(unknown.map(|name| Problem::UnresolvedDependency {
        logical_id: id.to_owned(),
        name: name.clone(),
    }));
    check_references(document, resource.properties.values(), &place, problems);
}

fn check_output(document: &Document, name: &str, output: &Value, problems: &mut Vec<Problem>) {
    let place = format!("Outputs.{name}");
    check_id(name, problems);
    check_condition(
        document,
        output.get("Condition").and_then(Value::as_str),
        &place,
        problems,
    );
    check_has(output, "Value", &place, problems);
    check_references(document, output.get("Value"), &place, problems);
}

fn check_id(logical_id: &str, problems: &mut Vec<Problem>) {
    let is_good = (1..=255).contains(&logical_id.len())
        && logical_id.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_good {
        problems.push(Problem::InvalidLogicalId {
            logical_id: logical_id.to_owned(),
        });
    }
}

fn check_has(value: &Value, attribute: &'static str, place: &str, problems: &mut Vec<Problem>) {
    if value.get(attribute).is_none() {
        problems.push(Problem::Missing {
            place: place.to_owned(),
            attribute,
        });
    }
}

fn check_condition(
    document: &Document,
    name: Option<&str>,
    place: &str,
    problems: &mut Vec<Problem>,
) {
    if let Some(name) = name.filter(|name| !document.conditions.contains_key(*name)) {
        problems.push(Problem::UnresolvedCondition {
            name: name.to_owned(),
            place: place.to_owned(),
        });
    }
}

fn check_references<'v>(
    document: &Document,
    values: impl IntoIterator<Item = &'v Value>,
    place: &str,
    problems: &mut Vec<Problem>,
) {
    let mut unresolved = BTreeSet::new();
    for value in values {
        each_reference(value, &mut |reference| {
            if !is_resolved(document, reference) {
                unresolved.insert(reference);
            }
        });
    }
    problems.extend(unresolved.into_iter().map(|one| problem(one, place)));
}

/// Names that every template has ("Pseudo parameters reference" in the user guide).
const PSEUDO: &[&str] = &[
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

fn is_resolved(document: &Document, reference: Reference<'_>) -> bool {
    match reference {
        Reference::Name(name) => {
            PSEUDO.contains(&name)
                || document.parameters.contains_key(name)
                || document.resources.contains_key(name)
        }
        Reference::Attribute(logical_id, _) => document.resources.contains_key(logical_id),
        Reference::Condition(name) => document.conditions.contains_key(name),
    }
}

fn problem(unresolved: Reference<'_>, place: &str) -> Problem {
    let place = place.to_owned();
    match unresolved {
        Reference::Name(name) => Problem::UnresolvedName {
            name: name.to_owned(),
            place,
        },
        Reference::Attribute(logical_id, attribute) => Problem::UnresolvedAttribute {
            logical_id: logical_id.to_owned(),
            attribute: attribute.to_owned(),
            place,
        },
        Reference::Condition(name) => Problem::UnresolvedCondition {
            name: name.to_owned(),
            place,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_mistake() {
        let document = Document::parse(
            "
Parameters: {P: {Default: x}}
Resources:
  A_: {Type: T, Condition: No, DependsOn: Z, Properties: {X: !Ref Y, V: !GetAtt P.Arn, W: !If [C, 1, 2]}}
Outputs: {O: {Condition: No}}
",
        )
        .unwrap();
        let texts: Vec<String> = problems(&document)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            texts,
            [
                "logical id \"A_\" is not alphanumeric",
                "unresolved condition No in Resources.A_",
                "A_ depends on Z, which is no resource",
                "unresolved resource dependency Y in Resources.A_",
                "Resources.A_ reads Arn of P, which is no resource",
                "unresolved condition C in Resources.A_",
                "unresolved condition No in Outputs.O",
                "Outputs.O has no Value",
                "Parameters.P has no Type",
            ]
        );
    }
}
