//! Storing single objects.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::body::{self, Claims};
use super::checksum::{Algorithm, checksums_of, set_checksums};
use super::condition::WriteCondition;
use super::object::{self, Object as Stored, Piece, Reason, Target, headers_of};
use super::{bucket, tagging};
use crate::clock::now_ms;
use crate::services::Services;
use crate::store::Transaction;

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
    let length = body::declared_length(input.content_length)?;
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
        headers: headers_of!(input),
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
        version_id: object.version_id.clone(),
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
        object::replace(transaction, &target, &mut object, reason)?;
        Ok(object)
    };
    let object = services.store.transact(write).await?;
    services.events.notify_one();
    Ok(object)
}

/// The algorithm that the client named, or the one that S3 takes by itself.
pub(super) fn chosen_algorithm(named: Option<&ChecksumAlgorithm>) -> Algorithm {
    named
        .and_then(|named| Algorithm::from_name(named.as_str()))
        .unwrap_or(Algorithm::Crc64Nvme)
}
