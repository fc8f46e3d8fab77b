//! Names and ARNs of buckets and keys as CloudFormation values, and which keys a stage may touch.

use std::collections::BTreeSet;

use scar_schemas::contract::{ARTIFACTS, Image, OutputKey, SYSTEM_PREFIX};
use scar_schemas::glob::{Glob, Token};
use scar_workflow::{Stage, Workflow};
use serde_json::{Value, json};

use crate::{Error, name, parameter};

/// Real name of a bucket.
pub(crate) fn bucket_name(workflow: &Workflow, bucket: &str) -> Value {
    match workflow.buckets.get(bucket) {
        _ if bucket == ARTIFACTS => json!({ "Ref": parameter::ARTIFACT_BUCKET }),
        Some(Some(existing)) => json!(existing),
        _ => json!({ "Ref": name::bucket_id(bucket) }),
    }
}

/// ARNs of the objects that start the stage.
pub(crate) fn inputs(workflow: &Workflow, stage: &Stage) -> Result<Vec<Value>, Error> {
    let mut keys = BTreeSet::new();
    for input in &stage.inputs {
        for key in key_prefixes(&input.pattern) {
            keys.insert((input.bucket.as_str(), checked(stage, key)?));
        }
    }
    Ok(keys
        .iter()
        .map(|(bucket, key)| object_arn(workflow, bucket, key))
        .collect())
}

/// ARNs of the objects that the stage makes.
pub(crate) fn outputs(workflow: &Workflow, stage: &Stage) -> Result<Vec<Value>, Error> {
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
        .map(|(bucket, key)| object_arn(workflow, bucket, key))
        .collect())
}

/// ARNs of scar's own objects about this stage.
pub(crate) fn records(workflow: &Workflow, stage: &Stage) -> Vec<Value> {
    ["attempts", "staged", "tasks"]
        .map(|kind| format!("{SYSTEM_PREFIX}{kind}/{}/*", stage.name))
        .iter()
        .map(|key| object_arn(workflow, &workflow.state_bucket, key))
        .collect()
}

/// ARN of the image's blobs, if they are in a bucket.
pub(crate) fn image(workflow: &Workflow, image: &Image) -> Option<Value> {
    match image {
        Image::Registry { .. } => None,
        Image::Bucket { bucket, prefix, .. } => Some(object_arn(
            workflow,
            bucket,
            &format!("{prefix}blobs/sha256/*"),
        )),
    }
}

/// Manifest names of all buckets that the stage touches.
pub(crate) fn buckets(workflow: &Workflow, stage: &Stage, image: &Image) -> BTreeSet<String> {
    let inputs = stage.inputs.iter().map(|input| &input.bucket);
    let outputs = stage.outputs.iter().map(|output| &output.bucket);
    let mut names: BTreeSet<String> = inputs.chain(outputs).cloned().collect();
    names.insert(workflow.state_bucket.clone());
    if let Image::Bucket { bucket, .. } = image {
        names.insert(bucket.clone());
    }
    names
}

/// ARN of a bucket.
pub(crate) fn bucket_arn(workflow: &Workflow, bucket: &str) -> Value {
    match workflow.buckets.get(bucket) {
        Some(None) => json!({ "Fn::GetAtt": [name::bucket_id(bucket), "Arn"] }),
        _ => json!({ "Fn::Sub": arn_text(workflow, bucket) }),
    }
}

fn object_arn(workflow: &Workflow, bucket: &str, key: &str) -> Value {
    json!({ "Fn::Sub": format!("{}/{key}", arn_text(workflow, bucket)) })
}

fn arn_text(workflow: &Workflow, bucket: &str) -> String {
    match workflow.buckets.get(bucket) {
        _ if bucket == ARTIFACTS => {
            format!(
                "arn:${{AWS::Partition}}:s3:::${{{}}}",
                parameter::ARTIFACT_BUCKET
            )
        }
        Some(Some(existing)) => format!("arn:${{AWS::Partition}}:s3:::{existing}"),
        _ => format!("${{{}.Arn}}", name::bucket_id(bucket)),
    }
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

/// A literal part of an output key: in a policy `*` and `?` would mean more than themselves.
fn literal<'a>(stage: &Stage, text: &'a str) -> Result<&'a str, Error> {
    if text.contains(['*', '?']) {
        return Err(Error::UnsafeText {
            stage: stage.name.clone(),
            text: text.to_owned(),
        });
    }
    checked(stage, text)
}

/// `${` would be a variable to CloudFormation and IAM, `{{` may be a secret to CloudFormation.
pub(crate) fn checked<T: AsRef<str>>(stage: &Stage, text: T) -> Result<T, Error> {
    if text.as_ref().contains("${") || text.as_ref().contains("{{") {
        return Err(Error::UnsafeText {
            stage: stage.name.clone(),
            text: text.as_ref().to_owned(),
        });
    }
    Ok(text)
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
