//! What an invocation is: storage events in any wrapping, an HTTP request, an order, or plain data. Pure.
//!
//! Shapes: "Using Lambda with Amazon SQS", "… with Amazon SNS", "… with an Application Load Balancer",
//! "Input format for Lambda function integrations", "Invoking Lambda function URLs" and "Capturing records of
//! Lambda asynchronous invocations" in the AWS guides.

use serde_json::Value;

use crate::http_request::{self, Request};
use crate::route::Refused;

/// Longest event in bytes. Lambda takes 6 MB in a synchronous invocation and 1 MB in an asynchronous
/// one ("Lambda quotas").
pub(crate) const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;
/// Largest event of storage: 1 MiB, the largest asynchronous one.
pub(crate) const MAX_STORAGE_EVENT_BYTES: usize = 1024 * 1024;
/// Most records of one event: ten times as many messages as SQS hands over at once.
pub(crate) const MAX_RECORDS: usize = 1_000;

/// An invocation, sorted.
#[derive(Debug, PartialEq)]
pub(crate) enum Envelope {
    /// Storage events. `is_queue` says that each is answered for on its own.
    Letters {
        letters: Vec<Letter>,
        is_queue: bool,
    },
    /// A request that came through an HTTP door. Its body is never an event.
    Request(Request),
    /// The schedule fired at this time, RFC 3339.
    Schedule(String),
    /// Look after what waits.
    Sweep,
    /// Anything else: the payload is the input, and the result is returned.
    Payload,
}

/// One storage event.
#[derive(Debug, PartialEq)]
pub(crate) struct Letter {
    /// Identity of the queue's message, if it came through one.
    pub(crate) id: Option<String>,
    /// The event, or why there is none.
    pub(crate) event: Result<Value, Refused>,
}

/// Sorts an invocation; `text` is its JSON.
pub(crate) fn open(event: &Value, text: &str) -> Result<Envelope, Refused> {
    if text.len() > MAX_EVENT_BYTES {
        return Err(Refused::TooLarge(text.len(), MAX_EVENT_BYTES));
    }
    // What comes through a door is looked at first, so that no body can pass for anything else.
    if http_request::is_request(event) {
        return http_request::parse(event).map(Envelope::Request);
    }
    if let Some(order) = event.get("scar").and_then(Value::as_str) {
        return order_of(order, event);
    }
    if is_of_a_clock(event) {
        return order_of("schedule", event);
    }
    let is_storage = ["Records", "Event", "detail-type"]
        .iter()
        .any(|name| event.get(name).is_some());
    if !is_storage {
        return Ok(Envelope::Payload);
    }
    if text.len() > MAX_STORAGE_EVENT_BYTES {
        return Err(Refused::TooLarge(text.len(), MAX_STORAGE_EVENT_BYTES));
    }
    letters(event)
}

fn order_of(order: &str, event: &Value) -> Result<Envelope, Refused> {
    let time = event.get("time").and_then(Value::as_str);
    match (order, time) {
        ("sweep", _) => Ok(Envelope::Sweep),
        ("schedule", Some(time)) if !time.is_empty() && time.len() <= 64 => {
            Ok(Envelope::Schedule(time.to_owned()))
        }
        _ => Err(Refused::Malformed(format!("order {order:?} is not known"))),
    }
}

/// What rules and schedules send that were not told to send anything else.
fn is_of_a_clock(event: &Value) -> bool {
    let is = |name: &str, value: &str| event.get(name).and_then(Value::as_str) == Some(value);
    is("detail-type", "Scheduled Event")
        && (is("source", "aws.events") || is("source", "aws.scheduler"))
}

fn letters(event: &Value) -> Result<Envelope, Refused> {
    let Some(records) = event.get("Records").and_then(Value::as_array) else {
        return Ok(one_letter(event));
    };
    if records.len() > MAX_RECORDS {
        return Err(Refused::TooMany(records.len()));
    }
    let all = |name: &str, value: &str| {
        let mut names = records.iter().map(|record| record.get(name));
        !records.is_empty() && names.all(|found| found.and_then(Value::as_str) == Some(value))
    };
    if all("eventSource", "aws:sqs") {
        let letters = records.iter().map(queued).collect();
        let is_queue = true;
        return Ok(Envelope::Letters { letters, is_queue });
    }
    if all("EventSource", "aws:sns") {
        let letters = records.iter().map(notified).collect();
        let is_queue = false;
        return Ok(Envelope::Letters { letters, is_queue });
    }
    Ok(one_letter(event))
}

fn one_letter(event: &Value) -> Envelope {
    let letter = Letter {
        id: None,
        event: Ok(event.clone()),
    };
    Envelope::Letters {
        letters: vec![letter],
        is_queue: false,
    }
}

fn queued(record: &Value) -> Letter {
    let id = record.get("messageId").and_then(Value::as_str);
    Letter {
        id: Some(id.unwrap_or_default().to_owned()),
        event: parse(record.get("body")).and_then(without_wrapping),
    }
}

fn notified(record: &Value) -> Letter {
    Letter {
        id: None,
        event: parse(record.pointer("/Sns/Message")),
    }
}

/// A queue that subscribes to a topic gets the topic's own wrapping inside, and one that failed invocations
/// go to gets theirs.
fn without_wrapping(mut event: Value) -> Result<Value, Refused> {
    if let Some(payload) = event.get_mut("requestPayload") {
        return Ok(payload.take());
    }
    match event.get("Type").and_then(Value::as_str) {
        Some("Notification") => parse(event.get("Message")),
        _ => Ok(event),
    }
}

fn parse(text: Option<&Value>) -> Result<Value, Refused> {
    let text = text.and_then(Value::as_str).unwrap_or_default();
    serde_json::from_str(text).map_err(|error| Refused::Malformed(error.to_string()))
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
