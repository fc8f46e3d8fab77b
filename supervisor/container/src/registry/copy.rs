//! Images from one place into a registry: what the registry has or can take from its neighbour is not
//! sent, and the rest goes through piece by piece, so that no layer is ever in memory.

use futures_util::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use scar_schemas::digest::Digest;

use crate::error::Error;
use crate::pack::DerivedImage;
use crate::reference::RegistryReference;
use crate::registry::Client;
use crate::registry::retry::{backoff, escape};
use crate::source::BlobSource;

/// Layers on their way at once.
const PARALLEL: usize = 3;
/// Starts of one layer, each from its beginning.
const MAX_TRIES: u32 = 4;

/// Where the layers are that a derived image shares with the image below.
pub struct Origin<'a> {
    /// Their bytes.
    pub blobs: &'a dyn BlobSource,
    /// The repository that they are in, if they are in one: the same registry can then share them
    /// between its repositories.
    pub repository: Option<&'a RegistryReference>,
}

/// How a layer got into the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was there.
    Present,
    /// The registry took it from another of its repositories.
    Mounted,
    /// All of its bytes were sent: how many.
    Copied(u64),
}

impl Client {
    /// Stores a derived image in the repository under `tag`. A push that was cut can be repeated and goes
    /// on with the first layer that is missing. `on_layer` hears of each blob when it is there.
    ///
    /// # Errors
    /// [`Error::Registry`] if the registry refuses or does not answer; what the source met.
    pub async fn push_derived(
        &self,
        image: &DerivedImage,
        origin: &Origin<'_>,
        tag: &str,
        on_layer: &(dyn Fn(Sent) + Sync),
    ) -> Result<(), Error> {
        let copies = image.layers.iter().map(async |(digest, bytes)| {
            on_layer(self.copy_again(origin, digest, *bytes).await?);
            Ok::<_, Error>(())
        });
        let copies: Vec<_> = copies.collect();
        stream::iter(copies)
            .buffer_unordered(PARALLEL)
            .try_collect::<()>()
            .await?;
        for (digest, bytes) in &image.image.blobs {
            let is_sent = self.push_blob(digest, bytes).await?;
            on_layer(match is_sent {
                true => Sent::Copied(bytes.len() as u64),
                false => Sent::Present,
            });
        }
        self.push_manifest(&image.image, Some(tag)).await
    }

    async fn copy_again(
        &self,
        origin: &Origin<'_>,
        digest: &Digest,
        bytes: u64,
    ) -> Result<Sent, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.copy(origin, digest, bytes).await {
                Err(error) if error.is_retryable() && tries < MAX_TRIES => {
                    tokio::time::sleep(backoff(tries)).await;
                }
                other => return other,
            }
        }
    }

    async fn copy(&self, origin: &Origin<'_>, digest: &Digest, bytes: u64) -> Result<Sent, Error> {
        if self.has_blob(digest).await? {
            return Ok(Sent::Present);
        }
        let Some(address) = self.begin_copy(origin, digest).await? else {
            return Ok(Sent::Mounted);
        };
        let pieces = origin.blobs.blob(digest).await?;
        let answer = self.http.send_all(&address, pieces, bytes).await?;
        match answer.status() {
            StatusCode::CREATED => Ok(Sent::Copied(bytes)),
            _ => Err(self.http.status(&answer)),
        }
    }

    /// The address that a layer goes to; `None` if the registry has found it by itself.
    async fn begin_copy(
        &self,
        origin: &Origin<'_>,
        digest: &Digest,
    ) -> Result<Option<String>, Error> {
        let from = origin.repository;
        let from = from.filter(|from| from.host == self.reference.host);
        let mount = from.map(|from| {
            let (digest, name) = (escape(digest.as_str()), escape(&from.repository));
            format!("?mount={digest}&from={name}")
        });
        let target = self.path(&format!("blobs/uploads/{}", mount.unwrap_or_default()));
        let answer = self.begin_upload(&target).await?;
        if answer.status() == StatusCode::CREATED {
            return Ok(None);
        }
        self.upload_address(&answer, digest).map(Some)
    }
}
