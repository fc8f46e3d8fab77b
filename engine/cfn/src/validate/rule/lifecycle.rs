//! Lifecycle rules of buckets ("Lifecycle configuration elements" of the S3 user guide).

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, at, flag, number, text};

/// What a rule can do.
const ACTIONS: &[&str] = &[
    "AbortIncompleteMultipartUpload",
    "ExpirationDate",
    "ExpirationInDays",
    "ExpiredObjectDeleteMarker",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionExpirationInDays",
    "NoncurrentVersionTransition",
    "NoncurrentVersionTransitions",
    "Transition",
    "Transitions",
];
const MAX_RULES: usize = 1000;

/// Checks the rules of a bucket.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    let rules = item.list("LifecycleConfiguration.Rules");
    if rules.len() > MAX_RULES {
        findings.error(
            item.place("LifecycleConfiguration.Rules"),
            format!("{} rules, at most {MAX_RULES} are allowed", rules.len()),
        );
    }
    let mut names: Vec<String> = Vec::new();
    for (path, rule) in rules {
        let place = item.place(&path);
        check_rule(rule, &place, findings);
        let name = rule.get("Id").and_then(text);
        if name.as_ref().is_some_and(|name| names.contains(name)) {
            findings.error(format!("{place}.Id"), "two rules have this id");
        }
        names.extend(name);
    }
}

fn check_rule(rule: &Value, place: &str, findings: &mut Findings) {
    if rule.is_object() && !ACTIONS.iter().any(|key| rule.get(key).is_some()) {
        findings
            .error(place, "the rule does nothing")
            .fix("add ExpirationInDays, Transitions or AbortIncompleteMultipartUpload");
    }
    if rule.get("ExpirationDate").is_some() && rule.get("ExpirationInDays").is_some() {
        findings.error(
            place,
            "ExpirationDate and ExpirationInDays exclude each other",
        );
    }
    let is_marker = flag(at(rule, "ExpiredObjectDeleteMarker")) == Some(true);
    if is_marker && (rule.get("ExpirationDate").is_some() || rule.get("ExpirationInDays").is_some())
    {
        findings.error(
            place,
            "ExpiredObjectDeleteMarker and an expiration exclude each other",
        );
    }
    let days = [
        "ExpirationInDays",
        "NoncurrentVersionExpirationInDays",
        "NoncurrentVersionExpiration.NoncurrentDays",
        "AbortIncompleteMultipartUpload.DaysAfterInitiation",
    ];
    for key in days {
        if let Some(days) = number(at(rule, key)).filter(|days| *days < 1.0) {
            findings.error(
                format!("{place}.{key}"),
                format!("{days} days, at least 1 is needed"),
            );
        }
    }
    check_transitions(rule, place, findings);
}

/// Objects go to colder storage before they expire.
fn check_transitions(rule: &Value, place: &str, findings: &mut Findings) {
    let expiration = number(at(rule, "ExpirationInDays"));
    let transitions = at(rule, "Transitions").as_array().into_iter().flatten();
    for transition in transitions.chain(rule.get("Transition")) {
        let days = number(at(transition, "TransitionInDays"));
        if let (Some(days), Some(expiration)) = (days, expiration)
            && days >= expiration
        {
            findings.error(
                place,
                format!("objects would move after {days} days and expire after {expiration}"),
            );
        }
        let class = text(at(transition, "StorageClass")).unwrap_or_default();
        if matches!(class.as_str(), "STANDARD_IA" | "ONEZONE_IA")
            && days.is_some_and(|days| days < 30.0)
        {
            findings.error(
                place,
                format!("objects can move to {class} after 30 days at the earliest"),
            );
        }
    }
}
