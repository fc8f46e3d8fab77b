//! The bytes of blobs: as one stream, or a part at a time.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::header::RANGE;
use http::{Response, StatusCode};
use http_body_util::BodyStream;
use hyper::body::Incoming;

use crate::error::Error;
use crate::registry::ask::Ask;
use crate::registry::http::{Http, SILENCE};
use crate::registry::retry::chain;
use crate::source::BlobStream;

impl Http {
    /// A blob, piece by piece.
    pub(crate) async fn stream(&self, path: &str) -> Result<BlobStream, Error> {
        let response = self.found(&Ask::get(path, "*/*")).await?;
        Ok(self.pieces(response))
    }

    /// A blob from this byte on, piece by piece; `None` if the registry answers with the whole blob.
    pub(crate) async fn rest(&self, path: &str, from: u64) -> Result<Option<BlobStream>, Error> {
        self.ranged(path, &format!("bytes={from}-")).await
    }

    /// These bytes of a blob; `None` if the registry answers with the whole blob.
    pub(crate) async fn part(&self, path: &str, range: Range<u64>) -> Result<Option<Bytes>, Error> {
        let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let Some(mut pieces) = self.ranged(path, &bytes).await? else {
            return Ok(None);
        };
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let mut part = BytesMut::with_capacity(length);
        while let Some(piece) = pieces.try_next().await? {
            part.extend_from_slice(&piece);
            if part.len() > length {
                break;
            }
        }
        if part.len() != length {
            return Err(self.unavailable("a part of a blob has another length than asked for"));
        }
        Ok(Some(part.freeze()))
    }

    async fn ranged(&self, path: &str, range: &str) -> Result<Option<BlobStream>, Error> {
        let ask = Ask::get(path, "*/*").header(RANGE, range);
        let response = self.found(&ask).await?;
        let is_part = response.status() == StatusCode::PARTIAL_CONTENT;
        Ok(is_part.then(|| self.pieces(response)))
    }

    fn pieces(&self, response: Response<Incoming>) -> BlobStream {
        let http = self.clone();
        let frames = BodyStream::new(response.into_body());
        let stream = stream::try_unfold((frames, http), async |(mut frames, http)| {
            loop {
                let next = tokio::time::timeout(SILENCE, frames.next()).await;
                let frame = match next {
                    Err(_) => return Err(http.unavailable("it stopped sending")),
                    Ok(None) => return Ok(None),
                    Ok(Some(Err(error))) => return Err(http.unavailable(chain(&error))),
                    Ok(Some(Ok(frame))) => frame,
                };
                if let Ok(data) = frame.into_data() {
                    return Ok(Some((data, (frames, http))));
                }
            }
        });
        Box::pin(stream)
    }
}
