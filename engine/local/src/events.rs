//! EventBridge: events wait in the store until the rules have seen them, and deliveries until their
//! time has come.
//!
//! An event leaves its table in the transaction that queues what it causes, so a killed process neither
//! loses one nor, by itself, doubles one.

mod delivery;
mod pattern;
mod rule;

use std::sync::Arc;
use std::time::Duration;

use scar_schemas::event::BusEvent;
use serde_json::Value;

pub(crate) use delivery::{Delivery, Started};
pub(crate) use pattern::Pattern;
pub(crate) use rule::{BatchTarget, InputTransformer, Rule, Target, lower_names};

use crate::lambda;
use crate::services::Services;
use crate::store::{Table, Transaction};
use crate::{Error, clock};

/// Events that are matched in one transaction at most.
const BATCH: usize = 256;
/// Wait before another try if the store fails.
const PAUSE: Duration = Duration::from_secs(1);

/// Adds an event in the transaction of the change it tells of. Ring `Services::events` afterwards.
pub(crate) fn publish(transaction: &mut Transaction<'_>, event: &BusEvent) -> Result<(), Error> {
    transaction.append(Table::Events, "", event).map(|_| ())
}

/// Adds a delivery in the transaction of what causes it. Ring `Services::events` afterwards.
pub(crate) fn send(transaction: &mut Transaction<'_>, delivery: &Delivery) -> Result<(), Error> {
    transaction
        .append(Table::Deliveries, "", delivery)
        .map(|_| ())
}

/// Events that no rule has seen yet, and deliveries that were not made.
pub(crate) fn pending(services: &Services) -> Result<usize, Error> {
    let store = &services.store;
    Ok(store.count(Table::Events, "")? + store.count(Table::Deliveries, "")?)
}

/// Matches events with rules and makes deliveries until the task is aborted.
pub(crate) async fn run(services: Arc<Services>) {
    loop {
        match pump(&services).await {
            Ok(Pumped { count: 0, next_ms }) => wait(&services, next_ms).await,
            Ok(_) => services.progress.notify_waiters(),
            // Events stay where they are; requests will tell people of the broken store.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn wait(services: &Services, next_ms: Option<u64>) {
    let rung = services.events.notified();
    let Some(next_ms) = next_ms else {
        return rung.await;
    };
    let wait = Duration::from_millis(next_ms.saturating_sub(clock::now_ms()).max(1));
    // Either way there is something to look at.
    tokio::time::timeout(wait, rung).await.ok();
}

struct Pumped {
    /// Events and deliveries that were handled.
    count: usize,
    /// When the next delivery is due.
    next_ms: Option<u64>,
}

/// Handles one batch of events and all deliveries that are due.
async fn pump(services: &Arc<Services>) -> Result<Pumped, Error> {
    let store = &services.store;
    let events = store.list_from::<Value>(Table::Events, "", "", BATCH)?;
    let waiting = store.list::<Delivery>(Table::Deliveries, "")?;
    let now_ms = clock::now_ms();
    let has_news = !events.is_empty() || waiting.iter().any(|(_, one)| !one.is_settled);
    let is_due = |one: &Delivery| one.due_ms <= now_ms || (one.is_held && has_news);
    let (due, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, one)| is_due(one));
    let count = events.len() + due.len();
    if count == 0 {
        let next_ms = later.iter().map(|(_, one)| one.due_ms).min();
        return Ok(Pumped { count, next_ms });
    }
    let shared = Arc::clone(services);
    let started: Started = store
        .transact(move |transaction| {
            let deliveries = gather(transaction, &events, due)?;
            deliver(transaction, &shared, deliveries)
        })
        .await?;
    lambda::enqueue(services, &started.invocations);
    services.messages.notify_one();
    if started.jobs {
        services.jobs.notify_one();
    }
    Ok(Pumped {
        count,
        next_ms: None,
    })
}

/// Takes events and deliveries out of their tables; what comes of them, those that were held last.
fn gather(
    transaction: &mut Transaction<'_>,
    events: &[(String, Value)],
    due: Vec<(String, Delivery)>,
) -> Result<Vec<Delivery>, Error> {
    let rules = enabled_rules(transaction)?;
    let mut deliveries = Vec::new();
    for (key, event) in events {
        for (rule, _) in rules.iter().filter(|(_, pattern)| pattern.matches(event)) {
            let made = rule
                .targets
                .iter()
                .map(|target| target.delivery(rule, event));
            deliveries.extend(made);
        }
        transaction.delete(Table::Events, key);
    }
    for (key, delivery) in due {
        deliveries.push(delivery);
        transaction.delete(Table::Deliveries, &key);
    }
    deliveries.sort_by_key(|one| one.is_held);
    Ok(deliveries)
}

fn enabled_rules(transaction: &Transaction<'_>) -> Result<Vec<(Rule, Pattern)>, Error> {
    let rules = transaction.list::<Rule>(Table::Rules, "")?;
    let enabled = rules.into_iter().filter(|(_, rule)| rule.is_enabled);
    // Patterns were parsed when the rule was made; one that no longer parses takes nothing.
    let parsed = enabled.filter_map(|(_, rule)| {
        let pattern = Pattern::parse(&rule.pattern).ok()?;
        Some((rule, pattern))
    });
    Ok(parsed.collect())
}

/// Makes deliveries, as far as the faults of the cloud let them through now.
fn deliver(
    transaction: &mut Transaction<'_>,
    services: &Services,
    deliveries: Vec<Delivery>,
) -> Result<Started, Error> {
    let account = &services.settings.account;
    let mut started = Started::default();
    let mut held = Vec::new();
    for mut delivery in deliveries {
        if delivery.is_settled {
            delivery.hand_over(transaction, account, &mut started)?;
            continue;
        }
        delivery.is_settled = true;
        let fate = services.faults.fate();
        delivery.due_ms = clock::now_ms() + fate.delay_ms;
        delivery.is_held = fate.is_held;
        for _ in 0..fate.copies {
            match (fate.is_held, fate.delay_ms) {
                (true, _) => held.push(delivery.clone()),
                (false, 0) => {
                    delivery.hand_over(transaction, account, &mut started)?;
                    for overtaken in held.drain(..) {
                        overtaken.hand_over(transaction, account, &mut started)?;
                    }
                }
                (false, _) => send(transaction, &delivery)?,
            }
        }
    }
    for delivery in held {
        send(transaction, &delivery)?;
    }
    Ok(started)
}
