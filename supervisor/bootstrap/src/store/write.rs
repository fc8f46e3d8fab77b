//! Conditional writing: the one primitive of the protocol and its three-way answer.
//!
//! Every write carries a condition, and its answer is *mine*, *somebody else's* or *nobody decided*.
//! A reply may be lost after it took effect, so a refusal is always read back: if the object there
//! carries this attempt, the write was ours. A 409 decides nothing and is never read as "exists".

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::copy::COPY_PART_BYTES;
use super::error::{Answer, no_answer, of_cloud, sort};
use super::read::bare;
use super::{Head, Labels, Location, Store, StoreError};
use crate::crash::crash_at;
use crate::step::Condition;

/// Times an undecided write is repeated.
const WRITE_ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// Files from this size go up in parts.
const MULTIPART_FROM_BYTES: u64 = 16 * 1024 * 1024;
/// S3 takes 10,000 parts of an upload ("Amazon S3 multipart upload limits").
const MAX_PARTS: u64 = 10_000;
const PARALLEL_PARTS: usize = 4;

/// What to write.
#[derive(Debug, Clone)]
pub(crate) enum Body<'a> {
    /// A small object.
    Bytes(Bytes),
    /// A file, streamed; its size in bytes.
    File(&'a Path, u64),
    /// A copy within the store, and its size in bytes; metadata come along.
    Copy(&'a Location, u64),
}

/// Where the parts of an upload come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum From<'a> {
    /// A file.
    File(&'a Path),
    /// An object of the store.
    Object(&'a Location),
}

impl From<'_> {
    fn part_bytes(self) -> u64 {
        match self {
            Self::File(_) => MULTIPART_FROM_BYTES,
            Self::Object(_) => COPY_PART_BYTES,
        }
    }
}

/// What came of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The object there is ours.
    Mine {
        /// Its ETag.
        etag: String,
    },
    /// The object there is somebody else's.
    Other(Head),
    /// What was to be replaced is gone.
    Gone,
    /// The source of the copy is gone.
    SourceGone,
}

impl Store {
    /// Writes an object if the condition holds.
    pub(crate) async fn write(
        &self,
        at: &Location,
        body: Body<'_>,
        labels: &Labels,
        condition: &Condition,
    ) -> Result<Outcome, StoreError> {
        let mut pause = FIRST_PAUSE;
        let mut last = no_answer("PUT", at, "it stayed undecided".to_owned());
        for _ in 0..WRITE_ATTEMPTS {
            match self.try_write(at, &body, labels, condition).await {
                Ok(etag) => return Ok(Outcome::Mine { etag }),
                Err(Answer::Error(error)) => return Err(error),
                Err(Answer::Undecided(error)) => last = error,
                Err(answer @ (Answer::Precondition | Answer::Gone)) => {
                    if let Some(outcome) = self
                        .read_back(at, &body, labels, condition, &answer)
                        .await?
                    {
                        return Ok(outcome);
                    }
                    let reason = "nothing there explains the refusal; is there such a bucket?";
                    last = no_answer("PUT", at, reason.to_owned());
                }
            }
            tokio::time::sleep(crate::random::jittered(pause)).await;
            pause *= 2;
        }
        Err(last)
    }

    /// Deletes an object, also one that is not there.
    pub(crate) async fn delete(&self, at: &Location) -> Result<(), StoreError> {
        let answer = self.cloud.ask_store("DELETE", at, "", &[]).await;
        let failed = |error| of_cloud("DELETE", error, &at.bucket, &at.key);
        answer.map(|_| ()).map_err(failed)
    }

    /// Finds out whose object it is after a refusal. `None` means that the write must be repeated.
    async fn read_back(
        &self,
        at: &Location,
        body: &Body<'_>,
        labels: &Labels,
        condition: &Condition,
        answer: &Answer,
    ) -> Result<Option<Outcome>, StoreError> {
        if let (Body::Copy(source, _), Answer::Gone) = (body, answer)
            && self.head(source).await?.is_none()
        {
            return Ok(Some(Outcome::SourceGone));
        }
        Ok(match (self.head(at).await?, condition) {
            (Some(head), _) if is_mine(&head, labels) => Some(Outcome::Mine { etag: head.etag }),
            (Some(head), Condition::Absent) => Some(Outcome::Other(head)),
            (Some(head), Condition::Etag(etag)) if head.etag != *etag => Some(Outcome::Other(head)),
            (None, Condition::Etag(_)) => Some(Outcome::Gone),
            (None, Condition::Absent) | (Some(_), Condition::Etag(_)) => None,
        })
    }

    async fn try_write(
        &self,
        at: &Location,
        body: &Body<'_>,
        labels: &Labels,
        condition: &Condition,
    ) -> Result<String, Answer> {
        match body {
            Body::Bytes(bytes) => self.put(at, bytes.clone().into(), labels, condition).await,
            Body::File(path, size) if *size < MULTIPART_FROM_BYTES => {
                let stream = file_stream(path, 0, *size).await.map_err(Answer::Error)?;
                self.put(at, stream, labels, condition).await
            }
            Body::File(path, size) => {
                let (from, metadata) = (From::File(path), labels.metadata());
                self.upload(at, from, *size, metadata, condition).await
            }
            Body::Copy(source, size) => self.copy(at, source, *size, condition).await,
        }
    }

