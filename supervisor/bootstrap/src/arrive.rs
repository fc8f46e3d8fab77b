//! What an object that has arrived leads to: a task, a place in a join, the items of a scatter.

use futures_util::{StreamExt, TryStreamExt, stream};
use scar_schemas::hand_over::{self, Cause, Fire, Item, JobRequest, bodies_prefix, item_key};
use scar_schemas::record::{Failure, FailureClass, ObjectVersion};
use serde_json::{Value, json};

use crate::collect::{self, Collected, Collector, MAX_FIRE_BYTES};
use crate::crash::crash_at;
use crate::job::Job;
use crate::join::End as JoinEnd;
use crate::log::Log;
use crate::perform::body;
use crate::random;
use crate::report;
use crate::route::{Arrival, Ignored, Role};
use crate::setup::Setup;
use crate::step::{Condition, End, Place, failure};
use crate::store::{Labels, Location, StoreError};
use crate::sweep;
use crate::task::{self, Finished, Invocation};

/// Items created at a time.
const PARALLEL: usize = 16;

/// What came of an object.
#[derive(Debug)]
pub(crate) enum Came {
    /// A task.
    Task(Box<Finished>),
    /// A place in a join.
    Collected(Collected),
    /// Items of a scatter, so many.
    Scattered(String, usize),
    /// Nothing.
    Left(Ignored),
    /// Something that must be tried again.
    Trouble(Failure),
}

/// Does what an object leads to.
pub(crate) async fn handle(
    setup: &Setup,
    invocation: &Invocation,
    log: &Log,
    arrival: Arrival,
) -> Result<Came, StoreError> {
    let Arrival { object, time, role } = arrival;
    let more = &setup.config.more;
    let is_join = more.join.is_some() || more.after.len() > 1;
    match role {
        Role::Input(input) | Role::Done(input) if is_join => collect(setup, object, input).await,
        Role::Input(_) if !more.items.is_empty() && setup.place_of_items() => {
            scatter(setup, object).await
        }
        role => match job(setup, object, time, role).await? {
            Ok(job) => Ok(work(setup, invocation, log, &job).await),
            Err(came) => Ok(came),
        },
    }
}

/// The task of one firing of the schedule.
pub(crate) async fn scheduled(
    setup: &Setup,
    invocation: &Invocation,
    log: &Log,
    time: &str,
) -> Came {
    let cause = request(Cause::Scheduled(time.to_owned()), time.to_owned());
    let job = Job::of_schedule(&setup.config, time, cause);
    work(setup, invocation, log, &job).await
}

async fn work(setup: &Setup, invocation: &Invocation, log: &Log, job: &Job) -> Came {
    let is_main = setup.rank.as_ref().is_none_or(crate::batch::Rank::is_main);
    let finished = match is_main {
        true => Box::pin(task::run(setup, invocation, job, log.clone())).await,
        false => Box::pin(task::only_work(setup, invocation, job, log.clone())).await,
    };
    match finished.end {
        End::LoopLimit => Came::Left(Ignored::LoopLimit),
        _ => Came::Task(Box::new(finished)),
    }
}

/// The task that an object is. `Err` holds what came of it instead.
async fn job(
    setup: &Setup,
    object: ObjectVersion,
    time: String,
    role: Role,
) -> Result<Result<Job, Came>, StoreError> {
    let config = &setup.config;
    let cause = request(Cause::Object(object.clone()), time);
    Ok(Ok(match role {
        Role::Input(_) if !config.more.items.is_empty() => match &setup.rank {
            Some(rank) => Job::of_item(config, object.clone(), object, rank.item, cause),
            None => Job::of_object(config, object, cause),
        },
        Role::Input(_) | Role::Done(_) => Job::of_object(config, object, cause),
        Role::Body => {
            let name = object.key.strip_prefix(&bodies_prefix(config.id()));
            let id = name.and_then(|name| name.split('/').next());
            let id = id.unwrap_or_default().to_owned();
            Job::of_body(config, object, &id, cause)
        }
        Role::Fire => match read::<Fire>(setup, &object, hand_over::FORMAT).await? {
            Ok(fire) => {
                let bucket = setup.bucket(&config.state_bucket);
                Job::of_fire(config, object, bucket, fire, cause)
            }
            Err(came) => return Ok(Err(came)),
        },
        Role::Item => match read::<Item>(setup, &object, hand_over::FORMAT).await? {
            Ok(item) => Job::of_item(config, item.object, object, item.index, cause),
            Err(came) => return Ok(Err(came)),
        },
    }))
}

