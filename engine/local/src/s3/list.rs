//! Listing: keys in byte order, grouped at a delimiter, page by page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::bucket;
use super::object::{Object as Stored, signed, timestamp};
use super::upload::Upload;
use crate::services::Services;
use crate::store::Table;

/// "ListObjectsV2": at most 1,000 keys and prefixes in an answer.
const PAGE: i32 = 1000;
/// Rows read from the store at a time.
const CHUNK: usize = 1024;
/// What `encoding-type=url` leaves as it is.
const KEPT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/');

/// A page of objects, and how to write it.
struct Listing {
    limit: i32,
    page: Page,
    encode: Encoding,
}

/// Lists what the input of either version of the operation asks for, after a key.
macro_rules! listing_of {
    ($services:expr, $input:expr, $after:expr) => {{
        let (prefix, delimiter) = ($input.prefix.as_deref(), $input.delimiter.as_deref());
        let walk = Walk::new(&$input.bucket, prefix, delimiter, $after);
        let limit = page_size($input.max_keys)?;
        bucket::require($services, &$input.bucket)?;
        Listing {
            limit,
            page: walk.objects($services, limit)?,
            encode: Encoding::of($input.encoding_type.as_ref()),
        }
    }};
}

pub(super) async fn objects_v2(
    services: &Services,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = request.input;
    let after = match &input.continuation_token {
        Some(token) => Some(decode_token(token)?),
        None => input.start_after.clone(),
    };
    let Listing {
        limit,
        page,
        encode,
    } = listing_of!(services, input, after);
    let key_count = i32::try_from(page.entries.len() + page.prefixes.len()).ok();
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(encode.text(input.prefix.as_deref().unwrap_or(""))),
        delimiter: input.delimiter.as_deref().map(|text| encode.text(text)),
        start_after: input.start_after.as_deref().map(|text| encode.text(text)),
        continuation_token: input.continuation_token,
        max_keys: Some(limit),
        key_count,
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.map(|last| URL_SAFE_NO_PAD.encode(last)),
        contents: Some(encode.objects(page.entries)),
        common_prefixes: Some(encode.prefixes(page.prefixes)),
        encoding_type: input.encoding_type,
        request_charged: None,
    }))
}

pub(super) async fn objects(
    services: &Services,
    request: S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let input = request.input;
    let Listing {
        limit,
        page,
        encode,
    } = listing_of!(services, input, input.marker.clone());
    // S3 tells the next marker only with a delimiter; else it is the last key.
    let next = page.next.filter(|_| input.delimiter.is_some());
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(encode.text(input.prefix.as_deref().unwrap_or(""))),
        marker: Some(encode.text(input.marker.as_deref().unwrap_or(""))),
        delimiter: input.delimiter.as_deref().map(|text| encode.text(text)),
        max_keys: Some(limit),
        is_truncated: Some(page.is_truncated),
        next_marker: next.map(|text| encode.text(&text)),
        contents: Some(encode.objects(page.entries)),
        common_prefixes: Some(encode.prefixes(page.prefixes)),
        encoding_type: input.encoding_type,
        request_charged: None,
    }))
}

pub(super) async fn uploads(
    services: &Services,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = request.input;
    bucket::require(services, &input.bucket)?;
    let limit = page_size(input.max_uploads)?;
    let prefix = format!("{}/{}", input.bucket, input.prefix.as_deref().unwrap_or(""));
    let key_marker = input.key_marker.clone().unwrap_or_default();
    let id_marker = input.upload_id_marker.clone().unwrap_or_default();
    let all = services.store.list::<Upload>(Table::Uploads, &prefix)?;
    let after = |upload: &Upload| (&upload.key, &upload.id) > (&key_marker, &id_marker);
    let skips_key = |upload: &Upload| id_marker.is_empty() && upload.key == key_marker;
    let mut found: Vec<Upload> = all.into_iter().map(|(_, upload)| upload).collect();
    found.retain(|upload| after(upload) && !skips_key(upload));
    let count = usize::try_from(limit).unwrap_or(0);
    let is_truncated = found.len() > count;
    found.truncate(count);
    let last = found.last().filter(|_| is_truncated).cloned();
    let encode = Encoding::of(input.encoding_type.as_ref());
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: input.prefix.as_deref().map(|text| encode.text(text)),
        key_marker: Some(encode.text(&key_marker)),
        upload_id_marker: Some(id_marker),
        next_key_marker: last.as_ref().map(|upload| encode.text(&upload.key)),
        next_upload_id_marker: last.map(|upload| upload.id),
        is_truncated: Some(is_truncated),
        max_uploads: Some(limit),
        uploads: Some(
            found
                .into_iter()
                .map(|upload| encode.upload(upload))
                .collect(),
        ),
        encoding_type: input.encoding_type,
        ..ListMultipartUploadsOutput::default()
    }))
}

/// What is listed, and from where on.
struct Walk {
    bucket: String,
    prefix: String,
    delimiter: Option<String>,
    /// Nothing up to and including this key or common prefix.
    after: Option<String>,
}

#[derive(Default)]
struct Page {
    entries: Vec<(String, Stored)>,
    prefixes: Vec<String>,
    /// The last key or prefix of a page that is not the last one.
    next: Option<String>,
    is_truncated: bool,
}

