//! Operations on single objects: put, get, head, delete, delete many, attributes.

use std::collections::HashMap;

use http::HeaderMap;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::access;
use super::body::{self, Claims};
use super::checksum::{Algorithm, Checksums, checksums_of, set_checksums};
use super::condition::{ReadCondition, WriteCondition};
use super::fault::{access_denied, io_fault, no_such_bucket, no_such_key};
use super::object::{self, Headers, Object as Stored, Piece, Reason, Target, signed};
use super::{bucket, tagging};
use crate::auth::Identity;
use crate::clock::now_ms;
use crate::services::Services;
use crate::store::{Table, Transaction};

/// "Upload an object in a single operation of at most 5 GB" in the S3 user guide.
pub(super) const PUT_LIMIT: u64 = 5 * 1024 * 1024 * 1024;
/// An object that is replaced again and again while it is read is given up after so many looks.
const LOOKS: usize = 16;

pub(super) async fn put(
    services: &Services,
    request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let S3Request {
        input,
        headers,
        trailing_headers,
        ..
    } = request;
    bucket::require(services, &input.bucket)?;
    let length = input
        .content_length
        .and_then(|length| u64::try_from(length).ok());
    if length.is_some_and(|length| length > PUT_LIMIT) {
        return Err(s3_error!(
            EntityTooLarge,
            "Your proposed upload exceeds the maximum allowed size"
        ));
    }
    let claims = Claims {
        checksums: checksums_of!(&input),
        trailing: body::trailing_algorithm(&headers),
        md5: input.content_md5,
        length,
        fallback: Some(chosen_algorithm(input.checksum_algorithm.as_ref())),
    };
    let condition = WriteCondition {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
    };
    let target = Target::new(services, input.bucket, input.key, condition)?;
    let mut object = Stored {
        headers: Headers {
            content_type: input.content_type,
            content_encoding: stored_encoding(input.content_encoding),
            content_language: input.content_language,
            content_disposition: input.content_disposition,
            cache_control: input.cache_control,
        },
        metadata: input.metadata.unwrap_or_default().into_iter().collect(),
        tags: tagging::from_header(input.tagging.as_deref())?,
        ..Stored::empty()
    };
    let received = body::receive(
        services.store.blobs(),
        input.body,
        &claims,
        trailing_headers,
    )
    .await?;
    (object.size, object.etag, object.checksums) =
        (received.size, received.md5, received.checksums);
    let object = commit(services, target, object, received.blob, Reason::Put).await?;
    let mut output = PutObjectOutput {
        e_tag: Some(object.etag()),
        ..PutObjectOutput::default()
    };
    set_checksums!(output, &object.checksums);
    output.checksum_type = Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT));
    Ok(S3Response::new(output))
}

/// Commits an object whose bytes are one new blob.
pub(super) async fn commit(
    services: &Services,
    target: Target,
    mut object: Stored,
    blob: crate::store::NewBlob,
    reason: Reason,
) -> S3Result<Stored> {
    let write = move |transaction: &mut Transaction<'_>| -> S3Result<Stored> {
        // Set here, so that the order of times is the order of commits.
        object.modified_ms = now_ms();
        object.pieces = vec![Piece {
            blob: transaction.keep(blob),
            size: object.size,
        }];
        object::replace(transaction, &target, &object, reason)?;
        Ok(object)
    };
    let object = services.store.transact(write).await?;
    services.events.notify_one();
    Ok(object)
}

