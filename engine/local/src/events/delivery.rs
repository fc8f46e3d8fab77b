//! Handing an event to a target: a function, a queue or a job queue.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{BatchTarget, lower_names};
use crate::lambda::{self, Function, Invocation};
use crate::logs::{self, Line};
use crate::queue::{self, Queue};
use crate::store::{Table, Transaction};
use crate::{Error, batch, clock, iam, schedule};

/// Something on its way to a target.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// ARN of a function, a queue or a job queue.
    pub(crate) target: String,
    /// What the target gets.
    pub(crate) payload: String,
    /// Service that delivers, for instance `events.amazonaws.com`.
    pub(crate) principal: String,
    /// What it delivers for: a rule, a bucket or a schedule.
    pub(crate) source_arn: String,
    /// Name of the source, for people.
    pub(crate) source_name: String,
    /// Identity of the event, for people.
    pub(crate) event_id: String,
    /// Which job a job queue gets.
    pub(crate) batch: Option<BatchTarget>,
    /// ARN of the queue that takes what cannot be delivered.
    pub(crate) dead_letter: Option<String>,
    /// Not before this time, in milliseconds since the Unix epoch.
    pub(crate) due_ms: u64,
    /// Whether it waits only for another one to go first.
    pub(crate) is_held: bool,
    /// Whether faults had their chance already.
    pub(crate) is_settled: bool,
}

/// What a delivery started.
#[derive(Debug, Default)]
pub(crate) struct Started {
    /// Invocations to hand to the dispatcher.
    pub(crate) invocations: Vec<(String, Invocation)>,
    /// Whether there are new jobs.
    pub(crate) jobs: bool,
}

/// Why a delivery is impossible: an error code of EventBridge, and a text.
struct Impossible {
    code: &'static str,
    message: String,
}

impl Delivery {
    /// A delivery to a target, now.
    pub(crate) fn new(target: &str, payload: String) -> Self {
        Self {
            target: target.to_owned(),
            payload,
            principal: String::new(),
            source_arn: String::new(),
            source_name: String::new(),
            event_id: String::new(),
            batch: None,
            dead_letter: None,
            due_ms: 0,
            is_held: false,
            is_settled: false,
        }
    }

    /// The same on behalf of a resource.
    pub(crate) fn of(self, principal: &str, source_arn: &str, source_name: &str) -> Self {
        Self {
            principal: principal.to_owned(),
            source_arn: source_arn.to_owned(),
            source_name: source_name.to_owned(),
            ..self
        }
    }

    /// Hands it over. As in AWS, a target that does not admit the source gets nothing: the delivery ends
    /// in its dead-letter queue, and where a function's users look, a line tells of it.
    pub(super) fn hand_over(
        &self,
        transaction: &mut Transaction<'_>,
        account: &str,
        started: &mut Started,
    ) -> Result<(), Error> {
        let outcome = if self.target.ends_with(":aws-sdk:batch:submitJob") {
            self.submit(transaction, started)?
        } else if self.target.contains(":sqs:") {
            self.to_queue(transaction)?
        } else if self.target.contains(":batch:") {
            self.to_job_queue(transaction, started)?
        } else {
            self.to_function(transaction, account, started)?
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(impossible) => self.bury(transaction, &impossible),
        }
    }

    fn to_queue(&self, transaction: &mut Transaction<'_>) -> Result<Result<(), Impossible>, Error> {
        let name = queue::name_of(&self.target);
        let Some(queue) = transaction.get::<Queue>(Table::Queues, name)? else {
            return Ok(Err(self.missing()));
        };
        let admits = self.has_role()
            || iam::resource_allows(
                queue.policies.values(),
                &self.principal,
                "sqs:SendMessage",
                &queue.arn,
                &self.source_arn,
            );
        if !admits {
            return Ok(Err(self.denied("AWS::SQS::QueuePolicy")));
        }
        queue::send(transaction, name, self.payload.clone())?;
        Ok(Ok(()))
    }

