//! EventBridge: events wait in the store until the rules have seen them.
//!
//! An event leaves its table in the transaction that queues the invocations it causes, so a killed
//! process neither loses one nor, by itself, doubles one.

mod pattern;

use std::sync::Arc;
use std::time::Duration;

use scar_schemas::event::BusEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use pattern::Pattern;

use crate::lambda::{self, Function, Invocation};
use crate::logs::{self, Line};
use crate::services::Services;
use crate::store::{Table, Transaction};
use crate::{Error, clock};

/// Events that are matched in one transaction at most.
const BATCH: usize = 256;
/// Wait before another try if the store fails.
const PAUSE: Duration = Duration::from_secs(1);

/// A rule of the default bus, in `Table::Rules` under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rule {
    /// Its name.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Free text.
    pub(crate) description: String,
    /// Which events it takes, as [`Pattern::parse`] reads it.
    pub(crate) pattern: Value,
    /// Whether it takes events at all.
    pub(crate) is_enabled: bool,
    /// Who gets them.
    pub(crate) targets: Vec<Target>,
}

/// A target of a rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Target {
    /// Its id within the rule.
    pub(crate) id: String,
    /// ARN of a function or a queue.
    pub(crate) arn: String,
    /// What the target gets instead of the event.
    pub(crate) input: Option<String>,
}

/// Adds an event in the transaction of the change it tells of. Ring `Services::events` afterwards.
pub(crate) fn publish(transaction: &mut Transaction<'_>, event: &BusEvent) -> Result<(), Error> {
    transaction.append(Table::Events, "", event).map(|_| ())
}

/// Events that no rule has seen yet.
pub(crate) fn pending(services: &Services) -> Result<usize, Error> {
    services.store.count(Table::Events, "")
}

/// Matches events with rules until the task is aborted.
pub(crate) async fn run(services: Arc<Services>) {
    loop {
        match pump(&services).await {
            Ok(0) => services.events.notified().await,
            Ok(_) => services.progress.notify_waiters(),
            // Events stay where they are; requests will tell people of the broken store.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Delivers one batch of events and returns how many there were.
async fn pump(services: &Services) -> Result<usize, Error> {
    let events = services
        .store
        .list_from::<Value>(Table::Events, "", "", BATCH)?;
    let count = events.len();
    if count == 0 {
        return Ok(0);
    }
    let account = services.settings.account.clone();
    let invocations = services
        .store
        .transact(move |transaction| deliver(transaction, &events, &account))
        .await?;
    lambda::enqueue(services, &invocations);
    Ok(count)
}

fn deliver(
    transaction: &mut Transaction<'_>,
    events: &[(String, Value)],
    account: &str,
) -> Result<Vec<(String, Invocation)>, Error> {
    let rules: Vec<(Rule, Pattern)> = transaction
        .list::<Rule>(Table::Rules, "")?
        .into_iter()
        .filter(|(_, rule)| rule.is_enabled)
        // Patterns were parsed when the rule was made; one that no longer parses takes nothing.
        .filter_map(|(_, rule)| {
            Pattern::parse(&rule.pattern)
                .ok()
                .map(|pattern| (rule, pattern))
        })
        .collect();
    let mut invocations = Vec::new();
    for (key, event) in events {
        for (rule, _) in rules.iter().filter(|(_, pattern)| pattern.matches(event)) {
            for target in &rule.targets {
                invocations.extend(deliver_to(transaction, rule, target, event, account)?);
            }
        }
        transaction.delete(Table::Events, key);
    }
    Ok(invocations)
}

/// Hands an event to one target. As in AWS, a target that does not admit the rule gets nothing; where
/// a function's users look, a line tells of it.
fn deliver_to(
    transaction: &mut Transaction<'_>,
    rule: &Rule,
    target: &Target,
    event: &Value,
    account: &str,
) -> Result<Option<(String, Invocation)>, Error> {
    let payload = target.input.clone().unwrap_or_else(|| event.to_string());
    if target.arn.contains(":sqs:") {
        let queue = crate::queue::name_of(&target.arn);
        if transaction.contains(Table::Queues, queue)? {
            crate::queue::send(transaction, queue, payload)?;
        }
        return Ok(None);
    }
    let name = lambda::function_name(&target.arn);
    let function = transaction.get::<Function>(Table::Functions, name)?;
    match function {
        Some(function) if function.admits("events.amazonaws.com", &rule.arn, account) => {
            lambda::queue(transaction, name, payload).map(Some)
        }
        Some(function) => tell_of_drop(transaction, rule, &function, event).map(|()| None),
        None => Ok(None),
    }
}

fn tell_of_drop(
    transaction: &mut Transaction<'_>,
    rule: &Rule,
    function: &Function,
    event: &Value,
) -> Result<(), Error> {
    let id = event["id"].as_str().unwrap_or_default();
    let (rule_name, rule_arn) = (&rule.name, &rule.arn);
    let line = Line {
        stream: format!("rules/{rule_name}"),
        time_ms: clock::now_ms(),
        message: format!(
            "Event {id} of rule {rule_name} was dropped: function {} has no AWS::Lambda::Permission that \
             lets events.amazonaws.com invoke it for {rule_arn}.",
            function.name
        ),
    };
    logs::append_in(transaction, &function.log_group, vec![line])
}
