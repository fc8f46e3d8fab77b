//! `CancelJob`, `TerminateJob`, and machines that are taken away.

use super::process::Why;
use super::settle::end;
use super::{Job, Shape, Status};
use crate::Error;
use crate::services::Services;
use crate::store::{Table, Transaction};

/// Ends a job with all its children or nodes. Cancelling leaves alone what has started.
pub(crate) async fn stop(
    services: &Services,
    id: &str,
    reason: &str,
    cancels_only: bool,
) -> Result<(), Error> {
    let (id, reason) = (id.to_owned(), reason.to_owned());
    let stopped = services
        .store
        .transact(move |transaction| stop_all(transaction, &id, &reason, cancels_only))
        .await?;
    for id in &stopped {
        services.batch.stop(id, Why::Terminated);
    }
    services.jobs.notify_one();
    Ok(())
}

/// Ends what waits, and returns what runs and has to be stopped.
fn stop_all(
    transaction: &mut Transaction<'_>,
    id: &str,
    reason: &str,
    cancels_only: bool,
) -> Result<Vec<String>, Error> {
    let mut parts = vec![id.to_owned()];
    if let Some(Job {
        shape: Shape::Array { size },
        ..
    }) = transaction.get::<Job>(Table::Jobs, id)?
    {
        parts.splice(0..0, (0..size).map(|index| format!("{id}:{index}")));
    }
    let mut running = Vec::new();
    for id in parts {
        let Some(mut job) = transaction.get::<Job>(Table::Jobs, &id)? else {
            continue;
        };
        let has_started = matches!(job.status, Status::Starting | Status::Running);
        if job.status.is_final() || (cancels_only && has_started) {
            continue;
        }
        job.is_terminated = true;
        job.reason = Some(reason.to_owned());
        if has_started || matches!(job.shape, Shape::Array { .. }) {
            running.push(id);
            job.put(transaction)?;
        } else {
            end(transaction, job, Status::Failed, Some(reason.to_owned()))?;
        }
    }
    Ok(running)
}

/// Takes the machine away from a running job, as Spot does; false if it does not run.
pub(crate) fn interrupt(services: &Services, id: &str) -> bool {
    services.batch.stop(id, Why::Interrupted)
}
