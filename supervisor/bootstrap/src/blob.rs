//! An image that lies in a bucket, as the container crate wants to read it.

use std::ops::Range;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use futures_util::{FutureExt, StreamExt};
use scar_container::{BlobSource, BlobStream, Error};
use scar_schemas::digest::Digest;

use crate::store::{Location, Store, StoreError};

/// No manifest is larger (OCI distribution specification: 4 MiB).
const MAX_MANIFEST_BYTES: u64 = 4 * 1024 * 1024;

/// An OCI layout below a key prefix.
pub(crate) struct BucketImage<'a> {
    /// The store.
    pub(crate) store: &'a Store,
    /// Real bucket name.
    pub(crate) bucket: &'a str,
    /// Key prefix with its closing slash.
    pub(crate) prefix: &'a str,
}

impl BucketImage<'_> {
    fn at(&self, digest: &Digest) -> Location {
        Location::new(
            self.bucket,
            format!("{}blobs/sha256/{}", self.prefix, digest.hex()),
        )
    }
}

impl BlobSource for BucketImage<'_> {
    fn manifest<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Bytes, Error>> {
        async move {
            let at = self.at(digest);
            let found = self.store.get(&at, MAX_MANIFEST_BYTES).await;
            match found.map_err(|error| failed(&at, error))? {
                Some((_, bytes)) => Ok(bytes),
                None => Err(missing(&at)),
            }
        }
        .boxed()
    }

    fn blob<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<BlobStream, Error>> {
        async move {
            let at = self.at(digest);
            let found = self
                .store
                .open(&at)
                .await
                .map_err(|error| failed(&at, error))?;
            let (_, body) = found.ok_or_else(|| missing(&at))?;
            let chunks = stream::try_unfold((body, at), |(mut body, at)| async move {
                match body.next().await {
                    None => Ok(None),
                    Some(Ok(chunk)) => Ok(Some((chunk, (body, at)))),
                    Some(Err(error)) => Err(Error::source(text(&at), true, error)),
                }
            });
            Ok(chunks.boxed())
        }
        .boxed()
    }

    fn part<'a>(
        &'a self,
        digest: &'a Digest,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        async move {
            let at = self.at(digest);
            let part = self.store.part(&at, range).await;
            let part = part.map_err(|error| failed(&at, error))?;
            part.map(Some).ok_or_else(|| missing(&at))
        }
        .boxed()
    }
}

fn text(at: &Location) -> String {
    format!("s3://{}/{}", at.bucket, at.key)
}

fn missing(at: &Location) -> Error {
    Error::NotFound { what: text(at) }
}

/// Another attempt may help, also after a refusal: credentials end, and a role is not usable at once.
fn failed(at: &Location, error: StoreError) -> Error {
    let is_retryable = !matches!(error, StoreError::File { .. });
    Error::source(text(at), is_retryable, error)
}
