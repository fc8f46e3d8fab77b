//! What a role session may do: identity policies, evaluated as IAM does ("Policy evaluation logic" in
//! the IAM user guide). An explicit deny wins, and what nothing allows is denied.

mod condition;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::auth::Identity;
use crate::services::Services;
use crate::store::Table;

/// A role, in `Table::Roles` under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Role {
    /// Its name.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Who may assume it.
    pub(crate) trust: Value,
    /// Inline policies by name, evaluated: no intrinsic functions are left in them.
    pub(crate) policies: BTreeMap<String, Value>,
    /// ARNs of attached managed policies. They grant nothing here.
    pub(crate) managed_policies: Vec<String>,
}

/// Whether the caller may do `action` (`s3:GetObject`) on `resource` (an ARN).
pub(crate) fn allows(
    services: &Services,
    identity: &Identity,
    action: &str,
    resource: &str,
) -> Result<bool, Error> {
    allows_in(services, identity, action, resource, &[])
}

/// The same with values of condition keys, such as `s3:prefix`. Keys of the request that are the same
/// for all services are added here.
pub(crate) fn allows_in(
    services: &Services,
    identity: &Identity,
    action: &str,
    resource: &str,
    context: &[(&str, &str)],
) -> Result<bool, Error> {
    let Identity::Session { role, .. } = identity else {
        return Ok(true);
    };
    let Some(role) = services.store.get::<Role>(Table::Roles, role)? else {
        return Ok(false);
    };
    let account = services.settings.account.as_str();
    let mut all = vec![
        ("aws:PrincipalAccount", account),
        ("aws:ResourceAccount", account),
        ("aws:SourceAccount", account),
        ("aws:RequestedRegion", services.settings.region.as_str()),
        ("aws:PrincipalArn", role.arn.as_str()),
        // Loopback stands for the encrypted way to AWS.
        ("aws:SecureTransport", "true"),
    ];
    all.extend_from_slice(context);
    Ok(evaluate(
        role.policies.values(),
        &Question {
            action,
            resource,
            context: &all,
        },
    ))
}

/// Whether the policies of a role allow something.
pub(crate) fn role_allows(role: &Role, action: &str, resource: &str) -> bool {
    let question = Question {
        action,
        resource,
        context: &[("aws:SecureTransport", "true")],
    };
    evaluate(role.policies.values(), &question)
}

/// Whether the policies of a resource let a service do something on behalf of another resource.
pub(crate) fn resource_allows<'a>(
    policies: impl Iterator<Item = &'a Value>,
    principal: &str,
    action: &str,
    resource: &str,
    source_arn: &str,
) -> bool {
    let account = source_arn.split(':').nth(4).unwrap_or_default();
    let mut context = vec![
        ("aws:SourceArn", source_arn),
        ("aws:SecureTransport", "true"),
    ];
    if !account.is_empty() {
        context.push(("aws:SourceAccount", account));
    }
    let question = Question {
        action,
        resource,
        context: &context,
    };
    let names = |statement: &Value| {
        let named = statement.get("Principal");
        let services = named.and_then(|named| named.get("Service"));
        named == Some(&Value::from("*")) || items(services).any(|one| one == principal)
    };
    let mut allowed = false;
    for statement in policies.flat_map(|policy| items(policy.get("Statement"))) {
        match statement.get("Effect").and_then(Value::as_str) {
            Some("Deny") if names(statement) && applies(statement, &question, true) => {
                return false;
            }
            Some("Allow") => allowed |= names(statement) && applies(statement, &question, false),
            _ => {}
        }
    }
    allowed
}

struct Question<'a> {
    action: &'a str,
    resource: &'a str,
    context: &'a [(&'a str, &'a str)],
}

fn evaluate<'a>(policies: impl Iterator<Item = &'a Value>, question: &Question<'_>) -> bool {
    let mut allowed = false;
    for statement in policies.flat_map(|policy| items(policy.get("Statement"))) {
        match statement.get("Effect").and_then(Value::as_str) {
            Some("Deny") if applies(statement, question, true) => return false,
            Some("Allow") => allowed |= applies(statement, question, false),
            _ => {}
        }
    }
    allowed
}

