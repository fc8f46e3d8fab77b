//! A blob as one stream that goes on where it broke.

use bytes::{Buf, Bytes};
use futures_util::{Stream, TryStreamExt, stream};
use scar_schemas::digest::Digest;

use super::{FIRST_WAIT, TRIES};
use crate::error::Error;
use crate::source::{BlobSource, BlobStream};

/// A blob that is being read.
pub(super) struct Whole<'a> {
    source: &'a dyn BlobSource,
    digest: &'a Digest,
    stream: Option<BlobStream>,
    /// Bytes that were given.
    passed: u64,
    /// Bytes of the current stream that were given already.
    repeated: u64,
    tries: u32,
}

impl<'a> Whole<'a> {
    pub(super) fn new(source: &'a dyn BlobSource, digest: &'a Digest) -> Self {
        Self {
            source,
            digest,
            stream: None,
            passed: 0,
            repeated: 0,
            tries: 1,
        }
    }

    pub(super) fn stream(self) -> impl Stream<Item = Result<Bytes, Error>> + 'a {
        stream::try_unfold(self, async |mut whole| {
            let piece = whole.next().await?;
            Ok(piece.map(|piece| (piece, whole)))
        })
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.piece().await {
                Err(error) if error.is_retryable() && self.tries < TRIES => {
                    tokio::time::sleep(FIRST_WAIT * (1 << (self.tries - 1))).await;
                    self.tries += 1;
                    self.stream = None;
                    self.repeated = self.passed;
                }
                other => return other,
            }
        }
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(self.source.blob(self.digest).await?),
        };
        while let Some(mut piece) = stream.try_next().await? {
            let repeated = piece
                .len()
                .min(usize::try_from(self.repeated).unwrap_or(usize::MAX));
            piece.advance(repeated);
            self.repeated -= repeated as u64;
            if !piece.is_empty() {
                self.passed += piece.len() as u64;
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}
