//! What one invocation of the supervisor hands to another through objects of scar's own and through
//! Batch: slots and fires of joins, items of scatters, finished tasks, jobs.
//!
//! Every object here is created with `If-None-Match: *`, so that duplicates and restarts are harmless.
//! Keys that start a stage ([`fires_prefix`] and so on) are matched by a rule of that stage; the other
//! keys below [`SYSTEM_PREFIX`] start nothing.

use serde::{Deserialize, Serialize};

use crate::contract::{SYSTEM_PREFIX, stem};
use crate::digest::hash_parts;
use crate::glob::Glob;
use crate::record::{Failure, ObjectVersion};

/// Format number of every object here. A supervisor refuses a higher one.
pub const FORMAT: u32 = 1;

/// Prefix of the slots of a stage's joins; starts nothing.
#[must_use]
pub fn slots_prefix(stage: &str) -> String {
    format!("{SYSTEM_PREFIX}joins/{stage}/")
}

/// Prefix of the objects that start a join's task.
#[must_use]
pub fn fires_prefix(stage: &str) -> String {
    format!("{SYSTEM_PREFIX}fires/{stage}/")
}

/// Prefix of the objects that start the items of a scatter on Lambda.
#[must_use]
pub fn items_prefix(stage: &str) -> String {
    format!("{SYSTEM_PREFIX}items/{stage}/")
}

/// Prefix of the objects that bodies of asynchronous HTTP calls become.
#[must_use]
pub fn bodies_prefix(stage: &str) -> String {
    format!("{SYSTEM_PREFIX}http/{stage}/")
}

/// Prefix of the objects that tell of a stage's finished tasks, where another stage is `after` it.
#[must_use]
pub fn done_prefix(stage: &str) -> String {
    format!("{SYSTEM_PREFIX}done/{stage}/")
}

/// Prefix of the markers of tasks that went from Lambda to Batch; starts nothing.
#[must_use]
pub fn handed_over_prefix(stage: &str) -> String {
    format!("{SYSTEM_PREFIX}handed-over/{stage}/")
}

/// What a key has in common with its partners in a join by stem: all after the pattern's literal folder,
/// without the last suffix.
#[must_use]
pub fn stem_group(pattern: &Glob, key: &str) -> String {
    let literal = pattern.literal_prefix();
    let folder = literal.rfind('/').map_or(0, |slash| slash + 1);
    let rest = key.get(folder..).unwrap_or(key);
    match rest.rfind('/') {
        Some(slash) => format!("{}{}", &rest[..=slash], stem(&rest[slash + 1..])),
        None => stem(rest).to_owned(),
    }
}

/// What stands for a join's group in keys: groups are stems, runs and times of any length and spelling.
#[must_use]
pub fn group_hash(group: &str) -> String {
    hash_parts(["scar1-group", group].map(str::as_bytes))
}

/// Key of the object that starts a join's task, the [`Fire`] of a group's generation.
#[must_use]
pub fn fire_key(stage: &str, group: &str, generation: u32) -> String {
    format!(
        "{}{}/{generation}.json",
        fires_prefix(stage),
        group_hash(group)
    )
}

/// Key of the object that starts one item of a scattered task on Lambda, an [`Item`].
#[must_use]
pub fn item_key(stage: &str, task: &str, index: u32) -> String {
    format!("{}{task}/{index}.json", items_prefix(stage))
}

/// Key of the object that tells of a finished task, a [`Done`].
#[must_use]
pub fn done_key(stage: &str, task: &str) -> String {
    format!("{}{task}.json", done_prefix(stage))
}

/// Identity of the task of a join, wherever it runs: the members are those of its generation.
#[must_use]
pub fn join_task(deployment: &str, stage: &str, group: &str, generation: u32) -> String {
    let generation = generation.to_string();
    let parts = ["scar1", deployment, stage, "join", group, &generation];
    hash_parts(parts.map(str::as_bytes))
}

/// Identity of one item of a scatter. `task` is the task that the object would be without it.
#[must_use]
pub fn item_task(task: &str, index: u32) -> String {
    hash_parts(["scar1", task, "item", &index.to_string()].map(str::as_bytes))
}

/// Identity of the task of one firing of a schedule; `time` is RFC 3339, as the schedule tells it.
#[must_use]
pub fn scheduled_task(deployment: &str, stage: &str, time: &str) -> String {
    hash_parts(["scar1", deployment, stage, "schedule", time].map(str::as_bytes))
}

/// Key of the place of one member of a join: its input, and `items` as in
/// [`crate::record::metadata::ITEMS`] (empty in a join by stem). Two objects for one place are a mistake.
#[must_use]
pub fn slot_key(stage: &str, group: &str, input: usize, items: &str) -> String {
    let items = if items.is_empty() { "-" } else { items };
    let (prefix, group) = (slots_prefix(stage), group_hash(group));
    format!("{prefix}{group}/{input}/{items}")
}

