//! Operations on multipart uploads.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::body::{self, Claims, Received};
use super::checksum::{self, Algorithm, checksums_of, set_checksums};
use super::condition::{WriteCondition, source_condition_of};
use super::copy::{Source, source_of};
use super::fault::{no_such_bucket, no_such_upload};
use super::object::{self, Reason, Target, headers_of, signed, timestamp};
use super::object_reads::checksum_type;
use super::upload::{self, PART_COUNT, Part as Stored, Upload};
use super::{access, bucket, tagging};
use crate::clock::now_ms;
use crate::random;
use crate::services::Services;
use crate::store::{Table, Transaction};

pub(super) async fn create(
    services: &Services,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let input = request.input;
    let named = input.checksum_algorithm.as_ref();
    let algorithm = named.and_then(|named| Algorithm::from_name(named.as_str()));
    let asked = input
        .checksum_type
        .as_ref()
        .map(|asked| asked.as_str() == ChecksumType::FULL_OBJECT);
    let is_full = asked.unwrap_or_else(|| algorithm.is_none_or(Algorithm::is_full_by_default));
    let target = Target::new(
        services,
        input.bucket.clone(),
        input.key.clone(),
        WriteCondition::default(),
    )?;
    let upload = Upload {
        id: random::hex(32),
        key: target.key,
        started_ms: now_ms(),
        headers: headers_of!(input),
        metadata: input.metadata.unwrap_or_default().into_iter().collect(),
        tags: tagging::from_header(input.tagging.as_deref())?,
        algorithm,
        is_full,
    };
    let output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key),
        upload_id: Some(upload.id.clone()),
        checksum_algorithm: input.checksum_algorithm,
        checksum_type: algorithm.map(|_| type_name(is_full)),
        ..CreateMultipartUploadOutput::default()
    };
    let start = move |transaction: &mut Transaction<'_>| -> S3Result<()> {
        if !transaction.contains(Table::Buckets, &input.bucket)? {
            return Err(no_such_bucket());
        }
        Ok(transaction.put(
            Table::Uploads,
            &upload::row(&input.bucket, &upload.key, &upload.id),
            &upload,
        )?)
    };
    services.store.transact(start).await?;
    Ok(S3Response::new(output))
}

fn type_name(is_full: bool) -> ChecksumType {
    ChecksumType::from_static(if is_full {
        ChecksumType::FULL_OBJECT
    } else {
        ChecksumType::COMPOSITE
    })
}

pub(super) async fn upload_part(
    services: &Services,
    request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let S3Request {
        input,
        headers,
        trailing_headers,
        ..
    } = request;
    let upload = find(services, &input.bucket, &input.key, &input.upload_id)?;
    let length = body::declared_length(input.content_length)?;
    let claims = Claims {
        checksums: checksums_of!(&input),
        trailing: body::trailing_algorithm(&headers),
        md5: input.content_md5,
        length,
        fallback: Some(upload.algorithm.unwrap_or(Algorithm::Crc64Nvme)),
    };
    let received = body::receive(
        services.store.blobs(),
        input.body,
        &claims,
        trailing_headers,
    )
    .await?;
    let part = keep(services, &input.bucket, upload, input.part_number, received).await?;
    let mut output = UploadPartOutput {
        e_tag: Some(ETag::Strong(part.etag.clone())),
        ..UploadPartOutput::default()
    };
    set_checksums!(output, &part.checksums);
    Ok(S3Response::new(output))
}

pub(super) async fn copy_part(
    services: &Services,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let identity = access::identity(services, request.credentials.as_ref())?;
    let mut input = request.input;
    let upload = find(services, &input.bucket, &input.key, &input.upload_id)?;
    let (bucket, key, version_id) = source_of(&input.copy_source)?;
    let range = input
        .copy_source_range
        .as_deref()
        .map(Range::parse)
        .transpose();
    let range = range
        .map_err(|_| s3_error!(InvalidArgument, "the source range is not bytes=FIRST-LAST"))?;
    let condition = source_condition_of!(input);
    let source = Source {
        bucket,
        key,
        version_id,
        condition,
        range,
    };
    let algorithm = Some(upload.algorithm.unwrap_or(Algorithm::Crc64Nvme));
    let (_, received) = source.read(services, &identity, algorithm).await?;
    let part = keep(services, &input.bucket, upload, input.part_number, received).await?;
    let mut result = CopyPartResult {
        e_tag: Some(ETag::Strong(part.etag.clone())),
        last_modified: Some(timestamp(part.modified_ms)),
        ..CopyPartResult::default()
    };
    set_checksums!(result, &part.checksums);
    Ok(S3Response::new(UploadPartCopyOutput {
        copy_part_result: Some(result),
        ..UploadPartCopyOutput::default()
    }))
}

