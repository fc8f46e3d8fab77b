//! `AWS::IAM::Role`, `AWS::IAM::RolePolicy`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Attributes, Context, Made, Properties, Refusal, Tag, attributes, exists, missing, number, read,
    refuse,
};
use crate::iam::Role;
use crate::random;
use crate::store::{Table, Transaction};

const ROLE: &str = "AWS::IAM::Role";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RoleProperties {
    role_name: Option<String>,
    path: Option<String>,
    assume_role_policy_document: Value,
    #[serde(default)]
    policies: Vec<InlinePolicy>,
    #[serde(default)]
    managed_policy_arns: Vec<String>,
    #[serde(rename = "PermissionsBoundary")]
    _permissions_boundary: Option<String>,
    #[serde(rename = "Description")]
    _description: Option<String>,
    #[serde(default, rename = "MaxSessionDuration", deserialize_with = "number")]
    _max_session_duration: Option<u64>,
    #[serde(default, rename = "Tags")]
    _tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct InlinePolicy {
    policy_name: String,
    policy_document: Value,
}

pub(super) fn create_role(
    transaction: &mut Transaction<'_>,
    context: &Context,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: RoleProperties = read(properties)?;
    let name = read.role_name.unwrap_or_else(|| context.name(64));
    if transaction.contains(Table::Roles, &name)? {
        return Err(exists(ROLE, &name));
    }
    let path = read.path.unwrap_or_else(|| "/".to_owned());
    let arn = format!("arn:aws:iam::{}:role{path}{name}", context.account);
    let role = Role {
        name: name.clone(),
        arn: arn.clone(),
        trust: read.assume_role_policy_document,
        policies: inline(read.policies)?,
        managed_policies: read.managed_policy_arns,
    };
    transaction.put(Table::Roles, &name, &role)?;
    let id = format!("AROA{}", random::hex(8).to_uppercase());
    let attributes = attributes(&[("Arn", &arn), ("RoleId", &id)]);
    Ok(Made::new(name, attributes))
}

/// Policies of `AWS::IAM::RolePolicy` resources stay; the role's own are exchanged.
pub(super) fn update_role(
    transaction: &mut Transaction<'_>,
    name: &str,
    before: &Properties,
    properties: &Properties,
) -> Result<(), Refusal> {
    let (before, after): (RoleProperties, RoleProperties) = (read(before)?, read(properties)?);
    let mut role = find(transaction, name)?;
    for policy in &before.policies {
        role.policies.remove(&policy.policy_name);
    }
    role.policies.extend(inline(after.policies)?);
    role.trust = after.assume_role_policy_document;
    role.managed_policies = after.managed_policy_arns;
    Ok(transaction.put(Table::Roles, name, &role)?)
}

pub(super) fn delete_role(transaction: &mut Transaction<'_>, name: &str) -> Result<(), Refusal> {
    transaction.delete(Table::Roles, name);
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RolePolicyProperties {
    role_name: String,
    policy_name: String,
    policy_document: Value,
}

pub(super) fn put_role_policy(
    transaction: &mut Transaction<'_>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: RolePolicyProperties = read(properties)?;
    let mut role = find(transaction, &read.role_name)?;
    check_policy(&read.policy_name, &read.policy_document)?;
    role.policies
        .insert(read.policy_name.clone(), read.policy_document);
    transaction.put(Table::Roles, &read.role_name, &role)?;
    let physical_id = format!("{}|{}", read.policy_name, read.role_name);
    let attributes = Attributes::new();
    Ok(Made::new(physical_id, attributes))
}

pub(super) fn delete_role_policy(
    transaction: &mut Transaction<'_>,
    id: &str,
) -> Result<(), Refusal> {
    let Some((policy, name)) = id.split_once('|') else {
        return Ok(());
    };
    if let Some(mut role) = transaction.get::<Role>(Table::Roles, name)? {
        role.policies.remove(policy);
        transaction.put(Table::Roles, name, &role)?;
    }
    Ok(())
}

fn find(transaction: &Transaction<'_>, name: &str) -> Result<Role, Refusal> {
    transaction
        .get(Table::Roles, name)?
        .ok_or_else(|| missing(ROLE, name))
}

fn inline(policies: Vec<InlinePolicy>) -> Result<BTreeMap<String, Value>, Refusal> {
    let checked = |policy: InlinePolicy| {
        check_policy(&policy.policy_name, &policy.policy_document)?;
        Ok((policy.policy_name, policy.policy_document))
    };
    policies.into_iter().map(checked).collect()
}

/// IAM refuses a document without statements, and statements without effect, action or resource.
fn check_policy(name: &str, document: &Value) -> Result<(), Refusal> {
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(Value::Object(statement)) => vec![Value::Object(statement.clone())],
        _ => {
            return Err(refuse(format!(
                "MalformedPolicyDocument: policy {name} has no statements"
            )));
        }
    };
    let has = |statement: &Value, names: [&str; 2]| {
        names.iter().any(|name| statement.get(name).is_some())
    };
    let is_whole = |statement: &Value| {
        matches!(
            statement.get("Effect").and_then(Value::as_str),
            Some("Allow" | "Deny")
        ) && has(statement, ["Action", "NotAction"])
            && has(statement, ["Resource", "NotResource"])
    };
    match statements.iter().all(is_whole) {
        true => Ok(()),
        false => Err(refuse(format!(
            "MalformedPolicyDocument: a statement of policy {name} lacks a part"
        ))),
    }
}
