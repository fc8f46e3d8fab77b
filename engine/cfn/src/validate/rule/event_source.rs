//! What Lambda takes events from, and what becomes of failed ones ("Using Lambda with Amazon SQS").

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, at, flag, number, text};
use super::super::text::Text;

/// Checks an event source mapping.
pub(super) fn check_mapping(item: &Item<'_>, findings: &mut Findings) {
    if !item.has("EventSourceArn") && !item.has("SelfManagedEventSource") {
        findings.error(item.place(""), "EventSourceArn is missing");
    }
    check_filters(item, findings);
    match source(item).as_deref() {
        Some("sqs") => check_queue(item, findings),
        Some("kinesis" | "dynamodb") if !item.has("StartingPosition") => {
            findings
                .error(item.place(""), "a stream needs StartingPosition")
                .fix("use LATEST or TRIM_HORIZON");
        }
        _ => {}
    }
}

/// Checks what becomes of asynchronous invocations.
pub(super) fn check_invoke(item: &Item<'_>, findings: &mut Findings) {
    for key in ["OnFailure", "OnSuccess"] {
        let path = format!("DestinationConfig.{key}.Destination");
        let target = item.target(item.at(&path));
        let is_fifo = target
            .is_some_and(|(_, one)| one.properties.get("FifoQueue").and_then(flag) == Some(true));
        if is_fifo {
            findings
                .error(
                    item.place(&path),
                    "the queue is FIFO, which cannot be a destination",
                )
                .fix("use a standard queue");
        }
    }
}

/// The service that events come from.
fn source(item: &Item<'_>) -> Option<String> {
    let value = item.at("EventSourceArn");
    if let Some((_, resource)) = item.target(value) {
        return resource.kind.split("::").nth(1).map(str::to_lowercase);
    }
    let outline = Text::of(value)?.outline();
    let service = outline.split(':').nth(2)?;
    Some(service.to_owned())
}

fn check_filters(item: &Item<'_>, findings: &mut Findings) {
    for (place, filter) in item.list("FilterCriteria.Filters") {
        let is_json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
        if text(at(filter, "Pattern")).is_some_and(|text| !is_json(&text)) {
            findings.error(
                item.place(&format!("{place}.Pattern")),
                "the pattern is not JSON",
            );
        }
    }
}

fn check_queue(item: &Item<'_>, findings: &mut Findings) {
    const STREAM_ONLY: &[&str] = &[
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "ParallelizationFactor",
        "StartingPosition",
        "StartingPositionTimestamp",
        "TumblingWindowInSeconds",
    ];
    for key in STREAM_ONLY.iter().filter(|key| item.has(key)) {
        findings
            .error(
                item.place(key),
                format!("{key} is for streams, not for queues"),
            )
            .fix("remove it");
    }
    check_batch(item, findings);
    check_visibility(item, findings);
}

fn check_batch(item: &Item<'_>, findings: &mut Findings) {
    let size = item.number("BatchSize").unwrap_or(10.0);
    let window = item.number("MaximumBatchingWindowInSeconds").unwrap_or(0.0);
    let is_fifo = item
        .target(item.at("EventSourceArn"))
        .is_some_and(|(_, one)| one.properties.get("FifoQueue").and_then(flag) == Some(true));
    let has_open_window = item.has("MaximumBatchingWindowInSeconds")
        && item.number("MaximumBatchingWindowInSeconds").is_none();
    if is_fifo && size > 10.0 {
        findings.error(
            item.place("BatchSize"),
            "a FIFO queue gives at most 10 messages at once",
        );
    } else if size > 10.0 && window < 1.0 && !has_open_window {
        findings
            .error(
                item.place("BatchSize"),
                format!("{size} messages at once need time to be gathered"),
            )
            .fix("set MaximumBatchingWindowInSeconds, or at most 10 messages");
    }
    if is_fifo && window > 0.0 {
        findings.error(
            item.place("MaximumBatchingWindowInSeconds"),
            "a FIFO queue has no window",
        );
    }
    let concurrency = "ScalingConfig.MaximumConcurrency";
    if let Some(value) = item
        .number(concurrency)
        .filter(|value| !(2.0..=1000.0).contains(value))
    {
        findings.error(
            item.place(concurrency),
            format!("{value} is not within 2 to 1000"),
        );
    }
}

/// A message that becomes visible again while the function still works on it is worked on twice.
fn check_visibility(item: &Item<'_>, findings: &mut Findings) {
    let (Some((queue_id, queue)), Some((function_id, function))) = (
        item.target(item.at("EventSourceArn")),
        item.target(item.at("FunctionName")),
    ) else {
        return;
    };
    let of =
        |resource: &crate::Resource, key: &str, default: f64| match resource.properties.get(key) {
            None => Some(default),
            Some(value) => number(value),
        };
    let visibility = of(queue, "VisibilityTimeout", 30.0);
    let timeout = of(function, "Timeout", 3.0);
    if let (Some(visibility), Some(timeout)) = (visibility, timeout)
        && function.kind == "AWS::Lambda::Function"
        && visibility < timeout * 6.0
    {
        let least = timeout * 6.0;
        findings
                .error(
                    item.place("EventSourceArn"),
                    format!("messages of {queue_id} come back after {visibility} s, {function_id} may take {timeout} s"),
                )
                .fix(format!("set VisibilityTimeout of {queue_id} to {least} or more"));
    }
}
