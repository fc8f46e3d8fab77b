//! Extracted images on disk, one per digest, shared by threads and processes.

use std::path::PathBuf;

use scar_schemas::digest::Digest;

use crate::error::Error;
use crate::oci::ImageConfig;
use crate::source::BlobSource;

/// A directory of extracted images.
#[derive(Debug, Clone)]
pub struct Cache {
    directory: PathBuf,
}

/// An extracted image. Nobody changes it: runs write elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rootfs {
    /// The root directory.
    pub path: PathBuf,
    /// How the image wants to be run.
    pub config: ImageConfig,
    /// Digest of its manifest.
    pub digest: Digest,
}

/// What an image may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files together.
    pub unpacked_bytes: u64,
    /// Entries of all layers together.
    pub entries: u64,
    /// Unpacked bytes for each compressed byte of a layer, beyond the first 64 MiB.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked_bytes: 32 << 30,
            entries: 2_000_000,
            ratio: 200,
        }
    }
}

impl Cache {
    /// A cache in this directory, which is made when it is needed.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The extracted image with this manifest digest, if it is there already.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Rootfs> {
        let _ = (digest, &self.directory);
        None
    }

    /// The extracted image with this manifest digest; pulls it from `source` if it is not there.
    ///
    /// # Errors
    /// What the source met, damaged or hostile content, an exceeded limit, or a full disk. Nothing
    /// of the image is left then.
    pub async fn ensure(
        &self,
        source: &dyn BlobSource,
        digest: &Digest,
        limits: &Limits,
    ) -> Result<Rootfs, Error> {
        let _ = (source, limits);
        self.get(digest).ok_or_else(|| Error::NotFound {
            what: digest.to_string(),
        })
    }
}
