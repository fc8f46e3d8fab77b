//! Tasks as S3 shows them: which stage takes which object, and where a task stands.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use scar_schemas::construct::When;
use scar_schemas::contract::{OutputKey, SYSTEM_PREFIX};
use scar_schemas::record::{
    Failure, FailureClass, ObjectVersion, OutputRecord, RunReport, TaskRecord, TaskState, metadata,
    record_key,
};
use scar_workflow::Stage;
use serde::de::DeserializeOwned;

use crate::call::{failed, has_status};
use crate::trace::{Output, State};
use crate::transfer::{bare_etag, real_version};
use crate::{Cloud, Deployment, Error};

/// Outputs of one task asked about at once.
const PARALLEL: usize = 4;

/// What S3 shows of a task.
pub(crate) struct Seen {
    pub(crate) state: State,
    pub(crate) report: Option<RunReport>,
}

impl Seen {
    pub(crate) fn waiting() -> Self {
        Self {
            state: State::Waiting,
            report: None,
        }
    }
}

/// Whether a stage takes an object: a declared input, no folder marker, not scar's own, of a size and
/// name that are meant.
pub(crate) fn takes(deployment: &Deployment, stage: &Stage, object: &ObjectVersion) -> bool {
    let (bucket, key) = (object.bucket.as_str(), object.key.as_str());
    let is_meant = |when: &When| when.takes(key, object.size);
    stage.when.as_ref().is_none_or(is_meant)
        && !key.starts_with(SYSTEM_PREFIX)
        && !key.ends_with('/')
        && deployment.manifest_names(bucket).any(|name| {
            stage
                .inputs
                .iter()
                .any(|input| input.bucket == name && input.pattern.matches(key))
        })
}

/// Real bucket, and text before and after the stem, of the only output of an atomic stage.
pub(crate) fn single_output<'a>(
    deployment: &'a Deployment,
    stage: &'a Stage,
) -> Option<(&'a str, &'a str, &'a str)> {
    match stage.outputs.as_slice() {
        // Who calls a stage by HTTP asks for the task's record, so such a stage always has one.
        [one] if stage.http.is_none() => match &one.key {
            OutputKey::Single { before, after } => {
                Some((deployment.buckets.get(&one.bucket)?, before, after))
            }
            OutputKey::Prefix { .. } => None,
        },
        _ => None,
    }
}

/// Bucket and key of the only output that an atomic stage makes of something of this stem.
pub(crate) fn single_target(
    deployment: &Deployment,
    stage: &Stage,
    stem: &str,
) -> Option<(String, String)> {
    let (bucket, before, after) = single_output(deployment, stage)?;
    Some((bucket.to_owned(), format!("{before}{stem}{after}")))
}

/// Looks at a task's record.
pub(crate) async fn by_record(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &str,
    task: &str,
) -> Result<Seen, Error> {
    let key = record_key(stage, task);
    let Some(record) = read_record(cloud, &deployment.state_bucket, &key).await? else {
        return Ok(Seen::waiting());
    };
    let state = match record.state {
        TaskState::Committed => State::Waiting,
        TaskState::Superseded => State::Superseded,
        TaskState::Failed => State::Failed {
            failure: record.failure.unwrap_or_else(unexplained),
        },
        TaskState::Published => State::Published {
            outputs: outputs(cloud, task, record.outputs).await?,
        },
    };
    Ok(Seen {
        state,
        report: Some(record.report),
    })
}

/// Looks at the only output of an atomic stage. `None` if something else or nothing is there.
pub(crate) async fn by_output(
    cloud: &Cloud,
    bucket: &str,
    key: &str,
    task: &str,
) -> Result<Option<Seen>, Error> {
    let Some(found) = head(cloud, bucket, key)
        .await?
        .filter(|found| found.task == task)
    else {
        return Ok(None);
    };
    let output = Output {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        size: found.object.size,
        digest: None,
        object: Some(found.object),
    };
    Ok(Some(Seen {
        state: State::Published {
            outputs: vec![output],
        },
        report: None,
    }))
}

