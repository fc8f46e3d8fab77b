//! What a task works on, brought into its private directory, and what it inherits from there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt, stream};
use scar_schemas::hand_over::Member;
use scar_schemas::record::{FailureClass, ObjectVersion, metadata};

use crate::failure;
use crate::items::Items;
use crate::job::Material;
use crate::staging::input_name;
use crate::step::{Reply, failure as new_failure};
use crate::task::Attempt;

/// Stages that one chain may pass. More means that a stage feeds itself.
const MAX_HOPS: u32 = 16;
/// Stages that a chain with rounds may pass.
const MAX_LOOP_HOPS: u32 = 10_000;
/// Objects fetched at a time.
const PARALLEL: usize = 16;

type Metadata = BTreeMap<String, String>;

/// The files of a task's input.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    /// Name of the file that is the input; that of the first of several.
    pub(crate) name: Option<String>,
    /// Metadata of every object, in the order of members.
    metadata: Vec<Metadata>,
}

/// Brings the material into `folder`.
pub(crate) async fn fetch(attempt: &Attempt<'_>, folder: &Path) -> Result<Fetched, Reply> {
    match &attempt.job.material {
        Material::Nothing => Ok(Fetched::default()),
        Material::Object => fetch_one(attempt, &attempt.job.input, folder).await,
        Material::Other(object) => fetch_one(attempt, object, folder).await,
        Material::Members(members) => fetch_members(attempt, members, folder).await,
        Material::Body(name, body) => {
            let name = input_name(name);
            let written = tokio::fs::write(folder.join(&name), body).await;
            let disk_mib = attempt.setup.config.disk_mib;
            written.map_err(|error| failure::of_file("write the request", &error, disk_mib))?;
            Ok(Fetched {
                name: Some(name),
                metadata: Vec::new(),
            })
        }
    }
}

async fn fetch_one(
    attempt: &Attempt<'_>,
    object: &ObjectVersion,
    folder: &Path,
) -> Result<Fetched, Reply> {
    let name = input_name(&object.key);
    let metadata = get(attempt, object, &folder.join(&name)).await?;
    Ok(Fetched {
        name: Some(name),
        metadata: vec![metadata],
    })
}

async fn fetch_members(
    attempt: &Attempt<'_>,
    members: &[Member],
    folder: &Path,
) -> Result<Fetched, Reply> {
    let names = member_names(members);
    let fetches = stream::iter(members.iter().zip(&names)).map(|(member, name)| {
        let path = folder.join(name);
        async move { get(attempt, &member.object, &path).await }
    });
    let metadata = fetches.buffered(PARALLEL).try_collect().await?;
    Ok(Fetched {
        name: names.into_iter().next(),
        metadata,
    })
}

async fn get(
    attempt: &Attempt<'_>,
    object: &ObjectVersion,
    path: &Path,
) -> Result<Metadata, Reply> {
    let setup = attempt.setup;
    let store_failed = |error| {
        let failure = failure::of_store(&error, setup.config.disk_mib);
        Reply::Failed {
            retry: failure.class != FailureClass::Disk,
            failure,
        }
    };
    let fetched = setup
        .store
        .fetch(object, path)
        .await
        .map_err(store_failed)?;
    fetched.ok_or(Reply::InputGone)
}

/// A name for every member: its own where no other has it, else with the number of its input in front,
/// and where that is not enough with its own number.
pub(crate) fn member_names(members: &[Member]) -> Vec<String> {
    let plain: Vec<String> = members
        .iter()
        .map(|one| input_name(&one.object.key))
        .collect();
    let mut taken = BTreeSet::new();
    let is_shared = |name: &str| plain.iter().filter(|other| *other == name).count() > 1;
    let shared: BTreeSet<&String> = plain.iter().filter(|name| is_shared(name)).collect();
    let mut names = Vec::with_capacity(members.len());
    for (index, (member, name)) in members.iter().zip(&plain).enumerate() {
        let mut own = match shared.contains(name) {
            true => short(format!("{}-{name}", member.input)),
            false => name.clone(),
        };
        if taken.contains(&own) {
            own = short(format!("{}-{index}-{name}", member.input));
        }
        taken.insert(own.clone());
        names.push(own);
    }
    names
}

/// File systems take names of 255 bytes.
fn short(name: String) -> String {
    if name.len() <= 255 {
        return name;
    }
    let end = (0..=255).rev().find(|end| name.is_char_boundary(*end));
    name[..end.unwrap_or_default()].to_owned()
}

