//! Files into buckets, and out of them.

use std::path::{Path, PathBuf};

use scar_schemas::record::ObjectVersion;

use crate::{Cloud, Error};

/// A file to put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The file.
    pub path: PathBuf,
    /// Key it gets.
    pub key: String,
}

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

/// What [`get`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// Files that were written, in key order.
    pub files: Vec<(ObjectVersion, PathBuf)>,
    /// Objects whose key cannot be a file below the directory, with the reason.
    pub refused: Vec<(String, String)>,
}

/// The uploads for files and, recursively, directories: a file's key is the prefix and its name, that of
/// a file in a directory the prefix and its path from the directory on.
///
/// # Errors
/// [`Error::File`] if something is not there, [`Error::Name`].
pub fn uploads(paths: &[PathBuf], prefix: &str) -> Result<Vec<Upload>, Error> {
    let _ = (paths, prefix);
    todo!()
}

/// Puts files into a bucket, eight at a time, large ones in parts. The answer is in the order of `uploads`.
///
/// # Errors
/// [`Error::File`], [`Error::Call`]: the first that happens; objects complete by then stay.
pub async fn put(
    cloud: &Cloud,
    bucket: &str,
    uploads: &[Upload],
    on_transfer: &mut dyn FnMut(Transfer),
) -> Result<Vec<ObjectVersion>, Error> {
    let _ = (cloud, bucket, uploads, on_transfer);
    todo!()
}

/// Writes all objects below a prefix into a directory. A file is complete or not there, and no key leads
/// out of the directory.
///
/// # Errors
/// [`Error::File`], [`Error::Call`].
pub async fn get(
    cloud: &Cloud,
    bucket: &str,
    prefix: &str,
    directory: &Path,
    on_transfer: &mut dyn FnMut(Transfer),
) -> Result<Received, Error> {
    let _ = (cloud, bucket, prefix, directory, on_transfer);
    todo!()
}

/// Writes chosen objects into a directory under their keys without `prefix`.
///
/// # Errors
/// [`Error::File`], [`Error::Call`].
pub async fn get_objects(
    cloud: &Cloud,
    objects: &[ObjectVersion],
    prefix: &str,
    directory: &Path,
    on_transfer: &mut dyn FnMut(Transfer),
) -> Result<Received, Error> {
    let _ = (cloud, objects, prefix, directory, on_transfer);
    todo!()
}

/// All objects below a prefix, in key order.
///
/// # Errors
/// [`Error::Call`].
pub async fn list(cloud: &Cloud, bucket: &str, prefix: &str) -> Result<Vec<Listed>, Error> {
    let _ = (cloud, bucket, prefix);
    todo!()
}

/// Deletes objects by key; a key that is not there is deleted already.
///
/// # Errors
/// [`Error::Call`].
pub async fn delete(cloud: &Cloud, bucket: &str, keys: &[String]) -> Result<(), Error> {
    let _ = (cloud, bucket, keys);
    todo!()
}
