//! Tasks that are over are made ready to be run once more by the next event of their input.
//!
//! A task is known by the version of its input. Where a bucket keeps versions, the same bytes put again are
//! a new version and so a new task; where it keeps none they are the same task, and what it came to has to
//! be forgotten first. Results stay where they are until new ones take their place.

use aws_sdk_s3::types::MetadataDirective;
use scar_schemas::contract::SYSTEM_PREFIX;
use scar_schemas::hand_over::{Fire, done_key, fire_key, items_prefix};
use scar_schemas::record::{ObjectVersion, metadata, record_key};
use scar_workflow::{Stage, Workflow};

use crate::call::{failed, has_status};
use crate::trace::{State, TaskView, newest_fire};
use crate::{Cloud, Deployment, Error, data, task};

/// Largest object that S3 copies in one request ("Copying objects", Amazon S3 user guide).
const COPY_MAX_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// Forgets tasks that are over, later ones first: if this ends in the middle, those before are still there to
/// be found, and doing it again goes on. `tasks` are in the order of [`trace`](crate::trace::trace).
///
/// # Errors
/// [`Error::Call`], [`Error::Record`].
pub async fn renew(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    tasks: &[TaskView],
) -> Result<(), Error> {
    for view in tasks.iter().rev().filter(|view| recurs(view)) {
        let stage = workflow.stages.iter().find(|one| one.name == view.stage);
        match (stage, &view.group) {
            (Some(stage), Some(group)) => fire_again(cloud, deployment, stage, group).await?,
            (Some(stage), None) => forget(cloud, deployment, stage, view).await?,
            (None, _) => {}
        }
    }
    Ok(())
}

/// An output that keeps its task from being run once more: S3 copies no object as large, so it cannot be told
/// that its task is forgotten.
#[must_use]
pub fn too_large(tasks: &[TaskView]) -> Option<&ObjectVersion> {
    let once_more = tasks.iter().filter(|view| recurs(view));
    once_more
        .flat_map(outputs)
        .find(|object| object.size > COPY_MAX_BYTES)
}

/// Whether the next event of the same input would mean this same task, which is over.
fn recurs(view: &TaskView) -> bool {
    let is_over = !matches!(view.state, State::Waiting | State::Incomplete { .. });
    is_over && view.input.version_id.is_none()
}

fn outputs(view: &TaskView) -> impl Iterator<Item = &ObjectVersion> {
    let outputs = match &view.state {
        State::Published { outputs } => outputs.as_slice(),
        _ => &[],
    };
    outputs.iter().filter_map(|output| output.object.as_ref())
}

/// The record goes last: it names the outputs.
async fn forget(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
    view: &TaskView,
) -> Result<(), Error> {
    for object in outputs(view) {
        disown(cloud, object, &view.task).await?;
    }
    let (id, task) = (&stage.id, &view.task);
    let whole = deployment.cached(stage, view.input.task(&deployment.name, id));
    let bucket = &deployment.state_bucket;
    let mut keys = vec![done_key(id, task)];
    for prefix in [
        format!("{SYSTEM_PREFIX}attempts/{id}/{task}/"),
        format!("{SYSTEM_PREFIX}handed-over/{id}/{task}."),
        format!("{}{whole}/", items_prefix(id)),
    ] {
        let listed = data::list(cloud, bucket, &prefix).await?;
        keys.extend(listed.into_iter().map(|one| one.object.key));
    }
    keys.push(record_key(id, task));
    data::delete(cloud, bucket, &keys).await
}

/// A join's task is known by the number of its firing, so the next one, of the same members, is a new task.
async fn fire_again(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
    group: &str,
) -> Result<(), Error> {
    let bucket = &deployment.state_bucket;
    let Some(newest) = newest_fire(cloud, deployment, stage, group).await? else {
        return Ok(());
    };
    let fired: Option<Fire> =
        task::read_json(cloud, bucket, &fire_key(&stage.id, group, newest)).await?;
    let Some(fired) = fired else { return Ok(()) };
    let next = Fire {
        generation: newest.saturating_add(1),
        ..fired
    };
    let key = fire_key(&stage.id, group, next.generation);
    let body = serde_json::to_vec(&next).unwrap_or_default();
    let put = cloud.s3.put_object().bucket(bucket).key(&key);
    match put.body(body.into()).if_none_match("*").send().await {
        // Somebody has fired in between, which is as good.
        Err(error) if !has_status(&error, 412) => {
            Err(failed("PutObject", format!("{bucket}/{key}"))(error))
        }
        _ => Ok(()),
    }
}

/// Takes the task's name off its output, which then is one of an earlier version of the same input: it stays
/// until the task's new output takes its place. An output that has changed since it was seen is left alone.
async fn disown(cloud: &Cloud, object: &ObjectVersion, task: &str) -> Result<(), Error> {
    let (bucket, key) = (&object.bucket, &object.key);
    let subject = || format!("{bucket}/{key}");
    let found = match cloud.s3.head_object().bucket(bucket).key(key).send().await {
        Ok(found) => found,
        Err(error) if has_status(&error, 404) => return Ok(()),
        Err(error) => return Err(failed("HeadObject", subject())(error)),
    };
    let mut labels = found.metadata.unwrap_or_default();
    if labels.remove(metadata::TASK).is_none_or(|own| own != task) {
        return Ok(());
    }
    let copy = cloud
        .s3
        .copy_object()
        .bucket(bucket)
        .key(key)
        .copy_source(format!("{bucket}/{}", path_of(key)))
        .copy_source_if_match(found.e_tag.unwrap_or_default())
        .metadata_directive(MetadataDirective::Replace)
        .set_metadata(Some(labels))
        .set_content_type(found.content_type)
        .set_content_encoding(found.content_encoding)
        .set_cache_control(found.cache_control);
    match copy.send().await {
        Err(error) if !has_status(&error, 412) && !has_status(&error, 404) => {
            Err(failed("CopyObject", subject())(error))
        }
        _ => Ok(()),
    }
}

/// A key as a path of an address: percent-encoded, slashes kept.
fn path_of(key: &str) -> String {
    let mut out = String::new();
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn keys_of_copy_sources_are_encoded() {
        assert_eq!(path_of("a/ü b+%.txt"), "a/%C3%BC%20b%2B%25.txt");
    }
}
