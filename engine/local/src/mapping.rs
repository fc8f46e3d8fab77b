//! Event source mappings: what stands in a queue is handed to a function, batch by batch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::lambda::{self, Outcome};
use crate::queue::{self, Message, Queue, Received};
use crate::services::Services;
use crate::store::{Table, Transaction};
use crate::{Error, clock};

/// Longest time between looks at the queues.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Batches of one mapping at the same time, unless it says otherwise: what Lambda begins with.
const CONCURRENCY: u64 = 5;

/// A mapping, in `Table::Mappings` under its id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mapping {
    /// Its id, a UUID.
    pub(crate) id: String,
    /// ARN of the queue.
    pub(crate) source: String,
    /// Name of the function.
    pub(crate) function: String,
    /// Messages in one event at most.
    pub(crate) batch_size: usize,
    /// Batches at the same time at most.
    pub(crate) concurrency: Option<u64>,
    /// Whether the answer of the function tells which messages failed.
    pub(crate) reports_failures: bool,
    /// Whether it is at work.
    pub(crate) is_enabled: bool,
    /// Milliseconds since the Unix epoch.
    pub(crate) modified_ms: u64,
}

/// Batches that are under way, by mapping.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    running: Mutex<BTreeMap<String, u64>>,
}

impl Batches {
    fn enter(&self, mapping: &Mapping) -> bool {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let count = running.entry(mapping.id.clone()).or_default();
        let is_free = *count < mapping.concurrency.unwrap_or(CONCURRENCY);
        *count += u64::from(is_free);
        is_free
    }

    fn leave(&self, id: &str) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(id) {
            *count = count.saturating_sub(1);
        }
    }
}

fn enabled(services: &Services) -> Result<Vec<Mapping>, Error> {
    let all = services.store.list::<Mapping>(Table::Mappings, "")?;
    let mappings = all.into_iter().map(|(_, mapping)| mapping);
    Ok(mappings.filter(|mapping| mapping.is_enabled).collect())
}

/// Messages in queues that a mapping empties.
pub(crate) fn pending(services: &Services) -> Result<usize, Error> {
    let queues: BTreeSet<String> = enabled(services)?
        .iter()
        .map(|mapping| queue::name_of(&mapping.source).to_owned())
        .collect();
    let counts = queues
        .iter()
        .map(|name| services.store.count(Table::Messages, &format!("{name}/")));
    counts.sum()
}

/// Empties queues until the task is aborted.
pub(crate) async fn run(services: Arc<Services>) {
    loop {
        // A store that cannot be read has nothing to hand over; requests will tell people of it.
        let started = start_batches(&services).await.unwrap_or(0);
        if started == 0 {
            let rung = services.messages.notified();
            tokio::time::timeout(LOOK_INTERVAL, rung).await.ok();
        }
    }
}

async fn start_batches(services: &Arc<Services>) -> Result<usize, Error> {
    let mut started = 0;
    for mapping in enabled(services)? {
        while services.batches.enter(&mapping) {
            let received = receive(services, &mapping).await;
            match received {
                Ok(messages) if !messages.is_empty() => {
                    started += 1;
                    let services = Arc::clone(services);
                    tokio::spawn(hand_over(services, mapping.clone(), messages));
                }
                other => {
                    services.batches.leave(&mapping.id);
                    other?;
                    break;
                }
            }
        }
    }
    Ok(started)
}

async fn receive(services: &Services, mapping: &Mapping) -> Result<Vec<Received>, Error> {
    let name = queue::name_of(&mapping.source).to_owned();
    // Most looks find nothing, and need no transaction.
    let now_ms = clock::now_ms();
    let waiting = services
        .store
        .list::<Message>(Table::Messages, &format!("{name}/"))?;
    if !waiting
        .iter()
        .any(|(_, message)| message.visible_from_ms <= now_ms)
    {
        return Ok(Vec::new());
    }
    let limit = mapping.batch_size;
    let take = move |transaction: &mut Transaction<'_>| match transaction
        .get::<Queue>(Table::Queues, &name)?
    {
        Some(queue) => {
            let hidden_s = queue.visibility_timeout_s;
            queue::receive(transaction, &queue, limit, hidden_s)
        }
        None => Ok(Vec::new()),
    };
    services.store.transact(take).await
}

