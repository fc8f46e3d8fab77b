//! Objects: what is kept of them, and how one replaces another.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::StreamExt;
use s3s::dto::{ETag, Timestamp};
use s3s::{S3Result, s3_error};
use scar_schemas::event::{BusBucket, BusDetail, BusEvent, BusObject, OBJECT_CREATED, SOURCE};
use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::checksum::Checksums;
use super::condition::WriteCondition;
use super::fault::no_such_bucket;
use super::notification;
use super::version::{self, Identity};
use crate::services::Services;
use crate::store::{Blob, Table, Transaction};
use crate::{Error, clock, events, random};

/// Metadata of an object, in `Table::Objects` under `<bucket>/<key>`: bucket names have no slash.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Object {
    /// Bytes.
    pub(super) size: u64,
    /// Without quotes.
    pub(super) etag: String,
    /// Milliseconds since the Unix epoch.
    pub(super) modified_ms: u64,
    /// The bytes, in order. A multipart object has one piece per part.
    pub(super) pieces: Vec<Piece>,
    /// Whether it came by a multipart upload.
    pub(super) is_multipart: bool,
    /// Headers that are returned as they were given.
    pub(super) headers: Headers,
    /// User metadata, without the `x-amz-meta-` prefix.
    pub(super) metadata: BTreeMap<String, String>,
    /// Checksums of the whole object.
    pub(super) checksums: Checksums,
    /// Whether the checksums are those of the whole bytes, not of the parts' checksums.
    pub(super) has_full_checksums: bool,
    /// Tags.
    pub(super) tags: Vec<(String, String)>,
    /// Version id, if the bucket kept versions when it was written.
    #[serde(default)]
    pub(super) version_id: Option<String>,
    /// Its place among the versions of its key.
    #[serde(default)]
    pub(super) ordinal: String,
}

/// Headers that S3 keeps with an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Headers {
    pub(super) content_type: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) cache_control: Option<String>,
}

/// Takes the headers that S3 keeps out of the input of an operation.
macro_rules! headers_of {
    ($input:expr) => {
        $crate::s3::object::Headers {
            content_type: $input.content_type,
            content_encoding: $crate::s3::object::stored_encoding($input.content_encoding),
            content_language: $input.content_language,
            content_disposition: $input.content_disposition,
            cache_control: $input.cache_control,
        }
    };
}

pub(super) use headers_of;

/// `aws-chunked` says how the request was sent, not what the object is.
pub(super) fn stored_encoding(encoding: Option<String>) -> Option<String> {
    let encoding = encoding?;
    let kept = encoding
        .split(',')
        .map(str::trim)
        .filter(|part| *part != "aws-chunked" && !part.is_empty());
    Some(kept.collect::<Vec<_>>().join(",")).filter(|kept| !kept.is_empty())
}

impl Object {
    /// An object of no bytes, to be filled in.
    pub(super) fn empty() -> Self {
        Self {
            size: 0,
            etag: String::new(),
            modified_ms: 0,
            pieces: Vec::new(),
            is_multipart: false,
            headers: Headers::default(),
            metadata: BTreeMap::new(),
            checksums: Checksums::new(),
            has_full_checksums: true,
            tags: Vec::new(),
            version_id: None,
            ordinal: String::new(),
        }
    }
}

/// Some bytes of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) blob: Blob,
    pub(super) size: u64,
}

/// Why an object could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// No such bucket or key.
    #[error("there is no object {key:?} in the bucket {bucket}")]
    Missing {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// It is larger than the caller takes.
    #[error("the object has {size} bytes, more than the {limit} allowed")]
    TooLarge {
        /// Bytes of the object.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Its bytes cannot be read.
    #[error("the object's bytes cannot be read")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// The key of an object in its table.
pub(super) fn row(bucket: &str, key: &str) -> String {
    format!("{bucket}/{key}")
}

/// A whole object of at most `limit` bytes, for services that take packages and templates from S3.
pub(crate) async fn read_object(
    services: &Services,
    bucket: &str,
    key: &str,
    limit: u64,
) -> Result<Bytes, ReadError> {
    let missing = || ReadError::Missing {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
    };
    let object = services
        .store
        .get::<Object>(Table::Objects, &row(bucket, key))?
        .ok_or_else(missing)?;
    if object.size > limit {
        return Err(ReadError::TooLarge {
            size: object.size,
            limit,
        });
    }
    let body = super::body::send(services.store.blobs(), &object.pieces, 0..object.size).await;
    let mut body = body.map_err(|error| ReadError::Body(error.into()))?;
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk.map_err(ReadError::Body)?);
    }
    Ok(bytes.into())
}

