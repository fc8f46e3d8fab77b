//! Operations that delete objects: one, or many at once.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::access;
use super::condition::WriteCondition;
use super::fault::{access_denied, no_such_bucket};
use super::object::{self, Object as Stored};
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
        ..
    } = request.input;
    let condition = WriteCondition {
        if_match,
        if_none_match: None,
    };
    let remove = move |transaction: &mut Transaction<'_>| -> S3Result<()> {
        if !transaction.contains(Table::Buckets, &bucket)? {
            return Err(no_such_bucket());
        }
        remove(transaction, &bucket, &key, &condition)
    };
    services.store.transact(remove).await?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
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
        if crate::iam::allows(services, &identity, "s3:DeleteObject", &resource)? {
            keys.push((object.key, object.e_tag));
        } else {
            errors.push(delete_error(object.key, access_denied()));
        }
    }
    let remove_all = move |transaction: &mut Transaction<'_>| -> S3Result<DeleteObjectsOutput> {
        if !transaction.contains(Table::Buckets, &bucket)? {
            return Err(no_such_bucket());
        }
        let mut deleted = Vec::new();
        for (key, etag) in keys {
            let condition = WriteCondition {
                if_match: etag.map(ETagCondition::ETag),
                if_none_match: None,
            };
            match remove(transaction, &bucket, &key, &condition) {
                Ok(()) => deleted.push(DeletedObject {
                    key: Some(key),
                    ..DeletedObject::default()
                }),
                Err(error) => errors.push(delete_error(key, error)),
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

fn remove(
    transaction: &mut Transaction<'_>,
    bucket: &str,
    key: &str,
    condition: &WriteCondition,
) -> S3Result<()> {
    let row = object::row(bucket, key);
    let current = transaction.get::<Stored>(Table::Objects, &row)?;
    condition.check(current.as_ref())?;
    if let Some(current) = current {
        object::release(transaction, &current);
        transaction.delete(Table::Objects, &row);
    }
    Ok(())
}
