//! Whether a failed attempt is made again ("Automated job retries" in the AWS Batch user guide).

use serde_json::Value;

use super::{Attempt, Job};

/// Whether another attempt follows a failed one.
pub(super) fn is_retried(job: &Job, attempt: &Attempt) -> bool {
    let allowed = job
        .retry
        .get("attempts")
        .and_then(Value::as_u64)
        .unwrap_or(1);
    let made = u64::try_from(job.attempts.len()).unwrap_or(u64::MAX);
    made.saturating_sub(job.interruptions) < allowed && !exits(&job.retry, attempt)
}

/// The first rule whose conditions all hold decides; without one the attempt is made again.
fn exits(retry: &Value, attempt: &Attempt) -> bool {
    let rules = retry.get("evaluateOnExit").and_then(Value::as_array);
    let rule = rules
        .into_iter()
        .flatten()
        .find(|rule| applies(rule, attempt));
    let action = rule.and_then(|rule| rule["action"].as_str());
    action.is_some_and(|action| action.eq_ignore_ascii_case("EXIT"))
}

fn applies(rule: &Value, attempt: &Attempt) -> bool {
    let code = attempt.exit_code.map(|code| code.to_string());
    let conditions = [
        ("onExitCode", code.as_deref()),
        ("onReason", attempt.reason.as_deref()),
        ("onStatusReason", attempt.status_reason.as_deref()),
    ];
    conditions.into_iter().all(|(name, actual)| {
        let pattern = rule.get(name).and_then(Value::as_str);
        pattern.is_none_or(|pattern| matches(pattern, actual.unwrap_or_default()))
    })
}

/// A pattern may end with a star, and ignores the case of letters.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => text == pattern,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attempt(exit_code: i32, status_reason: &str) -> Attempt {
        Attempt {
            exit_code: Some(exit_code),
            status_reason: Some(status_reason.to_owned()),
            ..Attempt::default()
        }
    }

    #[test]
    fn the_first_rule_that_applies_decides() {
        let retry = json!({ "evaluateOnExit": [
            { "onStatusReason": "Host EC2*", "action": "RETRY" },
            { "onExitCode": "75", "action": "retry" },
            { "onReason": "*", "action": "EXIT" },
        ] });
        assert!(!exits(
            &retry,
            &attempt(1, "Host EC2 (instance i-1) terminated.")
        ));
        assert!(!exits(
            &retry,
            &attempt(75, "Essential container in task exited")
        ));
        assert!(exits(
            &retry,
            &attempt(1, "Essential container in task exited")
        ));
        assert!(!exits(&json!({}), &attempt(1, "")));
    }
}
