//! Service limits that the resources of a template can be measured against before anything is made.

use std::collections::BTreeMap;

use scar_cfn::{Document, Pseudo, Resolver, Resource, Scope, canonical};
use serde_json::{Value, json};

use crate::Error;

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
    let property = |name: &str| match resource.properties.get(name) {
        Some(value) => scope
            .evaluate(value, &Longest)
            .map(Option::unwrap_or_default),
        None => Ok(Value::Null),
    };
    let (what, value, limit) = match resource.kind.as_str() {
        "AWS::Lambda::Function" => (
            "bytes of function variables",
            bytes_of_variables(&property("Environment")?["Variables"]),
            MAX_VARIABLES_BYTES,
        ),
        "AWS::IAM::Role" => (
            "characters of role policies",
            characters_of_policies(&property("Policies")?),
            MAX_POLICY_CHARACTERS,
        ),
        "AWS::Batch::JobDefinition" => {
            let properties = scope.properties(resource, &Longest)?;
            let bytes = properties.values().map(|value| canonical(value).len());
            ("bytes of job definition", bytes.sum(), MAX_DEFINITION_BYTES)
        }
        _ => return Ok(()),
    };
    if value <= limit {
        return Ok(());
    }
    Err(Error::Limit {
        what,
        value,
        limit,
        logical_id: id.to_owned(),
    })
}

fn bytes_of_variables(variables: &Value) -> usize {
    let variables = variables.as_object().into_iter().flatten();
    variables
        .map(|(name, value)| name.len() + value.as_str().map_or(0, str::len))
        .sum()
}

fn characters_of_policies(policies: &Value) -> usize {
    let policies = policies.as_array().into_iter().flatten();
    policies
        .map(|policy| canonical(&policy["PolicyDocument"]).len())
        .sum()
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
