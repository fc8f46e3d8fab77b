//! SQS: the operations that show and drain a queue of failed events.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::json::{answer, input, operation, unknown_operation};
use super::{Fault, authorize};
use crate::auth::Identity;
use crate::queue::{self, Message, Queue, Received};
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
    Ok(json!({ "Attributes": {
        "QueueArn": queue.arn,
        "ApproximateNumberOfMessages": visible.to_string(),
        "ApproximateNumberOfMessagesNotVisible": (messages.len() - visible).to_string(),
        "ApproximateNumberOfMessagesDelayed": "0",
        "CreatedTimestamp": created,
        "LastModifiedTimestamp": created,
        "VisibilityTimeout": queue.visibility_timeout_s.to_string(),
        "MessageRetentionPeriod": queue.retention_s.to_string(),
        "SqsManagedSseEnabled": "true",
    } }))
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
    json!({
        "MessageId": message.id,
        "ReceiptHandle": received.handle,
        "MD5OfBody": queue::md5(&message.body),
        "Body": message.body,
        "Attributes": attributes,
    })
}

async fn delete(
    services: &Services,
    queue: &Queue,
    input: Input,
) -> Result<Response<Bytes>, Fault> {
    let handle = input.receipt_handle.unwrap_or_default();
    if !handle.starts_with(&format!("{}/", queue.name)) {
        return Err(Fault::new(
            "ReceiptHandleIsInvalid",
            "The input receipt handle is invalid.",
        ));
    }
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
    let id: String = services
        .store
        .transact(move |transaction| {
            queue::send(transaction, &queue.name, body).map_err(Fault::from)
        })
        .await?;
    services.messages.notify_one();
    answer(
        &json!({ "MessageId": id, "MD5OfMessageBody": digest, "SequenceNumber": random::hex(8) }),
    )
}