/// Key of the marker that says which window of a join has an object, at the version of the listing.
#[must_use]
pub fn seen_key(stage: &str, object: &ObjectVersion) -> String {
    let version = format!("etag:{}:{}", object.etag, object.size);
    let parts = [&object.bucket, &object.key, &version];
    let hash = hash_parts(parts.map(|part| part.as_bytes()));
    format!("{}{hash}", seen_prefix(stage))
}

/// Prefix of the markers of [`seen_key`].
#[must_use]
pub fn seen_prefix(stage: &str) -> String {
    format!("{}seen/", slots_prefix(stage))
}

/// Key of the body of an asynchronous HTTP call.
#[must_use]
pub fn body_key(stage: &str, request: &str, name: &str) -> String {
    format!("{}{request}/{name}", bodies_prefix(stage))
}

/// Key of the marker of a task that went to Batch: a [`HandedOver`].
#[must_use]
pub fn handed_over_key(stage: &str, task: &str) -> String {
    format!("{}{task}.json", handed_over_prefix(stage))
}

/// Key of the marker that a function of a stage with fallback leaves while it works on a task.
#[must_use]
pub fn started_key(stage: &str, task: &str) -> String {
    format!("{}{task}.started", handed_over_prefix(stage))
}

/// Identity of the task of one HTTP or direct call.
#[must_use]
pub fn requested_task(deployment: &str, stage: &str, request: &str) -> String {
    hash_parts(["scar1", deployment, stage, "request", request].map(str::as_bytes))
}

/// A member of a join: the content of its slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// [`FORMAT`].
    pub format: u32,
    /// Index of the input that took the object.
    pub input: usize,
    /// The object.
    pub object: ObjectVersion,
    /// Which of how many it is, see [`crate::record::metadata::ITEMS`]; empty if nothing fanned out.
    pub items: String,
    /// Run it belongs to.
    pub run: String,
}

/// A join that is complete, or whose time is up: the content of the object that starts its task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fire {
    /// [`FORMAT`].
    pub format: u32,
    /// What the members have in common, for people: the stem, the run or the time.
    pub group: String,
    /// 0 for the first firing of the group; higher when members came anew.
    pub generation: u32,
    /// The members in the order of inputs, then items, then keys.
    pub members: Vec<Member>,
    /// Whether all members are there.
    pub complete: bool,
}

/// One item of a scatter: the content of the object that starts its task on Lambda.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// [`FORMAT`].
    pub format: u32,
    /// The object that was scattered.
    pub object: ObjectVersion,
    /// Which item, from 0.
    pub index: u32,
}

/// A finished task, for the stages that are `after` its stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// [`FORMAT`].
    pub format: u32,
    /// Stage that finished.
    pub stage: String,
    /// Its task.
    pub task: String,
    /// The run.
    pub run: String,
    /// Real bucket and key of every output.
    pub outputs: Vec<(String, String)>,
}

/// A task that went to Batch: the content of [`handed_over_key`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOver {
    /// [`FORMAT`].
    pub format: u32,
    /// What the job works on.
    pub request: JobRequest,
    /// Batch's identity of the job, once it is known that there is one.
    pub job: Option<String>,
    /// When it was written, milliseconds since the Unix epoch.
    pub written_ms: u64,
    /// Why Lambda was not enough, if it was tried there.
    pub reason: Option<Failure>,
}

/// What a Batch job works on: handed over as base64 of JSON in [`JOB_VARIABLE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRequest {
    /// [`FORMAT`].
    pub format: u32,
    /// What starts the task.
    pub cause: Cause,
    /// RFC 3339 time of the event.
    pub time: String,
}

/// What starts a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// An object that the stage takes, also one of scar's own that starts it.
    Object(ObjectVersion),
    /// A time of its schedule, RFC 3339.
    Scheduled(String),
    /// The request in the marker at this key of the state bucket: it is too long for a variable.
    Stored(String),
}

/// Variable of a Batch job with its [`JobRequest`].
pub const JOB_VARIABLE: &str = "SCAR_JOB";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_group_stand_together() {
        let slot = slot_key("s", "a/b", 1, "0-2.1-3");
        assert!(slot.starts_with(&format!("{}{}/1/", slots_prefix("s"), group_hash("a/b"))));
        assert!(slot.ends_with("/0-2.1-3"));
        assert!(slot_key("s", "a/b", 0, "").ends_with("/0/-"));
        assert_ne!(group_hash("a"), group_hash("b"));
    }

    #[test]
    fn identities_of_different_causes_differ() {
        let all = [
            join_task("d", "s", "g", 0),
            join_task("d", "s", "g", 1),
            scheduled_task("d", "s", "g"),
            requested_task("d", "s", "g"),
            item_task("d", 0),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
