//! Service limits that the resources of a template can be measured against before anything is made.

use std::collections::BTreeMap;

use scar_cfn::{Document, Pseudo, Resolver, Resource, Scope, canonical};
use serde_json::{Value, json};

use crate::Error;

/// Types of resources that are measured.
const MEASURED: [&str; 3] = [
    "AWS::Batch::JobDefinition",
    "AWS::IAM::Role",
    "AWS::Lambda::Function",
];
/// Bytes of names and values of a function's variables ("Lambda quotas").
const MAX_VARIABLES_BYTES: usize = 4096;
/// Characters of all inline policies of a role, white space not counted ("IAM and STS quotas").
const MAX_POLICY_CHARACTERS: usize = 10_240;
/// Bytes of a job definition ("`RegisterJobDefinition`" of Batch).
const MAX_DEFINITION_BYTES: usize = 24 * 1024;

/// Measures a template with names as long as they may become.
pub(crate) fn check(document: &Document) -> Result<(), Error> {
    let length = |name: &str| {
        if name.ends_with("Arn") || name.ends_with("Uri") {
            140
        } else {
            63
        }
    };
    let parameters: BTreeMap<String, String> = document
        .parameters
        .keys()
        .map(|name| (name.clone(), "p".repeat(length(name))))
        .collect();
    let pseudo = Pseudo {
        partition: "aws-us-gov".to_owned(),
        region: "ap-southeast-1".to_owned(),
        account: "0".repeat(12),
        ..Pseudo::default()
    };
    let scope = Scope::new(document, &parameters, pseudo)?;
    for (id, resource) in &document.resources {
        check_resource(&scope, id, resource)?;
    }
    Ok(())
}

fn check_resource(scope: &Scope<'_>, id: &str, resource: &Resource) -> Result<(), Error> {
    if !MEASURED.contains(&resource.kind.as_str()) {
        return Ok(());
    }
    let properties = scope.properties(resource, &Longest)?;
    let pointer = |path: &str| properties.get(path).cloned().unwrap_or_default();
    match resource.kind.as_str() {
        "AWS::Lambda::Function" => {
            let variables = pointer("Environment")["Variables"].clone();
            let length =
                |(name, value): (&String, &Value)| name.len() + value.as_str().map_or(0, str::len);
            let bytes = variables
                .as_object()
                .map_or(0, |map| map.iter().map(length).sum());
            over(
                "bytes of function variables",
                bytes,
                MAX_VARIABLES_BYTES,
                id,
            )
        }
        "AWS::IAM::Role" => {
            let policies = pointer("Policies");
            let documents = policies
                .as_array()
                .into_iter()
                .flatten()
                .map(|policy| &policy["PolicyDocument"]);
            let characters = documents.map(|document| canonical(document).len()).sum();
            over(
                "characters of role policies",
                characters,
                MAX_POLICY_CHARACTERS,
                id,
            )
        }
        "AWS::Batch::JobDefinition" => {
            let bytes = properties.values().map(|value| canonical(value).len());
            over(
                "bytes of job definition",
                bytes.sum(),
                MAX_DEFINITION_BYTES,
                id,
            )
        }
        _ => Ok(()),
    }
}

fn over(what: &'static str, value: usize, limit: usize, logical_id: &str) -> Result<(), Error> {
    if value <= limit {
        return Ok(());
    }
    Err(Error::Limit {
        what,
        value,
        limit,
        logical_id: logical_id.to_owned(),
    })
}

/// Names as long as they may become.
struct Longest;

impl Resolver for Longest {
    fn reference(&self, _: &str) -> Option<Value> {
        Some(json!("n".repeat(63)))
    }

    fn attribute(&self, logical_id: &str, _: &str) -> Option<Value> {
        let length = if logical_id.ends_with("Store") {
            83
        } else {
            180
        };
        Some(json!("a".repeat(length)))
    }
}
