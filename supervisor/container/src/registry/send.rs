//! A stream of bytes into a registry.

use std::error::Error as StdError;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};

use crate::error::Error;
use crate::https::RequestBody;
use crate::registry::http::Http;
use crate::registry::retry::chain;
use crate::source::BlobStream;

/// Longest time in which no byte is taken; after the last one a registry checks the whole blob.
const STANDSTILL: Duration = Duration::from_secs(120);

impl Http {
    /// Sends a blob to the address that its upload was given. Memory does not grow with the blob.
    pub(crate) async fn send_all(
        &self,
        address: &str,
        pieces: BlobStream,
        bytes: u64,
    ) -> Result<Response<Incoming>, Error> {
        let uri = self.uri_of(address)?;
        let mut request = Request::put(uri.clone())
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, bytes);
        // Another host that the registry names gets no password.
        if uri.authority() == self.uri_of("/")?.authority()
            && let Some(authorization) = self.remembered()
        {
            request = request.header(AUTHORIZATION, authorization);
        }
        let taken = Arc::new(AtomicU64::new(0));
        let request = request.body(counted(pieces, &taken));
        let request = request.map_err(|error| self.refused(error))?;
        let mut sending = pin!(self.client.request(request));
        let mut before = u64::MAX;
        loop {
            match tokio::time::timeout(STANDSTILL, &mut sending).await {
                Ok(answer) => return answer.map_err(|error| self.unavailable(chain(&error))),
                Err(_) if taken.load(Ordering::Relaxed) == before => {
                    return Err(self.unavailable("it takes no more bytes"));
                }
                Err(_) => before = taken.load(Ordering::Relaxed),
            }
        }
    }
}

fn counted(pieces: BlobStream, taken: &Arc<AtomicU64>) -> RequestBody {
    let taken = Arc::clone(taken);
    let frames = pieces
        .map_ok(move |piece| {
            taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
            Frame::data(piece)
        })
        .map_err(|error| Box::new(error) as Box<dyn StdError + Send + Sync>);
    StreamBody::new(frames).boxed_unsync()
}
