//! Operations that delete objects: one, or many at once.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::access;
use super::bucket::Bucket;
use super::condition::WriteCondition;
use super::fault::{access_denied, no_such_bucket};
use super::object::{self, Object as Stored};
use super::version::{self, Versioning};
use crate::services::Services;
use crate::store::{Table, Transaction};

pub(super) async fn delete(
    services: &Services,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let DeleteObjectInput {
        bucket,
        key,
        if_match,
        version_id,
        ..
    } = request.input;
    let condition = WriteCondition {
        if_match,
        if_none_match: None,
    };
    let wanted = Wanted {
        key,
        version_id,
        condition,
    };
    let remove = move |transaction: &mut Transaction<'_>| -> S3Result<Removed> {
        let bucket = find_bucket(transaction, &bucket)?;
        remove(transaction, &bucket, &wanted)
    };
    let removed = services.store.transact(remove).await?;
    Ok(S3Response::with_status(
        DeleteObjectOutput {
            delete_marker: removed.is_marker.then_some(true),
            version_id: removed.version_id,
            ..DeleteObjectOutput::default()
        },
        http::StatusCode::NO_CONTENT,
    ))
}

pub(super) async fn delete_many(
    services: &Services,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let identity = access::identity(services, request.credentials.as_ref())?;
    let DeleteObjectsInput { bucket, delete, .. } = request.input;
    let quiet = delete.quiet.unwrap_or(false);
    if delete.objects.len() > 1000 {
        return Err(s3_error!(
            MalformedXML,
            "at most 1,000 objects can be deleted at once"
        ));
    }
    let mut errors = Vec::new();
    let mut keys = Vec::new();
    for object in delete.objects {
        let resource = format!("arn:aws:s3:::{bucket}/{}", object.key);
        let action = match object.version_id {
            Some(_) => "s3:DeleteObjectVersion",
            None => "s3:DeleteObject",
        };
        if crate::iam::allows(services, &identity, action, &resource)? {
            keys.push(Wanted {
                key: object.key,
                version_id: object.version_id,
                condition: WriteCondition {
                    if_match: object.e_tag.map(ETagCondition::ETag),
                    if_none_match: None,
                },
            });
        } else {
            errors.push(delete_error(object.key, access_denied()));
        }
    }
    let remove_all = move |transaction: &mut Transaction<'_>| -> S3Result<DeleteObjectsOutput> {
        let bucket = find_bucket(transaction, &bucket)?;
        let mut deleted = Vec::new();
        for wanted in keys {
            match remove(transaction, &bucket, &wanted) {
                Ok(removed) => deleted.push(removed.shown(wanted)),
                Err(error) => errors.push(delete_error(wanted.key, error)),
            }
        }
        Ok(DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            errors: (!errors.is_empty()).then_some(errors),
            ..DeleteObjectsOutput::default()
        })
    };
    Ok(S3Response::new(services.store.transact(remove_all).await?))
}

fn delete_error(key: String, error: s3s::S3Error) -> Error {
    Error {
        code: Some(error.code().as_str().to_owned()),
        key: Some(key),
        message: error.message().map(str::to_owned),
        version_id: None,
    }
}

/// What is to be deleted.
struct Wanted {
    key: String,
    version_id: Option<String>,
    condition: WriteCondition,
}

/// What came of it: the version that was deleted, or the marker that was made.
#[derive(Default)]
struct Removed {
    version_id: Option<String>,
    is_marker: bool,
}

impl Removed {
    fn shown(self, wanted: Wanted) -> DeletedObject {
        DeletedObject {
            key: Some(wanted.key),
            delete_marker: self.is_marker.then_some(true),
            delete_marker_version_id: self.version_id.filter(|_| self.is_marker),
            version_id: wanted.version_id,
        }
    }
}

fn find_bucket(transaction: &Transaction<'_>, name: &str) -> S3Result<Bucket> {
    transaction
        .get::<Bucket>(Table::Buckets, name)?
        .ok_or_else(no_such_bucket)
}

fn remove(
    transaction: &mut Transaction<'_>,
    bucket: &Bucket,
    wanted: &Wanted,
) -> S3Result<Removed> {
    let (name, key) = (&bucket.name, &wanted.key);
    let row = object::row(name, key);
    let current = transaction.get::<Stored>(Table::Objects, &row)?;
    wanted.condition.check(current.as_ref())?;
    if let Some(id) = &wanted.version_id {
        let removed = version::delete_one(transaction, name, key, id)?;
        return Ok(Removed {
            version_id: Some(id.clone()),
            is_marker: removed.unwrap_or(false),
        });
    }
    if bucket.versioning == Versioning::Off {
        version::retire(transaction, name, key, bucket.versioning)?;
        return Ok(Removed::default());
    }
    let id = version::mark_deleted(transaction, name, key, bucket.versioning)?;
    Ok(Removed {
        version_id: Some(id),
        is_marker: true,
    })
}
