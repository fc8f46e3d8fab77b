//! Starts jobs as places become free, and takes up what a killed cloud left.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use super::attempt::{self, End, Finished};
use super::process::{MARK, Stop, Why};
use super::settle::{self, end, settle};
use super::submit::make_ready;
use super::{Job, JobQueue, Shape, Status, whole};
use crate::services::Services;
use crate::store::{Table, Transaction};
use crate::{Error, clock};

/// Longest time between looks at the jobs that wait.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Time after which ended jobs are forgotten, as Batch does after seven days.
const KEPT_MS: u64 = 7 * 24 * 3600 * 1000;
/// Longest wait for jobs that a closing cloud kills.
const CLOSING: Duration = Duration::from_secs(10);

/// Jobs that wait for a place or for others, or run.
pub(crate) fn pending(services: &Services) -> Result<usize, Error> {
    let store = &services.store;
    let ready = store.count(Table::WaitingJobs, "ready/")?;
    let after = store.count(Table::WaitingJobs, "after/")?;
    Ok(ready + after + services.batch.count())
}

/// Takes up what a former process left: jobs that ran then start again. To be called before [`run`].
pub(crate) async fn start(services: &Arc<Services>) -> Result<(), Error> {
    sweep(services);
    let change = |transaction: &mut Transaction<'_>| {
        let now_ms = clock::now_ms();
        for (key, mut job) in transaction.list::<Job>(Table::Jobs, "")? {
            let stopped_ms = job.stopped_ms.unwrap_or(now_ms);
            if job.status.is_final() && now_ms - stopped_ms.min(now_ms) > KEPT_MS {
                transaction.delete(Table::Jobs, &key);
            } else if matches!(job.status, Status::Starting | Status::Running)
                && !matches!(job.shape, Shape::Array { .. })
            {
                if let Some(last) = job.attempts.last_mut() {
                    last.stopped_ms = Some(now_ms);
                    last.status_reason = Some(attempt::host_terminated());
                    job.interruptions += 1;
                }
                again(transaction, job)?;
            }
        }
        Ok::<_, Error>(())
    };
    services.store.transact(change).await
}

fn again(transaction: &mut Transaction<'_>, mut job: Job) -> Result<(), Error> {
    if job.is_terminated {
        let reason = job.reason.clone();
        return end(transaction, job, Status::Failed, reason);
    }
    job.status = Status::Runnable;
    job.put(transaction)?;
    match job.shape {
        // Nodes start with the job that they are part of.
        Shape::Node { .. } => Ok(()),
        _ => make_ready(transaction, &job.id),
    }
}

/// Ends the processes that a killed cloud left, and removes their files.
fn sweep(services: &Services) {
    let Ok(directory) = attempt::directory(services) else {
        return;
    };
    let mark = format!("{MARK}={}/", directory.display());
    crate::lambda::kill_marked(&mark);
    // Without the directory there is nothing to sweep.
    drop(scar_container::remove_tree(&directory));
}

/// Starts jobs until the task is aborted.
pub(crate) async fn run(services: Arc<Services>) {
    loop {
        // A store that cannot be read has nothing to start; requests will tell people of it.
        let started = start_ready(&services).await.unwrap_or(0);
        enforce_time_limits(&services).await.ok();
        if started == 0 {
            let rung = services.jobs.notified();
            tokio::time::timeout(LOOK_INTERVAL, rung).await.ok();
        }
    }
}

