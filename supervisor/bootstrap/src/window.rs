//! Joins by window: what came since the schedule fired last.
//!
//! Every object is claimed by one window, with `If-None-Match`; then the window fires. A window whose
//! event comes again finds its own claims and takes them, so a kill between the two loses nothing.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use scar_schemas::hand_over::{self, Fire, Member, scheduled_task, seen_key, seen_prefix};
use scar_schemas::record::{ObjectVersion, deployment};

use bytes::Bytes;

use crate::crash::crash_at;
use crate::perform::body;
use crate::random;
use crate::route::{Role, recognise};
use crate::setup::Setup;
use crate::step::Condition;
use crate::store::{Body, Labels, Location, Outcome, StoreError};

/// Objects that may lie below the inputs' folders.
const MAX_LISTED: usize = 1_000_000;
/// Claims at a time.
const PARALLEL: usize = 16;

/// Fires the window of a time and returns how many members it has.
pub(crate) async fn fire(setup: &Setup, time: &str) -> Result<usize, StoreError> {
    let labels = labels(setup, time);
    let id = setup.config.id();
    let at = setup.state(hand_over::fire_key(id, time, 0));
    if setup.store.head(&at).await?.is_some() {
        return Ok(0);
    }
    let objects = candidates(setup).await?;
    let is_again = !create(setup, &opened_place(setup, &labels), &labels).await?;
    let seen = match is_again {
        // A former attempt may have claimed some of what is seen by now.
        true => BTreeSet::new(),
        false => seen(setup).await?,
    };
    crash_at("window-opened");
    let fresh = objects
        .into_iter()
        .filter(|(_, object)| !seen.contains(&seen_key(id, object)));
    let claims = stream::iter(fresh).map(|(input, object)| {
        let labels = &labels;
        async move {
            let is_ours = create(setup, &setup.state(seen_key(id, &object)), labels).await?;
            Ok::<_, StoreError>(is_ours.then(|| member(input, object, labels)))
        }
    });
    let members: Vec<Option<Member>> = claims.buffered(PARALLEL).try_collect().await?;
    let members: Vec<Member> = members.into_iter().flatten().collect();
    crash_at("window-claimed");
    if members.is_empty() {
        return Ok(0);
    }
    let fire = Fire {
        format: hand_over::FORMAT,
        group: time.to_owned(),
        generation: 0,
        complete: true,
        members,
    };
    let text = body(&fire);
    let store = &setup.store;
    store.write(&at, text, &labels, &Condition::Absent).await?;
    Ok(fire.members.len())
}

/// All objects of the inputs, with the input that takes each.
async fn candidates(setup: &Setup) -> Result<Vec<(usize, ObjectVersion)>, StoreError> {
    let mut found = Vec::new();
    let mut folders = BTreeSet::new();
    for input in &setup.config.inputs {
        folders.insert((input.bucket.clone(), input.pattern.literal_prefix()));
    }
    for (bucket, prefix) in folders {
        let bucket = setup.bucket(&bucket);
        for one in setup.list(bucket, &prefix, MAX_LISTED).await? {
            if let Ok(Role::Input(input)) = recognise(&one.object, &setup.config, &setup.buckets) {
                found.push((input, one.object));
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

async fn seen(setup: &Setup) -> Result<BTreeSet<String>, StoreError> {
    let bucket = setup.bucket(&setup.config.state_bucket);
    let prefix = seen_prefix(setup.config.id());
    let listed = setup.list(bucket, &prefix, MAX_LISTED).await?;
    Ok(listed.into_iter().map(|one| one.object.key).collect())
}

/// Whether the marker is this window's: written now, or by an attempt before.
async fn create(setup: &Setup, at: &Location, labels: &Labels) -> Result<bool, StoreError> {
    let body = Body::Bytes(Bytes::new());
    let store = &setup.store;
    let outcome = store.write(at, body, labels, &Condition::Absent).await?;
    Ok(match outcome {
        Outcome::Mine { .. } => true,
        Outcome::Other(head) => {
            let is_opening = at.key == opened_place(setup, labels).key;
            !is_opening && head.seen(&at.key).task.as_ref() == Some(&labels.task)
        }
        Outcome::Gone | Outcome::SourceGone => false,
    })
}

fn opened_place(setup: &Setup, labels: &Labels) -> Location {
    let prefix = hand_over::slots_prefix(setup.config.id());
    setup.state(format!("{prefix}opened/{}", labels.task))
}

fn member(input: usize, object: ObjectVersion, labels: &Labels) -> Member {
    Member {
        format: hand_over::FORMAT,
        input,
        object,
        items: String::new(),
        run: labels.run.clone(),
    }
}

fn labels(setup: &Setup, time: &str) -> Labels {
    let config = &setup.config;
    let name = deployment(&config.workflow, &config.environment);
    let task = scheduled_task(&name, config.id(), time);
    Labels {
        run: task.clone(),
        source: task.clone(),
        task,
        attempt: random::attempt(),
        hops: 0,
        input: time.to_owned(),
        items: String::new(),
        rounds: String::new(),
    }
}