    fn to_function(
        &self,
        transaction: &mut Transaction<'_>,
        account: &str,
        started: &mut Started,
    ) -> Result<Result<(), Impossible>, Error> {
        let name = lambda::function_name(&self.target);
        let Some(function) = transaction.get::<Function>(Table::Functions, name)? else {
            return Ok(Err(self.missing()));
        };
        if !self.has_role() && !function.admits(&self.principal, &self.source_arn, account) {
            self.tell_of_drop(transaction, &function)?;
            return Ok(Err(self.denied("AWS::Lambda::Permission")));
        }
        let queued = lambda::queue(transaction, name, self.payload.clone())?;
        started.invocations.push(queued);
        Ok(Ok(()))
    }

    /// A schedule calls with a role of its own, which needs no permission of the target.
    fn has_role(&self) -> bool {
        self.principal == schedule::PRINCIPAL
    }

    /// `SubmitJob` with an input in the words of SDKs, which begin with capitals.
    fn submit(
        &self,
        transaction: &mut Transaction<'_>,
        started: &mut Started,
    ) -> Result<Result<(), Impossible>, Error> {
        let input: Value = serde_json::from_str(&self.payload).unwrap_or(Value::Null);
        submit(transaction, &lower_names(&input, false), started)
    }

    fn to_job_queue(
        &self,
        transaction: &mut Transaction<'_>,
        started: &mut Started,
    ) -> Result<Result<(), Impossible>, Error> {
        let Some(target) = &self.batch else {
            return Ok(Err(self.missing()));
        };
        let event: Value = serde_json::from_str(&self.payload).unwrap_or(Value::Null);
        let request = target.request(&self.target, &event);
        submit(transaction, &request, started)
    }

    fn missing(&self) -> Impossible {
        Impossible {
            code: "RESOURCE_NOT_FOUND",
            message: format!("the target {} does not exist", self.target),
        }
    }

    fn denied(&self, needed: &str) -> Impossible {
        let Self {
            target, principal, ..
        } = self;
        Impossible {
            code: "NO_PERMISSIONS",
            message: format!("{target} has no {needed} that admits {principal}"),
        }
    }

    /// "Using dead-letter queues to process undelivered events" in the EventBridge user guide.
    fn bury(
        &self,
        transaction: &mut Transaction<'_>,
        impossible: &Impossible,
    ) -> Result<(), Error> {
        let Some(arn) = &self.dead_letter else {
            return Ok(());
        };
        let name = queue::name_of(arn);
        if !transaction.contains(Table::Queues, name)? {
            return Ok(());
        }
        let attribute = |value: &str| json!({ "DataType": "String", "StringValue": value });
        let attributes = json!({
            "ERROR_CODE": attribute(impossible.code),
            "ERROR_MESSAGE": attribute(&impossible.message),
            "RULE_ARN": attribute(&self.source_arn),
            "TARGET_ARN": attribute(&self.target),
        });
        queue::send_with(transaction, name, self.payload.clone(), attributes).map(|_| ())
    }

    fn tell_of_drop(
        &self,
        transaction: &mut Transaction<'_>,
        function: &Function,
    ) -> Result<(), Error> {
        let Self {
            event_id,
            source_name,
            source_arn,
            principal,
            ..
        } = self;
        let line = Line {
            stream: format!("rules/{source_name}"),
            time_ms: clock::now_ms(),
            message: format!(
                "Event {event_id} of rule {source_name} was dropped: function {} has no \
                 AWS::Lambda::Permission that lets {principal} invoke it for {source_arn}.",
                function.name
            ),
        };
        logs::append_in(transaction, &function.log_group, vec![line])
    }
}

fn submit(
    transaction: &mut Transaction<'_>,
    request: &Value,
    started: &mut Started,
) -> Result<Result<(), Impossible>, Error> {
    Ok(match batch::submit(transaction, request)? {
        Ok(_) => {
            started.jobs = true;
            Ok(())
        }
        Err(message) => Err(Impossible {
            code: "ClientException",
            message,
        }),
    })
}
