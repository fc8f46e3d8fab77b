//! Undoes failed operations, removes what is left over, and deletes stacks.

use super::engine::event;
use super::operation::{Operation, Phase, pseudo};
use super::provider::{self, Context, Refusal};
use super::{ChangeSet, OnFailure, Resource, Stack, change, tell};
use crate::services::Services;
use crate::store::{Table, Transaction};
use crate::{Error, clock};

/// Brings every resource back to what it was before a failed update.
pub(super) async fn restore(
    services: &Services,
    stack: &Stack,
    operation: &Operation,
) -> Result<(), Error> {
    for previous in operation.previous.values() {
        let context = Context::new(services, stack, &previous.logical_id);
        let wanted = previous.clone();
        let restored: Result<(), Refusal> =
            change(services, &stack.name, move |transaction, stack| {
                restore_one(transaction, stack, &context, wanted)
            })
            .await;
        match restored {
            Ok(()) => {}
            Err(Refusal::Store(error)) => return Err(error),
            Err(Refusal::Reason(reason)) => {
                let (id, kind, physical) =
                    (&previous.logical_id, &previous.kind, &previous.physical_id);
                let failed = event(id, physical, kind, "UPDATE_FAILED", Some(&reason));
                let reason = format!("The following resource(s) failed to update: [{id}]. ");
                return end(
                    services,
                    stack,
                    "UPDATE_ROLLBACK_FAILED",
                    Some(reason),
                    Some(failed),
                )
                .await;
            }
        }
    }
    exchange(services, stack).await
}

/// All resources are restored: what was made anew is left over now, and what was to go stays.
async fn exchange(services: &Services, stack: &Stack) -> Result<(), Error> {
    change(services, &stack.name, |transaction, stack| {
        let Some(mut operation) = stack.operation.take() else {
            return Ok(());
        };
        let is_kept = |one: &Resource| {
            operation
                .previous
                .get(&one.logical_id)
                .is_some_and(|kept| kept.physical_id == one.physical_id)
        };
        let made = stack.resources.values().cloned();
        let leftovers = operation.leftovers.iter().cloned().chain(made);
        let leftovers = leftovers.filter(|one| !is_kept(one)).collect();
        stack.resources = operation.previous.clone();
        operation.leftovers = leftovers;
        operation.phase = Phase::RollbackCleanup;
        stack.operation = Some(operation);
        let status = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS";
        stack.enter(transaction, status, None)
    })
    .await
}

fn restore_one(
    transaction: &mut Transaction<'_>,
    stack: &mut Stack,
    context: &Context,
    wanted: Resource,
) -> Result<(), Refusal> {
    let Some(current) = stack.resources.get(&wanted.logical_id).cloned() else {
        return Ok(());
    };
    if current.physical_id != wanted.physical_id {
        if let Some(operation) = stack.operation.as_mut() {
            operation.leftovers.push(current);
        }
    } else if current.properties != wanted.properties {
        provider::update(
            transaction,
            context,
            &current,
            &wanted.properties,
            wanted.package.as_ref(),
        )?;
        for status in ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"] {
            tell(
                transaction,
                &stack.id,
                &event(
                    &wanted.logical_id,
                    &wanted.physical_id,
                    &wanted.kind,
                    status,
                    None,
                ),
            )?;
        }
    }
    provider::revive(transaction, &wanted)?;
    stack.resources.insert(wanted.logical_id.clone(), wanted);
    Ok(())
}

/// Removes what an update, or an undone one, left over.
pub(super) async fn clean_up(
    services: &Services,
    stack: &Stack,
    operation: &Operation,
) -> Result<(), Error> {
    let is_undone = operation.phase == Phase::RollbackCleanup;
    for leftover in &operation.leftovers {
        // A replaced resource is kept by one policy, a removed one by the other, and a new one that is
        // undone by neither being said for its creation.
        let is_replaced = stack.resources.contains_key(&leftover.logical_id);
        let policy = if is_replaced && !is_undone {
            &leftover.replace_policy
        } else {
            &leftover.deletion_policy
        };
        let keeps = (is_undone && leftover.is_imported)
            || keeps(policy.as_deref(), !operation.removes_new, is_undone);
        // A leftover that cannot be removed stays where it is and does not hold up the stack, as in AWS.
        drop(remove(services, stack, leftover, keeps, false).await?);
    }
    let status = if is_undone {
        "UPDATE_ROLLBACK_COMPLETE"
    } else {
        "UPDATE_COMPLETE"
    };
    end(services, stack, status, None, None).await
}

