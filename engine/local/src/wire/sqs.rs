//! SQS: the operations that show and drain a queue of failed events.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::json::{answer, input, operation, unknown_operation};
use super::{Fault, authorize};
use crate::auth::Identity;
use crate::queue::{self, Message, Queue, Received, Redrive};
use crate::services::Services;
use crate::store::Table;
use crate::{clock, random};

/// Answers one request.
pub(super) async fn handle(
    services: Arc<Services>,
    request: &Request<Bytes>,
    identity: &Identity,
) -> Result<Response<Bytes>, Fault> {
    let (name, input) = (operation(request)?, input::<Input>(request.body())?);
    let queue = find(&services, &input)?;
    authorize(&services, identity, &format!("sqs:{name}"), &queue.arn)?;
    match name {
        "GetQueueUrl" => answer(&json!({ "QueueUrl": url(&services, &queue.name) })),
        "GetQueueAttributes" => answer(&attributes(&services, &queue)?),
        "ReceiveMessage" => receive(&services, queue, input).await,
        "DeleteMessage" => delete(&services, &queue, input).await,
        "SendMessage" => send(&services, queue, input).await,
        "SetQueueAttributes" => set_attributes(&services, queue, &input).await,
        "ChangeMessageVisibility" => change_visibility(&services, &queue, input).await,
        "PurgeQueue" => purge(&services, queue).await,
        other => unknown_operation(other),
    }
}

/// The inputs of all operations.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    queue_name: Option<String>,
    queue_url: Option<String>,
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<u64>,
    receipt_handle: Option<String>,
    message_body: Option<String>,
    message_attributes: Value,
    attributes: BTreeMap<String, String>,
}

/// URL of a queue.
pub(crate) fn url(services: &Services, name: &str) -> String {
    format!("{}/{}/{name}", services.endpoint, services.settings.account)
}

fn find(services: &Services, input: &Input) -> Result<Queue, Fault> {
    let named = input
        .queue_url
        .as_deref()
        .or(input.queue_name.as_deref())
        .unwrap_or_default();
    let missing = || Fault::new("QueueDoesNotExist", "The specified queue does not exist.");
    services
        .store
        .get(Table::Queues, queue::name_of(named))?
        .ok_or_else(missing)
}

fn attributes(services: &Services, queue: &Queue) -> Result<Value, Fault> {
    let now = clock::now_ms();
    let messages = services
        .store
        .list::<Message>(Table::Messages, &format!("{}/", queue.name))?;
    let visible = messages
        .iter()
        .filter(|(_, message)| message.visible_from_ms <= now)
        .count();
    let created = (queue.created_ms / 1000).to_string();
    let mut shown = json!({
        "QueueArn": queue.arn,
        "ApproximateNumberOfMessages": visible.to_string(),
        "ApproximateNumberOfMessagesNotVisible": (messages.len() - visible).to_string(),
        "ApproximateNumberOfMessagesDelayed": "0",
        "CreatedTimestamp": created,
        "LastModifiedTimestamp": created,
        "VisibilityTimeout": queue.visibility_timeout_s.to_string(),
        "MessageRetentionPeriod": queue.retention_s.to_string(),
        "DelaySeconds": queue.delay_s.to_string(),
        "SqsManagedSseEnabled": queue.kms_key.is_none().to_string(),
    });
    if let Some(key) = &queue.kms_key {
        shown["KmsMasterKeyId"] = key.clone().into();
    }
    if let Some(redrive) = &queue.redrive {
        let policy = json!({
            "deadLetterTargetArn": redrive.dead_letter,
            "maxReceiveCount": redrive.receives_max,
        });
        shown["RedrivePolicy"] = policy.to_string().into();
    }
    Ok(json!({ "Attributes": shown }))
}

async fn receive(
    services: &Services,
    queue: Queue,
    input: Input,
) -> Result<Response<Bytes>, Fault> {
    let limit = input.max_number_of_messages.unwrap_or(1).clamp(1, 10);
    let hidden_s = input
        .visibility_timeout
        .unwrap_or(queue.visibility_timeout_s)
        .min(43_200);
    let received: Vec<Received> = services
        .store
        .transact(move |transaction| {
            queue::receive(transaction, &queue, limit, hidden_s).map_err(Fault::from)
        })
        .await?;
    if received.is_empty() {
        return answer(&json!({}));
    }
    answer(&json!({ "Messages": received.iter().map(shown).collect::<Vec<_>>() }))
}

