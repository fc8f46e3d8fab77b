//! Which storage events start a stage: the key matchers of its rules.

use std::collections::{BTreeMap, BTreeSet};

use scar_schemas::construct::{Compute, Events, JoinBy, When};
use scar_schemas::contract::SYSTEM_PREFIX;
use scar_schemas::hand_over::{bodies_prefix, done_prefix, fires_prefix, items_prefix};
use scar_workflow::{Stage, Workflow};
use serde_json::{Value, json};

use crate::{Error, access};

pub(crate) mod direct;
mod suffix;

/// Bytes of key matchers in one rule at most. A pattern may have 2,048 characters ("Amazon `EventBridge`
/// quotas"), of which bucket name and the rest take less than 400.
const MAX_MATCHER_BYTES: usize = 1600;

/// One rule of a stage.
pub(crate) struct Rule {
    /// Manifest name of the bucket.
    pub(crate) bucket: String,
    /// Matchers of the object's key.
    pub(crate) keys: Vec<Value>,
    /// Bounds of the object's size, as a numeric matcher has them; empty for any.
    pub(crate) size: Vec<Value>,
}

/// Whether objects of the stage's inputs start it. A window's are looked for when its schedule fires.
pub(crate) fn has_main_events(stage: &Stage) -> bool {
    let is_window = |join: &scar_schemas::construct::Join| join.by == JoinBy::Window;
    !stage.inputs.is_empty() && !stage.join.as_ref().is_some_and(is_window)
}

/// Whether the stage waits for several objects: also one that is after several stages.
pub(crate) fn is_join(stage: &Stage) -> bool {
    stage.join.is_some() || stage.after.len() > 1
}

/// The rules of a stage: one per bucket, more where the patterns are too long for one, and one for
/// scar's own objects if any start it.
pub(crate) fn rules(workflow: &Workflow, stage: &Stage) -> Result<Vec<Rule>, Error> {
    let mut rules = Vec::new();
    if has_main_events(stage) && stage.events != Events::Direct {
        rules = main_rules(workflow, stage)?;
    }
    let own = own_prefixes(stage);
    if !own.is_empty() {
        let wildcard = |prefix: String| json!({ "wildcard": format!("{prefix}*") });
        rules.push(Rule {
            bucket: workflow.state_bucket.clone(),
            keys: own.into_iter().map(wildcard).collect(),
            size: Vec::new(),
        });
    }
    Ok(rules)
}

/// Prefixes of the objects of scar's own that start the stage.
fn own_prefixes(stage: &Stage) -> Vec<String> {
    let mut prefixes = Vec::new();
    if is_join(stage) {
        prefixes.push(fires_prefix(&stage.id));
    }
    if !stage.items.is_empty() && stage.compute == Compute::Lambda {
        prefixes.push(items_prefix(&stage.id));
    }
    if access::takes_bodies(stage) {
        prefixes.push(bodies_prefix(&stage.id));
    }
    prefixes.extend(stage.after.iter().map(|id| done_prefix(id)));
    prefixes
}

fn main_rules(workflow: &Workflow, stage: &Stage) -> Result<Vec<Rule>, Error> {
    let suffixes = stage.when.iter().flat_map(|when| &when.suffixes);
    let suffixes: Vec<&str> = suffixes.map(String::as_str).collect();
    let mut wildcards: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for input in &stage.inputs {
        for wildcard in input.pattern.wildcards() {
            let ending = suffix::wildcards(&access::checked(stage, wildcard)?, &suffixes);
            wildcards.entry(&input.bucket).or_default().extend(ending);
        }
    }
    let size = stage.when.as_ref().map(size).unwrap_or_default();
    let mut rules = Vec::new();
    for (bucket, wildcards) in wildcards {
        let matchers = matchers(workflow, bucket, wildcards);
        let chunks = chunks(matchers);
        rules.extend(chunks.into_iter().map(|keys| Rule {
            bucket: bucket.to_owned(),
            keys,
            size: size.clone(),
        }));
    }
    Ok(rules)
}

fn size(when: &When) -> Vec<Value> {
    let mut bounds = Vec::new();
    if let Some(bytes) = when.min_bytes {
        bounds.extend([json!(">="), json!(bytes)]);
    }
    if let Some(bytes) = when.below_bytes {
        bounds.extend([json!("<"), json!(bytes)]);
    }
    bounds
}

/// scar's own objects must start nothing. Matchers of one field are alternatives, so a wildcard that
/// reaches them is widened to all other keys; the supervisor checks the real pattern anyway.
fn matchers(workflow: &Workflow, bucket: &str, wildcards: BTreeSet<String>) -> Vec<Value> {
    let has_records = bucket == workflow.state_bucket;
    if has_records && wildcards.iter().any(|wildcard| reaches_records(wildcard)) {
        return vec![json!({ "anything-but": { "prefix": SYSTEM_PREFIX } })];
    }
    wildcards
        .into_iter()
        .map(|wildcard| json!({ "wildcard": wildcard }))
        .collect()
}

/// Own keys end in `.json` or in a number.
fn reaches_records(wildcard: &str) -> bool {
    let Some((before, _)) = wildcard.split_once('*') else {
        return wildcard.starts_with(SYSTEM_PREFIX);
    };
    let end = wildcard.rsplit('*').next().unwrap_or_default();
    let fits_start = SYSTEM_PREFIX.starts_with(before) || before.starts_with(SYSTEM_PREFIX);
    let is_number = end
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .bytes()
        .all(|byte| byte.is_ascii_digit());
    fits_start && (is_number || ".json".ends_with(end) || end.ends_with(".json"))
}

fn chunks(matchers: Vec<Value>) -> Vec<Vec<Value>> {
    let mut chunks: Vec<Vec<Value>> = Vec::new();
    let mut bytes = 0;
    for matcher in matchers {
        let length = matcher.to_string().len() + 1;
        match chunks.last_mut() {
            Some(chunk) if bytes + length <= MAX_MATCHER_BYTES => chunk.push(matcher),
            _ => {
                chunks.push(vec![matcher]);
                bytes = 0;
            }
        }
        bytes += length;
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_objects_start_nothing() {
        for wide in [
            "*",
            "*.json",
            ".scar/*",
            ".*",
            "*n",
            "*/1",
            ".scar/tasks/s/x.json",
            "*a.json",
        ] {
            assert!(reaches_records(wide), "{wide}");
        }
        for narrow in ["in/*", "*.jpg", ".s/*", "in/x.json", "*.JSON"] {
            assert!(!reaches_records(narrow), "{narrow}");
        }
    }
}
