//! Bytes into objects: small ones at once, large ones in parts.

use std::fs::File;
use std::io::{Cursor, Error as IoError, ErrorKind, Read};
use std::path::PathBuf;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures_util::stream::{FuturesUnordered, StreamExt};
use scar_schemas::digest::{Digest, hex};
use scar_schemas::record::ObjectVersion;
use scar_template::Asset;
use sha2::{Digest as _, Sha256};

use crate::call::failed;
use crate::{Cloud, Error, Pusher};

/// Where the bytes of assets come from.
pub trait Artifacts {
    /// Opens an asset.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn open(&self, asset: &Asset) -> std::io::Result<Body>;

    /// What makes and sends images, where a plan needs any.
    fn pusher(&self) -> Option<&dyn Pusher> {
        None
    }
}

/// The bytes of an object to be.
pub enum Body {
    /// Here.
    Bytes(Vec<u8>),
    /// In a file.
    File(PathBuf),
    /// From a reader of known length.
    Reader {
        /// The reader.
        reader: Box<dyn Read + Send>,
        /// How many bytes it gives.
        size_bytes: u64,
    },
}

/// Objects from this size on go in parts of this size.
const PART_BYTES: u64 = 8 << 20;
/// Parts of one object at most ("Amazon S3 multipart upload limits", S3 user guide).
const MAX_PARTS: u64 = 10_000;
/// Parts of one object in flight at once. With eight objects at once this bounds memory at 256 MiB.
const PARALLEL_PARTS: usize = 4;

/// An object to write.
pub(crate) struct Target<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    /// If given, the object only comes to be if the bytes have it.
    pub(crate) digest: Option<&'a Digest>,
}

impl Target<'_> {
    fn subject(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }

    fn unreadable(&self, source: IoError) -> Error {
        Error::Artifact {
            key: self.key.to_owned(),
            source,
        }
    }

    fn version(
        &self,
        etag: Option<String>,
        size: u64,
        version_id: Option<String>,
    ) -> ObjectVersion {
        ObjectVersion {
            bucket: self.bucket.to_owned(),
            key: self.key.to_owned(),
            etag: bare_etag(etag),
            size,
            version_id: real_version(version_id),
        }
    }
}

/// Writes an object. It is there completely or not at all.
pub(crate) async fn upload(
    cloud: &Cloud,
    target: &Target<'_>,
    body: Body,
    on_bytes: &dyn Fn(u64),
) -> Result<ObjectVersion, Error> {
    let mut source = Source::open(body).map_err(|error| target.unreadable(error))?;
    let first = source
        .next_part()
        .await
        .map_err(|error| target.unreadable(error))?;
    if (first.len() as u64) < source.part_bytes {
        source.check(target)?;
        return put_at_once(cloud, target, first, on_bytes).await;
    }
    put_in_parts(cloud, target, first, source, on_bytes).await
}

/// ETag without quotes, as events have it.
pub(crate) fn bare_etag(etag: Option<String>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}

/// Buckets without versioning answer nothing or `null`; events have no version then.
pub(crate) fn real_version(version_id: Option<String>) -> Option<String> {
    version_id.filter(|id| id != "null")
}

async fn put_at_once(
    cloud: &Cloud,
    target: &Target<'_>,
    bytes: Vec<u8>,
    on_bytes: &dyn Fn(u64),
) -> Result<ObjectVersion, Error> {
    let size = bytes.len() as u64;
    let request = cloud.s3.put_object().bucket(target.bucket).key(target.key);
    let answer = request.body(ByteStream::from(bytes)).send().await;
    let answer = answer.map_err(failed("PutObject", target.subject()))?;
    on_bytes(size);
    Ok(target.version(answer.e_tag, size, answer.version_id))
}

async fn put_in_parts(
    cloud: &Cloud,
    target: &Target<'_>,
    first: Vec<u8>,
    source: Source,
    on_bytes: &dyn Fn(u64),
) -> Result<ObjectVersion, Error> {
    let request = cloud
        .s3
        .create_multipart_upload()
        .bucket(target.bucket)
        .key(target.key);
    let answer = request
        .send()
        .await
        .map_err(failed("CreateMultipartUpload", target.subject()))?;
    let upload = Upload {
        cloud,
        target,
        id: answer.upload_id.unwrap_or_default(),
    };
    let done = upload.run(first, source, on_bytes).await;
    if done.is_err() {
        // Unfinished parts cost money; if this fails too, the bucket's lifecycle rule removes them.
        let abort = cloud
            .s3
            .abort_multipart_upload()
            .bucket(target.bucket)
            .key(target.key);
        drop(abort.upload_id(&upload.id).send().await);
    }
    done
}

/// A multipart upload under way.
struct Upload<'a> {
    cloud: &'a Cloud,
    target: &'a Target<'a>,
    id: String,
}