/// What made an object, in the words of S3's events.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reason {
    Put,
    Copy,
    Complete,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Self::Put => "PutObject",
            Self::Copy => "CopyObject",
            Self::Complete => "CompleteMultipartUpload",
        }
    }

    /// Name of the notification, without its prefix.
    pub(super) fn event(self) -> &'static str {
        match self {
            Self::Put => "ObjectCreated:Put",
            Self::Copy => "ObjectCreated:Copy",
            Self::Complete => "ObjectCreated:CompleteMultipartUpload",
        }
    }
}

/// The place an object is written to, and under which conditions.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) condition: WriteCondition,
    pub(super) account: String,
    pub(super) region: String,
}

impl Target {
    pub(super) fn new(
        services: &Services,
        bucket: String,
        key: String,
        condition: WriteCondition,
    ) -> S3Result<Self> {
        // "Object key naming": at most 1,024 bytes of UTF-8.
        if key.len() > 1024 {
            return Err(s3_error!(KeyTooLongError, "Your key is too long"));
        }
        let (account, region) = (
            services.settings.account.clone(),
            services.settings.region.clone(),
        );
        Ok(Self {
            bucket,
            key,
            condition,
            account,
            region,
        })
    }
}

/// Puts an object in its place: checks the conditions, releases what it replaces, and tells of it if
/// the bucket wants that. All of this is one transaction.
pub(super) fn replace(
    transaction: &mut Transaction<'_>,
    target: &Target,
    object: &mut Object,
    reason: Reason,
) -> S3Result<()> {
    let bucket = transaction
        .get::<Bucket>(Table::Buckets, &target.bucket)?
        .ok_or_else(no_such_bucket)?;
    let row = row(&target.bucket, &target.key);
    let current = transaction.get::<Object>(Table::Objects, &row)?;
    target.condition.check(current.as_ref())?;
    version::retire(transaction, &target.bucket, &target.key, bucket.versioning)?;
    Identity::next(transaction, bucket.versioning)?.give(object);
    transaction.put(Table::Objects, &row, object)?;
    if !bucket.event_bridge && bucket.notifications.is_empty() {
        return Ok(());
    }
    let sequence = transaction.next_number("object")?;
    if bucket.event_bridge {
        events::publish(
            transaction,
            &created_event(target, object, reason, sequence),
        )?;
    }
    notification::tell(transaction, &bucket, target, object, reason, sequence)?;
    Ok(())
}

/// Gives up the bytes of an object.
pub(super) fn release(transaction: &mut Transaction<'_>, object: &Object) {
    for piece in &object.pieces {
        transaction.release(&piece.blob);
    }
}

fn created_event(target: &Target, object: &Object, reason: Reason, sequence: u64) -> BusEvent {
    BusEvent {
        version: "0".to_owned(),
        id: random::uuid(),
        detail_type: OBJECT_CREATED.to_owned(),
        source: SOURCE.to_owned(),
        account: target.account.clone(),
        time: clock::rfc3339(object.modified_ms / 1000 * 1000).replace(".000Z", "Z"),
        region: target.region.clone(),
        resources: vec![format!("arn:aws:s3:::{}", target.bucket)],
        detail: BusDetail {
            version: "0".to_owned(),
            bucket: BusBucket {
                name: target.bucket.clone(),
            },
            object: BusObject {
                key: target.key.clone(),
                size: object.size,
                etag: object.etag.clone(),
                version_id: object.version_id.clone(),
                sequencer: Some(format!("{sequence:016X}")),
            },
            request_id: Some(random::hex(8).to_uppercase()),
            requester: Some(target.account.clone()),
            reason: Some(reason.name().to_owned()),
        },
    }
}

impl Object {
    pub(super) fn etag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }

    pub(super) fn modified(&self) -> Timestamp {
        timestamp(self.modified_ms)
    }
}

/// A time as S3 structures have it.
pub(super) fn timestamp(time_ms: u64) -> Timestamp {
    Timestamp::from(UNIX_EPOCH + Duration::from_millis(time_ms))
}

/// Sizes on the wire are signed.
pub(super) fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
