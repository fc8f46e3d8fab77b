//! The bytes of a layer in order and verified, whatever way they come: large layers of distant sources in
//! parts, several at once, each asked for again alone if its connection breaks; others as one stream, which
//! goes on where it broke.

mod whole;

use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use scar_schemas::digest::Digest;
use tokio::sync::mpsc::Sender;

use crate::error::Error;
use crate::hash::Hasher;
use crate::oci::Descriptor;
use crate::source::BlobSource;
use whole::Whole;

/// Bytes of one part. Smaller ones cost requests, larger ones memory and repeated work.
const PART_BYTES: u64 = 2 << 20;
/// Parts on their way at once: one connection to S3 carries about a fifth of what a function can take.
const PARTS_AT_ONCE: usize = 4;
/// A source that gives the first part of an image within this time fills one connection faster than layers
/// are extracted, and a request for every part would only be work for both sides.
const NEAR: Duration = Duration::from_millis(30);
/// Bytes of one piece of a part.
const PIECE_BYTES: usize = 128 << 10;
/// Tries of one part or stream.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// How far away a source is. What it takes for a part tells that only as long as nothing is extracted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distance {
    Unknown,
    /// One stream is as good as many, or all that it can give.
    Near,
    Far,
}

/// Sends the layer's bytes, and last the failure if there is one: what the source met, or bytes that do
/// not have the layer's digest. Gives whether the next layer is wanted.
pub(crate) async fn send(
    number: usize,
    source: &dyn BlobSource,
    layer: &Descriptor,
    distance: &mut Distance,
    sender: &Sender<Result<Bytes, Error>>,
) -> bool {
    let mut verifier = Verifier::new(number, layer);
    let sent = async {
        let mut pieces = pieces_of(source, layer, distance).await?;
        while let Some(piece) = pieces.try_next().await? {
            verifier.take(&piece)?;
            if sender.send(Ok(piece)).await.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let failure = match sent.await {
        Ok(true) => verifier.finish().err(),
        Ok(false) => return false,
        Err(error) => Some(error),
    };
    match failure {
        None => true,
        Some(error) => {
            // If nobody listens, nobody wants to know.
            let _ = sender.send(Err(error)).await;
            false
        }
    }
}

/// Counts and hashes what passes.
struct Verifier<'a> {
    number: usize,
    layer: &'a Descriptor,
    hasher: Hasher,
    left: u64,
}

impl<'a> Verifier<'a> {
    fn new(number: usize, layer: &'a Descriptor) -> Self {
        Self {
            number,
            layer,
            hasher: Hasher::default(),
            left: layer.size,
        }
    }

    /// Takes the next bytes. Longer than the manifest says cannot have the right digest, and need not be
    /// read to the end.
    fn take(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.hasher.update(piece);
        match self.left.checked_sub(piece.len() as u64) {
            Some(left) => self.left = left,
            None => return std::mem::replace(self, Self::new(self.number, self.layer)).finish(),
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Error> {
        let Self { number, layer, .. } = self;
        let actual = self.hasher.digest();
        if actual == layer.digest {
            return Ok(());
        }
        Err(Error::Digest {
            what: format!("layer {} ({})", number + 1, layer.digest),
            expected: layer.digest.clone(),
            actual,
        })
    }
}

/// A stream of the layer's bytes as the source gives them.
async fn pieces_of<'a>(
    source: &'a dyn BlobSource,
    layer: &'a Descriptor,
    distance: &mut Distance,
) -> Result<stream::BoxStream<'a, Result<Bytes, Error>>, Error> {
    if layer.size <= PART_BYTES || *distance == Distance::Near {
        return Ok(Whole::new(source, layer, 0).stream().boxed());
    }
    let start = Instant::now();
    let Some(first) = part(source, &layer.digest, 0..PART_BYTES).await? else {
        *distance = Distance::Near;
        return Ok(Whole::new(source, layer, 0).stream().boxed());
    };
    if *distance == Distance::Unknown {
        *distance = match start.elapsed() < NEAR {
            true => Distance::Near,
            false => Distance::Far,
        };
    }
    let first = pieces(first);
    Ok(match *distance {
        Distance::Near => first
            .chain(Whole::new(source, layer, PART_BYTES).stream())
            .boxed(),
        _ => first
            .chain(parts(source, layer).map_ok(pieces).try_flatten())
            .boxed(),
    })
}

/// A part in small pieces, so that what counts pieces to bound its memory bounds it here too.
fn pieces(mut part: Bytes) -> impl Stream<Item = Result<Bytes, Error>> {
    stream::iter(std::iter::from_fn(move || {
        let length = part.len().min(PIECE_BYTES);
        (length > 0).then(|| Ok(part.split_to(length)))
    }))
}

/// All parts but the first, in order.
fn parts<'a>(
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
mod tests;
