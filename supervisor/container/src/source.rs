//! Where the bytes of images come from.

use std::ops::Range;

use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use futures_util::stream::BoxStream;
use scar_schemas::digest::Digest;

use crate::error::Error;

/// The bytes of one blob, in order. The reader verifies them; a source need not.
pub type BlobStream = BoxStream<'static, Result<Bytes, Error>>;

/// A store of one image's manifest and blobs, addressed by digest: a registry, a layout, a bucket.
pub trait BlobSource: Send + Sync {
    /// The bytes of the manifest (or index) with this digest. The caller verifies them.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; otherwise what the source met.
    fn manifest<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Bytes, Error>>;

    /// A stream of the blob with this digest. The caller verifies it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; otherwise what the source met.
    fn blob<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<BlobStream, Error>>;

    /// These bytes of the blob, all of them; `None` if the source can only give whole blobs. The caller
    /// verifies the blob.
    ///
    /// # Errors
    /// As [`BlobSource::blob`].
    fn part<'a>(
        &'a self,
        _digest: &'a Digest,
        _range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        Box::pin(ready(Ok(None)))
    }

    /// A stream of the blob from this byte on; `None` if the source can only give whole blobs. The caller
    /// verifies the blob.
    ///
    /// # Errors
    /// As [`BlobSource::blob`].
    fn rest<'a>(
        &'a self,
        _digest: &'a Digest,
        _from: u64,
    ) -> BoxFuture<'a, Result<Option<BlobStream>, Error>> {
        Box::pin(ready(Ok(None)))
    }
}
