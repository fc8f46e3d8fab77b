//! Queues ("Amazon SQS quotas" and "`SetQueueAttributes`").

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, at, flag, number};

/// Properties that only a FIFO queue has.
const FIFO_ONLY: &[&str] = &[
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
];

/// Checks a queue.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    let is_fifo = flag(item.at("FifoQueue")) == Some(true);
    if let Some(name) = item.text("QueueName") {
        check_name(item, &name, is_fifo, findings);
    }
    for key in FIFO_ONLY.iter().filter(|key| !is_fifo && item.has(key)) {
        findings
            .error(item.place(key), format!("{key} is for FIFO queues only"))
            .fix("set FifoQueue: true, or remove it");
    }
    if item.has("KmsMasterKeyId") && flag(item.at("SqsManagedSseEnabled")) == Some(true) {
        findings
            .error(
                item.place("SqsManagedSseEnabled"),
                "a queue has one kind of encryption",
            )
            .fix("remove it or KmsMasterKeyId");
    }
    check_redrive(item, is_fifo, findings);
}

fn check_name(item: &Item<'_>, name: &str, is_fifo: bool, findings: &mut Findings) {
    let place = item.place("QueueName");
    let base = name.strip_suffix(".fifo").unwrap_or(name);
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    if base.is_empty() || name.len() > 80 || !base.chars().all(is_letter) {
        findings
            .error(&*place, format!("{name:?} is no name of a queue"))
            .fix("1 to 80 letters, digits, hyphens and underscores");
    }
    match (is_fifo, name.ends_with(".fifo")) {
        (true, false) => findings
            .error(place, "the name of a FIFO queue ends in .fifo")
            .fix(format!("use {name}.fifo")),
        (false, true) => findings
            .error(place, "only a FIFO queue's name ends in .fifo")
            .fix("set FifoQueue: true"),
        _ => {}
    }
}

fn check_redrive(item: &Item<'_>, is_fifo: bool, findings: &mut Findings) {
    let policy = item.at("RedrivePolicy");
    let Some(map) = policy
        .as_object()
        .filter(|_| !super::super::item::is_open(policy))
    else {
        return;
    };
    let place = item.place("RedrivePolicy");
    for key in map.keys() {
        if !matches!(key.as_str(), "deadLetterTargetArn" | "maxReceiveCount") {
            findings
                .error(&*place, format!("unknown property {key}"))
                .fix("it has deadLetterTargetArn and maxReceiveCount");
        }
    }
    for key in ["deadLetterTargetArn", "maxReceiveCount"] {
        if !map.contains_key(key) {
            findings.error(&*place, format!("{key} is missing"));
        }
    }
    let count = at(policy, "maxReceiveCount");
    let is_count =
        number(count).is_none_or(|count| (1.0..=1000.0).contains(&count) && count.fract() == 0.0);
    if !is_count || (count.is_string() && number(count).is_none()) {
        findings.error(
            format!("{place}.maxReceiveCount"),
            format!("{count} is not within 1 to 1000"),
        );
    }
    check_dead_letters(item, at(policy, "deadLetterTargetArn"), is_fifo, findings);
}

/// Dead letters go to another queue of the same kind.
fn check_dead_letters(item: &Item<'_>, target: &Value, is_fifo: bool, findings: &mut Findings) {
    let Some((id, other)) = item
        .target(target)
        .filter(|(_, other)| other.kind == "AWS::SQS::Queue")
    else {
        return;
    };
    let place = item.place("RedrivePolicy.deadLetterTargetArn");
    if id == item.id {
        findings.error(&*place, "a queue's dead letters go to another queue");
    }
    let is_other_fifo = other.properties.get("FifoQueue").and_then(flag) == Some(true);
    if is_fifo != is_other_fifo {
        let wanted = if is_fifo { "FIFO" } else { "standard" };
        findings.error(
            place,
            format!("dead letters of a {wanted} queue need a {wanted} queue"),
        );
    }
}
