//! Images on disk: OCI layouts, OCI archives, and the files of `docker save`.

use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use scar_schemas::digest::Digest;

use crate::error::Error;
use crate::source::{BlobSource, BlobStream};

/// One image on disk, whatever form it has there.
#[derive(Debug, Clone)]
pub struct Layout {
    digest: Digest,
}

impl Layout {
    /// Opens a folder (OCI layout) or file (OCI archive, or what `docker save` writes) and finds in it
    /// the image for this machine, by its name if there are several.
    ///
    /// # Errors
    /// A missing or invalid file, no image of that name or platform.
    pub fn open(path: &Path, name: Option<&str>) -> Result<Self, Error> {
        let _ = name;
        Err(Error::NotFound {
            what: path.display().to_string(),
        })
    }

    /// Digest of the image's manifest.
    #[must_use]
    pub fn manifest_digest(&self) -> &Digest {
        &self.digest
    }

    /// Every blob of the image with its size in bytes: manifest, configuration, layers.
    #[must_use]
    pub fn blobs(&self) -> Vec<(Digest, u64)> {
        Vec::new()
    }

    /// The bytes of one blob.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not one of [`Layout::blobs`].
    pub fn open_blob(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, Error> {
        Err(Error::NotFound {
            what: digest.to_string(),
        })
    }
}

impl BlobSource for Layout {
    fn manifest<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Bytes, Error>> {
        Box::pin(async move {
            Err(Error::NotFound {
                what: digest.to_string(),
            })
        })
    }

    fn blob<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<BlobStream, Error>> {
        Box::pin(async move {
            Err(Error::NotFound {
                what: digest.to_string(),
            })
        })
    }
}
