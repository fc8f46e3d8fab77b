//! A workflow, removed.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use scar_plan::Destruction;
use scar_schemas::record;
use scar_template::tag;

use crate::call::{failed, has_status};
use crate::change_set::stages;
use crate::data::{self, has_versions};
use crate::event::{Event, Operation};
use crate::{Cloud, Error, follow, notification, observe_stacks, stack};

/// What to remove beside the workflow's stack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DestroyOptions {
    /// Empty and delete the buckets that scar made for the workflow.
    pub buckets: bool,
    /// Delete the base stack too, with its bucket, if no other stack of scar needs it.
    pub base: bool,
}

/// What `destroy` came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destroyed {
    /// Buckets that are left with what is in them, real names.
    pub kept_buckets: Vec<String>,
    /// Buckets that were deleted, real names.
    pub deleted_buckets: Vec<String>,
}

/// Deletes the workflow's stack, and more where `options` say so.
///
/// # Errors
/// [`Error::Stale`] before anything is removed; [`Error::Foreign`], [`Error::Busy`], [`Error::InUse`],
/// [`Error::Stack`], [`Error::Call`].
pub async fn destroy(
    cloud: &Cloud,
    destruction: &Destruction,
    options: DestroyOptions,
    on_event: &mut dyn FnMut(Event),
) -> Result<Destroyed, Error> {
    let base = record::deployment("base", &destruction.environment);
    destruction.is_current(&observe_stacks(cloud, &base, &destruction.stack.name, &[]).await?)?;
    if options.base {
        refuse_in_use(cloud, destruction, &base).await?;
    }
    // Own rules first: a rule whose function is gone would make every write of the bucket fail.
    for bucket in &destruction.foreign_buckets {
        let is_own =
            |id: &str| scar_plan::is_own(id, &destruction.workflow, &destruction.environment);
        notification::withdraw(cloud, bucket, is_own).await?;
    }
    let mut destroyed = Destroyed::default();
    let origin = stages(&destruction.stack);
    let buckets = delete_stack(cloud, &destruction.stack.name, &origin, on_event).await?;
    if options.buckets {
        delete_buckets(cloud, buckets, &mut destroyed, on_event).await?;
    } else {
        destroyed.kept_buckets.extend(buckets);
    }
    if options.base {
        let buckets = delete_stack(cloud, &base, &BTreeMap::new(), on_event).await?;
        delete_buckets(cloud, buckets, &mut destroyed, on_event).await?;
    }
    Ok(destroyed)
}

/// Deletes a stack; answers the real names of its buckets. A stack that is not there is deleted already.
async fn delete_stack(
    cloud: &Cloud,
    name: &str,
    stages: &BTreeMap<String, String>,
    on_event: &mut dyn FnMut(Event),
) -> Result<Vec<String>, Error> {
    let Some(found) = stack::describe(cloud, name).await? else {
        return Ok(Vec::new());
    };
    let status = stack::status(&found).to_owned();
    match status.as_str() {
        "DELETE_COMPLETE" => return Ok(Vec::new()),
        "REVIEW_IN_PROGRESS" => {}
        busy if busy.ends_with("_IN_PROGRESS") => {
            return Err(Error::Busy {
                stack: name.to_owned(),
                status,
            });
        }
        _ => stack::check_own(name, &stack::tags(&found))?,
    }
    let is_bucket = |kind: Option<&str>| kind == Some("AWS::S3::Bucket");
    let resources = stack::resources(cloud, name).await?;
    let buckets = resources
        .into_iter()
        .filter(|one| is_bucket(one.resource_type.as_deref()));
    let buckets: Vec<String> = buckets.filter_map(|one| one.physical_resource_id).collect();
    let operation = Operation::Delete;
    on_event(Event::StackStarted {
        stack: name.to_owned(),
        operation,
    });
    let id = found.stack_id.as_deref().unwrap_or(name);
    follow::delete(cloud, name, id, stages, on_event).await?;
    on_event(Event::StackFinished {
        stack: name.to_owned(),
        operation,
        changed: true,
    });
    Ok(buckets)
}

