//! Tasks that a person starts: failed ones again, those that no event reached, and plain invocations.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use scar_schemas::contract::SYSTEM_PREFIX;
use scar_schemas::event::{BusBucket, BusDetail, BusEvent, BusObject, OBJECT_CREATED, SOURCE};
use scar_schemas::record::{ObjectVersion, TaskRecord, TaskState, record_key, records_prefix};
use scar_template::name::function_id;
use scar_workflow::Stage;
use serde_json::{Value, json};

use crate::call::{failed, has_status};
use crate::data::{self, Listed};
use crate::service::{Ask, Service};
use crate::{Cloud, Deployment, Error, stack, task};

/// Records read at once.
const PARALLEL: usize = 32;
/// Version of the Lambda API that has invocations ("Invoke", Lambda API reference).
const LAMBDA: &str = "/2015-03-31/functions";

/// A task that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its record.
    pub record: TaskRecord,
    /// The record as an object, at the version that was read.
    pub object: ObjectVersion,
}

/// The function of a stage, by its real name.
///
/// # Errors
/// [`Error::MissingOutput`] if the deployed stack has none for it, [`Error::Call`].
pub async fn function(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
) -> Result<String, Error> {
    let wanted = function_id(&stage.id);
    let resources = stack::resources(cloud, &deployment.name).await?;
    let found = resources
        .into_iter()
        .find(|one| one.logical_resource_id.as_deref() == Some(&wanted));
    found
        .and_then(|one| one.physical_resource_id)
        .ok_or_else(|| Error::MissingOutput {
            stack: deployment.name.clone(),
            output: wanted,
        })
}

/// Starts a function and waits for its result.
///
/// # Errors
/// [`Error::Call`], also if the function itself failed.
pub async fn invoke(cloud: &Cloud, function: &str, event: Value) -> Result<Value, Error> {
    let answer = ask(cloud, Service::Lambda, function, event).await?;
    // A function that failed answers with what went wrong, and the same status as one that did not.
    match (
        answer["errorType"].as_str(),
        answer["errorMessage"].as_str(),
    ) {
        (Some(kind), Some(message)) => Err(Error::Call {
            operation: "Invoke",
            subject: function.to_owned(),
            code: Some(kind.to_owned()),
            message: Some(message.to_owned()),
            source: None,
        }),
        _ => Ok(answer),
    }
}

/// Tells a stage of an object, as the object's event would have; does not wait for the task.
///
/// # Errors
/// [`Error::Call`].
pub async fn deliver(cloud: &Cloud, function: &str, object: &ObjectVersion) -> Result<(), Error> {
    let event = serde_json::to_value(event(cloud, object)).unwrap_or_default();
    ask(cloud, Service::LambdaEvents, function, event).await?;
    Ok(())
}

/// Lets a stage look after its joins, those whose time is up and those that miss an event, and remove what
/// killed attempts have left staged.
///
/// # Errors
/// [`Error::Call`].
pub async fn sweep(cloud: &Cloud, function: &str) -> Result<(), Error> {
    ask(
        cloud,
        Service::LambdaEvents,
        function,
        json!({ "scar": "sweep" }),
    )
    .await?;
    Ok(())
}

/// All tasks of a stage that were given up.
///
/// # Errors
/// [`Error::Call`], [`Error::Record`].
pub async fn failures(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
) -> Result<Vec<Failed>, Error> {
    let bucket = &deployment.state_bucket;
    let listed = data::list(cloud, bucket, &records_prefix(&stage.id)).await?;
    let read = async |one: Listed| {
        let record = task::read_record(cloud, bucket, &one.object.key).await?;
        let object = one.object;
        Ok::<_, Error>(record.map(|record| Failed { record, object }))
    };
    let reading: Vec<_> = listed.into_iter().map(read).collect();
    let all: Vec<Option<Failed>> = stream::iter(reading)
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let is_failed = |one: &Failed| one.record.state == TaskState::Failed;
    Ok(all.into_iter().flatten().filter(is_failed).collect())
}

/// Forgets that a task was given up, so that its next event starts it anew. `false` if somebody else
/// has changed the record since it was read.
///
/// # Errors
/// [`Error::Call`].
pub async fn forget(
    cloud: &Cloud,
    deployment: &Deployment,
    stage: &Stage,
    failed_task: &Failed,
) -> Result<bool, Error> {
    let bucket = &deployment.state_bucket;
    let (id, task) = (&stage.id, &failed_task.record.task);
    // Attempts first: a task without a record but with all its attempts used would be given up at once.
    for kind in ["attempts", "handed-over"] {
        let prefix = format!("{SYSTEM_PREFIX}{kind}/{id}/{task}");
        let listed = data::list(cloud, bucket, &prefix).await?;
        let keys: Vec<String> = listed.into_iter().map(|one| one.object.key).collect();
        data::delete(cloud, bucket, &keys).await?;
    }
    let key = record_key(id, task);
    let delete = cloud
        .s3
        .delete_object()
        .bucket(bucket)
        .key(&key)
        .if_match(format!("\"{}\"", failed_task.object.etag));
    match delete.send().await {
        Ok(_) => Ok(true),
        Err(error) if has_status(&error, 412) || has_status(&error, 404) => Ok(false),
        Err(error) => Err(failed("DeleteObject", format!("{bucket}/{key}"))(error)),
    }
}

async fn ask(cloud: &Cloud, service: Service, function: &str, body: Value) -> Result<Value, Error> {
    let ask = Ask {
        service,
        operation: "Invoke",
        subject: function.to_owned(),
        method: "POST",
        path: format!("{LAMBDA}/{function}/invocations"),
        body,
    };
    cloud.wire.ask(&ask).await
}

/// The event that S3 sends of a new object.
fn event(cloud: &Cloud, object: &ObjectVersion) -> BusEvent {
    let zero = || "0".to_owned();
    BusEvent {
        version: zero(),
        id: "by hand".to_owned(),
        detail_type: OBJECT_CREATED.to_owned(),
        source: SOURCE.to_owned(),
        account: cloud.account().to_owned(),
        time: String::new(),
        region: cloud.region().to_owned(),
        resources: vec![format!("arn:aws:s3:::{}", object.bucket)],
        detail: BusDetail {
            version: zero(),
            bucket: BusBucket {
                name: object.bucket.clone(),
            },
            object: BusObject {
                key: object.key.clone(),
                size: object.size,
                etag: object.etag.clone(),
                version_id: object.version_id.clone(),
                sequencer: None,
            },
            request_id: None,
            requester: None,
            reason: Some("PutObject".to_owned()),
        },
    }
}
