//! Operations on buckets.

use s3s::dto::{self, *};
use s3s::{S3Request, S3Response, S3Result};

use super::bucket::{self, Bucket, require};
use super::object::timestamp;
use crate::services::Services;
use crate::store::{Table, Transaction};

pub(super) async fn create(
    services: &Services,
    request: S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let created = Bucket::new(&request.input.bucket);
    let location = format!("/{}", created.name);
    let create = move |transaction: &mut Transaction<'_>| -> S3Result<()> {
        Ok(bucket::create_bucket(transaction, &created)?)
    };
    services.store.transact(create).await?;
    Ok(S3Response::new(CreateBucketOutput {
        location: Some(location),
    }))
}

pub(super) async fn delete(services: &Services, name: String) -> S3Result<()> {
    let remove = move |transaction: &mut Transaction<'_>| -> S3Result<()> {
        Ok(bucket::delete_bucket(transaction, &name)?)
    };
    services.store.transact(remove).await
}

pub(super) fn head(services: &Services, name: &str) -> S3Result<S3Response<HeadBucketOutput>> {
    require(services, name)?;
    let bucket_region = Some(services.settings.region.clone());
    Ok(S3Response::new(HeadBucketOutput {
        bucket_region,
        ..HeadBucketOutput::default()
    }))
}

pub(super) fn list(
    services: &Services,
    request: S3Request<ListBucketsInput>,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let prefix = request.input.prefix;
    let found = services
        .store
        .list::<Bucket>(Table::Buckets, prefix.as_deref().unwrap_or(""))?;
    let entry = |(_, bucket): (String, Bucket)| dto::Bucket {
        name: Some(bucket.name),
        creation_date: Some(timestamp(bucket.created_ms)),
        bucket_region: Some(services.settings.region.clone()),
    };
    let owner = Owner {
        display_name: None,
        id: Some(services.settings.account.clone()),
    };
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(found.into_iter().map(entry).collect()),
        owner: Some(owner),
        prefix,
        ..ListBucketsOutput::default()
    }))
}

pub(super) fn location(
    services: &Services,
    name: &str,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    require(services, name)?;
    // S3 answers nothing for us-east-1.
    let region = Some(services.settings.region.clone()).filter(|region| region != "us-east-1");
    Ok(S3Response::new(GetBucketLocationOutput {
        location_constraint: region.map(BucketLocationConstraint::from),
    }))
}
