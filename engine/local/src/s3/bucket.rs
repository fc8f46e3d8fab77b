//! Buckets and their settings.

use s3s::S3Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::no_such_bucket;
use super::notification::Notification;
use super::upload::{self, Upload};
use super::version::Versioning;
use crate::Error;
use crate::clock::now_ms;
use crate::services::Services;
use crate::store::{Table, Transaction};

/// A bucket, in `Table::Buckets` under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bucket {
    /// Its name.
    pub(crate) name: String,
    /// When it was made, milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
    /// Whether events of its objects go to EventBridge.
    pub(crate) event_bridge: bool,
    /// Functions and queues that are told of its objects.
    #[serde(default)]
    pub(crate) notifications: Vec<Notification>,
    /// What happens to objects that are replaced or deleted.
    #[serde(default)]
    pub(crate) versioning: Versioning,
    /// Tags.
    pub(crate) tags: Vec<(String, String)>,
    /// Properties of its CloudFormation resource that are only kept, such as lifecycle rules, and its
    /// policy under `Policy`.
    pub(crate) properties: Value,
}

impl Bucket {
    /// A new bucket that sends no events.
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            created_ms: now_ms(),
            event_bridge: false,
            notifications: Vec::new(),
            versioning: Versioning::Off,
            tags: Vec::new(),
            properties: Value::Null,
        }
    }
}

/// Why a bucket could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BucketError {
    /// S3's `InvalidBucketName`.
    #[error("the bucket name {0:?} is not valid")]
    InvalidName(String),
    /// S3's `BucketAlreadyOwnedByYou`.
    #[error("the bucket {0} exists already")]
    Exists(String),
    /// S3's `NoSuchBucket`.
    #[error("the bucket {0} does not exist")]
    Missing(String),
    /// S3's `BucketNotEmpty`.
    #[error("the bucket {0} is not empty")]
    NotEmpty(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Adds a bucket.
pub(crate) fn create_bucket(
    transaction: &mut Transaction<'_>,
    bucket: &Bucket,
) -> Result<(), BucketError> {
    check_bucket_name(&bucket.name)?;
    if transaction.contains(Table::Buckets, &bucket.name)? {
        return Err(BucketError::Exists(bucket.name.clone()));
    }
    Ok(transaction.put(Table::Buckets, &bucket.name, bucket)?)
}

/// Changes a bucket's settings.
pub(crate) fn update_bucket(
    transaction: &mut Transaction<'_>,
    name: &str,
    change: impl FnOnce(&mut Bucket),
) -> Result<(), BucketError> {
    let stored = transaction.get::<Bucket>(Table::Buckets, name)?;
    let mut bucket = stored.ok_or_else(|| BucketError::Missing(name.to_owned()))?;
    change(&mut bucket);
    Ok(transaction.put(Table::Buckets, name, &bucket)?)
}

/// Removes an empty bucket. Open multipart uploads do not keep it, and go with it.
pub(crate) fn delete_bucket(
    transaction: &mut Transaction<'_>,
    name: &str,
) -> Result<(), BucketError> {
    if !transaction.contains(Table::Buckets, name)? {
        return Err(BucketError::Missing(name.to_owned()));
    }
    let prefix = format!("{name}/");
    if transaction.has_any(Table::Objects, &prefix)?
        || transaction.has_any(Table::Versions, &prefix)?
    {
        return Err(BucketError::NotEmpty(name.to_owned()));
    }
    for (_, open) in transaction.list::<Upload>(Table::Uploads, &format!("{name}/"))? {
        upload::remove(transaction, name, &open, &[])?;
    }
    transaction.delete(Table::Buckets, name);
    Ok(())
}

/// The bucket, or S3's `NoSuchBucket`.
pub(super) fn require(services: &Services, name: &str) -> S3Result<Bucket> {
    services
        .store
        .get::<Bucket>(Table::Buckets, name)?
        .ok_or_else(no_such_bucket)
}

/// Checks the rules for names of general purpose buckets: 3 to 63 of `a-z 0-9 . -`, beginning and
/// ending with a letter or digit, no two dots in a row, not an IPv4 address
/// ("General purpose bucket naming rules" in the S3 user guide).
fn check_bucket_name(name: &str) -> Result<(), BucketError> {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
    };
    let edge = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let bytes = name.as_bytes();
    let good = (3..=63).contains(&bytes.len())
        && bytes.iter().copied().all(allowed)
        && edge(bytes.first())
        && edge(bytes.last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err();
    if good {
        Ok(())
    } else {
        Err(BucketError::InvalidName(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["abc", "a.b-c", "scar-000000000000-us-east-1-an", "1a2"] {
            assert!(check_bucket_name(good).is_ok(), "{good}");
        }
        for bad in [
            "ab", "Abc", "a..b", "-abc", "abc-", "1.2.3.4", "a_b", "a/b", "é12", "",
        ] {
            assert!(check_bucket_name(bad).is_err(), "{bad}");
        }
    }
}