async fn hand_over(services: Arc<Services>, mapping: Mapping, messages: Vec<Received>) {
    let failed = invoke(&services, &mapping, &messages).await;
    let pause = u64::try_from(services.settings.retry_delay.as_millis()).unwrap_or(1000);
    let settle = move |transaction: &mut Transaction<'_>| {
        for Received { handle, message } in messages {
            if !failed.contains(&message.id) {
                transaction.delete(Table::Messages, &handle);
            } else if transaction.contains(Table::Messages, &handle)? {
                // AWS waits for the whole visibility timeout; nobody wants to wait for hours here.
                let pause_ms = pause.saturating_mul(message.receive_count);
                let soon_ms = clock::now_ms().saturating_add(pause_ms);
                let visible_from_ms = message.visible_from_ms.min(soon_ms);
                let message = Message {
                    visible_from_ms,
                    ..message
                };
                transaction.put(Table::Messages, &handle, &message)?;
            }
        }
        Ok::<_, Error>(())
    };
    // Without it the messages show again when their time is over.
    drop(services.store.transact(settle).await);
    services.batches.leave(&mapping.id);
    services.messages.notify_one();
    services.progress.notify_waiters();
}

/// Invokes the function, and returns the ids of the messages that stay in the queue.
async fn invoke(
    services: &Arc<Services>,
    mapping: &Mapping,
    messages: &[Received],
) -> BTreeSet<String> {
    let all = || messages.iter().map(|one| one.message.id.clone()).collect();
    let Ok(Some(function)) = lambda::find(services, &mapping.function) else {
        return all();
    };
    let region = &services.settings.region;
    let records = messages
        .iter()
        .map(|one| record(one, &mapping.source, region));
    let event = json!({ "Records": records.collect::<Vec<_>>() });
    let Some(_slot) = lambda::admit(services, &function) else {
        return all();
    };
    let Ok(_permit) = services.executor.permits.acquire().await else {
        return all();
    };
    let finished = lambda::invoke(services, &function, Bytes::from(event.to_string())).await;
    match finished.outcome {
        Outcome::Failure(_) => all(),
        Outcome::Success(_) if !mapping.reports_failures => BTreeSet::new(),
        Outcome::Success(answer) => reported(&answer).unwrap_or_else(all),
    }
}

/// The messages that an answer reports as failed; `None` if it cannot be read, which fails all
/// ("Implementing partial batch responses" in the Lambda developer guide).
fn reported(answer: &[u8]) -> Option<BTreeSet<String>> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let Some(failures) = answer
        .get("batchItemFailures")
        .filter(|list| !list.is_null())
    else {
        return Some(BTreeSet::new());
    };
    let ids = failures.as_array()?.iter().map(|failure| {
        let id = failure.get("itemIdentifier").and_then(Value::as_str);
        id.filter(|id| !id.is_empty()).map(str::to_owned)
    });
    ids.collect()
}

/// "Using Lambda with Amazon SQS" in the Lambda developer guide.
fn record(received: &Received, source: &str, region: &str) -> Value {
    let message = &received.message;
    let attributes = |value: &Value| {
        let fields = value.as_object().into_iter().flatten();
        let shown = fields.map(|(name, value)| {
            let shown =
                json!({ "dataType": value["DataType"], "stringValue": value["StringValue"] });
            (name.clone(), shown)
        });
        shown.collect::<Map<String, Value>>()
    };
    let first_ms = message.first_received_ms.unwrap_or(message.sent_ms);
    json!({
        "messageId": message.id,
        "receiptHandle": received.handle,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": message.receive_count.to_string(),
            "SentTimestamp": message.sent_ms.to_string(),
            "SenderId": "local",
            "ApproximateFirstReceiveTimestamp": first_ms.to_string(),
        },
        "messageAttributes": attributes(&message.attributes),
        "md5OfBody": queue::md5(&message.body),
        "eventSource": "aws:sqs",
        "eventSourceARN": source,
        "awsRegion": region,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_as_lambda_does() {
        assert_eq!(reported(b"null"), Some(BTreeSet::new()));
        assert_eq!(
            reported(br#"{"batchItemFailures":[]}"#),
            Some(BTreeSet::new())
        );
        let one = reported(br#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#);
        assert_eq!(one, Some(BTreeSet::from(["a".to_owned()])));
        assert_eq!(
            reported(br#"{"batchItemFailures":[{"itemIdentifier":""}]}"#),
            None
        );
        assert_eq!(reported(br#"{"batchItemFailures":"x"}"#), None);
        assert_eq!(reported(b"not json"), None);
    }
}
