//! The push half of the OCI distribution specification 1.1: blobs first, the manifest last, so that a
//! manifest never names a blob that is not there.

use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use scar_schemas::digest::Digest;

use crate::error::Error;
use crate::oci::MANIFEST;
use crate::pack::BuiltImage;
use crate::registry::Client;
use crate::registry::ask::Ask;

const BINARY: &str = "application/octet-stream";

impl Client {
    /// Stores an image in the repository under its digest, and under `tag` if there is one. What is
    /// there already is not sent again, so that a push that was cut can be repeated. Gives whether
    /// anything was sent.
    ///
    /// # Errors
    /// [`Error::Registry`] if the registry refuses or does not answer.
    pub async fn push(&self, image: &BuiltImage, tag: Option<&str>) -> Result<bool, Error> {
        if tag.is_none() && self.has_manifest(&image.digest).await? {
            return Ok(false);
        }
        for (digest, bytes) in &image.blobs {
            self.push_blob(digest, bytes).await?;
        }
        self.push_manifest(image, tag).await?;
        Ok(true)
    }

    /// Stores a blob; gives whether it was sent.
    pub(crate) async fn push_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<bool, Error> {
        if self.has_blob(digest).await? {
            return Ok(false);
        }
        self.upload(digest, bytes).await?;
        Ok(true)
    }

    /// Stores the manifest of an image whose blobs are there.
    pub(crate) async fn push_manifest(
        &self,
        image: &BuiltImage,
        tag: Option<&str>,
    ) -> Result<(), Error> {
        let version = tag.map_or_else(|| image.digest.to_string(), str::to_owned);
        let path = self.path(&format!("manifests/{version}"));
        let put = Ask::new(Method::PUT, &path)
            .header(CONTENT_TYPE, MANIFEST)
            .body(image.manifest.clone());
        self.http.ask(&put, &[StatusCode::CREATED]).await?;
        Ok(())
    }

    /// Whether the repository has an image of this digest.
    ///
    /// # Errors
    /// [`Error::Registry`] if the registry refuses or does not answer.
    pub async fn has_manifest(&self, digest: &Digest) -> Result<bool, Error> {
        self.has(&format!("manifests/{digest}"), MANIFEST).await
    }

    /// Whether the repository has a blob.
    pub(crate) async fn has_blob(&self, digest: &Digest) -> Result<bool, Error> {
        self.has(&format!("blobs/{digest}"), "*/*").await
    }

    /// Asks for an upload; the answer is that of the registry.
    pub(crate) async fn begin_upload(&self, target: &str) -> Result<Response<Incoming>, Error> {
        let post = Ask::new(Method::POST, target).header(CONTENT_LENGTH, "0");
        self.http.ask(&post, &[StatusCode::ACCEPTED]).await
    }

    /// The address that all bytes of a blob go to, once its upload was begun.
    pub(crate) fn upload_address(
        &self,
        begun: &Response<Incoming>,
        digest: &Digest,
    ) -> Result<String, Error> {
        let location = begun
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| self.http.refused("its upload has no address"))?;
        let separator = if location.contains('?') { '&' } else { '?' };
        Ok(format!("{location}{separator}digest={digest}"))
    }

    pub(crate) fn path(&self, what: &str) -> String {
        format!("/v2/{}/{what}", self.reference.repository)
    }

    async fn has(&self, what: &str, accept: &str) -> Result<bool, Error> {
        let head = Ask::new(Method::HEAD, &self.path(what)).header(ACCEPT, accept);
        let expected = [StatusCode::OK, StatusCode::NOT_FOUND];
        Ok(self.http.ask(&head, &expected).await?.status() == StatusCode::OK)
    }

    /// One upload in two steps: a session, then all bytes with their digest.
    async fn upload(&self, digest: &Digest, bytes: &[u8]) -> Result<(), Error> {
        let begun = self.begin_upload(&self.path("blobs/uploads/")).await?;
        let put = Ask::new(Method::PUT, &self.upload_address(&begun, digest)?)
            .header(CONTENT_TYPE, BINARY)
            .body(bytes.to_vec());
        self.http.ask(&put, &[StatusCode::CREATED]).await?;
        Ok(())
    }
}
