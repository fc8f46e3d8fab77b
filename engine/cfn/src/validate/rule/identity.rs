//! IAM roles and policies ("IAM and STS quotas" in its user guide).

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, is_open, text};
use super::super::policy::{self, Purpose};
use super::super::text::Text;
use crate::canonical;

/// Characters of all inline policies of a role, white space not counted.
const MAX_POLICY_CHARACTERS: usize = 10_240;
/// Characters of a trust policy, with the quota raised as far as it goes.
const MAX_TRUST_CHARACTERS: usize = 8192;
/// Managed policies of a role, with the quota raised as far as it goes.
const MAX_MANAGED: usize = 25;

/// Checks a role.
pub(super) fn check_role(item: &Item<'_>, findings: &mut Findings) {
    let trust = item.at("AssumeRolePolicyDocument");
    policy::check(
        trust,
        Purpose::Trust,
        &item.root.key("AssumeRolePolicyDocument"),
        findings,
    );
    check_trust(item, findings);
    over(
        item,
        "AssumeRolePolicyDocument",
        characters(trust),
        MAX_TRUST_CHARACTERS,
        findings,
    );
    let mut names: Vec<String> = Vec::new();
    let mut total = 0;
    for (path, entry) in item.list("Policies") {
        let place = format!("{path}.PolicyDocument");
        let document = entry.get("PolicyDocument").unwrap_or(&Value::Null);
        policy::check(
            document,
            Purpose::Identity,
            &item.root.key(&place),
            findings,
        );
        total += characters(document);
        let name = entry.get("PolicyName").and_then(text);
        if name.as_ref().is_some_and(|name| names.contains(name)) {
            findings.error(
                item.place(&format!("{path}.PolicyName")),
                "two policies have this name",
            );
        }
        names.extend(name);
    }
    over(item, "Policies", total, MAX_POLICY_CHARACTERS, findings);
    check_managed(item, findings);
}

/// Checks a policy of a role that stands alone.
pub(super) fn check_role_policy(item: &Item<'_>, findings: &mut Findings) {
    let document = item.at("PolicyDocument");
    policy::check(
        document,
        Purpose::Identity,
        &item.root.key("PolicyDocument"),
        findings,
    );
    over(
        item,
        "PolicyDocument",
        characters(document),
        MAX_POLICY_CHARACTERS,
        findings,
    );
}

/// Checks an instance profile.
pub(super) fn check_profile(item: &Item<'_>, findings: &mut Findings) {
    let count = item.list("Roles").len();
    if item.at("Roles").is_array() && count != 1 {
        findings.error(
            item.place("Roles"),
            format!("{count} roles, exactly one is needed"),
        );
    }
}

/// Checks a policy of a bucket, at most 20 kB ("Bucket policies").
pub(super) fn check_bucket_policy(item: &Item<'_>, findings: &mut Findings) {
    let document = item.at("PolicyDocument");
    policy::check(
        document,
        Purpose::Resource,
        &item.root.key("PolicyDocument"),
        findings,
    );
    over(
        item,
        "PolicyDocument",
        characters(document),
        20_480,
        findings,
    );
    check_service_of_actions(item, "s3:", findings);
}

/// Checks a policy of queues.
pub(super) fn check_queue_policy(item: &Item<'_>, findings: &mut Findings) {
    let document = item.at("PolicyDocument");
    policy::check(
        document,
        Purpose::Resource,
        &item.root.key("PolicyDocument"),
        findings,
    );
    check_service_of_actions(item, "sqs:", findings);
    if item.at("Queues").as_array().is_some_and(Vec::is_empty) {
        findings.error(item.place("Queues"), "the list is empty");
    }
}

/// A policy of a resource is about actions of its own service.
fn check_service_of_actions(item: &Item<'_>, service: &str, findings: &mut Findings) {
    for (index, statement) in statements(item.at("PolicyDocument"))
        .into_iter()
        .enumerate()
    {
        for action in statement
            .get("Action")
            .map(super::super::item::each)
            .unwrap_or_default()
        {
            let action = text(action).unwrap_or_default().to_lowercase();
            if action.contains(':') && !action.starts_with(service) {
                let place = format!("PolicyDocument.Statement.{index}.Action");
                findings.error(
                    item.place(&place),
                    format!(
                        "{action:?} is no action of {}",
                        service.trim_end_matches(':')
                    ),
                );
            }
        }
    }
}

fn statements(document: &Value) -> Vec<&Value> {
    document
        .get("Statement")
        .map(super::super::item::each)
        .unwrap_or_default()
}

fn check_trust(item: &Item<'_>, findings: &mut Findings) {
    for (index, statement) in statements(item.at("AssumeRolePolicyDocument"))
        .into_iter()
        .enumerate()
    {
        for action in statement
            .get("Action")
            .map(super::super::item::each)
            .unwrap_or_default()
        {
            let is_other = text(action)
                .is_some_and(|action| action != "*" && !action.to_lowercase().starts_with("sts:"));
            if is_other {
                let place = format!("AssumeRolePolicyDocument.Statement.{index}.Action");
                findings
                    .error(
                        item.place(&place),
                        "a trust policy is about taking the role",
                    )
                    .fix("use sts:AssumeRole");
            }
        }
    }
}

fn check_managed(item: &Item<'_>, findings: &mut Findings) {
    let arns = item.list("ManagedPolicyArns");
    if arns.len() > MAX_MANAGED {
        findings.error(
            item.place("ManagedPolicyArns"),
            format!("{} policies, at most {MAX_MANAGED} are allowed", arns.len()),
        );
    }
    for (path, arn) in arns
        .into_iter()
        .map(|(path, arn)| (path, Some(arn)))
        .chain(boundary(item))
    {
        let Some(known) = arn.and_then(Text::of) else {
            continue;
        };
        let outline = known.outline();
        let is_policy = outline.starts_with('x')
            || (outline.starts_with("arn:") && outline.contains(":policy/"))
            || outline.contains("{{resolve:");
        if !is_policy {
            findings
                .error(
                    item.place(&path),
                    format!("{outline:?} is no ARN of a policy"),
                )
                .fix("it looks like arn:aws:iam::aws:policy/Name");
        }
    }
}

fn boundary<'i>(item: &'i Item<'_>) -> Option<(String, Option<&'i Value>)> {
    let value = item.at("PermissionsBoundary");
    (!value.is_null()).then(|| ("PermissionsBoundary".to_owned(), Some(value)))
}

/// Characters of a policy as far as they are known, white space not counted.
fn characters(value: &Value) -> usize {
    match value {
        Value::Object(_) if is_open(value) => {
            Text::of(value).map_or(0, |text| text.outline().len()) + 2
        }
        Value::Object(map) => {
            map.iter()
                .map(|(key, value)| key.len() + 4 + characters(value))
                .sum::<usize>()
                + 1
        }
        Value::Array(items) => items.iter().map(|item| characters(item) + 1).sum::<usize>() + 1,
        scalar => canonical(scalar).len(),
    }
}

fn over(item: &Item<'_>, path: &str, count: usize, most: usize, findings: &mut Findings) {
    if count > most {
        let message = format!("about {count} characters of policy, at most {most} are allowed");
        findings.error(item.place(path), message);
    }
}