/// Takes over run, hops, fan-outs and rounds from the stages before. Anybody may have written these
/// metadata, so only what has the right form counts.
#[expect(
    clippy::result_large_err,
    reason = "made once per attempt; it is the reply itself"
)]
pub(crate) fn inherit(attempt: &mut Attempt<'_>, fetched: &Fetched) -> Result<(), Reply> {
    let all = &fetched.metadata;
    let is_identity = |run: &&String| run.len() == 64 && run.bytes().all(|b| b.is_ascii_hexdigit());
    let mut runs = all.iter().filter_map(|one| one.get(metadata::RUN));
    if let Some(run) = runs.find(is_identity) {
        attempt.labels.run.clone_from(run);
    }
    let number = |one: &Metadata| one.get(metadata::HOPS)?.parse::<u32>().ok();
    let hops = all.iter().filter_map(number).max().unwrap_or_default();
    let rounds = all.iter().filter_map(|one| one.get(metadata::ROUNDS)).max();
    let rounds = rounds.cloned().unwrap_or_default();
    let is_loop = !rounds.is_empty() || attempt.setup.config.more.loop_max.is_some();
    let limit = if is_loop { MAX_LOOP_HOPS } else { MAX_HOPS };
    if hops >= limit {
        let message = format!("the input has passed {hops} stages; a stage seems to feed itself");
        return Err(Reply::Failed {
            failure: new_failure(FailureClass::Input, message),
            retry: false,
        });
    }
    attempt.labels.hops = hops + 1;
    attempt.labels.rounds = round(attempt, &rounds).ok_or(Reply::LoopLimit)?;
    attempt.labels.items = items(attempt, all);
    Ok(())
}

/// One round more, if the stage counts them. `None` if it was the last one already.
fn round(attempt: &Attempt<'_>, rounds: &str) -> Option<String> {
    let config = &attempt.setup.config;
    match config.more.loop_max {
        Some(max) => next_round(rounds, config.id(), max),
        None => Some(rounds.to_owned()),
    }
}

fn next_round(rounds: &str, stage: &str, max: u32) -> Option<String> {
    let pairs = rounds.split(',').filter_map(|pair| pair.split_once(':'));
    let pairs = pairs.filter_map(|(stage, count)| Some((stage, count.parse::<u32>().ok()?)));
    let mut counts: BTreeMap<&str, u32> = pairs.collect();
    let count = counts.entry(stage).or_default();
    if *count >= max {
        return None;
    }
    *count += 1;
    let texts: Vec<String> = counts
        .iter()
        .map(|(stage, n)| format!("{stage}:{n}"))
        .collect();
    Some(texts.join(","))
}

/// Where the task stands in its run: a join by run ends all fan-outs, an item of a scatter is one more.
fn items(attempt: &Attempt<'_>, all: &[Metadata]) -> String {
    let parse = |one: &Metadata| Items::parse(one.get(metadata::ITEMS)?);
    let found: Vec<Items> = all
        .iter()
        .map(|one| parse(one).unwrap_or_default())
        .collect();
    let items = match &attempt.job.material {
        Material::Members(_) if !attempt.setup.joins_by_stem() => Items::default(),
        _ => Items::shared(&found),
    };
    match &attempt.job.item {
        Some(item) => items.with(item.index, item.count).text(),
        None => items.text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(input: usize, key: &str) -> Member {
        Member {
            format: 1,
            input,
            object: ObjectVersion {
                bucket: "b".into(),
                key: key.into(),
                etag: "e".into(),
                size: 1,
                version_id: None,
            },
            items: String::new(),
            run: String::new(),
        }
    }

    #[test]
    fn members_of_one_name_are_told_apart() {
        let members = [
            member(0, "a/x.txt"),
            member(1, "b/x.txt"),
            member(1, "c/x.txt"),
            member(1, "c/y.txt"),
        ];
        let names = member_names(&members);
        assert_eq!(names, ["0-x.txt", "1-x.txt", "1-2-x.txt", "y.txt"]);
    }

    #[test]
    fn rounds_are_counted_by_stage_and_end() {
        assert_eq!(next_round("", "s", 2).as_deref(), Some("s:1"));
        assert_eq!(next_round("r:4,s:1", "s", 2).as_deref(), Some("r:4,s:2"));
        assert_eq!(next_round("r:4,s:2", "s", 2), None);
        assert_eq!(next_round("odd,,s:x", "s", 2).as_deref(), Some("s:1"));
    }
}
