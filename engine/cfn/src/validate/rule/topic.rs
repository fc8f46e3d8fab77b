//! Topics ("`CreateTopic`" and "`Subscribe`" of the SNS API reference).

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, flag};
use super::super::text::Text;

const PROTOCOLS: &[&str] = &[
    "application",
    "email",
    "email-json",
    "firehose",
    "http",
    "https",
    "lambda",
    "sms",
    "sqs",
];

/// Checks a topic.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    let is_fifo = flag(item.at("FifoTopic")) == Some(true);
    if let Some(name) = item.text("TopicName") {
        check_name(item, &name, is_fifo, findings);
    }
    if !is_fifo && item.has("ContentBasedDeduplication") {
        findings
            .error(
                item.place("ContentBasedDeduplication"),
                "is for FIFO topics only",
            )
            .fix("set FifoTopic: true, or remove it");
    }
    for (path, subscription) in item.list("Subscription") {
        check_subscription(item, &path, subscription, findings);
    }
}

fn check_name(item: &Item<'_>, name: &str, is_fifo: bool, findings: &mut Findings) {
    let base = name.strip_suffix(".fifo").unwrap_or(name);
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let is_name = !base.is_empty() && name.len() <= 256 && base.chars().all(is_letter);
    if !is_name || is_fifo != name.ends_with(".fifo") {
        findings
            .error(item.place("TopicName"), format!("{name:?} is no name of such a topic"))
            .fix("letters, digits, hyphens and underscores; .fifo at the end of a FIFO topic's name only");
    }
}

fn check_subscription(item: &Item<'_>, path: &str, subscription: &Value, findings: &mut Findings) {
    let protocol = subscription
        .get("Protocol")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !protocol.is_empty() && !PROTOCOLS.contains(&protocol) {
        findings
            .error(
                item.place(&format!("{path}.Protocol")),
                format!("{protocol:?} is no protocol"),
            )
            .fix(format!("use one of {}", PROTOCOLS.join(", ")));
    }
    let endpoint = subscription
        .get("Endpoint")
        .and_then(Text::of)
        .map(|text| text.outline());
    let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.starts_with('x')) else {
        return;
    };
    let fits = match protocol {
        "sqs" | "lambda" | "firehose" | "application" => endpoint.starts_with("arn:"),
        "email" | "email-json" => endpoint.contains('@'),
        "http" => endpoint.starts_with("http://"),
        "https" => endpoint.starts_with("https://"),
        _ => true,
    };
    if !fits {
        findings.error(
            item.place(&format!("{path}.Endpoint")),
            format!("{endpoint:?} is no endpoint of {protocol}"),
        );
    }
}
