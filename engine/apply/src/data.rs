//! Files into buckets, and out of them.

mod get;
mod list;
mod put;

use std::path::PathBuf;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::ObjectIdentifier;
use scar_schemas::record::ObjectVersion;

use crate::call::failed;
use crate::destroy::delete_batch;
use crate::{Cloud, Error};

pub use get::{Received, get, get_objects};
pub use list::list;
pub(crate) use list::{has_versions, list_each};
pub use put::{Upload, part_bytes, put, uploads};

/// Objects in transfer at once.
const PARALLEL: usize = 8;
/// Objects that one call can delete ("DeleteObjects", S3 API reference).
const DELETE_AT_ONCE: usize = 1_000;

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Bucket, key and version.
    pub object: ObjectVersion,
    /// Time of its last change, milliseconds since the Unix epoch.
    pub modified_ms: u64,
}

/// Progress of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transfer {
    /// Some bytes of an object went through.
    Bytes {
        /// Key of the object.
        key: String,
        /// Bytes since the last such event of this key.
        bytes: u64,
    },
    /// An object is complete.
    Done {
        /// The object.
        object: ObjectVersion,
    },
}

/// Makes a bucket, or finds it made by the same account.
///
/// # Errors
/// [`Error::Call`], for instance if the name is no bucket's.
pub async fn make_bucket(cloud: &Cloud, bucket: &str) -> Result<(), Error> {
    match cloud.s3.create_bucket().bucket(bucket).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
        Err(error) => Err(failed("CreateBucket", bucket)(error)),
    }
}

/// Deletes objects by key; a key that is not there is deleted already.
///
/// # Errors
/// [`Error::Call`].
pub async fn delete(cloud: &Cloud, bucket: &str, keys: &[String]) -> Result<(), Error> {
    for batch in keys.chunks(DELETE_AT_ONCE) {
        let identifier = |key: &String| ObjectIdentifier::builder().key(key).build().ok();
        delete_batch(cloud, bucket, batch.iter().filter_map(identifier).collect()).await?;
    }
    Ok(())
}

fn unreadable(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::File {
        path,
        action: "read",
        source,
    }
}

fn unwritable(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::File {
        path,
        action: "written",
        source,
    }
}