    async fn put(
        &self,
        at: &Location,
        body: ByteStream,
        labels: &Labels,
        condition: &Condition,
    ) -> Result<String, Answer> {
        let (none_match, matches) = headers(condition);
        let request = self
            .client
            .put_object()
            .bucket(&at.bucket)
            .key(&at.key)
            .body(body);
        let request = request.set_metadata(Some(labels.metadata()));
        let request = request.set_if_none_match(none_match).set_if_match(matches);
        match request.send().await {
            Ok(output) => Ok(bare(output.e_tag())),
            Err(error) => Err(sort("PUT", at, &error)),
        }
    }

    /// A multipart upload with a conditional completion. A failed one is aborted; one that died with
    /// its process is left to the bucket's lifecycle rule.
    pub(super) async fn upload(
        &self,
        at: &Location,
        from: From<'_>,
        size: u64,
        metadata: HashMap<String, String>,
        condition: &Condition,
    ) -> Result<String, Answer> {
        let request = self
            .client
            .create_multipart_upload()
            .bucket(&at.bucket)
            .key(&at.key);
        let created = request.set_metadata(Some(metadata)).send().await;
        let created = created.map_err(|error| sort("upload", at, &error))?;
        let id = created.upload_id().unwrap_or_default();
        crash_at("upload-created");
        let completed = match self.upload_parts(at, id, from, size).await {
            Ok(parts) => {
                crash_at("upload-parts");
                self.complete(at, id, parts, condition).await
            }
            Err(answer) => Err(answer),
        };
        if completed.is_err() {
            let query = format!("uploadId={}", encoded(id));
            // Best effort: the failure that is reported is the one of the upload itself.
            let _ = self.cloud.ask_store("DELETE", at, &query, &[]).await;
        }
        completed
    }

    async fn upload_parts(
        &self,
        at: &Location,
        id: &str,
        from: From<'_>,
        size: u64,
    ) -> Result<Vec<CompletedPart>, Answer> {
        let part_bytes = from.part_bytes().max(size.div_ceil(MAX_PARTS));
        let parts = stream::iter(0..size.div_ceil(part_bytes)).map(|index| {
            let offset = index * part_bytes;
            let bytes = offset..size.min(offset + part_bytes);
            let number = i32::try_from(index + 1).unwrap_or(i32::MAX);
            async move {
                match from {
                    From::File(path) => self.upload_part(at, id, number, path, bytes).await,
                    From::Object(source) => self.copy_part(at, id, number, source, bytes).await,
                }
            }
        });
        parts.buffered(PARALLEL_PARTS).try_collect().await
    }

    async fn upload_part(
        &self,
        at: &Location,
        id: &str,
        number: i32,
        path: &Path,
        bytes: Range<u64>,
    ) -> Result<CompletedPart, Answer> {
        let body = file_stream(path, bytes.start, bytes.end - bytes.start).await;
        let body = body.map_err(Answer::Error)?;
        let request = self.client.upload_part().bucket(&at.bucket).key(&at.key);
        let request = request.upload_id(id).part_number(number).body(body);
        let sent = request.send().await;
        let output = sent.map_err(|error| match sort("upload", at, &error) {
            // The upload itself is gone; the object's condition was not asked yet.
            Answer::Gone => Answer::Undecided(no_answer("upload", at, "it was aborted".into())),
            answer => answer,
        })?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(output.e_tag().map(str::to_owned))
            .set_checksum_crc32(output.checksum_crc32().map(str::to_owned))
            .build())
    }

    async fn complete(
        &self,
        at: &Location,
        id: &str,
        parts: Vec<CompletedPart>,
        condition: &Condition,
    ) -> Result<String, Answer> {
        let (none_match, matches) = headers(condition);
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let request = self
            .client
            .complete_multipart_upload()
            .bucket(&at.bucket)
            .key(&at.key);
        let request = request.upload_id(id).multipart_upload(parts);
        let request = request.set_if_none_match(none_match).set_if_match(matches);
        match request.send().await {
            Ok(output) => Ok(bare(output.e_tag())),
            Err(error) => Err(sort("upload", at, &error)),
        }
    }
}

fn is_mine(head: &Head, labels: &Labels) -> bool {
    let attempt = head.metadata.get(scar_schemas::record::metadata::ATTEMPT);
    attempt.is_some_and(|attempt| *attempt == labels.attempt)
}

/// The values of `If-None-Match` and `If-Match`; never both, which S3 answers with 501.
pub(super) fn headers(condition: &Condition) -> (Option<String>, Option<String>) {
    match condition {
        Condition::Absent => (Some("*".to_owned()), None),
        Condition::Etag(etag) => (None, Some(format!("\"{etag}\""))),
    }
}

/// A key as a path of an address: URL-encoded, slashes kept.
pub(crate) fn path_of(key: &str) -> String {
    let mut out = String::new();
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A text as the value of a parameter.
pub(crate) fn encoded(text: &str) -> String {
    path_of(text).replace('/', "%2F")
}

async fn file_stream(path: &Path, offset: u64, length: u64) -> Result<ByteStream, StoreError> {
    let length = aws_sdk_s3::primitives::Length::Exact(length);
    let stream = ByteStream::read_from()
        .path(path)
        .offset(offset)
        .length(length)
        .build()
        .await;
    stream.map_err(|error| StoreError::File {
        path: path.to_owned(),
        source: std::io::Error::other(error.to_string()),
    })
}
