//! What follows from the end of an attempt: another one, the end of the job, and what that means for the
//! job it is a part of and for those that wait for it.

use super::attempt::{End, Finished};
use super::submit::make_ready;
use super::{Job, Shape, Status, retry};
use crate::store::{Table, Transaction};
use crate::{Error, clock};

/// Records a finished attempt, and what follows.
pub(super) fn settle(
    transaction: &mut Transaction<'_>,
    mut job: Job,
    finished: &Finished,
) -> Result<(), Error> {
    if let Some(last) = job.attempts.last_mut() {
        *last = finished.attempt.clone();
    }
    let reason = finished.attempt.status_reason.clone();
    match finished.end {
        End::Closing => job.put(transaction),
        End::Success => end(transaction, job, Status::Succeeded, reason),
        End::Terminated => {
            let reason = job.reason.clone();
            end(transaction, job, Status::Failed, reason)
        }
        End::Failure if !job.is_terminated && retry::is_retried(&job, &finished.attempt) => {
            job.status = Status::Runnable;
            job.put(transaction)?;
            make_ready(transaction, &job.id)
        }
        End::Failure | End::Timeout => end(transaction, job, Status::Failed, reason),
    }
}

/// Ends a job.
pub(super) fn end(
    transaction: &mut Transaction<'_>,
    mut job: Job,
    status: Status,
    reason: Option<String>,
) -> Result<(), Error> {
    job.status = status;
    job.reason = reason;
    job.stopped_ms = Some(clock::now_ms());
    strip(&mut job);
    job.put(transaction)?;
    for list in ["after", "never"] {
        transaction.delete(Table::WaitingJobs, &format!("{list}/{}", job.id));
    }
    match &job.shape {
        Shape::Child { parent, .. } => end_child(transaction, parent, status),
        Shape::Node { .. } => Ok(()),
        _ => release(transaction),
    }
}

/// A child keeps nothing that its parent has.
pub(super) fn strip(job: &mut Job) {
    if matches!(job.shape, Shape::Child { .. }) {
        job.container = serde_json::Value::Null;
        job.retry = serde_json::Value::Null;
        job.parameters.clear();
        job.tags.clear();
    }
}

fn end_child(transaction: &mut Transaction<'_>, parent: &str, status: Status) -> Result<(), Error> {
    let Some(mut parent) = transaction.get::<Job>(Table::Jobs, parent)? else {
        return Ok(());
    };
    match status {
        Status::Succeeded => parent.children_succeeded += 1,
        _ => parent.children_failed += 1,
    }
    let Shape::Array { size } = parent.shape else {
        return Ok(());
    };
    if parent.children_succeeded + parent.children_failed < size {
        return parent.put(transaction);
    }
    let (status, reason) = match parent.children_failed {
        0 => (Status::Succeeded, None),
        _ => (Status::Failed, Some("Array Child Job failed".to_owned())),
    };
    let reason = parent
        .reason
        .clone()
        .filter(|_| parent.is_terminated)
        .or(reason);
    end(transaction, parent, status, reason)
}

/// Looks at the jobs that wait for others.
fn release(transaction: &mut Transaction<'_>) -> Result<(), Error> {
    for (key, whole) in transaction.list::<String>(Table::WaitingJobs, "after/")? {
        let Some(whole) = transaction.get::<Job>(Table::Jobs, &whole)? else {
            transaction.delete(Table::WaitingJobs, &key);
            continue;
        };
        let id = key.strip_prefix("after/").unwrap_or_default().to_owned();
        match state_of(transaction, &whole.depends_on)? {
            Some(Status::Succeeded) => {
                transaction.delete(Table::WaitingJobs, &key);
                enter(transaction, &id, Status::Runnable)?;
                enter(transaction, &whole.id, Status::Runnable)?;
                make_ready(transaction, &id)?;
            }
            Some(_) => {
                transaction.delete(Table::WaitingJobs, &key);
                if let Some(job) = transaction.get::<Job>(Table::Jobs, &id)? {
                    let reason = Some("Dependent Job failed".to_owned());
                    end(transaction, job, Status::Failed, reason)?;
                }
            }
            None => {}
        }
    }
    Ok(())
}

fn enter(transaction: &mut Transaction<'_>, id: &str, status: Status) -> Result<(), Error> {
    match transaction.get::<Job>(Table::Jobs, id)? {
        Some(mut job) if job.status < status => {
            job.status = status;
            job.put(transaction)
        }
        _ => Ok(()),
    }
}

/// What became of several jobs: all succeeded, one failed, or it is open.
fn state_of(transaction: &Transaction<'_>, ids: &[String]) -> Result<Option<Status>, Error> {
    let mut state = Some(Status::Succeeded);
    for id in ids {
        match transaction
            .get::<Job>(Table::Jobs, id)?
            .map(|job| job.status)
        {
            Some(Status::Succeeded) => {}
            Some(Status::Failed) | None => return Ok(Some(Status::Failed)),
            Some(_) => state = None,
        }
    }
    Ok(state)
}
