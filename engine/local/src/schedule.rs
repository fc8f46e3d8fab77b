//! EventBridge Scheduler: schedules and the clock that fires them.
//!
//! A cloud that is not open has no time: what would have fired meanwhile does not fire later.

mod cron;
mod expression;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

pub(crate) use expression::Expression;

use crate::auth::Identity;
use crate::events::{self, Delivery};
use crate::services::Services;
use crate::store::{Table, Transaction};
use crate::{Error, clock, iam, random};

/// Longest time between looks at the schedules.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// Wait before another try if the store fails.
const PAUSE: Duration = Duration::from_secs(1);

/// A schedule, in `Table::Schedules` under `<group>/<name>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Schedule {
    /// Its group.
    pub(crate) group: String,
    /// Its name.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Free text.
    pub(crate) description: String,
    /// When it fires.
    pub(crate) expression: Expression,
    /// Whether it fires at all.
    pub(crate) is_enabled: bool,
    /// Not before, in milliseconds since the Unix epoch.
    pub(crate) start_ms: Option<u64>,
    /// Not after, in milliseconds since the Unix epoch.
    pub(crate) end_ms: Option<u64>,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
    /// When it fires next, in milliseconds since the Unix epoch.
    pub(crate) next_ms: Option<u64>,
    /// ARN of what it calls.
    pub(crate) target: String,
    /// ARN of the role that calls it.
    pub(crate) role_arn: String,
    /// What the target gets.
    pub(crate) input: Option<String>,
    /// ARN of the queue that takes what cannot be delivered.
    pub(crate) dead_letter: Option<String>,
}

impl Schedule {
    /// Key in the table.
    pub(crate) fn key(&self) -> String {
        key(&self.group, &self.name)
    }

    /// Finds when it fires next, after a time.
    pub(crate) fn plan(&mut self, after_ms: u64) {
        let anchor_ms = self.start_ms.unwrap_or(self.created_ms);
        let after_ms = after_ms.max(self.start_ms.unwrap_or(0).saturating_sub(1));
        let next = self.expression.next_ms(after_ms, anchor_ms);
        let last_ms = self.end_ms.unwrap_or(u64::MAX);
        self.next_ms = next.filter(|next_ms| self.is_enabled && *next_ms <= last_ms);
    }

    /// What its target gets, for a time.
    fn payload(&self, services: &Services, time_ms: u64) -> String {
        let time = clock::rfc3339(time_ms / 1000 * 1000).replace(".000Z", "Z");
        let Some(input) = &self.input else {
            let settings = &services.settings;
            return json!({
                "version": "0",
                "id": random::uuid(),
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": settings.account,
                "time": time,
                "region": settings.region,
                "resources": [self.arn],
                "detail": "{}",
            })
            .to_string();
        };
        // "Adding context attributes" in the EventBridge Scheduler user guide.
        input
            .replace("<aws.scheduler.scheduled-time>", &time)
            .replace("<aws.scheduler.schedule-arn>", &self.arn)
            .replace("<aws.scheduler.execution-id>", &random::uuid())
            .replace("<aws.scheduler.attempt-number>", "1")
    }

    /// The delivery for a time; one that the role does not allow goes to the dead-letter queue.
    fn delivery(&self, services: &Services, time_ms: u64) -> Result<Option<Delivery>, Error> {
        let payload = self.payload(services, time_ms);
        let target = match self.may_call(services)? {
            true => &self.target,
            false => match &self.dead_letter {
                Some(queue) => queue,
                None => return Ok(None),
            },
        };
        let delivery = Delivery {
            dead_letter: self.dead_letter.clone(),
            ..Delivery::new(target, payload)
        };
        Ok(Some(delivery.of(PRINCIPAL, &self.arn, &self.name)))
    }

    fn may_call(&self, services: &Services) -> Result<bool, Error> {
        let identity = Identity::Session {
            role: self
                .role_arn
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned(),
            session: self.name.clone(),
        };
        let (action, resource) = match self.target.as_str() {
            arn if arn.contains(":lambda:") => ("lambda:InvokeFunction", arn),
            arn if arn.contains(":sqs:") => ("sqs:SendMessage", arn),
            // The resources of a call of an SDK are in its input.
            _ => return Ok(true),
        };
        iam::allows(services, &identity, action, resource)
    }
}

/// Who delivers.
pub(crate) const PRINCIPAL: &str = "scheduler.amazonaws.com";

/// Key of a schedule in its table.
pub(crate) fn key(group: &str, name: &str) -> String {
    format!("{group}/{name}")
}

/// Fires schedules until the task is aborted.
pub(crate) async fn run(services: Arc<Services>) {
    // What should have fired while the cloud was closed is left out.
    let mut after_ms = clock::now_ms();
    plan_anew(&services, after_ms).await.ok();
    loop {
        let now_ms = clock::now_ms();
        let Ok(next_ms) = fire_due(&services, now_ms).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        after_ms = after_ms.max(now_ms);
        let wait = next_ms.map(|next_ms| next_ms.saturating_sub(clock::now_ms()).max(1));
        let wait = wait
            .map_or(LOOK_INTERVAL, Duration::from_millis)
            .min(LOOK_INTERVAL);
        tokio::time::timeout(wait, services.schedules.notified())
            .await
            .ok();
    }
}

async fn plan_anew(services: &Services, now_ms: u64) -> Result<(), Error> {
    let change = move |transaction: &mut Transaction<'_>| {
        for (key, mut schedule) in transaction.list::<Schedule>(Table::Schedules, "")? {
            schedule.plan(now_ms);
            transaction.put(Table::Schedules, &key, &schedule)?;
        }
        Ok::<_, Error>(())
    };
    services.store.transact(change).await
}

/// Fires what is due, and returns when something is due next.
async fn fire_due(services: &Arc<Services>, now_ms: u64) -> Result<Option<u64>, Error> {
    let all = services.store.list::<Schedule>(Table::Schedules, "")?;
    let (due, later): (Vec<_>, Vec<_>) = all
        .into_iter()
        .filter_map(|(_, one)| Some((one.next_ms?, one)))
        .partition(|(next_ms, _)| *next_ms <= now_ms);
    let mut next_ms = later.iter().map(|(next_ms, _)| *next_ms).min();
    for (time_ms, schedule) in due {
        let delivery = schedule.delivery(services, time_ms)?;
        let key = schedule.key();
        let change = move |transaction: &mut Transaction<'_>| {
            let current = transaction.get::<Schedule>(Table::Schedules, &key)?;
            let Some(mut current) = current.filter(|one| one.next_ms == Some(time_ms)) else {
                return Ok::<_, Error>(None);
            };
            current.plan(now_ms.max(time_ms));
            transaction.put(Table::Schedules, &key, &current)?;
            if let Some(delivery) = &delivery {
                events::send(transaction, delivery)?;
            }
            Ok(current.next_ms)
        };
        let planned = services.store.transact(change).await?;
        next_ms = next_ms.into_iter().chain(planned).min();
        services.events.notify_one();
    }
    Ok(next_ms)
}

/// Fires a schedule now, whenever its time is; false if there is none of this name.
pub(crate) async fn fire(services: &Services, group: &str, name: &str) -> Result<bool, Error> {
    let schedule = services
        .store
        .get::<Schedule>(Table::Schedules, &key(group, name))?;
    let Some(schedule) = schedule else {
        return Ok(false);
    };
    if let Some(delivery) = schedule.delivery(services, clock::now_ms())? {
        let change = move |transaction: &mut Transaction<'_>| events::send(transaction, &delivery);
        services.store.transact(change).await?;
        services.events.notify_one();
    }
    Ok(true)
}
