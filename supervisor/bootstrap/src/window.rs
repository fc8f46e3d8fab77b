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
use crate::json;
use crate::perform::body;
use crate::random;
use crate::route::{Role, recognise};
use crate::setup::Setup;
use crate::step::Condition;
use crate::store::{Body, Labels, Location, Outcome, StoreError};

/// Objects that may lie below the inputs' folders.
const MAX_LISTED: usize = 1_000_000;
/// Bytes of all members of one firing, which is read as a whole: some 50,000 of them.
const MAX_MEMBERS_BYTES: usize = 16 * 1024 * 1024;
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
    let seen = seen(setup).await?;
    crash_at("window-opened");
    let members = objects
        .into_iter()
        .map(|(input, object)| member(input, object, &labels));
    let (known, mut fresh): (Vec<Member>, Vec<Member>) =
        members.partition(|one| seen.contains(&seen_key(id, &one.object)));
    let mut members = match is_again {
        // A former attempt may have claimed some of what is seen by now.
        true => claim(setup, known, &labels).await?,
        false => Vec::new(),
    };
    fresh.truncate(fitting(members.iter().chain(&fresh)).saturating_sub(members.len()));
    members.extend(claim(setup, fresh, &labels).await?);
    members.sort_by(|a, b| (a.input, &a.object).cmp(&(b.input, &b.object)));
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

/// Those of the members that no other window has.
async fn claim(
    setup: &Setup,
    members: Vec<Member>,
    labels: &Labels,
) -> Result<Vec<Member>, StoreError> {
    let claims = stream::iter(members).map(|member| async move {
        let at = setup.state(seen_key(setup.config.id(), &member.object));
        let is_ours = create(setup, &at, labels).await?;
        Ok::<_, StoreError>(is_ours.then_some(member))
    });
    let claimed: Vec<Option<Member>> = claims.buffered(PARALLEL).try_collect().await?;
    Ok(claimed.into_iter().flatten().collect())
}

/// How many of the members one firing has room for. The others are left to the next window.
fn fitting<'a>(members: impl Iterator<Item = &'a Member>) -> usize {
    let bytes = members.scan(0, |bytes, one| {
        *bytes += json::write(one).len() + 1;
        Some(*bytes)
    });
    bytes
        .take_while(|bytes| *bytes <= MAX_MEMBERS_BYTES)
        .count()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_takes_what_it_has_room_for() {
        let object = |key: String| ObjectVersion {
            bucket: "b".into(),
            key,
            etag: "e".into(),
            size: 1,
            version_id: None,
        };
        let member = |key: String| Member {
            format: 1,
            input: 0,
            object: object(key),
            items: String::new(),
            run: String::new(),
        };
        let few = vec![member("a".into()); 1_000];
        assert_eq!(fitting(few.iter()), 1_000);
        // Each of these characters is six in JSON.
        let long = vec![member("\u{1}".repeat(1_024)); 5_000];
        let count = fitting(long.iter());
        assert!((2_000..3_000).contains(&count), "{count}");
    }
}
