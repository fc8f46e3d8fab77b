//! Which keys a stage may touch, as ARNs.

use std::collections::BTreeSet;

use scar_schemas::construct::{Compute, HttpMode, Package};
use scar_schemas::contract::{Image, OutputKey, SYSTEM_PREFIX};
use scar_schemas::glob::{Glob, Token};
use scar_schemas::hand_over::{
    bodies_prefix, done_prefix, fires_prefix, handed_over_prefix, items_prefix, slots_prefix,
};
use scar_workflow::{Stage, Workflow};
use serde_json::Value;

use crate::Error;
use crate::buckets::Buckets;
use crate::event;

/// ARNs of the objects that start the stage, in buckets that `wanted` takes.
pub(crate) fn inputs(
    buckets: &Buckets<'_>,
    stage: &Stage,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Value>, Error> {
    let mut keys = BTreeSet::new();
    for input in stage.inputs.iter().filter(|input| wanted(&input.bucket)) {
        for key in key_prefixes(&input.pattern) {
            keys.insert((input.bucket.as_str(), checked(stage, key)?));
        }
    }
    Ok(keys
        .iter()
        .map(|(bucket, key)| buckets.objects(bucket, key))
        .collect())
}

/// Whether objects of the bucket may have versions: those of a bucket that is not ours may.
pub(crate) fn has_versions(workflow: &Workflow, bucket: &str) -> bool {
    let is_versioned = |settings: &scar_workflow::BucketSettings| settings.versioned;
    matches!(workflow.buckets.get(bucket), Some(Some(_)))
        || workflow
            .bucket_settings
            .get(bucket)
            .is_some_and(is_versioned)
}

/// ARNs of the objects that the stage makes.
pub(crate) fn outputs(buckets: &Buckets<'_>, stage: &Stage) -> Result<Vec<Value>, Error> {
    let mut keys = BTreeSet::new();
    for output in &stage.outputs {
        let key = match &output.key {
            OutputKey::Prefix { prefix, .. } => format!("{}*", literal(stage, prefix)?),
            OutputKey::Single { before, after } => {
                format!("{}*{}", literal(stage, before)?, literal(stage, after)?)
            }
        };
        keys.insert((output.bucket.as_str(), key));
    }
    Ok(keys
        .iter()
        .map(|(bucket, key)| buckets.objects(bucket, key))
        .collect())
}

/// ARNs of scar's own objects about the stage's tasks.
pub(crate) fn records(buckets: &Buckets<'_>, stage: &Stage) -> Vec<Value> {
    ["attempts", "staged", "tasks"]
        .map(|kind| buckets.own_objects(&format!("{SYSTEM_PREFIX}{kind}/{}/", stage.id)))
        .into()
}

/// ARNs of the objects through which the stage's invocations and jobs hand over to each other.
pub(crate) fn hand_over(buckets: &Buckets<'_>, stage: &Stage) -> Vec<Value> {
    let mut prefixes = Vec::new();
    if event::is_join(stage) {
        prefixes.extend([slots_prefix(&stage.id), fires_prefix(&stage.id)]);
    }
    if !stage.items.is_empty() {
        prefixes.push(items_prefix(&stage.id));
    }
    if takes_bodies(stage) {
        prefixes.push(bodies_prefix(&stage.id));
    }
    if stage.announces {
        prefixes.push(done_prefix(&stage.id));
    }
    if stage.fallback || stage.compute == Compute::Batch {
        prefixes.push(handed_over_prefix(&stage.id));
    }
    let arns = prefixes.iter().map(|prefix| buckets.own_objects(prefix));
    arns.collect()
}

/// Whether bodies of HTTP calls become objects.
pub(crate) fn takes_bodies(stage: &Stage) -> bool {
    stage
        .http
        .as_ref()
        .is_some_and(|http| http.mode == HttpMode::Async)
}

/// ARNs of what stages before it tell of their finished tasks.
pub(crate) fn follow(buckets: &Buckets<'_>, stage: &Stage) -> Vec<Value> {
    let arns = stage
        .after
        .iter()
        .map(|id| buckets.own_objects(&done_prefix(id)));
    arns.collect()
}

/// ARN of the image's blobs, if they are in a bucket and anything fetches them.
pub(crate) fn image(buckets: &Buckets<'_>, stage: &Stage, image: &Image) -> Option<Value> {
    match image {
        _ if !fetches_image(stage) => None,
        Image::Registry { .. } => None,
        Image::Bucket { bucket, prefix, .. } => {
            Some(buckets.objects(bucket, &format!("{prefix}blobs/sha256/*")))
        }
    }
}

/// Whether a function or a job of the stage fetches the image: an image function starts in it.
pub(crate) fn fetches_image(stage: &Stage) -> bool {
    stage.package == Package::Layer || stage.compute == Compute::Batch || stage.fallback
}

/// Manifest names of all buckets whose objects the stage asks for one by one.
pub(crate) fn touched(workflow: &Workflow, stage: &Stage, image: &Image) -> BTreeSet<String> {
    let inputs = stage.inputs.iter().map(|input| &input.bucket);
    let outputs = stage.outputs.iter().map(|output| &output.bucket);
    let mut names: BTreeSet<String> = inputs.chain(outputs).cloned().collect();
    names.insert(workflow.state_bucket.clone());
    if let Image::Bucket { bucket, .. } = image {
        names.insert(bucket.clone());
    }
    names
}

/// The key, or key prefix with `*`, of each alternative; those that another one covers are left out.
fn key_prefixes(pattern: &Glob) -> Vec<String> {
    let mut keys: Vec<String> = pattern
        .alternatives()
        .iter()
        .map(|tokens| key_prefix(tokens))
        .collect();
    keys.sort();
    keys.dedup();
    let all = keys.clone();
    let covers = |wide: &String, key: &String| {
        wide != key
            && wide
                .strip_suffix('*')
                .is_some_and(|prefix| key.starts_with(prefix))
    };
    keys.retain(|key| !all.iter().any(|wide| covers(wide, key)));
    keys
}

fn key_prefix(tokens: &[Token]) -> String {
    let mut key = String::new();
    for token in tokens {
        match token {
            Token::Literal(character) => key.push(*character),
            _ => return key + "*",
        }
    }
    key
}

/// Text that stands for itself: in a policy `*` and `?` would mean more.
pub(crate) fn literal<'a>(stage: &Stage, text: &'a str) -> Result<&'a str, Error> {
    if text.contains(['*', '?']) {
        return Err(unsafe_text(stage, text));
    }
    checked(stage, text)
}

/// `${` would be a variable to CloudFormation and IAM, `{{` may be a secret to CloudFormation.
pub(crate) fn checked<T: AsRef<str>>(stage: &Stage, text: T) -> Result<T, Error> {
    if is_evaluated(text.as_ref()) {
        return Err(unsafe_text(stage, text.as_ref()));
    }
    Ok(text)
}

/// Whether somebody would put something else in its place.
pub(crate) fn is_evaluated(text: &str) -> bool {
    text.contains("${") || text.contains("{{")
}

fn unsafe_text(stage: &Stage, text: &str) -> Error {
    Error::UnsafeText {
        stage: stage.name.clone(),
        text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_narrow_what_may_be_read() {
        let keys = |text: &str| key_prefixes(&text.parse().unwrap());
        assert_eq!(keys("in/*.{jpg,png}"), ["in/*"]);
        assert_eq!(keys("{a,b}/x-*"), ["a/x-*", "b/x-*"]);
        assert_eq!(keys("{a/*,a/b/*,c}"), ["a/*", "c"]);
        assert_eq!(keys("**"), ["*"]);
    }
}
