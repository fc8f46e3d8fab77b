//! Operations on stacks, which go on in the background and survive a killed process.
//!
//! Everything an operation needs is in the stack's record. Each step changes its resource and the
//! record in one transaction, so after a kill the same operation simply runs again: what is done
//! already is recognised and skipped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use scar_cfn::Pseudo;
use serde::{Deserialize, Serialize};

use super::{Definition, Resource, Stack, engine, rollback};
use crate::services::Services;
use crate::store::Table;
use crate::{Error, clock};

/// Wait before another try if the store fails.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What is under way on a stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// What it does now.
    pub(crate) phase: Phase,
    /// What the stack is to be made of.
    pub(crate) target: Definition,
    /// Resources before the operation.
    pub(crate) previous: BTreeMap<String, Resource>,
    /// Resources that have no place any more and are removed at the end, first one first.
    pub(crate) leftovers: Vec<Resource>,
    /// What happens if it fails.
    pub(crate) on_failure: OnFailure,
    /// Whether a failed creation also removes new resources that are to be retained.
    pub(crate) removes_new: bool,
    /// Whether a bucket that exists already may become the stack's.
    pub(crate) imports: bool,
    /// Resources that a deletion leaves alone because the caller said so.
    pub(crate) retained: Vec<String>,
}

/// Phases of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Making a new stack.
    Create,
    /// Undoing a failed creation.
    CreateRollback,
    /// Changing a stack.
    Update,
    /// Removing what a change left over.
    UpdateCleanup,
    /// Undoing a failed change.
    UpdateRollback,
    /// Removing what an undone change left over.
    RollbackCleanup,
    /// Deleting a stack.
    Delete,
}

/// What happens if making a stack fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OnFailure {
    /// What was made is removed, the stack stays as `ROLLBACK_COMPLETE`.
    #[default]
    Rollback,
    /// What was made is removed, and the stack too.
    Delete,
    /// Nothing.
    DoNothing,
}

impl Operation {
    /// An operation that starts with `phase`.
    pub(crate) fn new(phase: Phase, target: Definition, on_failure: OnFailure) -> Self {
        Self {
            phase,
            target,
            previous: BTreeMap::new(),
            leftovers: Vec::new(),
            on_failure,
            removes_new: false,
            imports: false,
            retained: Vec::new(),
        }
    }

    /// The operation that makes or changes a stack in the state it has.
    pub(crate) fn applying(stack: &Stack, target: Definition, on_failure: OnFailure) -> Self {
        let phase = if stack.status == "REVIEW_IN_PROGRESS" {
            Phase::Create
        } else {
            Phase::Update
        };
        Self {
            previous: stack.resources.clone(),
            ..Self::new(phase, target, on_failure)
        }
    }

    /// The operation that deletes a stack.
    pub(crate) fn deleting(stack: &Stack, retained: Vec<String>) -> Self {
        Self {
            retained,
            ..Self::new(Phase::Delete, stack.definition.clone(), OnFailure::Rollback)
        }
    }
}

/// Puts an operation on a stack that has none, and starts it. Returns the stack's ARN, or the stack
/// as it is if something is under way already.
pub(crate) async fn start(
    services: &Arc<Services>,
    mut stack: Stack,
    operation: Operation,
    change_set: Option<String>,
) -> Result<Result<String, Box<Stack>>, Error> {
    let status = match operation.phase {
        Phase::Create => "CREATE_IN_PROGRESS",
        Phase::Delete => "DELETE_IN_PROGRESS",
        _ => "UPDATE_IN_PROGRESS",
    };
    let started = services
        .store
        .transact(move |transaction| {
            if let Some(current) = transaction.get::<Stack>(Table::Stacks, &stack.name)? {
                if current.operation.is_some() {
                    return Ok(Err(Box::new(current)));
                }
                stack = current;
            }
            if operation.phase == Phase::Create {
                stack.definition = operation.target.clone();
            } else {
                stack.updated_ms = Some(clock::now_ms());
            }
            stack.operation = Some(operation);
            stack.change_set = change_set.or(stack.change_set);
            stack.enter(transaction, status, Some("User Initiated"))?;
            stack.put(transaction)?;
            Ok::<_, Error>(Ok((stack.id, stack.name)))
        })
        .await?;
    Ok(started.map(|(id, name)| {
        tokio::spawn(run(Arc::clone(services), name));
        id
    }))
}

/// Runs the operation of a stack to its end. If the store fails, it tries again; a cloud that shuts
/// down leaves the rest to the next process.
pub(crate) async fn run(services: Arc<Services>, name: String) {
    loop {
        match run_phase(&services, &name).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) if services.executor.permits.is_closed() => break,
            Err(_) => tokio::time::sleep(STORE_PAUSE).await,
        }
    }
    services.progress.notify_waiters();
}

/// Runs the phase that the operation is in; false if nothing is under way.
async fn run_phase(services: &Services, name: &str) -> Result<bool, Error> {
    let Some(stack) = services.store.get::<Stack>(Table::Stacks, name)? else {
        return Ok(false);
    };
    let Some(operation) = &stack.operation else {
        return Ok(false);
    };
    match operation.phase {
        Phase::Create | Phase::Update => engine::apply(services, &stack, operation).await?,
        Phase::UpdateCleanup | Phase::RollbackCleanup => {
            rollback::clean_up(services, &stack, operation).await?;
        }
        Phase::UpdateRollback => rollback::restore(services, &stack, operation).await?,
        Phase::CreateRollback | Phase::Delete => {
            rollback::delete(services, &stack, operation).await?;
        }
    }
    Ok(true)
}

/// Values of the pseudo parameters for a stack.
pub(crate) fn pseudo(services: &Services, stack: &Stack) -> Pseudo {
    Pseudo {
        account: services.settings.account.clone(),
        region: services.settings.region.clone(),
        partition: "aws".to_owned(),
        url_suffix: "amazonaws.com".to_owned(),
        stack_name: stack.name.clone(),
        stack_id: stack.id.clone(),
    }
}