/// `unknown` is the answer for conditions that are not understood: a deny that may apply does, an
/// allow that may not apply does not.
fn applies(statement: &Value, question: &Question<'_>, unknown: bool) -> bool {
    let lower = question.action.to_ascii_lowercase();
    let action = |pattern: &str| matches(&pattern.to_ascii_lowercase(), &lower);
    let resource = |pattern: &str| matches(pattern, question.resource);
    selects(statement, "Action", "NotAction", action)
        && selects(statement, "Resource", "NotResource", resource)
        && condition::holds(statement.get("Condition"), question.context, unknown)
}

fn selects(statement: &Value, name: &str, inverse: &str, test: impl Fn(&str) -> bool) -> bool {
    let any = |patterns: &Value| items(Some(patterns)).filter_map(Value::as_str).any(&test);
    match (statement.get(name), statement.get(inverse)) {
        (Some(patterns), _) => any(patterns),
        (None, Some(patterns)) => !any(patterns),
        (None, None) => false,
    }
}

/// The items of a value that may be a list or stand alone, as in all of policy grammar.
fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let list = match value {
        Some(Value::Array(list)) => list.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    list.iter()
}

/// Matches `*` (any characters, slashes too) and `?` (one). Goes back to the last star only, so the
/// time is at most the product of the lengths.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut position, mut star) = (0, 0, None);
    while position < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(one) if *one == '?' || Some(one) == text.get(position) => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else {
                    return false;
                };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                position = taken + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|one| *one == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn allowed(statements: Value, action: &str, resource: &str, context: &[(&str, &str)]) -> bool {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements });
        evaluate(
            [&policy].into_iter(),
            &Question {
                action,
                resource,
                context,
            },
        )
    }

    #[test]
    fn wildcards() {
        assert!(matches("arn:aws:s3:::b/in/*", "arn:aws:s3:::b/in/x/y"));
        assert!(!matches("arn:aws:s3:::b/in/*", "arn:aws:s3:::b/out/x"));
        assert!(matches("*", ""));
        assert!(matches("a*b*c", "aXbYbc"));
        assert!(!matches("a*b*c", "aXbYb"));
        assert!(matches("?é*", "xé"));
        assert!(!matches("", "x"));
    }

    #[test]
    fn deny_wins_and_nothing_is_allowed_by_itself() {
        let object = "arn:aws:s3:::b/k";
        assert!(!allowed(json!([]), "s3:GetObject", object, &[]));
        let allow =
            json!({ "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/*" });
        assert!(allowed(json!(allow), "s3:GetObject", object, &[]));
        assert!(allowed(json!([allow]), "S3:getobject", object, &[]));
        assert!(!allowed(json!([allow]), "s3:PutObject", object, &[]));
        let deny =
            json!({ "Effect": "Deny", "NotAction": "s3:GetBucketLocation", "Resource": "*" });
        assert!(!allowed(json!([allow, deny]), "s3:GetObject", object, &[]));
    }

    #[test]
    fn conditions_restrict() {
        let statement = json!([{ "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*",
            "Condition": { "StringLike": { "s3:prefix": ["in/*", "out/"] } } }]);
        let list = |prefix| {
            allowed(
                statement.clone(),
                "s3:ListBucket",
                "arn:aws:s3:::b",
                &[("s3:prefix", prefix)],
            )
        };
        assert!(list("in/a"));
        assert!(list("out/"));
        assert!(!list("other/"));
        assert!(!allowed(
            statement.clone(),
            "s3:ListBucket",
            "arn:aws:s3:::b",
            &[]
        ));
    }

    #[test]
    fn unknown_conditions_are_taken_strictly() {
        let with = |effect: &str| {
            json!({ "Effect": effect, "Action": "*", "Resource": "*",
            "Condition": { "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } } })
        };
        let open = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        assert!(!allowed(json!([with("Allow")]), "s3:GetObject", "r", &[]));
        assert!(!allowed(
            json!([open, with("Deny")]),
            "s3:GetObject",
            "r",
            &[]
        ));
    }
}