/// Whether a newer version of the input has already taken the place of its output.
pub(crate) async fn is_superseded(
    cloud: &Cloud,
    bucket: &str,
    key: &str,
    input: &ObjectVersion,
) -> Result<bool, Error> {
    let is_of_same_input = head(cloud, bucket, key)
        .await?
        .is_some_and(|found| found.source == input.source());
    if !is_of_same_input {
        return Ok(false);
    }
    let current = head(cloud, &input.bucket, &input.key).await?;
    Ok(current.is_none_or(|current| current.object.version() != input.version()))
}

/// An object as it is there, with scar's own labels.
pub(crate) struct Head {
    pub(crate) object: ObjectVersion,
    task: String,
    source: String,
    labels: HashMap<String, String>,
}

impl Head {
    /// A label that scar left on it, by a name of [`metadata`].
    pub(crate) fn label(&self, name: &str) -> Option<String> {
        self.labels.get(name).cloned()
    }
}

/// Looks at an object.
pub(crate) async fn head(cloud: &Cloud, bucket: &str, key: &str) -> Result<Option<Head>, Error> {
    let found = match cloud.s3.head_object().bucket(bucket).key(key).send().await {
        Ok(found) => found,
        Err(error) if has_status(&error, 404) => return Ok(None),
        Err(error) => return Err(failed("HeadObject", format!("{bucket}/{key}"))(error)),
    };
    let tag = |name: &str| {
        found
            .metadata()
            .and_then(|all| all.get(name))
            .cloned()
            .unwrap_or_default()
    };
    let (task, source) = (tag(metadata::TASK), tag(metadata::SOURCE));
    let size = found
        .content_length
        .and_then(|size| u64::try_from(size).ok())
        .unwrap_or_default();
    let object = ObjectVersion {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        etag: bare_etag(found.e_tag),
        size,
        version_id: real_version(found.version_id),
    };
    Ok(Some(Head {
        object,
        task,
        source,
        labels: found.metadata.unwrap_or_default(),
    }))
}

async fn outputs(
    cloud: &Cloud,
    task: &str,
    records: Vec<OutputRecord>,
) -> Result<Vec<Output>, Error> {
    let one = async |record: OutputRecord| {
        let found = head(cloud, &record.bucket, &record.key).await?;
        let object = found
            .filter(|found| found.task == task)
            .map(|found| found.object);
        let OutputRecord {
            bucket,
            key,
            size,
            digest,
            ..
        } = record;
        Ok(Output {
            bucket,
            key,
            size,
            digest: Some(digest),
            object,
        })
    };
    let questions: Vec<_> = records.into_iter().map(one).collect();
    stream::iter(questions)
        .buffered(PARALLEL)
        .try_collect()
        .await
}

/// Reads a task's record.
pub(crate) async fn read_record(
    cloud: &Cloud,
    bucket: &str,
    key: &str,
) -> Result<Option<TaskRecord>, Error> {
    read_json(cloud, bucket, key).await
}

/// Reads an object of scar's own.
pub(crate) async fn read_json<T: DeserializeOwned>(
    cloud: &Cloud,
    bucket: &str,
    key: &str,
) -> Result<Option<T>, Error> {
    let answer = match cloud.s3.get_object().bucket(bucket).key(key).send().await {
        Ok(answer) => answer,
        Err(error) if has_status(&error, 404) => return Ok(None),
        Err(error) => return Err(failed("GetObject", format!("{bucket}/{key}"))(error)),
    };
    let unreadable = |reason: String| Error::Record {
        key: key.to_owned(),
        reason,
    };
    let bytes = answer
        .body
        .collect()
        .await
        .map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_slice(&bytes.into_bytes())
        .map(Some)
        .map_err(|error| unreadable(error.to_string()))
}

fn unexplained() -> Failure {
    Failure {
        class: FailureClass::Internal,
        message: "the record names no cause".to_owned(),
        exit_code: None,
        log_tail: Vec::new(),
    }
}
