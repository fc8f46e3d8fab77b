//! Stack policies: which resources an update must leave alone
//! ("Prevent updates to stack resources" in the CloudFormation user guide).

use serde_json::Value;

use crate::iam::matches;

/// Whether a policy lets an update do something: `Update:Modify`, `Update:Replace` or `Update:Delete`.
/// With a policy, what nothing allows is denied.
pub(super) fn allows(policy: &Value, action: &str, logical_id: &str, kind: &str) -> bool {
    let resource = format!("LogicalResourceId/{logical_id}");
    let mut allowed = false;
    for statement in list(policy.get("Statement")) {
        if !applies(statement, action, &resource, kind) {
            continue;
        }
        match statement.get("Effect").and_then(Value::as_str) {
            Some("Deny") => return false,
            Some("Allow") => allowed = true,
            _ => {}
        }
    }
    allowed
}

fn applies(statement: &Value, action: &str, resource: &str, kind: &str) -> bool {
    let selects = |name: &str, inverse: &str, text: &str| {
        let has = |value: &Value| texts(Some(value)).any(|pattern| matches(pattern, text));
        match (statement.get(name), statement.get(inverse)) {
            (Some(patterns), _) => has(patterns),
            (None, Some(patterns)) => !has(patterns),
            (None, None) => false,
        }
    };
    let condition = statement.get("Condition");
    let kinds = condition.and_then(|all| {
        let test = all.get("StringEquals").or_else(|| all.get("StringLike"))?;
        test.get("ResourceType")
    });
    selects("Action", "NotAction", action)
        && selects("Resource", "NotResource", resource)
        && (condition.is_none() || texts(kinds).any(|pattern| matches(pattern, kind)))
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    items.iter()
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    list(value).filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn denials_win_and_silence_denies() {
        let policy = json!({ "Statement": [
            { "Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*" },
            { "Effect": "Deny", "Action": ["Update:Replace", "Update:Delete"], "Principal": "*",
              "Resource": "*", "Condition": { "StringEquals": { "ResourceType": ["AWS::S3::Bucket"] } } },
        ] });
        let may = |action, kind| allows(&policy, action, "Data", kind);
        assert!(may("Update:Modify", "AWS::S3::Bucket"));
        assert!(!may("Update:Replace", "AWS::S3::Bucket"));
        assert!(may("Update:Replace", "AWS::SQS::Queue"));
        assert!(!allows(
            &json!({ "Statement": [] }),
            "Update:Modify",
            "X",
            "T"
        ));
    }
}