/// Removes everything that is there, for a failed creation or a deletion.
pub(super) async fn delete(
    services: &Services,
    stack: &Stack,
    operation: &Operation,
) -> Result<(), Error> {
    let is_undone = operation.phase == Phase::CreateRollback;
    let mut order: Vec<String> = match stack.definition.check(pseudo(services, stack)) {
        Ok(checked) => checked.order,
        // A template that no longer passes the checks must not keep its stack alive.
        Err(_) => stack.resources.keys().cloned().collect(),
    };
    order.reverse();
    let mut failed = Vec::new();
    for resource in order.iter().filter_map(|id| stack.resources.get(id)) {
        let keeps = operation.retained.contains(&resource.logical_id)
            || (is_undone && resource.is_imported)
            || keeps(
                resource.deletion_policy.as_deref(),
                !operation.removes_new,
                is_undone,
            );
        if remove(services, stack, resource, keeps, true)
            .await?
            .is_err()
        {
            failed.push(resource.logical_id.clone());
        }
    }
    if !failed.is_empty() {
        let reason = format!(
            "The following resource(s) failed to delete: [{}]. ",
            failed.join(", ")
        );
        let status = if is_undone {
            "ROLLBACK_FAILED"
        } else {
            "DELETE_FAILED"
        };
        return end(services, stack, status, Some(reason), None).await;
    }
    if is_undone && operation.on_failure != OnFailure::Delete {
        return end(services, stack, "ROLLBACK_COMPLETE", None, None).await;
    }
    vanish(services, stack).await
}

/// Whether a policy keeps a resource. `Retain` also keeps what a failed operation has just made,
/// unless the operation says otherwise; `RetainExceptOnCreate` does not.
fn keeps(policy: Option<&str>, keeps_new: bool, is_undone: bool) -> bool {
    match policy {
        Some("Retain") => !is_undone || keeps_new,
        Some("RetainExceptOnCreate") => !is_undone,
        _ => false,
    }
}

/// Removes one resource, or says that it is kept.
async fn remove(
    services: &Services,
    stack: &Stack,
    resource: &Resource,
    keeps: bool,
    is_listed: bool,
) -> Result<Result<(), String>, Error> {
    let gone = resource.clone();
    let removed: Result<(), Refusal> = change(services, &stack.name, move |transaction, stack| {
        remove_in(transaction, stack, &gone, keeps, is_listed)
    })
    .await;
    match removed {
        Ok(()) => Ok(Ok(())),
        Err(Refusal::Store(error)) => Err(error),
        Err(Refusal::Reason(reason)) => {
            let (id, physical) = (&resource.logical_id, &resource.physical_id);
            let failed = event(id, physical, &resource.kind, "DELETE_FAILED", Some(&reason));
            let stack_id = stack.id.clone();
            services
                .store
                .transact(move |transaction| tell(transaction, &stack_id, &failed))
                .await?;
            Ok(Err(reason))
        }
    }
}

fn remove_in(
    transaction: &mut Transaction<'_>,
    stack: &mut Stack,
    gone: &Resource,
    keeps: bool,
    is_listed: bool,
) -> Result<(), Refusal> {
    let (id, physical, kind) = (&gone.logical_id, &gone.physical_id, &gone.kind);
    let statuses: &[&str] = if keeps {
        &["DELETE_SKIPPED"]
    } else {
        provider::delete(transaction, gone)?;
        &["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    };
    for status in statuses {
        let event = event(id, physical, kind, status, None);
        tell(transaction, &stack.id, &event)?;
    }
    if is_listed {
        stack.resources.remove(id);
    } else if let Some(operation) = stack.operation.as_mut() {
        operation
            .leftovers
            .retain(|one| one.physical_id != *physical);
    }
    Ok(())
}

/// Ends the operation in a status.
async fn end(
    services: &Services,
    stack: &Stack,
    status: &'static str,
    reason: Option<String>,
    resource_event: Option<super::Event>,
) -> Result<(), Error> {
    change(services, &stack.name, move |transaction, stack| {
        if let Some(event) = &resource_event {
            tell(transaction, &stack.id, event)?;
        }
        stack.operation = None;
        stack.enter(transaction, status, reason.as_deref())
    })
    .await
}

/// The stack is deleted: it can still be found by its ARN.
async fn vanish(services: &Services, stack: &Stack) -> Result<(), Error> {
    change(services, &stack.name, |transaction, stack| {
        let change_sets = format!("{}\n", stack.id);
        for (key, _) in transaction.list::<ChangeSet>(Table::ChangeSets, &change_sets)? {
            transaction.delete(Table::ChangeSets, &key);
        }
        transaction.delete(Table::Stacks, &stack.name);
        stack.operation = None;
        stack.deleted_ms = Some(clock::now_ms());
        stack.enter(transaction, "DELETE_COMPLETE", None)
    })
    .await
}
