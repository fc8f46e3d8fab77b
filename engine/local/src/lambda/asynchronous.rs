//! Asynchronous invocations: a durable queue, retries with back-off, and where failures end.
//!
//! An invocation leaves the queue in the transaction that settles it, so a killed process runs it
//! again: at least once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

use super::executor::{self, Finished, Request};
use super::runtime_api::Outcome;
use super::{AsynchronousSettings, Function, find};
use crate::auth::Identity;
use crate::queue as messages;
use crate::services::Services;
use crate::store::{Table, Transaction};
use crate::{Error, clock, iam, random};

/// Time between looks at idle sandboxes.
const REAP_INTERVAL: Duration = Duration::from_secs(5);

/// Wait before another try if the store fails, in milliseconds.
const STORE_PAUSE_MS: u64 = 1000;

/// Wait before a throttled invocation is tried again, in milliseconds.
const THROTTLE_PAUSE_MS: u64 = 200;

/// A queued invocation, in `Table::Invocations` under `<sequence>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Invocation {
    /// Identity of the request.
    pub(crate) id: String,
    /// Name of the function.
    pub(crate) function: String,
    /// The event, JSON.
    pub(crate) payload: String,
    /// Attempts that have failed.
    pub(crate) attempts: u32,
    /// When it was queued, in milliseconds since the Unix epoch.
    pub(crate) queued_ms: u64,
    /// Not before this time, in milliseconds since the Unix epoch.
    pub(crate) due_ms: u64,
}

/// Invocations that are not running: per function, by the time they are due.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    functions: BTreeMap<String, BTreeSet<(u64, String)>>,
    last: String,
}

impl Waiting {
    fn add(&mut self, function: &str, due_ms: u64, key: &str) {
        self.functions
            .entry(function.to_owned())
            .or_default()
            .insert((due_ms, key.to_owned()));
    }

    /// Takes the next one that is due, functions in turn.
    fn take(&mut self, now_ms: u64) -> Option<String> {
        let is_due = |(name, keys): (&String, &BTreeSet<(u64, String)>)| {
            keys.first()
                .is_some_and(|(due_ms, _)| *due_ms <= now_ms)
                .then(|| name.clone())
        };
        let after = (
            std::ops::Bound::Excluded(self.last.clone()),
            std::ops::Bound::Unbounded,
        );
        let name = self
            .functions
            .range(after)
            .find_map(is_due)
            .or_else(|| self.functions.iter().find_map(is_due))?;
        let keys = self.functions.get_mut(&name)?;
        let (_, key) = keys.pop_first()?;
        if keys.is_empty() {
            self.functions.remove(&name);
        }
        self.last = name;
        Some(key)
    }

    fn next_due_ms(&self) -> Option<u64> {
        self.functions
            .values()
            .filter_map(|keys| keys.first())
            .map(|(due_ms, _)| *due_ms)
            .min()
    }
}

/// Adds an invocation in the transaction of whatever causes it; [`enqueue`] it once that is committed.
pub(crate) fn queue(
    transaction: &mut Transaction<'_>,
    function: &str,
    payload: String,
) -> Result<(String, Invocation), Error> {
    let now = clock::now_ms();
    let invocation = Invocation {
        id: random::uuid(),
        function: function.to_owned(),
        payload,
        attempts: 0,
        queued_ms: now,
        due_ms: now,
    };
    let key = transaction.append(Table::Invocations, "", &invocation)?;
    Ok((key, invocation))
}

/// Hands committed invocations to the dispatcher.
pub(crate) fn enqueue(services: &Services, invocations: &[(String, Invocation)]) {
    let mut waiting = services
        .executor
        .waiting
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    for (key, invocation) in invocations {
        waiting.add(&invocation.function, invocation.due_ms, key);
    }
    drop(waiting);
    services.invocations.notify_one();
}

/// Dispatches until the task is aborted; what runs then is killed and stays queued.
pub(crate) async fn run(services: Arc<Services>) {
    // A store that cannot be read has nothing to run; every request will say so.
    enqueue(
        &services,
        &services
            .store
            .list(Table::Invocations, "")
            .unwrap_or_default(),
    );
    let mut running = JoinSet::new();
    while let Ok(permit) = Arc::clone(&services.executor.permits).acquire_owned().await {
        let key = next(&services).await;
        running.spawn(attempt(Arc::clone(&services), key, permit));
        while running.try_join_next().is_some() {}
    }
}

/// Waits for an invocation that is due.
async fn next(services: &Services) -> String {
    loop {
        let due_ms = {
            let mut waiting = services
                .executor
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(key) = waiting.take(clock::now_ms()) {
                return key;
            }
            waiting.next_due_ms()
        };
        let wait = due_ms
            .map(|due_ms| Duration::from_millis(due_ms.saturating_sub(clock::now_ms()).max(1)));
        let wait = wait.unwrap_or(REAP_INTERVAL).min(REAP_INTERVAL);
        if tokio::time::timeout(wait, services.invocations.notified())
            .await
            .is_err()
        {
            services.executor.reap(services);
        }
    }
}

async fn attempt(services: Arc<Services>, key: String, permit: OwnedSemaphorePermit) {
    match attempt_once(&services, &key).await {
        Ok(Some(retry)) => enqueue(&services, &[(key, retry)]),
        Ok(None) => {}
        Err(_) => postpone(&services, &key),
    }
    drop(permit);
    services.progress.notify_waiters();
}

