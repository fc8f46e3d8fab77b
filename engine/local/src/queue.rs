//! SQS: queues of failed events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Digest as _;

use crate::store::{Table, Transaction};
use crate::{Error, clock, random};

/// Seconds that a received message stays invisible, unless the queue or the receiver says otherwise.
pub(crate) const VISIBILITY_TIMEOUT_S: u64 = 30;
/// Seconds that a message is kept, unless the queue says otherwise: four days.
pub(crate) const RETENTION_S: u64 = 345_600;

/// A queue, in `Table::Queues` under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Queue {
    /// Its name.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Seconds that a received message stays invisible.
    pub(crate) visibility_timeout_s: u64,
    /// Seconds that a message is kept.
    pub(crate) retention_s: u64,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
    /// Policies of `AWS::SQS::QueuePolicy` resources, by their physical id.
    pub(crate) policies: BTreeMap<String, Value>,
    /// Where messages go that were received too often.
    #[serde(default)]
    pub(crate) redrive: Option<Redrive>,
    /// Seconds that a new message stays invisible.
    #[serde(default)]
    pub(crate) delay_s: u64,
    /// Key that it should be encrypted with; nothing is encrypted here.
    #[serde(default)]
    pub(crate) kms_key: Option<String>,
}

/// Where messages go that were received too often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Redrive {
    /// ARN of the queue that takes them.
    pub(crate) dead_letter: String,
    /// How often a message is received before.
    pub(crate) receives_max: u64,
}

/// A message, in `Table::Messages` under `<queue>/<sequence>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    /// Its id.
    pub(crate) id: String,
    /// Its text.
    pub(crate) body: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) sent_ms: u64,
    /// Invisible until then, in milliseconds since the Unix epoch.
    pub(crate) visible_from_ms: u64,
    /// How often it was received.
    pub(crate) receive_count: u64,
    /// First time it was received, in milliseconds since the Unix epoch.
    pub(crate) first_received_ms: Option<u64>,
    /// Attributes by name, as the wire has them.
    #[serde(default)]
    pub(crate) attributes: Value,
}

/// A message and the handle that deletes it.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Key of the message in `Table::Messages`.
    pub(crate) handle: String,
    /// The message.
    pub(crate) message: Message,
}

/// Puts a message into a queue and returns its id.
pub(crate) fn send(
    transaction: &mut Transaction<'_>,
    queue: &str,
    body: String,
) -> Result<String, Error> {
    send_with(transaction, queue, body, Value::Null)
}

/// The same with attributes, as the wire has them.
pub(crate) fn send_with(
    transaction: &mut Transaction<'_>,
    queue: &str,
    body: String,
    attributes: Value,
) -> Result<String, Error> {
    let (id, now) = (random::uuid(), clock::now_ms());
    let delay_s = transaction
        .get::<Queue>(Table::Queues, queue)?
        .map_or(0, |queue| queue.delay_s);
    let message = Message {
        id: id.clone(),
        body,
        sent_ms: now,
        visible_from_ms: now + delay_s * 1000,
        receive_count: 0,
        first_received_ms: None,
        attributes,
    };
    transaction.append(Table::Messages, &format!("{queue}/"), &message)?;
    Ok(id)
}

/// Takes up to `limit` visible messages, hides them for a while, and drops those past their retention.
pub(crate) fn receive(
    transaction: &mut Transaction<'_>,
    queue: &Queue,
    limit: usize,
    visibility_timeout_s: u64,
) -> Result<Vec<Received>, Error> {
    let now = clock::now_ms();
    let mut received = Vec::new();
    for (handle, mut message) in
        transaction.list::<Message>(Table::Messages, &format!("{}/", queue.name))?
    {
        if message.sent_ms + queue.retention_s * 1000 < now {
            transaction.delete(Table::Messages, &handle);
        } else if message.visible_from_ms <= now && is_spent(queue, &message) {
            bury(transaction, queue, &handle, message)?;
        } else if message.visible_from_ms <= now && received.len() < limit {
            message.visible_from_ms = now + visibility_timeout_s * 1000;
            message.receive_count += 1;
            message.first_received_ms.get_or_insert(now);
            transaction.put(Table::Messages, &handle, &message)?;
            received.push(Received { handle, message });
        }
    }
    Ok(received)
}

fn is_spent(queue: &Queue, message: &Message) -> bool {
    let redrive = queue.redrive.as_ref();
    redrive.is_some_and(|redrive| message.receive_count >= redrive.receives_max)
}

/// Moves a message that was received too often; without the other queue it stays.
fn bury(
    transaction: &mut Transaction<'_>,
    queue: &Queue,
    handle: &str,
    message: Message,
) -> Result<(), Error> {
    let target = queue
        .redrive
        .as_ref()
        .map(|redrive| name_of(&redrive.dead_letter));
    let Some(target) = target else { return Ok(()) };
    if transaction.contains(Table::Queues, target)? {
        transaction.delete(Table::Messages, handle);
        let moved = Message {
            visible_from_ms: clock::now_ms(),
            receive_count: 0,
            ..message
        };
        transaction.append(Table::Messages, &format!("{target}/"), &moved)?;
    }
    Ok(())
}

/// MD5 of a text in hexadecimal, which SDKs compare with what they receive.
pub(crate) fn md5(body: &str) -> String {
    scar_schemas::digest::hex(&md5::Md5::digest(body.as_bytes()))
}

/// Name of the queue that an ARN or a URL names: its last part.
pub(crate) fn name_of(arn_or_url: &str) -> &str {
    arn_or_url.rsplit(['/', ':']).next().unwrap_or(arn_or_url)
}
