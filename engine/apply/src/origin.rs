//! Where an object came from: the task that wrote it, the task's input, and so on back to the first one.

use scar_schemas::event::decode_key;
use scar_schemas::record::{ObjectVersion, TaskRecord, metadata, record_key};
use scar_workflow::{Stage, Workflow};

use crate::call::{failed, has_status};
use crate::task;
use crate::transfer::{bare_etag, real_version};
use crate::{Cloud, Deployment, Error};

/// Steps that are followed back; a run has fewer.
const STEPS_MAX: usize = 64;

/// An object and what wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The object as it is now.
    pub object: ObjectVersion,
    /// Run it belongs to, if scar wrote it.
    pub run: Option<String>,
    /// The task that wrote it; `None` if it came from outside.
    pub task: Option<OriginTask>,
}

/// The task that wrote an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginTask {
    /// Identity of the task.
    pub task: String,
    /// Its stage, if the workflow still has it.
    pub stage: Option<String>,
    /// Key of its input, for people.
    pub input: String,
    /// Its record; a stage with one output leaves none.
    pub record: Option<TaskRecord>,
}

/// Follows an object back to where its run began, nearest first. Empty if there is no such object.
///
/// # Errors
/// [`Error::Call`], [`Error::Record`].
pub async fn origins(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    bucket: &str,
    key: &str,
) -> Result<Vec<Origin>, Error> {
    let mut found: Vec<Origin> = Vec::new();
    let mut next = Some((bucket.to_owned(), key.to_owned()));
    while let Some((bucket, key)) = next.take() {
        let Some(origin) = origin(cloud, workflow, deployment, &bucket, &key).await? else {
            break;
        };
        let is_new = found.iter().all(|one| one.object != origin.object);
        next = match &origin.task {
            Some(task) if is_new && found.len() < STEPS_MAX => {
                input(cloud, workflow, deployment, task).await?
            }
            _ => None,
        };
        found.push(origin);
    }
    Ok(found)
}

async fn origin(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    bucket: &str,
    key: &str,
) -> Result<Option<Origin>, Error> {
    let Some((object, tags)) = head(cloud, bucket, key).await? else {
        return Ok(None);
    };
    let tag = |name: &str| {
        tags.iter()
            .find(|(one, _)| one == name)
            .map(|(_, it)| it.clone())
    };
    let task = match tag(metadata::TASK) {
        None => None,
        Some(task) => {
            let mut found = OriginTask {
                stage: None,
                input: decode_key(&tag(metadata::INPUT).unwrap_or_default()).unwrap_or_default(),
                record: None,
                task,
            };
            complete(cloud, workflow, deployment, &mut found).await?;
            Some(found)
        }
    };
    Ok(Some(Origin {
        object,
        run: tag(metadata::RUN),
        task,
    }))
}

/// Finds stage and record of a task: by its record, else by whose identity it is.
async fn complete(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    found: &mut OriginTask,
) -> Result<(), Error> {
    for stage in &workflow.stages {
        let key = record_key(&stage.id, &found.task);
        if let Some(record) = task::read_record(cloud, &deployment.state_bucket, &key).await? {
            found.stage = Some(stage.name.clone());
            found.record = Some(record);
            return Ok(());
        }
    }
    for stage in &workflow.stages {
        if by_identity(cloud, deployment, stage, found)
            .await?
            .is_some()
        {
            found.stage = Some(stage.name.clone());
            return Ok(());
        }
    }
    Ok(())
}

/// The object of which a stage makes just this task.
async fn by_identity(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
    found: &OriginTask,
) -> Result<Option<ObjectVersion>, Error> {
    for input in stage
        .inputs
        .iter()
        .filter(|one| one.pattern.matches(&found.input))
    {
        let Some(bucket) = deployment.buckets.get(&input.bucket) else {
            continue;
        };
        let object = head(cloud, bucket, &found.input)
            .await?
            .map(|(object, _)| object);
        let is_it = |one: &ObjectVersion| one.task(&deployment.name, &stage.id) == found.task;
        if let Some(object) = object.filter(is_it) {
            return Ok(Some(object));
        }
    }
    Ok(None)
}

/// Bucket and key of a task's input.
async fn input(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    found: &OriginTask,
) -> Result<Option<(String, String)>, Error> {
    if let Some(record) = &found.record {
        return Ok(Some((
            record.input.bucket.clone(),
            record.input.key.clone(),
        )));
    }
    let named = |stage: &&Stage| Some(&stage.name) == found.stage.as_ref();
    let Some(stage) = workflow.stages.iter().find(named) else {
        return Ok(None);
    };
    let object = by_identity(cloud, deployment, stage, found).await?;
    Ok(object.map(|object| (object.bucket, object.key)))
}

type Tags = Vec<(String, String)>;

async fn head(
    cloud: &Cloud,
    bucket: &str,
    key: &str,
) -> Result<Option<(ObjectVersion, Tags)>, Error> {
    let found = match cloud.s3.head_object().bucket(bucket).key(key).send().await {
        Ok(found) => found,
        Err(error) if has_status(&error, 404) => return Ok(None),
        Err(error) => return Err(failed("HeadObject", format!("{bucket}/{key}"))(error)),
    };
    let tags = found.metadata().into_iter().flatten();
    let tags = tags
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let size = found
        .content_length
        .and_then(|size| u64::try_from(size).ok());
    let object = ObjectVersion {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        etag: bare_etag(found.e_tag.clone()),
        size: size.unwrap_or_default(),
        version_id: real_version(found.version_id.clone()),
    };
    Ok(Some((object, tags)))
}
