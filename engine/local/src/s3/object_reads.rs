//! Operations that read single objects: get, head, attributes.

use std::collections::HashMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::access;
use super::body;
use super::bucket;
use super::checksum::set_checksums;
use super::condition::read_condition_of;
use super::fault::{access_denied, io_fault, no_such_key};
use super::object::{self, Object as Stored, signed};
use super::version::{self, Version};
use crate::auth::Identity;
use crate::services::Services;
use crate::store::Table;

/// An object that is replaced again and again while it is read is given up after so many looks.
const LOOKS: usize = 16;

pub(super) async fn get(
    services: &Services,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let identity = access::identity(services, request.credentials.as_ref())?;
    let input = request.input;
    let condition = read_condition_of!(input);
    for _ in 0..LOOKS {
        let version_id = input.version_id.as_deref();
        let object = find_version(services, &identity, &input.bucket, &input.key, version_id)?;
        condition.check(&object, false)?;
        let part = select(&object, input.range, input.part_number)?;
        match body::send(services.store.blobs(), &object.pieces, part.range.clone()).await {
            Ok(body) => {
                let mut output = describe(&object, &part, input.checksum_mode.is_some());
                output.body = Some(body);
                return Ok(part.respond(output));
            }
            // Replaced between the look at its metadata and the opening of its bytes.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_fault(error)),
        }
    }
    Err(s3_error!(
        SlowDown,
        "the object is being replaced all the time"
    ))
}

pub(super) async fn head(
    services: &Services,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let identity = access::identity(services, request.credentials.as_ref())?;
    let input = request.input;
    let version_id = input.version_id.as_deref();
    let object = find_version(services, &identity, &input.bucket, &input.key, version_id)?;
    let condition = read_condition_of!(input);
    condition.check(&object, false)?;
    let part = select(&object, input.range, input.part_number)?;
    let full = describe(&object, &part, input.checksum_mode.is_some());
    Ok(part.respond(HeadObjectOutput {
        accept_ranges: full.accept_ranges,
        cache_control: full.cache_control,
        checksum_crc32: full.checksum_crc32,
        checksum_crc32c: full.checksum_crc32c,
        checksum_crc64nvme: full.checksum_crc64nvme,
        checksum_sha1: full.checksum_sha1,
        checksum_sha256: full.checksum_sha256,
        checksum_type: full.checksum_type,
        content_disposition: full.content_disposition,
        content_encoding: full.content_encoding,
        content_language: full.content_language,
        content_length: full.content_length,
        content_range: full.content_range,
        content_type: full.content_type,
        e_tag: full.e_tag,
        last_modified: full.last_modified,
        metadata: full.metadata,
        parts_count: full.parts_count,
        version_id: full.version_id,
        ..HeadObjectOutput::default()
    }))
}

/// The object, or the error that the caller may see: without the right to list, S3 does not tell
/// whether a key exists.
pub(super) fn find(
    services: &Services,
    identity: &Identity,
    bucket: &str,
    key: &str,
) -> S3Result<Stored> {
    bucket::require(services, bucket)?;
    if let Some(object) = services
        .store
        .get::<Stored>(Table::Objects, &object::row(bucket, key))?
    {
        return Ok(object);
    }
    let resource = format!("arn:aws:s3:::{bucket}");
    if !crate::iam::allows(services, identity, "s3:ListBucket", &resource)? {
        return Err(access_denied());
    }
    let marker = version::marker(&services.store, bucket, key)?;
    Err(with_marker(no_such_key(), marker.as_ref()))
}

/// One version of an object, or the current one if none is named.
pub(super) fn find_version(
    services: &Services,
    identity: &Identity,
    bucket: &str,
    key: &str,
    version_id: Option<&str>,
) -> S3Result<Stored> {
    let Some(id) = version_id else {
        return find(services, identity, bucket, key);
    };
    bucket::require(services, bucket)?;
    let current = services
        .store
        .get::<Stored>(Table::Objects, &object::row(bucket, key))?;
    if let Some(current) = current.filter(|current| version::id_of(current) == id) {
        return Ok(current);
    }
    let found = version::find(&services.store, bucket, key, id)?;
    match found {
        Some(Version {
            object: Some(object),
            ..
        }) => Ok(object),
        Some(marker) => {
            let error = s3_error!(
                MethodNotAllowed,
                "The specified method is not allowed against this resource."
            );
            Err(with_marker(error, Some(&marker)))
        }
        None => Err(s3_error!(
            NoSuchVersion,
            "The specified version does not exist."
        )),
    }
}

/// Tells in the headers of an error that a delete marker is the reason.
fn with_marker(mut error: s3s::S3Error, marker: Option<&Version>) -> s3s::S3Error {
    if let Some(marker) = marker
        && let Ok(id) = HeaderValue::from_str(&marker.id)
    {
        let headers = [
            ("x-amz-delete-marker", HeaderValue::from_static("true")),
            ("x-amz-version-id", id),
        ];
        let headers = headers.map(|(name, value)| (HeaderName::from_static(name), value));
        error.set_headers(headers.into_iter().collect());
    }
    error
}

