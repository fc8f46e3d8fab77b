//! A stack operation, followed through the stack's events to its end.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::StackEvent;

use crate::call::failed;
use crate::event::{Event, Operation, Progress};
use crate::{Cloud, Error, Outcome, stack};

/// Looks without any event after which an operation counts as begun: it was faster than its events.
const MAX_SILENT_LOOKS: usize = 20;

/// A stack under change.
pub(crate) struct Followed<'a> {
    pub(crate) name: &'a str,
    /// ARN: a deleted stack has no name any more.
    pub(crate) id: &'a str,
    /// Stage of each resource that has one, by logical id.
    pub(crate) stages: &'a BTreeMap<String, String>,
    pub(crate) operation: Operation,
}

/// Events that were there before.
pub(crate) struct Mark {
    seen: BTreeSet<String>,
}

/// Remembers which events were there before an operation.
pub(crate) async fn mark(cloud: &Cloud, followed: &Followed<'_>) -> Result<Mark, Error> {
    let mut mark = Mark {
        seen: BTreeSet::new(),
    };
    fresh(cloud, followed.id, &mut mark).await?;
    Ok(mark)
}

/// Tells what happens until the operation has ended.
pub(crate) async fn follow(
    cloud: &Cloud,
    followed: &Followed<'_>,
    mark: Mark,
    on_event: &mut dyn FnMut(Event),
) -> Result<(), Error> {
    let mut teller = Teller {
        followed,
        mark,
        has_begun: false,
        cause: None,
        is_rolling_back: false,
    };
    let mut pauses = cloud.pauses();
    let mut looks = 0;
    loop {
        pauses.pause().await;
        // The status before the events: so no event from before a final status can be missed.
        let status = final_status(cloud, followed.id).await?;
        teller.tell(cloud, on_event).await?;
        looks += 1;
        let has_begun = teller.has_begun || looks > MAX_SILENT_LOOKS;
        if let Some(status) = status.filter(|_| has_begun) {
            return teller.end(cloud, &status, on_event).await;
        }
    }
}

/// Deletes a stack and waits until it is gone.
pub(crate) async fn delete(
    cloud: &Cloud,
    name: &str,
    id: &str,
    stages: &BTreeMap<String, String>,
    on_event: &mut dyn FnMut(Event),
) -> Result<(), Error> {
    let followed = Followed {
        name,
        id,
        stages,
        operation: Operation::Delete,
    };
    let mark = mark(cloud, &followed).await?;
    let request = cloud.cloudformation.delete_stack().stack_name(id);
    request.send().await.map_err(failed("DeleteStack", name))?;
    follow(cloud, &followed, mark, on_event).await
}

/// The stack's status if nothing is going on.
async fn final_status(cloud: &Cloud, id: &str) -> Result<Option<String>, Error> {
    let found = stack::describe(cloud, id).await?;
    let status = found.as_ref().map_or("DELETE_COMPLETE", stack::status);
    Ok((!status.ends_with("_IN_PROGRESS")).then(|| status.to_owned()))
}

/// Turns the cloud's events into ours.
struct Teller<'a> {
    followed: &'a Followed<'a>,
    mark: Mark,
    has_begun: bool,
    cause: Option<Progress>,
    is_rolling_back: bool,
}