/// Stops all jobs at once; they start again when the directory is opened next.
pub(crate) async fn shutdown(services: &Services) {
    services.batch.stop_all(Why::Closing);
    let deadline = tokio::time::Instant::now() + CLOSING;
    while services.batch.count() > 0 && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn start_ready(services: &Arc<Services>) -> Result<usize, Error> {
    let places = services.settings.concurrency.max(1);
    let free = places.saturating_sub(services.batch.count());
    let ready = services
        .store
        .list_from::<String>(Table::WaitingJobs, "ready/", "ready/", free)?;
    let count = ready.len();
    for (key, id) in ready {
        let stop = services.batch.enter(&id);
        match begin(services, key, &id).await {
            Ok(Some(job)) => drop(tokio::spawn(run_job(Arc::clone(services), job, stop))),
            Ok(None) => services.batch.leave(&id),
            Err(error) => {
                services.batch.leave(&id);
                return Err(error);
            }
        }
    }
    Ok(count)
}

/// Takes a job from the waiting ones: its next attempt begins.
async fn begin(services: &Services, key: String, id: &str) -> Result<Option<Job>, Error> {
    let id = id.to_owned();
    let begun = services
        .store
        .transact(move |transaction| {
            transaction.delete(Table::WaitingJobs, &key);
            let Some(mut job) = transaction.get::<Job>(Table::Jobs, &id)? else {
                return Ok::<_, Error>(None);
            };
            if job.status != Status::Runnable {
                return Ok(None);
            }
            let parent = job.parent().map(str::to_owned);
            if let Some(parent) = parent {
                let parent = transaction.get::<Job>(Table::Jobs, &parent)?;
                if let Some(parent) = &parent {
                    job.container = parent.container.clone();
                    enter(transaction, parent.clone(), Status::Starting)?;
                }
            }
            job.attempts.push(attempt::new(&job));
            settle::strip(&mut job);
            enter(transaction, job.clone(), Status::Starting)?;
            job.status = Status::Starting;
            Ok(Some(job))
        })
        .await?;
    begun.map(|job| whole_job(services, job)).transpose()
}

fn whole_job(services: &Services, job: Job) -> Result<Job, Error> {
    match job.shape {
        Shape::Child { .. } => whole(services, job),
        _ => Ok(job),
    }
}

/// Moves a job on; a job that is further already stays where it is.
fn enter(transaction: &mut Transaction<'_>, mut job: Job, status: Status) -> Result<(), Error> {
    if job.status < status {
        job.status = status;
    }
    if status == Status::Running && job.started_ms.is_none() {
        job.started_ms = Some(clock::now_ms());
    }
    job.put(transaction)
}

async fn run_job(services: Arc<Services>, job: Job, stop: Arc<Stop>) {
    match job.shape {
        Shape::MultiNode { nodes, main } => run_nodes(&services, &job, &stop, nodes, main).await,
        _ => {
            let finished = run_attempt(&services, &job, &stop).await;
            record(&services, &job.id, finished).await;
        }
    }
    services.batch.leave(&job.id);
    services.jobs.notify_one();
    services.progress.notify_waiters();
}

async fn run_attempt(services: &Arc<Services>, job: &Job, stop: &Stop) -> Finished {
    let ids: Vec<String> = [Some(job.id.as_str()), job.parent()]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect();
    let started = async || {
        let change = move |transaction: &mut Transaction<'_>| {
            for id in ids {
                if let Some(mut job) = transaction.get::<Job>(Table::Jobs, &id)? {
                    if let Some(last) = job.attempts.last_mut() {
                        last.started_ms = Some(clock::now_ms());
                    }
                    enter(transaction, job, Status::Running)?;
                }
            }
            Ok::<_, Error>(())
        };
        // The attempt's end is stored anyway; its start is only looked at.
        drop(services.store.transact(change).await);
    };
    attempt::perform(services, job, stop, started).await
}