/// Which bytes of an object are wanted.
struct Selection {
    range: std::ops::Range<u64>,
    is_partial: bool,
    parts_count: Option<i32>,
}

impl Selection {
    fn respond<T>(&self, output: T) -> S3Response<T> {
        if self.is_partial {
            S3Response::with_status(output, http::StatusCode::PARTIAL_CONTENT)
        } else {
            S3Response::new(output)
        }
    }
}

fn select(object: &Stored, range: Option<Range>, part: Option<i32>) -> S3Result<Selection> {
    match (range, part) {
        (None, None) => Ok(Selection {
            range: 0..object.size,
            is_partial: false,
            parts_count: None,
        }),
        (Some(range), None) => {
            let range = range
                .check(object.size)
                .map_err(|_| unsatisfiable(object.size))?;
            Ok(Selection {
                range,
                is_partial: true,
                parts_count: None,
            })
        }
        (None, Some(number)) => select_part(object, number),
        (Some(_), Some(_)) => Err(s3_error!(
            InvalidRequest,
            "Cannot specify both Range header and partNumber query parameter"
        )),
    }
}

fn select_part(object: &Stored, number: i32) -> S3Result<Selection> {
    let parts_count = object
        .is_multipart
        .then(|| i32::try_from(object.pieces.len()).unwrap_or(i32::MAX));
    let index = usize::try_from(number)
        .ok()
        .and_then(|number| number.checked_sub(1));
    let piece = index.and_then(|index| Some((index, object.pieces.get(index)?)));
    match piece {
        Some((index, piece)) => {
            let start = object
                .pieces
                .iter()
                .take(index)
                .map(|piece| piece.size)
                .sum::<u64>();
            Ok(Selection {
                range: start..start + piece.size,
                is_partial: true,
                parts_count,
            })
        }
        None => {
            let mut error = s3_error!(InvalidRange, "The requested partnumber is not satisfiable");
            error.set_code(s3s::S3ErrorCode::Custom("InvalidPartNumber".into()));
            error.set_status_code(http::StatusCode::RANGE_NOT_SATISFIABLE);
            Err(error)
        }
    }
}

fn unsatisfiable(size: u64) -> s3s::S3Error {
    let mut error = s3_error!(InvalidRange, "The requested range is not satisfiable");
    if let Ok(value) = http::HeaderValue::from_str(&format!("bytes */{size}")) {
        error.set_headers(HeaderMap::from_iter([(http::header::CONTENT_RANGE, value)]));
    }
    error
}

fn describe(object: &Stored, part: &Selection, with_checksums: bool) -> GetObjectOutput {
    let Selection {
        range,
        is_partial,
        parts_count,
    } = part;
    let headers = object.headers.clone();
    let content_range = format!(
        "bytes {}-{}/{}",
        range.start,
        range.end.saturating_sub(1),
        object.size
    );
    let mut output = GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: headers.cache_control,
        content_disposition: headers.content_disposition,
        content_encoding: headers.content_encoding,
        content_language: headers.content_language,
        content_length: Some(signed(range.end - range.start)),
        content_range: is_partial.then_some(content_range),
        content_type: Some(
            headers
                .content_type
                .unwrap_or_else(|| "binary/octet-stream".to_owned()),
        ),
        e_tag: Some(object.etag()),
        last_modified: Some(object.modified()),
        metadata: Some(
            object
                .metadata
                .clone()
                .into_iter()
                .collect::<HashMap<_, _>>(),
        ),
        parts_count: *parts_count,
        version_id: object.version_id.clone(),
        tag_count: i32::try_from(object.tags.len())
            .ok()
            .filter(|count| *count > 0),
        ..GetObjectOutput::default()
    };
    // The kept checksums are those of the whole object and would be wrong for a part of it.
    if with_checksums && range.end - range.start == object.size {
        set_checksums!(output, &object.checksums);
        output.checksum_type = checksum_type(object);
    }
    output
}

pub(super) fn checksum_type(object: &Stored) -> Option<ChecksumType> {
    let name = if object.has_full_checksums {
        ChecksumType::FULL_OBJECT
    } else {
        ChecksumType::COMPOSITE
    };
    (!object.checksums.is_empty()).then(|| ChecksumType::from_static(name))
}

pub(super) async fn attributes(
    services: &Services,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let identity = access::identity(services, request.credentials.as_ref())?;
    let input = request.input;
    let version_id = input.version_id.as_deref();
    let object = find_version(services, &identity, &input.bucket, &input.key, version_id)?;
    let mut checksum = Checksum::default();
    set_checksums!(checksum, &object.checksums);
    checksum.checksum_type = checksum_type(&object);
    Ok(S3Response::new(GetObjectAttributesOutput {
        checksum: (!object.checksums.is_empty()).then_some(checksum),
        e_tag: Some(object.etag()),
        last_modified: Some(object.modified()),
        object_size: Some(signed(object.size)),
        version_id: object.version_id.clone(),
        ..GetObjectAttributesOutput::default()
    }))
}