impl Teller<'_> {
    async fn tell(&mut self, cloud: &Cloud, on_event: &mut dyn FnMut(Event)) -> Result<(), Error> {
        for event in fresh(cloud, self.followed.id, &mut self.mark).await? {
            let is_stack = event.physical_resource_id == event.stack_id;
            let progress = self.progress(event);
            self.has_begun |= is_stack;
            self.remember_cause(&progress, is_stack);
            if !is_stack {
                on_event(Event::Resource(progress));
            } else if self.begins_rollback(&progress.status) {
                self.is_rolling_back = true;
                let cause = self.cause.clone();
                on_event(Event::RollbackStarted {
                    stack: self.followed.name.to_owned(),
                    cause,
                });
            }
        }
        Ok(())
    }

    fn progress(&self, event: StackEvent) -> Progress {
        let logical_id = event.logical_resource_id.unwrap_or_default();
        Progress {
            stack: self.followed.name.to_owned(),
            stage: self.followed.stages.get(&logical_id).cloned(),
            logical_id,
            kind: event.resource_type.unwrap_or_default(),
            status: event
                .resource_status
                .map(|status| status.as_str().to_owned())
                .unwrap_or_default(),
            reason: event.resource_status_reason,
        }
    }

    /// The first failure is the cause; what was cancelled because of it is not.
    fn remember_cause(&mut self, progress: &Progress, is_stack: bool) {
        let is_cancelled = progress
            .reason
            .as_deref()
            .is_some_and(|reason| reason.contains("cancelled"));
        let has_failed = progress.status.ends_with("_FAILED")
            || (is_stack && self.begins_rollback(&progress.status) && progress.reason.is_some());
        if self.cause.is_none() && has_failed && !is_cancelled {
            self.cause = Some(progress.clone());
        }
    }

    fn begins_rollback(&self, stack_status: &str) -> bool {
        !self.is_rolling_back
            && match self.followed.operation {
                Operation::Delete => false,
                _ => matches!(
                    stack_status,
                    "ROLLBACK_IN_PROGRESS" | "UPDATE_ROLLBACK_IN_PROGRESS" | "DELETE_IN_PROGRESS"
                ),
            }
    }

    async fn end(
        &self,
        cloud: &Cloud,
        status: &str,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<(), Error> {
        let (name, id) = (self.followed.name, self.followed.id);
        let outcome = match (self.followed.operation, status) {
            (Operation::Create, "CREATE_COMPLETE" | "IMPORT_COMPLETE") => return Ok(()),
            (Operation::Update, "UPDATE_COMPLETE") => return Ok(()),
            (Operation::Delete, "DELETE_COMPLETE") => return Ok(()),
            (Operation::Create, "ROLLBACK_COMPLETE") => {
                // Where a failed creation is not deleted by itself, nothing must be left either.
                Box::pin(delete(cloud, name, id, self.followed.stages, &mut |_| ())).await?;
                Outcome::RolledBack
            }
            (Operation::Create, "DELETE_COMPLETE")
            | (Operation::Update, "UPDATE_ROLLBACK_COMPLETE") => Outcome::RolledBack,
            _ => Outcome::Stuck {
                status: status.to_owned(),
                command: way_out(name, status),
            },
        };
        if outcome == Outcome::RolledBack {
            on_event(Event::RolledBack {
                stack: name.to_owned(),
            });
        }
        Err(self.failure(outcome))
    }

    fn failure(&self, outcome: Outcome) -> Error {
        let name = self.followed.name;
        let unknown = || Progress {
            stack: name.to_owned(),
            stage: None,
            logical_id: name.to_owned(),
            kind: "AWS::CloudFormation::Stack".to_owned(),
            status: String::new(),
            reason: None,
        };
        let cause = self.cause.clone().unwrap_or_else(unknown);
        Error::Stack {
            stack: name.to_owned(),
            stage: cause.stage,
            logical_id: cause.logical_id,
            kind: cause.kind,
            reason: cause.reason.unwrap_or_else(|| "no reason given".to_owned()),
            outcome,
        }
    }
}

/// The command with which a person gets a stack going again.
fn way_out(name: &str, status: &str) -> String {
    let verb = match status {
        "UPDATE_ROLLBACK_FAILED" => "continue-update-rollback",
        _ => "delete-stack",
    };
    format!("aws cloudformation {verb} --stack-name {name}")
}

/// Events that were not there before, oldest first. The cloud gives the newest first.
async fn fresh(cloud: &Cloud, id: &str, mark: &mut Mark) -> Result<Vec<StackEvent>, Error> {
    let mut new = Vec::new();
    let mut pages = cloud
        .cloudformation
        .describe_stack_events()
        .stack_name(id)
        .into_paginator()
        .send();
    'pages: while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            // Some clouds forget the events of a stack with the stack.
            Err(error) if error.code() == Some("ValidationError") => break,
            Err(error) => return Err(failed("DescribeStackEvents", id)(error)),
        };
        for event in page.stack_events.unwrap_or_default() {
            let event_id = event.event_id.clone().unwrap_or_default();
            if !mark.seen.insert(event_id) {
                break 'pages;
            }
            new.push(event);
        }
    }
    new.reverse();
    Ok(new)
}