pub(super) async fn get(
    services: &Services,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let identity = access::identity(services, request.credentials.as_ref())?;
    let input = request.input;
    let condition = ReadCondition {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    for _ in 0..LOOKS {
        let object = find(services, &identity, &input.bucket, &input.key)?;
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
    let object = find(services, &identity, &input.bucket, &input.key)?;
    let condition = ReadCondition {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
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
    if crate::iam::allows(services, identity, "s3:ListBucket", &resource)? {
        Err(no_such_key())
    } else {
        Err(access_denied())
    }
}

pub(super) async fn delete(
    services: &Services,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let DeleteObjectInput {
        bucket,
        key,
        if_match,
        ..
    } = request.input;
    let condition = WriteCondition {
        if_match,
        if_none_match: None,
    };
    let remove = move |transaction: &mut Transaction<'_>| -> S3Result<()> {
        if !transaction.contains(Table::Buckets, &bucket)? {
            return Err(no_such_bucket());
        }
        remove(transaction, &bucket, &key, &condition)
    };
    services.store.transact(remove).await?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

pub(super) async fn delete_many(
    services: &Services,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let identity = access::identity(services, request.credentials.as_ref())?;
    let DeleteObjectsInput { bucket, delete, .. } = request.input;
    let quiet = delete.quiet.unwrap_or(false);
    if delete.objects.len() > 1000 {
        return Err(s3_error!(
            MalformedXML,
            "at most 1,000 objects can be deleted at once"
        ));
    }
    let mut errors = Vec::new();
    let mut keys = Vec::new();
    for object in delete.objects {
        let resource = format!("arn:aws:s3:::{bucket}/{}", object.key);
        if crate::iam::allows(services, &identity, "s3:DeleteObject", &resource)? {
            keys.push((object.key, object.e_tag));
        } else {
            errors.push(delete_error(object.key, access_denied()));
        }
    }
    let remove_all = move |transaction: &mut Transaction<'_>| -> S3Result<DeleteObjectsOutput> {
        if !transaction.contains(Table::Buckets, &bucket)? {
            return Err(no_such_bucket());
        }
        let mut deleted = Vec::new();
        for (key, etag) in keys {
            let if_match = etag.map(ETagCondition::ETag);
            let condition = WriteCondition {
                if_match,
                if_none_match: None,
            };
            match remove(transaction, &bucket, &key, &condition) {
                Ok(()) => deleted.push(DeletedObject {
                    key: Some(key),
                    ..DeletedObject::default()
                }),
                Err(error) => errors.push(delete_error(key, error)),
            }
        }
        let deleted = if quiet { None } else { Some(deleted) };
        let errors = if errors.is_empty() {
            None
        } else {
            Some(errors)
        };
        Ok(DeleteObjectsOutput {
            deleted,
            errors,
            ..DeleteObjectsOutput::default()
        })
    };
    Ok(S3Response::new(services.store.transact(remove_all).await?))
}

fn delete_error(key: String, error: s3s::S3Error) -> Error {
    Error {
        code: Some(error.code().as_str().to_owned()),
        key: Some(key),
        message: error.message().map(str::to_owned),
        version_id: None,
    }
}

fn remove(
    transaction: &mut Transaction<'_>,
    bucket: &str,
    key: &str,
    condition: &WriteCondition,
) -> S3Result<()> {
    let row = object::row(bucket, key);
    let current = transaction.get::<Stored>(Table::Objects, &row)?;
    condition.check(current.as_ref())?;
    if let Some(current) = current {
        object::release(transaction, &current);
        transaction.delete(Table::Objects, &row);
    }
    Ok(())
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
    let object = find(
        services,
        &identity,
        &request.input.bucket,
        &request.input.key,
    )?;
    let mut checksum = Checksum::default();
    set_checksums!(checksum, &object.checksums);
    checksum.checksum_type = checksum_type(&object);
    Ok(S3Response::new(GetObjectAttributesOutput {
        checksum: (!object.checksums.is_empty()).then_some(checksum),
        e_tag: Some(object.etag()),
        last_modified: Some(object.modified()),
        object_size: Some(signed(object.size)),
        ..GetObjectAttributesOutput::default()
    }))
}

/// The algorithm that the client named, or the one that S3 takes by itself.
pub(super) fn chosen_algorithm(named: Option<&ChecksumAlgorithm>) -> Algorithm {
    named
        .and_then(|named| Algorithm::from_name(named.as_str()))
        .unwrap_or(Algorithm::Crc64Nvme)
}

/// `aws-chunked` says how the request was sent, not what the object is.
pub(super) fn stored_encoding(encoding: Option<String>) -> Option<String> {
    let encoding = encoding?;
    let kept = encoding
        .split(',')
        .map(str::trim)
        .filter(|part| *part != "aws-chunked" && !part.is_empty());
    Some(kept.collect::<Vec<_>>().join(",")).filter(|kept| !kept.is_empty())
}

impl Stored {
    /// An object of no bytes, to be filled in.
    pub(super) fn empty() -> Self {
        Self {
            size: 0,
            etag: String::new(),
            modified_ms: 0,
            pieces: Vec::new(),
            is_multipart: false,
            headers: Headers::default(),
            metadata: std::collections::BTreeMap::new(),
            checksums: Checksums::new(),
            has_full_checksums: true,
            tags: Vec::new(),
        }
    }
}
