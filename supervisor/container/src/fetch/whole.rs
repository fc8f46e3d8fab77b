//! A blob as one stream that goes on where it broke.

use bytes::{Buf, Bytes};
use futures_util::{Stream, TryStreamExt, stream};

use super::{FIRST_WAIT, PART_BYTES, TRIES};
use crate::error::Error;
use crate::oci::Descriptor;
use crate::source::{BlobSource, BlobStream};

/// A blob that is being read.
pub(super) struct Whole<'a> {
    source: &'a dyn BlobSource,
    layer: &'a Descriptor,
    stream: Option<BlobStream>,
    /// Bytes that were given, or need not be.
    passed: u64,
    /// Bytes of the current stream that were given already.
    repeated: u64,
    tries: u32,
    /// Where the tries are counted from anew.
    goal: u64,
}

impl<'a> Whole<'a> {
    /// The bytes of a blob from this one on.
    pub(super) fn new(source: &'a dyn BlobSource, layer: &'a Descriptor, from: u64) -> Self {
        Self {
            source,
            layer,
            stream: None,
            passed: from,
            repeated: 0,
            tries: 1,
            goal: from + PART_BYTES,
        }
    }

    pub(super) fn stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'a {
        stream::try_unfold(self, async |mut whole| {
            let piece = whole.next().await?;
            Ok(piece.map(|piece| (piece, whole)))
        })
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.piece().await {
                // A stream that breaks after the last byte has given everything.
                Err(error) if error.is_retryable() && self.passed == self.layer.size => {
                    return Ok(None);
                }
                Err(error) if error.is_retryable() && self.tries < TRIES => {
                    tokio::time::sleep(FIRST_WAIT * (1 << (self.tries - 1))).await;
                    self.tries += 1;
                }
                other => return other,
            }
        }
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.open().await?,
        };
        while let Some(mut piece) = stream.try_next().await? {
            let repeated = piece
                .len()
                .min(usize::try_from(self.repeated).unwrap_or(usize::MAX));
            piece.advance(repeated);
            self.repeated -= repeated as u64;
            if !piece.is_empty() {
                self.passed += piece.len() as u64;
                if self.passed >= self.goal {
                    (self.tries, self.goal) = (1, self.passed + PART_BYTES);
                }
                self.stream = Some(stream);
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// The stream from the next byte on, or from the first if the source cannot do that.
    async fn open(&mut self) -> Result<BlobStream, Error> {
        let digest = &self.layer.digest;
        if self.passed > 0
            && let Some(rest) = self.source.rest(digest, self.passed).await?
        {
            self.repeated = 0;
            return Ok(rest);
        }
        self.repeated = self.passed;
        self.source.blob(digest).await
    }
}