/// Stores what came of an attempt; tries again while the store fails, unless the cloud closes.
async fn record(services: &Services, id: &str, finished: Finished) {
    loop {
        let (id, finished) = (id.to_owned(), finished.clone());
        let is_closing = finished.end == End::Closing;
        let change = move |transaction: &mut Transaction<'_>| match transaction
            .get::<Job>(Table::Jobs, &id)?
        {
            Some(job) => settle(transaction, with_retry(transaction, job)?, &finished),
            None => Ok(()),
        };
        let stored: Result<(), Error> = services.store.transact(change).await;
        if stored.is_ok() || is_closing {
            return;
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// A child's retry strategy is its parent's.
fn with_retry(transaction: &Transaction<'_>, job: Job) -> Result<Job, Error> {
    match (&job.shape, job.parent()) {
        (Shape::Child { .. }, Some(parent)) => {
            let parent = transaction.get::<Job>(Table::Jobs, parent)?;
            let retry = parent.map_or(Value::Null, |parent| parent.retry);
            Ok(Job { retry, ..job })
        }
        _ => Ok(job),
    }
}

/// Runs all nodes; the end of the main node ends the others and decides for the whole job.
async fn run_nodes(services: &Arc<Services>, job: &Job, stop: &Stop, nodes: u64, main: u64) {
    let stops: Vec<Arc<Stop>> = (0..nodes).map(|_| Arc::default()).collect();
    let stop_nodes = |why| stops.iter().for_each(|stop| stop.ask(why));
    let run = async |index: u64, node_stop: &Stop| {
        let finished = run_node(services, &job.id, index, node_stop).await;
        if index == main {
            stop_nodes(Why::Terminated);
        }
        finished
    };
    let running = (0..nodes).zip(&stops).map(|(index, stop)| run(index, stop));
    let pass_on = async {
        stop_nodes(stop.wait().await);
        std::future::pending::<()>().await;
    };
    let finished = tokio::select! {
        finished = join_all(running) => finished,
        () = pass_on => return,
    };
    let main_index = usize::try_from(main).unwrap_or(0);
    let decisive = finished.into_iter().nth(main_index).flatten();
    if let Some(decisive) = decisive {
        record(services, &job.id, decisive).await;
    }
}

async fn run_node(
    services: &Arc<Services>,
    job: &str,
    index: u64,
    stop: &Stop,
) -> Option<Finished> {
    let id = format!("{job}#{index}");
    let change = move |transaction: &mut Transaction<'_>| {
        let Some(mut node) = transaction.get::<Job>(Table::Jobs, &id)? else {
            return Ok::<_, Error>(None);
        };
        node.attempts.push(attempt::new(&node));
        node.status = Status::Starting;
        node.stopped_ms = None;
        node.put(transaction)?;
        Ok(Some(node))
    };
    let node = services.store.transact(change).await.ok().flatten()?;
    let finished = run_attempt(services, &node, stop).await;
    let recorded = finished.clone();
    let change = move |transaction: &mut Transaction<'_>| {
        let mut node = node;
        if let Some(last) = node.attempts.last_mut() {
            *last = recorded.attempt.clone();
        }
        let status = match recorded.end {
            End::Success => Status::Succeeded,
            _ => Status::Failed,
        };
        end(transaction, node, status, recorded.attempt.status_reason)
    };
    let stored: Result<(), Error> = services.store.transact(change).await;
    stored.ok().map(|()| finished)
}

/// Ends jobs that wait longer than their queue allows for the reason they wait
/// ("Job queue blocked by RUNNABLE jobs" in the AWS Batch user guide).
async fn enforce_time_limits(services: &Services) -> Result<(), Error> {
    let stuck = services
        .store
        .list::<String>(Table::WaitingJobs, "never/")?;
    for (_, id) in stuck {
        let Some(job) = services.store.get::<Job>(Table::Jobs, &id)? else {
            continue;
        };
        let name = job.queue.rsplit('/').next().unwrap_or_default();
        let queue = services.store.get::<JobQueue>(Table::JobQueues, name)?;
        if let Some(reason) = queue.and_then(|queue| overdue(&queue, &job)) {
            super::stop(services, &id, &reason, true).await?;
        }
    }
    Ok(())
}

fn overdue(queue: &JobQueue, job: &Job) -> Option<String> {
    let actions = queue
        .properties
        .get("jobStateTimeLimitActions")?
        .as_array()?;
    let waited_s = (clock::now_ms() - job.created_ms) / 1000;
    let why = job.reason.as_deref().unwrap_or_default();
    let applies = |action: &&Value| {
        let reason = action["reason"].as_str().unwrap_or("-");
        why.starts_with(reason)
            && action["maxTimeSeconds"]
                .as_u64()
                .is_some_and(|limit| waited_s > limit)
    };
    actions.iter().find(applies).map(|action| {
        let reason = action["reason"].as_str().unwrap_or_default();
        format!("Canceled by JobStateTimeLimit action due to reason: {reason}")
    })
}