/// Reads one of scar's own objects. One that is gone is left alone.
async fn read<T: serde::de::DeserializeOwned>(
    setup: &Setup,
    object: &ObjectVersion,
    known: u32,
) -> Result<Result<T, Came>, StoreError> {
    let at = Location::new(&object.bucket, object.key.as_str());
    let Some((_, text)) = setup.store.get(&at, MAX_FIRE_BYTES).await? else {
        return Ok(Err(Came::Left(Ignored::OwnObject)));
    };
    let trouble = |reason: String| {
        let message = format!("object {:?} cannot be used: {reason}", object.key);
        Came::Trouble(failure(FailureClass::Internal, message))
    };
    let document: Value = match serde_json::from_slice(&text) {
        Ok(document) => document,
        Err(error) => return Ok(Err(trouble(error.to_string()))),
    };
    let format = document.get("format").and_then(Value::as_u64);
    if format.is_none_or(|format| format > u64::from(known)) {
        let reason = format!("its format is {format:?}, only {known} is known here");
        return Ok(Err(trouble(reason)));
    }
    let parsed = serde_json::from_value(document);
    Ok(parsed.map_err(|error| trouble(error.to_string())))
}

async fn collect(setup: &Setup, object: ObjectVersion, input: usize) -> Result<Came, StoreError> {
    let Some(collector) = Collector::of_member(setup, &object, input).await? else {
        let group = object.key;
        let end = JoinEnd::Superseded;
        return Ok(Came::Collected(Collected { group, end }));
    };
    let collected = collector.run().await?;
    if let JoinEnd::Collision(there) = &collected.end {
        let failure = collect::collision(&collected.group, &object, there);
        let task = setup.config.task(&object);
        sweep::close(setup, task, object, failure).await?;
    }
    Ok(Came::Collected(collected))
}

/// Creates the objects that start the items of a scatter.
async fn scatter(setup: &Setup, object: ObjectVersion) -> Result<Came, StoreError> {
    let config = &setup.config;
    let task = config.task(&object);
    let labels = Labels {
        task: task.clone(),
        attempt: random::attempt(),
        source: object.source(),
        run: task.clone(),
        hops: 0,
        input: object.key.clone(),
        items: String::new(),
        rounds: String::new(),
    };
    let count = config.more.items.len();
    let creations = stream::iter((0..).take(count)).map(|index| {
        let (labels, object, task) = (&labels, &object, &task);
        async move {
            let item = Item {
                format: hand_over::FORMAT,
                object: object.clone(),
                index,
            };
            let at = setup.state(item_key(config.id(), task, index));
            let text = body(&item);
            let store = &setup.store;
            store.write(&at, text, labels, &Condition::Absent).await?;
            crash_at("item-created");
            Ok::<(), StoreError>(())
        }
    });
    creations
        .buffer_unordered(PARALLEL)
        .try_collect::<()>()
        .await?;
    Ok(Came::Scattered(object.key, count))
}

/// A request for a job of Batch that does the same.
pub(crate) fn request(cause: Cause, time: String) -> JobRequest {
    JobRequest {
        format: hand_over::FORMAT,
        cause,
        time,
    }
}

impl Setup {
    /// Whether items of a scatter start one by one; an array job has them all.
    fn place_of_items(&self) -> bool {
        self.rank.is_none() && self.place() != Place::Batch
    }
}

impl Came {
    /// Something that must be tried again.
    pub(crate) fn trouble(failure: Failure) -> Self {
        Self::Trouble(failure)
    }

    /// Why the event must come again, if it must.
    pub(crate) fn retry(&self) -> Option<Failure> {
        match self {
            Self::Trouble(failure) => Some(failure.clone()),
            Self::Task(finished) => match &finished.end {
                End::Retry(failure) => Some(failure.clone()),
                _ => None,
            },
            Self::Collected(collected) if collected.end == JoinEnd::Confused => {
                let message = format!("the join of {:?} cannot be decided", collected.group);
                Some(failure(FailureClass::Internal, message))
            }
            _ => None,
        }
    }

    /// Says what came of it.
    pub(crate) fn log(&self, log: &Log) {
        match self {
            Self::Task(finished) => {
                let log = Log {
                    task: Some(finished.task.clone()),
                    ..log.clone()
                };
                log.info("task ended", report::task(finished));
            }
            Self::Collected(collected) => {
                let fields =
                    json!({ "group": collected.group, "state": report::joined(collected) });
                log.info("join looked after", fields);
            }
            Self::Scattered(input, items) => {
                log.info("items started", json!({ "input": input, "items": items }));
            }
            Self::Left(reason) => {
                let fields = json!({ "reason": reason.as_str(), "count": 1 });
                log.info("objects ignored", fields);
            }
            Self::Trouble(failure) => log.warn("trouble", json!({ "failure": failure })),
        }
    }
}
