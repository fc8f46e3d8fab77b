//! Copies within the store: in one request, or in parts where one would take too long.

use std::ops::Range;

use aws_sdk_s3::types::CompletedPart;

use super::error::{Answer, no_answer, of_cloud};
use super::read::bare;
use super::write::{From, encoded, headers, path_of};
use super::{Location, Store};
use crate::listing::tag;
use crate::step::Condition;

/// What one request copies: the store takes its time for every byte, and an answer is not waited for
/// forever. At most 5 GiB would be allowed (API reference, `CopyObject`).
pub(super) const COPY_PART_BYTES: u64 = 64 * 1024 * 1024;

/// The fields of a request's head.
type Fields = Vec<(&'static str, String)>;

impl Store {
    pub(super) async fn copy(
        &self,
        at: &Location,
        source: &Location,
        size: u64,
        condition: &Condition,
    ) -> Result<String, Answer> {
        if size > COPY_PART_BYTES {
            let head = self.head(source).await.map_err(Answer::Error)?;
            // A single request takes metadata along, parts do not.
            let metadata = head.ok_or(Answer::Gone)?.metadata.into_iter().collect();
            let from = From::Object(source);
            return self.upload(at, from, size, metadata, condition).await;
        }
        let mut fields = vec![copy_source(source)];
        match headers(condition) {
            (Some(none), _) => fields.push(("if-none-match", none)),
            (_, Some(etag)) => fields.push(("if-match", etag)),
            (None, None) => {}
        }
        let answer = self.ask_copy(at, "", fields).await?;
        Ok(bare(etag(&answer).as_deref()))
    }

    /// Copies a part of an object into an upload.
    pub(super) async fn copy_part(
        &self,
        at: &Location,
        id: &str,
        number: i32,
        source: &Location,
        bytes: Range<u64>,
    ) -> Result<CompletedPart, Answer> {
        let query = format!("partNumber={number}&uploadId={}", encoded(id));
        let range = format!("bytes={}-{}", bytes.start, bytes.end.saturating_sub(1));
        let fields = vec![copy_source(source), ("x-amz-copy-source-range", range)];
        let answer = self.ask_copy(at, &query, fields).await?;
        let checksum = tag(&answer, "ChecksumCRC32").map(str::to_owned);
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(etag(&answer))
            .set_checksum_crc32(checksum)
            .build())
    }

    /// The body of a successful answer, which has an ETag.
    async fn ask_copy(&self, at: &Location, query: &str, fields: Fields) -> Result<String, Answer> {
        let answer = self.cloud.ask_store("PUT", at, query, &fields).await;
        let answer = answer.map_err(|error| {
            let is_passing = error.is_passing();
            let error = of_cloud("COPY", error, &at.bucket, &at.key);
            match is_passing {
                true => Answer::Undecided(error),
                false => Answer::Error(error),
            }
        })?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        match answer.status {
            404 | 405 => Err(Answer::Gone),
            412 => Err(Answer::Precondition),
            200..=299 if etag(&text).is_some() => Ok(text),
            // A copy that fails on the way is an error in an answer that began with 200.
            status => {
                let reason = format!("it was answered {status}");
                Err(Answer::Undecided(no_answer("COPY", at, reason)))
            }
        }
    }
}

fn etag(answer: &str) -> Option<String> {
    Some(tag(answer, "ETag")?.replace("&quot;", "\""))
}

fn copy_source(source: &Location) -> (&'static str, String) {
    let path = format!("{}/{}", source.bucket, path_of(&source.key));
    ("x-amz-copy-source", path)
}
