//! Reading: HEAD, small objects, and inputs streamed to files.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use scar_schemas::record::{ObjectVersion, metadata};
use tokio::io::AsyncWriteExt;

use super::error::{Answer, no_answer, of_cloud, sort};
use super::{Location, Store, StoreError, decode, sorted};
use crate::step::Seen;

/// Tries to get a whole body when connections break in the middle.
const BODY_ATTEMPTS: u32 = 3;
/// Buffer between the network and a file.
const FILE_BUFFER_BYTES: usize = 256 * 1024;

/// What HEAD tells about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// ETag without quotes.
    pub(crate) etag: String,
    /// Size in bytes.
    pub(crate) size: u64,
    /// Version id, on versioned buckets.
    pub(crate) version_id: Option<String>,
    /// User metadata.
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Head {
    /// What the protocol needs to know of an object that stands in an output's place.
    pub(crate) fn seen(&self, key: &str) -> Seen {
        let value = |name: &str| self.metadata.get(name).cloned();
        Seen {
            key: key.to_owned(),
            etag: self.etag.clone(),
            task: value(metadata::TASK),
            source: value(metadata::SOURCE),
            input: value(metadata::INPUT).and_then(|input| decode(&input)),
        }
    }

    /// Whether this is the given version of the object.
    pub(crate) fn is(&self, object: &ObjectVersion) -> bool {
        match &object.version_id {
            Some(id) => self.version_id.as_ref() == Some(id),
            None => self.etag == object.etag && self.size == object.size,
        }
    }
}

impl Store {
    /// HEAD. `None` if there is no such object.
    ///
    /// S3 answers 403 instead of 404 to a role without `s3:ListBucket` (API reference, `HeadObject`).
    pub(crate) async fn head(&self, at: &Location) -> Result<Option<Head>, StoreError> {
        let answer = self.cloud.ask_store("HEAD", at, "", &[]).await;
        let answer = answer.map_err(|error| of_cloud("HEAD", error, &at.bucket, &at.key))?;
        Ok((answer.status < 400).then(|| head(&answer.headers)))
    }

    /// GET of a small object: its ETag and at most `limit` bytes. `None` if there is none.
    pub(crate) async fn get(
        &self,
        at: &Location,
        limit: u64,
    ) -> Result<Option<(String, Bytes)>, StoreError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let output = match self
                .client
                .get_object()
                .bucket(&at.bucket)
                .key(&at.key)
                .send()
                .await
            {
                Ok(output) => output,
                Err(error) => match sort("GET", at, &error) {
                    Answer::Gone => return Ok(None),
                    answer => return Err(answer.into_error("GET", at)),
                },
            };
            if size(output.content_length()) > limit {
                return Err(no_answer(
                    "GET",
                    at,
                    format!("it has more than {limit} bytes"),
                ));
            }
            let etag = bare(output.e_tag());
            match output.body.collect().await {
                Ok(body) => return Ok(Some((etag, body.into_bytes()))),
                Err(_) if tries < BODY_ATTEMPTS => {}
                Err(error) => return Err(no_answer("GET", at, error.to_string())),
            }
        }
    }

    /// GET of a large object as a stream, with its size. `None` if there is none.
    pub(crate) async fn open(
        &self,
        at: &Location,
    ) -> Result<Option<(u64, ByteStream)>, StoreError> {
        match self
            .client
            .get_object()
            .bucket(&at.bucket)
            .key(&at.key)
            .send()
            .await
        {
            Ok(output) => Ok(Some((size(output.content_length()), output.body))),
            Err(error) => match sort("GET", at, &error) {
                Answer::Gone => Ok(None),
                answer => Err(answer.into_error("GET", at)),
            },
        }
    }

    /// GET of a part of an object. `None` if there is no such object.
    pub(crate) async fn part(
        &self,
        at: &Location,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, StoreError> {
        let length = range.end.saturating_sub(range.start);
        let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let request = self.client.get_object().bucket(&at.bucket).key(&at.key);
        let output = match request.range(bytes).send().await {
            Ok(output) => output,
            Err(error) => match sort("GET", at, &error) {
                Answer::Gone => return Ok(None),
                answer => return Err(answer.into_error("GET", at)),
            },
        };
        let body = output.body.collect().await;
        let body = body.map_err(|error| no_answer("GET", at, error.to_string()))?;
        let body = body.into_bytes();
        if body.len() as u64 != length {
            return Err(no_answer(
                "GET",
                at,
                "the part has another length".to_owned(),
            ));
        }
        Ok(Some(body))
    }

    /// Streams exactly this version of an object into a new file. `None` if it is gone or has been
    /// overwritten; its metadata otherwise.
    pub(crate) async fn fetch(
        &self,
        object: &ObjectVersion,
        path: &Path,
    ) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        let at = Location::new(&object.bucket, object.key.as_str());
        let mut tries = 0;
        loop {
            tries += 1;
            match self.fetch_once(object, &at, path).await {
                Err(StoreError::NoAnswer { .. }) if tries < BODY_ATTEMPTS => {}
                other => return other,
            }
        }
    }

    async fn fetch_once(
        &self,
        object: &ObjectVersion,
        at: &Location,
        path: &Path,
    ) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        let request = self.client.get_object().bucket(&at.bucket).key(&at.key);
        let request = match &object.version_id {
            Some(id) => request.version_id(id),
            None if object.etag.is_empty() => request,
            None => request.if_match(format!("\"{}\"", object.etag)),
        };
        let output = match request.send().await {
            Ok(output) => output,
            Err(error) => match sort("GET", at, &error) {
                Answer::Gone | Answer::Precondition => return Ok(None),
                answer => return Err(answer.into_error("GET", at)),
            },
        };
        let metadata = sorted(output.metadata());
        let expected = size(output.content_length());
        let written = pour(output.body, at, path).await?;
        if written != expected {
            let reason = format!("{written} bytes came instead of {expected}");
            return Err(no_answer("GET", at, reason));
        }
        Ok(Some(metadata))
    }
}

fn head(headers: &http::HeaderMap) -> Head {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let metadata = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-amz-meta-")?;
        Some((name.to_owned(), value.to_str().ok()?.to_owned()))
    });
    Head {
        etag: bare(text("etag")),
        size: text("content-length")
            .and_then(|size| size.parse().ok())
            .unwrap_or_default(),
        version_id: version(text("x-amz-version-id")),
        metadata: metadata.collect(),
    }
}

/// Writes a body into a new file and tells how long it was.
async fn pour(mut body: ByteStream, at: &Location, path: &Path) -> Result<u64, StoreError> {
    let failed = |source| StoreError::File {
        path: path.to_owned(),
        source,
    };
    let file = tokio::fs::File::create(path).await.map_err(failed)?;
    let mut file = tokio::io::BufWriter::with_capacity(FILE_BUFFER_BYTES, file);
    let mut written = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| no_answer("GET", at, error.to_string()))?;
        file.write_all(&chunk).await.map_err(failed)?;
        written += chunk.len() as u64;
    }
    file.flush().await.map_err(failed)?;
    Ok(written)
}

pub(super) fn bare(etag: Option<&str>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}

fn size(length: Option<i64>) -> u64 {
    length
        .and_then(|length| u64::try_from(length).ok())
        .unwrap_or_default()
}

fn version(id: Option<&str>) -> Option<String> {
    id.filter(|id| *id != "null").map(str::to_owned)
}