impl Upload<'_> {
    async fn run(
        &self,
        first: Vec<u8>,
        mut source: Source,
        on_bytes: &dyn Fn(u64),
    ) -> Result<ObjectVersion, Error> {
        let mut parts = Vec::new();
        let mut flight = FuturesUnordered::new();
        let (mut number, mut size, mut next) = (1, 0, first);
        while !next.is_empty() {
            size += next.len() as u64;
            flight.push(self.part(number, std::mem::take(&mut next), on_bytes));
            number += 1;
            if flight.len() == PARALLEL_PARTS
                && let Some(part) = flight.next().await
            {
                parts.push(part?);
            }
            next = source
                .next_part()
                .await
                .map_err(|error| self.target.unreadable(error))?;
        }
        while let Some(part) = flight.next().await {
            parts.push(part?);
        }
        source.check(self.target)?;
        parts.sort_by_key(CompletedPart::part_number);
        self.complete(parts, size).await
    }

    async fn part(
        &self,
        number: i32,
        bytes: Vec<u8>,
        on_bytes: &dyn Fn(u64),
    ) -> Result<CompletedPart, Error> {
        let size = bytes.len() as u64;
        let request = self
            .cloud
            .s3
            .upload_part()
            .bucket(self.target.bucket)
            .key(self.target.key);
        let request = request.upload_id(&self.id).part_number(number);
        let answer = request.body(ByteStream::from(bytes)).send().await;
        let answer = answer.map_err(failed("UploadPart", self.target.subject()))?;
        on_bytes(size);
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag);
        Ok(part.set_checksum_crc32(answer.checksum_crc32).build())
    }

    async fn complete(&self, parts: Vec<CompletedPart>, size: u64) -> Result<ObjectVersion, Error> {
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let request = self
            .cloud
            .s3
            .complete_multipart_upload()
            .bucket(self.target.bucket)
            .key(self.target.key);
        let answer = request
            .upload_id(&self.id)
            .multipart_upload(parts)
            .send()
            .await;
        let answer = answer.map_err(failed("CompleteMultipartUpload", self.target.subject()))?;
        Ok(self.target.version(answer.e_tag, size, answer.version_id))
    }
}

/// A body that is read part by part, off the asynchronous threads.
struct Source {
    reader: Option<Box<dyn Read + Send>>,
    hasher: Sha256,
    part_bytes: u64,
}

impl Source {
    fn open(body: Body) -> std::io::Result<Self> {
        let (reader, size): (Box<dyn Read + Send>, u64) = match body {
            Body::Bytes(bytes) => {
                let size = bytes.len() as u64;
                (Box::new(Cursor::new(bytes)), size)
            }
            Body::File(path) => {
                let file = File::open(path)?;
                let size = file.metadata()?.len();
                (Box::new(file), size)
            }
            Body::Reader { reader, size_bytes } => (reader, size_bytes),
        };
        Ok(Self {
            reader: Some(reader),
            hasher: Sha256::new(),
            part_bytes: part_bytes(size),
        })
    }

    /// The next part; shorter than a part only at the end, and empty after it.
    async fn next_part(&mut self) -> std::io::Result<Vec<u8>> {
        let Some(mut reader) = self.reader.take() else {
            return Ok(Vec::new());
        };
        let limit = self.part_bytes;
        let mut hasher = self.hasher.clone();
        let work = move || -> std::io::Result<_> {
            let mut bytes = Vec::new();
            reader.by_ref().take(limit).read_to_end(&mut bytes)?;
            hasher.update(&bytes);
            Ok((reader, hasher, bytes))
        };
        let (reader, hasher, bytes) = tokio::task::spawn_blocking(work)
            .await
            .map_err(IoError::other)??;
        self.hasher = hasher;
        self.reader = (bytes.len() as u64 == limit).then_some(reader);
        Ok(bytes)
    }

    /// After the last part: were these the right bytes?
    fn check(&self, target: &Target<'_>) -> Result<(), Error> {
        let is = format!("sha256:{}", hex(&self.hasher.clone().finalize()));
        match target.digest {
            Some(wanted) if wanted.as_str() != is => {
                let text = format!("its digest is {is} instead of {wanted}");
                Err(target.unreadable(IoError::new(ErrorKind::InvalidData, text)))
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn part_bytes(size: u64) -> u64 {
    size.div_ceil(MAX_PARTS)
        .next_multiple_of(1 << 20)
        .max(PART_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fit_the_limit() {
        assert_eq!(part_bytes(0), 8 << 20);
        assert_eq!(part_bytes(80_000 << 20), 8 << 20);
        let largest = 5 << 40;
        assert!(largest / part_bytes(largest) < MAX_PARTS);
    }
}
