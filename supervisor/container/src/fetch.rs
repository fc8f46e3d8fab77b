//! The bytes of a layer in order, whatever way they come: large layers in parts, several at once, each
//! asked for again alone if its connection breaks; others, and those of sources that know no parts, as
//! one stream.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use scar_schemas::digest::Digest;

use crate::error::Error;
use crate::oci::Descriptor;
use crate::source::BlobSource;

/// Bytes of one part. Smaller ones cost requests, larger ones memory and repeated work.
const PART_BYTES: u64 = 4 << 20;
/// Parts on their way at once: one connection to S3 carries about a fifth of what a function can take.
const PARTS_AT_ONCE: usize = 3;
/// Bytes of one piece of a part.
const PIECE_BYTES: usize = 128 << 10;
/// Tries of one part.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// A stream of the layer's bytes.
pub(crate) async fn layer<'a>(
    source: &'a dyn BlobSource,
    layer: &'a Descriptor,
) -> Result<stream::BoxStream<'a, Result<Bytes, Error>>, Error> {
    if layer.size > PART_BYTES {
        let first = part(source, &layer.digest, 0..PART_BYTES).await?;
        if let Some(first) = first {
            let first = stream::iter([Ok(first)]);
            let parts = first.chain(rest(source, layer));
            return Ok(parts.map_ok(pieces).try_flatten().boxed());
        }
    }
    Ok(source.blob(&layer.digest).await?.boxed())
}

/// A part in small pieces, so that what counts pieces to bound its memory bounds it here too.
fn pieces(mut part: Bytes) -> impl Stream<Item = Result<Bytes, Error>> {
    stream::iter(std::iter::from_fn(move || {
        let length = part.len().min(PIECE_BYTES);
        (length > 0).then(|| Ok(part.split_to(length)))
    }))
}

/// All parts but the first, in order.
fn rest<'a>(
    source: &'a dyn BlobSource,
    layer: &'a Descriptor,
) -> impl Stream<Item = Result<Bytes, Error>> + 'a {
    let count = layer.size.div_ceil(PART_BYTES);
    stream::iter(1..count)
        .map(move |number| {
            let start = number * PART_BYTES;
            let range = start..layer.size.min(start + PART_BYTES);
            part(source, &layer.digest, range)
        })
        .buffered(PARTS_AT_ONCE)
        .and_then(async |part| {
            part.ok_or_else(|| {
                let changed = std::io::Error::other("it gave parts and does no more");
                Error::source("the source of the image", true, changed)
            })
        })
}

/// One part, tried again while that can help. `None` if the source knows no parts.
async fn part(
    source: &dyn BlobSource,
    digest: &Digest,
    range: Range<u64>,
) -> Result<Option<Bytes>, Error> {
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match source.part(digest, range.clone()).await {
            Err(error) if error.is_retryable() => tokio::time::sleep(wait).await,
            other => return other,
        }
        wait *= 2;
    }
    source.part(digest, range).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::oci::LAYER_TAR;
    use crate::source::BlobStream;

    /// A source whose every other answer breaks.
    struct Shaky {
        blob: Bytes,
        asked: AtomicU32,
        knows_parts: bool,
    }

    impl BlobSource for Shaky {
        fn manifest<'a>(&'a self, _: &'a Digest) -> BoxFuture<'a, Result<Bytes, Error>> {
            unreachable!("only layers are asked for")
        }

        fn blob<'a>(&'a self, _: &'a Digest) -> BoxFuture<'a, Result<BlobStream, Error>> {
            let blob = self.blob.clone();
            async move { Ok(stream::iter([Ok(blob)]).boxed()) }.boxed()
        }

        fn part<'a>(
            &'a self,
            _: &'a Digest,
            range: Range<u64>,
        ) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
            async move {
                if !self.knows_parts {
                    return Ok(None);
                }
                if self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                    let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                    return Err(Error::source("the network", true, cut));
                }
                let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
                Ok(Some(self.blob.slice(start..end)))
            }
            .boxed()
        }
    }

    #[tokio::test]
    async fn broken_parts_are_asked_for_again() {
        let size = 3 * PART_BYTES + 5;
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        for knows_parts in [true, false] {
            let source = Shaky {
                blob: bytes.clone().into(),
                asked: AtomicU32::new(0),
                knows_parts,
            };
            let described = Descriptor {
                media_type: LAYER_TAR.into(),
                digest: Digest::of(&bytes),
                size,
                platform: None,
                annotations: Default::default(),
            };
            let stream = layer(&source, &described).await.unwrap();
            let got: Vec<Bytes> = stream.try_collect().await.unwrap();
            assert!(got.concat() == bytes);
        }
    }
}