impl Walk {
    fn new(
        bucket: &str,
        prefix: Option<&str>,
        delimiter: Option<&str>,
        after: Option<String>,
    ) -> Self {
        Self {
            bucket: bucket.to_owned(),
            prefix: prefix.unwrap_or("").to_owned(),
            delimiter: delimiter.filter(|text| !text.is_empty()).map(str::to_owned),
            after: after.filter(|text| !text.is_empty()),
        }
    }

    fn objects(&self, services: &Services, limit: i32) -> S3Result<Page> {
        let limit = usize::try_from(limit).unwrap_or(0);
        let mut page = Page::default();
        let mut last = None;
        let row_prefix = format!("{}/{}", self.bucket, self.prefix);
        let mut from = self.start();
        if limit == 0 {
            return Ok(page);
        }
        loop {
            let chunk = CHUNK.min(limit + 1);
            let rows =
                services
                    .store
                    .list_from::<Stored>(Table::Objects, &row_prefix, &from, chunk)?;
            let Some((final_row, _)) = rows.last() else {
                return Ok(page);
            };
            // The smallest text after the row; a skipped group may move it further.
            let mut next_from = format!("{final_row}\0");
            for (row, object) in rows {
                let key = row.get(self.bucket.len() + 1..).unwrap_or("").to_owned();
                let group = self.group(&key);
                if let Some(group) = &group {
                    next_from = next_from.max(format!("{}/{group}\u{10ffff}", self.bucket));
                }
                if self.is_before(group.as_deref().unwrap_or(&key), group.is_some()) {
                    continue;
                }
                if group.is_some() && group == last {
                    continue;
                }
                if page.entries.len() + page.prefixes.len() == limit {
                    page.is_truncated = true;
                    page.next = last;
                    return Ok(page);
                }
                last = Some(group.clone().unwrap_or_else(|| key.clone()));
                match group {
                    Some(group) => page.prefixes.push(group),
                    None => page.entries.push((key, object)),
                }
            }
            from = next_from;
        }
    }

    fn start(&self) -> String {
        match &self.after {
            Some(after) if *after >= self.prefix => format!("{}/{after}\0", self.bucket),
            _ => format!("{}/{}", self.bucket, self.prefix),
        }
    }

    /// The common prefix that a key falls under.
    fn group(&self, key: &str) -> Option<String> {
        let delimiter = self.delimiter.as_ref()?;
        let position = key.get(self.prefix.len()..)?.find(delimiter.as_str())?;
        key.get(..self.prefix.len() + position + delimiter.len())
            .map(str::to_owned)
    }

    /// Whether a former page had this already. A common prefix was given if the page ended with it.
    fn is_before(&self, name: &str, is_group: bool) -> bool {
        let Some(after) = &self.after else {
            return false;
        };
        if is_group {
            name == after
        } else {
            name <= after.as_str()
        }
    }
}

pub(super) fn page_size(asked: Option<i32>) -> S3Result<i32> {
    match asked {
        Some(asked) if asked < 0 => Err(s3_error!(
            InvalidArgument,
            "maxKeys must be an integer between 0 and 2147483647"
        )),
        asked => Ok(asked.unwrap_or(PAGE).min(PAGE)),
    }
}

fn decode_token(token: &str) -> S3Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| {
        s3_error!(
            InvalidArgument,
            "The continuation token provided is incorrect"
        )
    })
}

/// `encoding-type=url`, for keys that XML cannot carry.
#[derive(Clone, Copy)]
pub(super) struct Encoding {
    is_url: bool,
}

impl Encoding {
    pub(super) fn of(asked: Option<&EncodingType>) -> Self {
        Self {
            is_url: asked.is_some_and(|asked| asked.as_str() == EncodingType::URL),
        }
    }

    pub(super) fn text(self, text: &str) -> String {
        if self.is_url {
            utf8_percent_encode(text, &KEPT).to_string()
        } else {
            text.to_owned()
        }
    }

    pub(super) fn prefixes(self, prefixes: Vec<String>) -> Vec<CommonPrefix> {
        prefixes
            .iter()
            .map(|prefix| CommonPrefix {
                prefix: Some(self.text(prefix)),
            })
            .collect()
    }

    fn objects(self, entries: Vec<(String, Stored)>) -> Vec<Object> {
        let written = entries.into_iter().map(|entry| self.object(entry));
        written.collect()
    }

    fn object(self, (key, stored): (String, Stored)) -> Object {
        let names = stored
            .checksums
            .keys()
            .map(|one| ChecksumAlgorithm::from_static(one.name()));
        Object {
            key: Some(self.text(&key)),
            size: Some(signed(stored.size)),
            e_tag: Some(stored.etag()),
            last_modified: Some(stored.modified()),
            storage_class: Some(ObjectStorageClass::from_static(
                ObjectStorageClass::STANDARD,
            )),
            checksum_algorithm: Some(names.collect()),
            ..Object::default()
        }
    }

    fn upload(self, upload: Upload) -> MultipartUpload {
        MultipartUpload {
            key: Some(self.text(&upload.key)),
            upload_id: Some(upload.id),
            initiated: Some(timestamp(upload.started_ms)),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            ..MultipartUpload::default()
        }
    }
}
