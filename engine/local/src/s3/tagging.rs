//! Tags of objects and buckets.

use percent_encoding::percent_decode_str;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::fault::{no_such_bucket, no_such_key};
use super::object::{self, Object as Stored};
use super::{access, bucket, object_reads};
use crate::services::Services;
use crate::store::{Table, Transaction};

type Tags = Vec<(String, String)>;

/// Reads the header form, `a=1&b=2` with URL escapes.
pub(super) fn from_header(header: Option<&str>) -> S3Result<Tags> {
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8()
            .map(String::from)
    };
    let mut tags = Tags::new();
    for pair in header
        .unwrap_or("")
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (decode(name), decode(value)) {
            (Ok(name), Ok(value)) => tags.push((name, value)),
            _ => {
                return Err(s3_error!(
                    InvalidArgument,
                    "The header 'x-amz-tagging' is not UTF-8"
                ));
            }
        }
    }
    check(tags, 10)
}

fn from_set(set: TagSet, limit: usize) -> S3Result<Tags> {
    let pair = |tag: Tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
    check(set.into_iter().map(pair).collect(), limit)
}

fn to_set(tags: Tags) -> TagSet {
    tags.into_iter()
        .map(|(key, value)| Tag {
            key: Some(key),
            value: Some(value),
        })
        .collect()
}

/// "Categorizing your storage using tags": 10 tags per object (50 per bucket), keys of at most 128
/// characters, values of 256, every key once.
fn check(tags: Tags, limit: usize) -> S3Result<Tags> {
    if tags.len() > limit {
        return Err(s3_error!(
            InvalidTag,
            "Object tags cannot be greater than {}",
            limit
        ));
    }
    for (index, (name, value)) in tags.iter().enumerate() {
        let sized = (1..=128).contains(&name.chars().count()) && value.chars().count() <= 256;
        if !sized || tags.iter().take(index).any(|(other, _)| other == name) {
            return Err(s3_error!(InvalidTag, "The tag {:?} is not valid", name));
        }
    }
    Ok(tags)
}

pub(super) async fn put_object(
    services: &Services,
    bucket: String,
    key: String,
    tags: Option<TagSet>,
) -> S3Result<()> {
    let tags = from_set(tags.unwrap_or_default(), 10)?;
    let change = move |transaction: &mut Transaction<'_>| -> S3Result<()> {
        let row = object::row(&bucket, &key);
        let mut stored = transaction
            .get::<Stored>(Table::Objects, &row)?
            .ok_or_else(no_such_key)?;
        stored.tags = tags;
        Ok(transaction.put(Table::Objects, &row, &stored)?)
    };
    services.store.transact(change).await
}

pub(super) fn get_object(
    services: &Services,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let identity = access::identity(services, request.credentials.as_ref())?;
    let stored = object_reads::find(
        services,
        &identity,
        &request.input.bucket,
        &request.input.key,
    )?;
    Ok(S3Response::new(GetObjectTaggingOutput {
        tag_set: to_set(stored.tags),
        version_id: None,
    }))
}

pub(super) async fn put_bucket(services: &Services, name: String, tags: TagSet) -> S3Result<()> {
    let tags = from_set(tags, 50)?;
    let change = move |transaction: &mut Transaction<'_>| -> S3Result<()> {
        Ok(bucket::update_bucket(transaction, &name, |bucket| {
            bucket.tags = tags
        })?)
    };
    services.store.transact(change).await
}

pub(super) fn get_bucket(
    services: &Services,
    name: &str,
) -> S3Result<S3Response<GetBucketTaggingOutput>> {
    let found = services
        .store
        .get::<bucket::Bucket>(Table::Buckets, name)?
        .ok_or_else(no_such_bucket)?;
    if found.tags.is_empty() {
        return Err(s3_error!(NoSuchTagSet, "The TagSet does not exist"));
    }
    Ok(S3Response::new(GetBucketTaggingOutput {
        tag_set: to_set(found.tags),
    }))
}
