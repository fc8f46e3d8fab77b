//! Makes and changes the resources of a stack, in the order that the template needs.

use std::collections::BTreeMap;

use scar_cfn::{Replacement, Scope};
use serde_json::Value;

use super::change_set::{differences, need};
use super::operation::{Operation, Phase, pseudo};
use super::policy;
use super::provider::{self, Context, Refusal};
use super::step::Step;
use super::{Checked, Event, OnFailure, Resource, Stack, change, tell};
use crate::services::Services;
use crate::store::{Table, Transaction};
use crate::{Error, clock, random};

/// Applies the operation's target and enters the next phase, or that of undoing it.
pub(super) async fn apply(
    services: &Services,
    stack: &Stack,
    operation: &Operation,
) -> Result<(), Error> {
    let outcome = match operation.target.check(pseudo(services, stack)) {
        Ok(checked) => apply_checked(services, stack, &checked).await?,
        Err(error) => Err(Failed {
            logical_id: None,
            reason: error.to_string(),
        }),
    };
    match outcome {
        Ok(()) => Ok(()),
        Err(failed) => fail(services, stack, operation, failed).await,
    }
}

/// Why an operation failed.
struct Failed {
    logical_id: Option<String>,
    reason: String,
}

async fn apply_checked(
    services: &Services,
    stack: &Stack,
    checked: &Checked,
) -> Result<Result<(), Failed>, Error> {
    let failed = |reason: String| Failed {
        logical_id: None,
        reason,
    };
    let scope = match checked.scope() {
        Ok(scope) => scope,
        Err(error) => return Ok(Err(failed(error.to_string()))),
    };
    let present = match checked.present(&scope) {
        Ok(present) => present,
        Err(error) => return Ok(Err(failed(error.to_string()))),
    };
    for id in &present {
        if let Err(reason) = apply_resource(services, &stack.name, checked, &scope, id).await? {
            return Ok(Err(Failed {
                logical_id: Some(id.clone()),
                reason,
            }));
        }
    }
    finish(services, &stack.name, checked, &scope, present).await
}

/// Makes one resource what the template says. An error text is the reason why that is not possible.
async fn apply_resource(
    services: &Services,
    name: &str,
    checked: &Checked,
    scope: &Scope<'_>,
    id: &str,
) -> Result<Result<(), String>, Error> {
    let Some(stack) = services.store.get::<Stack>(Table::Stacks, name)? else {
        return Ok(Ok(()));
    };
    let Some(wanted) = checked.document.resources.get(id) else {
        return Ok(Ok(()));
    };
    let properties = match scope.properties(wanted, &stack) {
        Ok(properties) => properties,
        Err(error) => return refuse(services, &stack, id, &wanted.kind, error.to_string()).await,
    };
    let existing = stack.resources.get(id);
    let action = Action::needed(existing, &wanted.kind, &properties);
    if let Some(reason) = denied(&stack, action, id, &wanted.kind) {
        return refuse(services, &stack, id, &wanted.kind, reason).await;
    }
    let mut step = Step {
        action,
        existing: existing.cloned(),
        wanted: wanted.clone(),
        properties,
        package: None,
        context: Context::new(services, &stack, id),
    };
    if !matches!(action, Action::Keep) {
        match provider::prepare(services, &step.wanted.kind, &step.properties).await {
            Ok(package) => step.package = package,
            Err(reason) => return refuse(services, &stack, id, &step.wanted.kind, reason).await,
        }
    }
    let kind = step.wanted.kind.clone();
    let name = name.to_owned();
    let done: Result<(), Refusal> = services
        .store
        .transact(move |transaction| step.run(transaction, &name))
        .await;
    match done {
        Ok(()) => Ok(Ok(())),
        Err(Refusal::Reason(reason)) => refuse(services, &stack, id, &kind, reason).await,
        Err(Refusal::Store(error)) => Err(error),
    }
}

/// Why the stack's policy does not let an update change a resource.
fn denied(stack: &Stack, action: Action, id: &str, kind: &str) -> Option<String> {
    let name = match action {
        Action::Update => "Update:Modify",
        Action::Replace => "Update:Replace",
        Action::Keep | Action::Create => return None,
    };
    let policy = stack.policy.as_ref()?;
    let reason = format!(
        "Action denied by stack policy: Statement does not allow [{name}] for resource \
         [LogicalResourceId/{id}]"
    );
    (!policy::allows(policy, name, id, kind)).then_some(reason)
}

/// What one resource needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing differs.
    Keep,
    /// It is not there yet.
    Create,
    /// It can be changed in place.
    Update,
    /// Another one has to take its place.
    Replace,
}

impl Action {
    /// What makes a resource what the template says.
    fn needed(
        existing: Option<&Resource>,
        kind: &str,
        properties: &BTreeMap<String, Value>,
    ) -> Self {
        match existing {
            None => Self::Create,
            Some(existing) if existing.kind != *kind => Self::Replace,
            Some(existing) => match differences(&existing.properties, properties) {
                paths if paths.is_empty() => Self::Keep,
                paths if need(kind, &paths) == Replacement::Always => Self::Replace,
                _ => Self::Update,
            },
        }
    }
}