/// The store could not be read or written, and the invocation is still in it: it is looked at again.
fn postpone(services: &Services, key: &str) {
    let due_ms = clock::now_ms() + STORE_PAUSE_MS;
    let mut waiting = services
        .executor
        .waiting
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    waiting.add("", due_ms, key);
    drop(waiting);
    services.invocations.notify_one();
}

/// Runs one attempt and settles it: done, queued again (then it is returned), or given up.
async fn attempt_once(services: &Arc<Services>, key: &str) -> Result<Option<Invocation>, Error> {
    let Some(invocation) = services.store.get::<Invocation>(Table::Invocations, key)? else {
        return Ok(None);
    };
    let Some(function) = find(services, &invocation.function)? else {
        services.store.delete(Table::Invocations, key).await?;
        return Ok(None);
    };
    let settings = function.asynchronous.clone().unwrap_or_default();
    if age_ms(&invocation) > settings.age_max_s * 1000 {
        return give_up(services, key, &function, &invocation, None)
            .await
            .map(|()| None);
    }
    // One that finds no place is throttled, which is no attempt.
    let Some(_slot) = executor::admit(services, &function) else {
        return throttle(services, key, invocation).await;
    };
    let payload = Bytes::from(invocation.payload.clone());
    let finished = executor::run(
        services,
        &function,
        &Request::again(invocation.id.clone(), payload),
    )
    .await;
    match &finished.outcome {
        Outcome::Success(_) => services
            .store
            .delete(Table::Invocations, key)
            .await
            .map(|()| None),
        Outcome::Failure(_) if invocation.attempts >= settings.retries_max => {
            give_up(services, key, &function, &invocation, Some(&finished))
                .await
                .map(|()| None)
        }
        Outcome::Failure(_) => retry(services, key, invocation, &settings).await,
    }
}

/// Puts an invocation back for a while.
async fn throttle(
    services: &Services,
    key: &str,
    mut invocation: Invocation,
) -> Result<Option<Invocation>, Error> {
    invocation.due_ms = clock::now_ms() + THROTTLE_PAUSE_MS;
    services
        .store
        .put(Table::Invocations, key, &invocation)
        .await?;
    Ok(Some(invocation))
}

async fn retry(
    services: &Services,
    key: &str,
    mut invocation: Invocation,
    settings: &AsynchronousSettings,
) -> Result<Option<Invocation>, Error> {
    invocation.attempts += 1;
    let delay = services.settings.retry_delay * invocation.attempts;
    let latest_ms = invocation.queued_ms + settings.age_max_s * 1000 + 1;
    let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX / 2);
    invocation.due_ms = (clock::now_ms() + delay_ms).min(latest_ms);
    services
        .store
        .put(Table::Invocations, key, &invocation)
        .await?;
    Ok(Some(invocation))
}

/// Takes an invocation out of the queue and tells its destination, if there is one.
async fn give_up(
    services: &Services,
    key: &str,
    function: &Function,
    invocation: &Invocation,
    finished: Option<&Finished>,
) -> Result<(), Error> {
    let destination = function
        .asynchronous
        .as_ref()
        .and_then(|settings| settings.on_failure.clone());
    let destination = match destination {
        Some(arn) => may_send(services, function, &arn)?.then_some(arn),
        None => None,
    };
    let record = failure_record(function, invocation, finished).to_string();
    let key = key.to_owned();
    services
        .store
        .transact(move |transaction| {
            transaction.delete(Table::Invocations, &key);
            match destination.as_deref().map(messages::name_of) {
                Some(queue) if transaction.contains(Table::Queues, queue)? => {
                    messages::send(transaction, queue, record).map(|_| ())
                }
                _ => Ok(()),
            }
        })
        .await
}

/// The function's role sends, so it must be allowed to.
fn may_send(services: &Services, function: &Function, queue_arn: &str) -> Result<bool, Error> {
    let identity = Identity::Session {
        role: function.role().to_owned(),
        session: function.name.clone(),
    };
    iam::allows(services, &identity, "sqs:SendMessage", queue_arn)
}

/// What a destination receives: "Capturing records of Lambda asynchronous invocations".
fn failure_record(
    function: &Function,
    invocation: &Invocation,
    finished: Option<&Finished>,
) -> Value {
    let parsed = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or(Value::Null);
    let condition = if finished.is_some() {
        "RetriesExhausted"
    } else {
        "EventAgeExceeded"
    };
    let mut record = json!({
        "version": "1.0",
        "timestamp": clock::rfc3339(clock::now_ms()),
        "requestContext": {
            "requestId": invocation.id,
            "functionArn": format!("{}:$LATEST", function.arn),
            "condition": condition,
            "approximateInvokeCount": invocation.attempts + u32::from(finished.is_some()),
        },
        "requestPayload": parsed(invocation.payload.as_bytes()),
    });
    if let Some(Finished {
        outcome: Outcome::Failure(answer),
        ..
    }) = finished
    {
        record["responseContext"] = json!({ "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" });
        record["responsePayload"] = parsed(answer);
    }
    record
}

fn age_ms(invocation: &Invocation) -> u64 {
    clock::now_ms().saturating_sub(invocation.queued_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_take_turns_and_times_are_kept() {
        let mut waiting = Waiting::default();
        for (function, due_ms, key) in [("a", 1, "1"), ("a", 2, "2"), ("b", 3, "3"), ("c", 99, "4")]
        {
            waiting.add(function, due_ms, key);
        }
        let taken: Vec<_> = std::iter::from_fn(|| waiting.take(10)).collect();
        assert_eq!(taken, ["1", "3", "2"]);
        assert_eq!(waiting.next_due_ms(), Some(99));
    }
}
