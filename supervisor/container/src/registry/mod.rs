//! A client for image registries, after the OCI distribution specification 1.1.

mod ask;
mod blob;
mod copy;
mod credentials;
mod http;
mod push;
mod retry;
mod send;
pub(crate) mod token;

use std::ops::Range;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use scar_schemas::digest::Digest;

use crate::error::Error;
use crate::oci::{ACCEPT, Document, Platform};
use crate::reference::{RegistryReference, Version};
use crate::source::{BlobSource, BlobStream};
use crate::unpack;
use http::Http;

pub use copy::{Origin, Sent};
pub use credentials::Credentials;

/// A client for one repository of one registry.
#[derive(Clone)]
pub struct Client {
    reference: RegistryReference,
    http: Http,
}

impl Client {
    /// A client for the repository of `reference`. With `plain_http` a loopback host is asked without TLS.
    ///
    /// # Errors
    /// Plain HTTP for another host, or no trusted certificates on this machine.
    pub fn new(
        reference: &RegistryReference,
        credentials: Credentials,
        plain_http: bool,
    ) -> Result<Self, Error> {
        let http = Http::new(reference, credentials, plain_http)?;
        Ok(Self {
            reference: reference.clone(),
            http,
        })
    }

    /// The digest of the image's manifest for a platform, as the reference means it now.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Platform`], [`Error::Registry`] or invalid documents.
    pub async fn resolve(&self, platform: &Platform) -> Result<Digest, Error> {
        let digest = match &self.reference.version {
            Version::Digest(digest) => digest.clone(),
            Version::Tag(tag) => {
                let (bytes, content_type) = self.document(tag).await?;
                let digest = Digest::of(&bytes);
                match Document::read(&bytes, content_type.as_deref())? {
                    Document::Manifest(_) => return Ok(digest),
                    Document::Index(index) => index.select(platform)?.digest.clone(),
                }
            }
        };
        Ok(unpack::manifest(self, &digest, platform).await?.0)
    }

    async fn document(&self, version: &str) -> Result<(Bytes, Option<String>), Error> {
        let path = format!("/v2/{}/manifests/{version}", self.reference.repository);
        self.http.document(&path, ACCEPT).await
    }
}

impl BlobSource for Client {
    fn manifest<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Bytes, Error>> {
        Box::pin(async move { Ok(self.document(digest.as_str()).await?.0) })
    }

    fn blob<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<BlobStream, Error>> {
        Box::pin(async move {
            let path = format!("/v2/{}/blobs/{digest}", self.reference.repository);
            self.http.stream(&path).await
        })
    }

    fn part<'a>(
        &'a self,
        digest: &'a Digest,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            let path = format!("/v2/{}/blobs/{digest}", self.reference.repository);
            self.http.part(&path, range).await
        })
    }

    fn rest<'a>(
        &'a self,
        digest: &'a Digest,
        from: u64,
    ) -> BoxFuture<'a, Result<Option<BlobStream>, Error>> {
        Box::pin(async move {
            let path = format!("/v2/{}/blobs/{digest}", self.reference.repository);
            self.http.rest(&path, from).await
        })
    }
}