/// Tells of a resource that failed, and hands the reason on.
async fn refuse(
    services: &Services,
    stack: &Stack,
    id: &str,
    kind: &str,
    reason: String,
) -> Result<Result<(), String>, Error> {
    let (verb, physical_id) = match stack.resources.get(id) {
        None => ("CREATE", ""),
        Some(existing) => ("UPDATE", existing.physical_id.as_str()),
    };
    let stack_id = stack.id.clone();
    let events = [
        event(id, physical_id, kind, &format!("{verb}_IN_PROGRESS"), None),
        event(
            id,
            physical_id,
            kind,
            &format!("{verb}_FAILED"),
            Some(&reason),
        ),
    ];
    services
        .store
        .transact(move |transaction| {
            events
                .iter()
                .try_for_each(|event| tell(transaction, &stack_id, event))
        })
        .await?;
    Ok(Err(reason))
}

/// All resources are what they should be: outputs, and what is left over.
async fn finish(
    services: &Services,
    name: &str,
    checked: &Checked,
    scope: &Scope<'_>,
    present: Vec<String>,
) -> Result<Result<(), Failed>, Error> {
    let Some(stack) = services.store.get::<Stack>(Table::Stacks, name)? else {
        return Ok(Ok(()));
    };
    let outputs = match scope.outputs(&stack) {
        Ok(outputs) => outputs,
        Err(error) => {
            return Ok(Err(Failed {
                logical_id: None,
                reason: error.to_string(),
            }));
        }
    };
    let order: BTreeMap<String, usize> = checked
        .order
        .iter()
        .enumerate()
        .map(|(index, id)| (id.clone(), index))
        .collect();
    change(services, name, move |transaction, stack| {
        settle(transaction, stack, outputs, &present, &order)
    })
    .await
    .map(Ok)
}

/// Enters the phase after a successful one: nothing after a creation, removal of leftovers after a change.
fn settle(
    transaction: &mut Transaction<'_>,
    stack: &mut Stack,
    outputs: BTreeMap<String, String>,
    present: &[String],
    order: &BTreeMap<String, usize>,
) -> Result<(), Error> {
    let Some(mut operation) = stack.operation.take() else {
        return Ok(());
    };
    stack.outputs = outputs;
    stack.definition = operation.target.clone();
    if operation.phase == Phase::Create {
        return stack.enter(transaction, "CREATE_COMPLETE", None);
    }
    let gone: Vec<String> = stack
        .resources
        .keys()
        .filter(|id| !present.contains(id))
        .cloned()
        .collect();
    operation
        .leftovers
        .extend(gone.iter().filter_map(|id| stack.resources.remove(id)));
    // What depends on others goes first.
    operation
        .leftovers
        .sort_by_key(|one| std::cmp::Reverse(order.get(&one.logical_id).copied()));
    operation.phase = Phase::UpdateCleanup;
    stack.operation = Some(operation);
    stack.enter(transaction, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None)
}

/// Enters the phase that undoes a failed operation.
async fn fail(
    services: &Services,
    stack: &Stack,
    operation: &Operation,
    failed: Failed,
) -> Result<(), Error> {
    let what = if operation.phase == Phase::Create {
        "create"
    } else {
        "update"
    };
    let reason = match failed.logical_id {
        Some(id) => format!("The following resource(s) failed to {what}: [{id}]. "),
        None => failed.reason,
    };
    change(services, &stack.name, move |transaction, stack| {
        let Some(mut operation) = stack.operation.take() else {
            return Ok(());
        };
        let (phase, status) = match (operation.phase, operation.on_failure) {
            (Phase::Create, OnFailure::Rollback) => {
                (Some(Phase::CreateRollback), "ROLLBACK_IN_PROGRESS")
            }
            (Phase::Create, OnFailure::Delete) => {
                (Some(Phase::CreateRollback), "DELETE_IN_PROGRESS")
            }
            (Phase::Create, OnFailure::DoNothing) => (None, "CREATE_FAILED"),
            (_, OnFailure::DoNothing) => (None, "UPDATE_FAILED"),
            _ => (Some(Phase::UpdateRollback), "UPDATE_ROLLBACK_IN_PROGRESS"),
        };
        stack.enter(transaction, status, Some(&reason))?;
        if let Some(phase) = phase {
            operation.phase = phase;
            stack.operation = Some(operation);
        }
        Ok(())
    })
    .await
}

/// An event of a resource.
pub(super) fn event(
    id: &str,
    physical_id: &str,
    kind: &str,
    status: &str,
    reason: Option<&str>,
) -> Event {
    Event {
        id: format!("{id}-{status}-{}", random::uuid()),
        logical_id: id.to_owned(),
        physical_id: physical_id.to_owned(),
        kind: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.map(str::to_owned),
        time_ms: clock::now_ms(),
    }
}