fn shown(received: &Received) -> Value {
    let message = &received.message;
    let mut attributes = Map::new();
    attributes.insert("SentTimestamp".into(), message.sent_ms.to_string().into());
    attributes.insert(
        "ApproximateReceiveCount".into(),
        message.receive_count.to_string().into(),
    );
    if let Some(first) = message.first_received_ms {
        attributes.insert(
            "ApproximateFirstReceiveTimestamp".into(),
            first.to_string().into(),
        );
    }
    let mut shown = json!({
        "MessageId": message.id,
        "ReceiptHandle": received.handle,
        "MD5OfBody": queue::md5(&message.body),
        "Body": message.body,
        "Attributes": attributes,
    });
    if !message.attributes.is_null() {
        shown["MessageAttributes"] = message.attributes.clone();
    }
    shown
}

async fn set_attributes(
    services: &Services,
    mut queue: Queue,
    input: &Input,
) -> Result<Response<Bytes>, Fault> {
    let invalid = |name: &str| {
        let message = format!("Invalid value for the parameter {name}.");
        Fault::new("InvalidAttributeValue", message)
    };
    for (name, value) in &input.attributes {
        let number = || value.parse::<u64>().map_err(|_| invalid(name));
        match name.as_str() {
            "VisibilityTimeout" => queue.visibility_timeout_s = number()?,
            "MessageRetentionPeriod" => queue.retention_s = number()?,
            "DelaySeconds" => queue.delay_s = number()?,
            "RedrivePolicy" => queue.redrive = redrive(value).ok_or_else(|| invalid(name))?,
            _ => {
                let message = format!("Unknown Attribute {name}.");
                return Err(Fault::new("InvalidAttributeName", message));
            }
        }
    }
    services
        .store
        .put(Table::Queues, &queue.name, &queue)
        .await?;
    answer(&json!({}))
}

/// An empty text ends the redrive.
fn redrive(text: &str) -> Option<Option<Redrive>> {
    if text.is_empty() {
        return Some(None);
    }
    let policy: Value = serde_json::from_str(text).ok()?;
    let count = &policy["maxReceiveCount"];
    let receives_max = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
    let dead_letter = policy["deadLetterTargetArn"].as_str()?.to_owned();
    Some(Some(Redrive {
        dead_letter,
        receives_max,
    }))
}

async fn change_visibility(
    services: &Services,
    queue: &Queue,
    input: Input,
) -> Result<Response<Bytes>, Fault> {
    let handle = own_handle(queue, &input)?;
    let hidden_s = input.visibility_timeout.unwrap_or(0).min(43_200);
    let change = move |transaction: &mut crate::store::Transaction<'_>| {
        if let Some(mut message) = transaction.get::<Message>(Table::Messages, &handle)? {
            message.visible_from_ms = clock::now_ms() + hidden_s * 1000;
            transaction.put(Table::Messages, &handle, &message)?;
        }
        Ok::<_, Fault>(())
    };
    services.store.transact(change).await?;
    services.messages.notify_one();
    answer(&json!({}))
}

async fn purge(services: &Services, queue: Queue) -> Result<Response<Bytes>, Fault> {
    let change = move |transaction: &mut crate::store::Transaction<'_>| {
        let prefix = format!("{}/", queue.name);
        for (key, _) in transaction.list::<serde::de::IgnoredAny>(Table::Messages, &prefix)? {
            transaction.delete(Table::Messages, &key);
        }
        Ok::<_, Fault>(())
    };
    services.store.transact(change).await?;
    answer(&json!({}))
}

/// The handle of a request, if it is one of the queue's.
fn own_handle(queue: &Queue, input: &Input) -> Result<String, Fault> {
    let handle = input.receipt_handle.clone().unwrap_or_default();
    match handle.starts_with(&format!("{}/", queue.name)) {
        true => Ok(handle),
        false => Err(Fault::new(
            "ReceiptHandleIsInvalid",
            "The input receipt handle is invalid.",
        )),
    }
}

async fn delete(
    services: &Services,
    queue: &Queue,
    input: Input,
) -> Result<Response<Bytes>, Fault> {
    let handle = own_handle(queue, &input)?;
    services.store.delete(Table::Messages, &handle).await?;
    answer(&json!({}))
}

async fn send(services: &Services, queue: Queue, input: Input) -> Result<Response<Bytes>, Fault> {
    let missing = || {
        Fault::new(
            "MissingParameter",
            "The request must contain the parameter MessageBody.",
        )
    };
    let body = input
        .message_body
        .filter(|body| !body.is_empty())
        .ok_or_else(missing)?;
    let digest = queue::md5(&body);
    let attributes = input.message_attributes;
    let id: String = services
        .store
        .transact(move |transaction| {
            queue::send_with(transaction, &queue.name, body, attributes).map_err(Fault::from)
        })
        .await?;
    services.messages.notify_one();
    answer(
        &json!({ "MessageId": id, "MD5OfMessageBody": digest, "SequenceNumber": random::hex(8) }),
    )
}
