//! What is in a bucket.

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{BucketVersioningStatus, EncodingType, Object, ObjectVersion as Version};
use scar_schemas::event::decode_key;
use scar_schemas::record::ObjectVersion;

use super::Listed;
use crate::call::failed;
use crate::transfer::{bare_etag, real_version};
use crate::{Cloud, Error};

/// All objects below a prefix, in key order.
///
/// # Errors
/// [`Error::Call`].
pub async fn list(cloud: &Cloud, bucket: &str, prefix: &str) -> Result<Vec<Listed>, Error> {
    let mut all = Vec::new();
    list_each(cloud, bucket, prefix, &mut |one| all.push(one)).await?;
    Ok(all)
}

/// The same without holding all of them.
pub(crate) async fn list_each(
    cloud: &Cloud,
    bucket: &str,
    prefix: &str,
    each: &mut dyn FnMut(Listed),
) -> Result<(), Error> {
    // Only a listing of versions tells version ids, which are part of a task's identity.
    if is_versioned(cloud, bucket).await? {
        return list_versions(cloud, bucket, prefix, each).await;
    }
    let request = cloud.s3.list_objects_v2().bucket(bucket).prefix(prefix);
    let mut pages = request
        .encoding_type(EncodingType::Url)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("ListObjectsV2", bucket))?;
        let is_encoded = page.encoding_type.is_some();
        for object in page.contents.unwrap_or_default() {
            each(listed(bucket, is_encoded, object));
        }
    }
    Ok(())
}

async fn is_versioned(cloud: &Cloud, bucket: &str) -> Result<bool, Error> {
    Ok(versioning(cloud, bucket).await? == Some(BucketVersioningStatus::Enabled))
}

/// Whether objects may have former versions: also where versioning was switched off again.
pub(crate) async fn has_versions(cloud: &Cloud, bucket: &str) -> Result<bool, Error> {
    Ok(versioning(cloud, bucket).await?.is_some())
}

async fn versioning(cloud: &Cloud, bucket: &str) -> Result<Option<BucketVersioningStatus>, Error> {
    let answer = cloud.s3.get_bucket_versioning().bucket(bucket).send().await;
    Ok(answer
        .map_err(failed("GetBucketVersioning", bucket))?
        .status)
}

async fn list_versions(
    cloud: &Cloud,
    bucket: &str,
    prefix: &str,
    each: &mut dyn FnMut(Listed),
) -> Result<(), Error> {
    let (mut key_marker, mut version_marker) = (None, None);
    loop {
        let request = cloud
            .s3
            .list_object_versions()
            .bucket(bucket)
            .prefix(prefix);
        let request = request.encoding_type(EncodingType::Url);
        let request = request
            .set_key_marker(key_marker)
            .set_version_id_marker(version_marker);
        let page = request
            .send()
            .await
            .map_err(failed("ListObjectVersions", bucket))?;
        let is_encoded = page.encoding_type.is_some();
        let is_truncated = page.is_truncated.unwrap_or_default();
        key_marker = page.next_key_marker.map(|key| plain_key(key, is_encoded));
        version_marker = page.next_version_id_marker;
        let versions = page.versions.unwrap_or_default();
        for version in versions
            .into_iter()
            .filter(|one| one.is_latest == Some(true))
        {
            each(listed_version(bucket, is_encoded, version));
        }
        if !is_truncated || key_marker.is_none() {
            return Ok(());
        }
    }
}

fn listed(bucket: &str, is_encoded: bool, object: Object) -> Listed {
    let object_version = ObjectVersion {
        bucket: bucket.to_owned(),
        key: plain_key(object.key.unwrap_or_default(), is_encoded),
        etag: bare_etag(object.e_tag),
        size: size(object.size),
        version_id: None,
    };
    Listed {
        object: object_version,
        modified_ms: milliseconds(object.last_modified),
    }
}

fn listed_version(bucket: &str, is_encoded: bool, version: Version) -> Listed {
    let object = ObjectVersion {
        bucket: bucket.to_owned(),
        key: plain_key(version.key.unwrap_or_default(), is_encoded),
        etag: bare_etag(version.e_tag),
        size: size(version.size),
        version_id: real_version(version.version_id),
    };
    Listed {
        object,
        modified_ms: milliseconds(version.last_modified),
    }
}

/// Keys come form-encoded, because XML cannot hold every character that a key can.
fn plain_key(key: String, is_encoded: bool) -> String {
    if is_encoded {
        decode_key(&key).unwrap_or(key)
    } else {
        key
    }
}

fn size(bytes: Option<i64>) -> u64 {
    bytes
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or_default()
}

fn milliseconds(time: Option<DateTime>) -> u64 {
    let time = time.and_then(|time| time.to_millis().ok());
    time.and_then(|time| u64::try_from(time).ok())
        .unwrap_or_default()
}