/// Every workflow's stack of an environment needs the environment's base stack.
async fn refuse_in_use(cloud: &Cloud, destruction: &Destruction, base: &str) -> Result<(), Error> {
    let mut users = Vec::new();
    let mut pages = cloud
        .cloudformation
        .describe_stacks()
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("DescribeStacks", "of the account"))?;
        for found in page.stacks.unwrap_or_default() {
            let tags = stack::tags(&found);
            let is_user = tags.contains_key(tag::WORKFLOW)
                && tags.get(tag::ENVIRONMENT) == Some(&destruction.environment);
            let name = found.stack_name.unwrap_or_default();
            if is_user && name != destruction.stack.name {
                users.push(name);
            }
        }
    }
    if users.is_empty() {
        return Ok(());
    }
    Err(Error::InUse {
        stack: base.to_owned(),
        users,
    })
}

async fn delete_buckets(
    cloud: &Cloud,
    buckets: Vec<String>,
    destroyed: &mut Destroyed,
    on_event: &mut dyn FnMut(Event),
) -> Result<(), Error> {
    for bucket in buckets {
        match cloud.s3.head_bucket().bucket(&bucket).send().await {
            Err(error) if has_status(&error, 404) => continue,
            answer => answer.map_err(failed("HeadBucket", &bucket))?,
        };
        let objects = empty(cloud, &bucket).await?;
        let deleted = cloud.s3.delete_bucket().bucket(&bucket).send().await;
        deleted.map_err(failed("DeleteBucket", &bucket))?;
        on_event(Event::BucketDeleted {
            bucket: bucket.clone(),
            objects,
        });
        destroyed.deleted_buckets.push(bucket);
    }
    Ok(())
}

/// Deletes all objects, and all their versions if there can be any; answers how many there were.
async fn empty(cloud: &Cloud, bucket: &str) -> Result<u64, Error> {
    if has_versions(cloud, bucket).await? {
        return empty_versions(cloud, bucket).await;
    }
    let objects = data::list(cloud, bucket, "").await?;
    let keys: Vec<String> = objects.into_iter().map(|one| one.object.key).collect();
    data::delete(cloud, bucket, &keys).await?;
    Ok(keys.len() as u64)
}

async fn empty_versions(cloud: &Cloud, bucket: &str) -> Result<u64, Error> {
    let mut objects = 0;
    // From the start each time: what was listed is gone by then.
    loop {
        let request = cloud.s3.list_object_versions().bucket(bucket);
        let page = request
            .send()
            .await
            .map_err(failed("ListObjectVersions", bucket))?;
        let versions = page
            .versions()
            .iter()
            .map(|one| (one.key(), one.version_id()));
        let markers = page
            .delete_markers()
            .iter()
            .map(|one| (one.key(), one.version_id()));
        let all: Vec<_> = versions.chain(markers).filter_map(identifier).collect();
        if all.is_empty() {
            return Ok(objects);
        }
        objects += all.len() as u64;
        delete_batch(cloud, bucket, all).await?;
    }
}

fn identifier((key, version): (Option<&str>, Option<&str>)) -> Option<ObjectIdentifier> {
    let version = version.map(str::to_owned);
    ObjectIdentifier::builder()
        .key(key?)
        .set_version_id(version)
        .build()
        .ok()
}

/// Deletes up to 1,000 objects with one call.
pub(crate) async fn delete_batch(
    cloud: &Cloud,
    bucket: &str,
    objects: Vec<ObjectIdentifier>,
) -> Result<(), Error> {
    let delete = Delete::builder()
        .set_objects(Some(objects))
        .quiet(true)
        .build();
    let Ok(delete) = delete else {
        return Ok(());
    };
    let answer = cloud
        .s3
        .delete_objects()
        .bucket(bucket)
        .delete(delete)
        .send()
        .await;
    let answer = answer.map_err(failed("DeleteObjects", bucket))?;
    match answer.errors().first() {
        None => Ok(()),
        Some(error) => Err(Error::Call {
            operation: "DeleteObjects",
            subject: format!("{bucket}/{}", error.key().unwrap_or_default()),
            code: error.code().map(str::to_owned),
            message: error.message().map(str::to_owned),
            source: None,
        }),
    }
}