async fn keep(
    services: &Services,
    bucket: &str,
    upload: Upload,
    number: i32,
    received: Received,
) -> S3Result<Stored> {
    if !(1..=PART_COUNT).contains(&number) {
        return Err(s3_error!(
            InvalidArgument,
            "Part number must be an integer between 1 and 10000"
        ));
    }
    let bucket = bucket.to_owned();
    let change = move |transaction: &mut Transaction<'_>| -> S3Result<Stored> {
        // The upload may have been completed or aborted while the body came in.
        if !transaction.contains(
            Table::Uploads,
            &upload::row(&bucket, &upload.key, &upload.id),
        )? {
            return Err(no_such_upload());
        }
        let row = upload::part_row(&upload.id, number);
        if let Some(former) = transaction.get::<Stored>(Table::Parts, &row)? {
            transaction.release(&former.blob);
        }
        let part = Stored {
            number,
            size: received.size,
            etag: received.md5,
            modified_ms: now_ms(),
            blob: transaction.keep(received.blob),
            checksums: received.checksums,
        };
        transaction.put(Table::Parts, &row, &part)?;
        Ok(part)
    };
    services.store.transact(change).await
}

pub(super) async fn complete(
    services: &Services,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let input = request.input;
    let claimed = checksums_of!(&input);
    let wanted = input
        .multipart_upload
        .and_then(|upload| upload.parts)
        .unwrap_or_default();
    let condition = WriteCondition {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
    };
    let target = Target::new(services, input.bucket.clone(), input.key.clone(), condition)?;
    let claimed_size = input.mpu_object_size;
    let upload_id = input.upload_id;
    let finish = move |transaction: &mut Transaction<'_>| -> S3Result<object::Object> {
        let row = upload::row(&target.bucket, &target.key, &upload_id);
        let upload = transaction
            .get::<Upload>(Table::Uploads, &row)?
            .ok_or_else(no_such_upload)?;
        let mut object = upload::assemble(transaction, &upload, &wanted)?;
        object.modified_ms = now_ms();
        checksum::compare(&claimed, &object.checksums)?;
        if claimed_size.is_some_and(|size| size != signed(object.size)) {
            return Err(s3_error!(
                InvalidRequest,
                "The object's size is not the one that was specified"
            ));
        }
        object::replace(transaction, &target, &mut object, Reason::Complete)?;
        upload::remove(transaction, &target.bucket, &upload, &object.pieces)?;
        Ok(object)
    };
    let object = services.store.transact(finish).await?;
    services.events.notify_one();
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!(
            "{}/{}/{}",
            services.endpoint, input.bucket, input.key
        )),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(object.etag()),
        checksum_type: checksum_type(&object),
        version_id: object.version_id.clone(),
        ..CompleteMultipartUploadOutput::default()
    };
    set_checksums!(output, &object.checksums);
    Ok(S3Response::new(output))
}

pub(super) async fn abort(
    services: &Services,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let AbortMultipartUploadInput {
        bucket,
        key,
        upload_id,
        ..
    } = request.input;
    let change = move |transaction: &mut Transaction<'_>| -> S3Result<()> {
        let row = upload::row(&bucket, &key, &upload_id);
        let upload = transaction
            .get::<Upload>(Table::Uploads, &row)?
            .ok_or_else(no_such_upload)?;
        Ok(upload::remove(transaction, &bucket, &upload, &[])?)
    };
    services.store.transact(change).await?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(super) async fn list_parts(
    services: &Services,
    request: S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let input = request.input;
    let upload = find(services, &input.bucket, &input.key, &input.upload_id)?;
    let marker = input.part_number_marker.unwrap_or(0).clamp(0, PART_COUNT);
    let limit = input.max_parts.unwrap_or(1000).clamp(0, 1000);
    let count = usize::try_from(limit).unwrap_or(0);
    let (prefix, from) = (
        upload::parts_prefix(&upload.id),
        upload::part_row(&upload.id, marker + 1),
    );
    let mut parts = services
        .store
        .list_from::<Stored>(Table::Parts, &prefix, &from, count + 1)?;
    let is_truncated = parts.len() > count;
    parts.truncate(count);
    let next = parts
        .last()
        .map(|(_, part)| part.number)
        .filter(|_| is_truncated);
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        is_truncated: Some(is_truncated),
        max_parts: Some(limit),
        part_number_marker: Some(marker),
        next_part_number_marker: next,
        checksum_algorithm: upload
            .algorithm
            .map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: upload.algorithm.map(|_| type_name(upload.is_full)),
        parts: Some(
            parts
                .into_iter()
                .map(|(_, part)| part_entry(part))
                .collect(),
        ),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        ..ListPartsOutput::default()
    }))
}

fn part_entry(stored: Stored) -> Part {
    let mut part = Part {
        part_number: Some(stored.number),
        size: Some(signed(stored.size)),
        e_tag: Some(ETag::Strong(stored.etag)),
        last_modified: Some(timestamp(stored.modified_ms)),
        ..Part::default()
    };
    set_checksums!(part, &stored.checksums);
    part
}

fn find(services: &Services, bucket: &str, key: &str, id: &str) -> S3Result<Upload> {
    bucket::require(services, bucket)?;
    let row = upload::row(bucket, key, id);
    services
        .store
        .get::<Upload>(Table::Uploads, &row)?
        .ok_or_else(no_such_upload)
}
