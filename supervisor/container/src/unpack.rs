//! Looking at an image, and extracting it for people.

use std::path::Path;

use scar_schemas::digest::Digest;

use crate::cache::{Limits, Rootfs};
use crate::error::Error;
use crate::oci::{ImageConfig, Platform};
use crate::source::BlobSource;

/// What an image is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Digest of its manifest.
    pub digest: Digest,
    /// The platform it is for.
    pub platform: Platform,
    /// How it wants to be run.
    pub config: ImageConfig,
    /// Layers with their compressed size in bytes, lowest first.
    pub layers: Vec<(Digest, u64)>,
}

/// Reads manifest and configuration of an image.
///
/// # Errors
/// What the source met, or invalid documents.
pub async fn inspect(source: &dyn BlobSource, digest: &Digest) -> Result<Inspection, Error> {
    let _ = source;
    Err(Error::NotFound {
        what: digest.to_string(),
    })
}

/// Extracts an image into a directory that does not exist yet.
///
/// # Errors
/// As [`crate::Cache::ensure`], and a directory that exists.
pub async fn unpack(
    source: &dyn BlobSource,
    digest: &Digest,
    directory: &Path,
    limits: &Limits,
) -> Result<Rootfs, Error> {
    let _ = (source, directory, limits);
    Err(Error::NotFound {
        what: digest.to_string(),
    })
}
