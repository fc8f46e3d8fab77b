//! Copying an object, whole or as a part of a multipart upload.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::body::{self, Claims, Received};
use super::checksum::{Algorithm, set_checksums};
use super::condition::{ReadCondition, WriteCondition, source_condition_of};
use super::fault::io_fault;
use super::object::{Object as Stored, Reason, Target, headers_of};
use super::{access, object_calls, object_reads, tagging};
use crate::auth::Identity;
use crate::services::Services;

pub(super) async fn copy(
    services: &Services,
    request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let identity = access::identity(services, request.credentials.as_ref())?;
    let condition = WriteCondition::from_headers(&request.headers)?;
    let mut input = request.input;
    let (bucket, key, version_id) = source_of(&input.copy_source)?;
    let replaces = is(
        input
            .metadata_directive
            .as_ref()
            .map(MetadataDirective::as_str),
        "REPLACE",
    );
    if (&bucket, &key) == (&input.bucket, &input.key) && !replaces && version_id.is_none() {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without \
             changing the object's metadata, storage class, website redirect location or encryption \
             attributes."
        ));
    }
    let read = source_condition_of!(input);
    let named = input
        .checksum_algorithm
        .as_ref()
        .and_then(|named| Algorithm::from_name(named.as_str()));
    let source = Source {
        bucket,
        key,
        version_id,
        condition: read,
        range: None,
    };
    let (source, received) = source.read(services, &identity, named).await?;
    let target = Target::new(services, input.bucket.clone(), input.key.clone(), condition)?;
    let mut object = describe(source, input, replaces)?;
    (object.size, object.etag, object.checksums) =
        (received.size, received.md5, received.checksums);
    let object =
        object_calls::commit(services, target, object, received.blob, Reason::Copy).await?;
    let mut result = CopyObjectResult {
        e_tag: Some(object.etag()),
        last_modified: Some(object.modified()),
        ..CopyObjectResult::default()
    };
    set_checksums!(result, &object.checksums);
    Ok(S3Response::new(CopyObjectOutput {
        copy_object_result: Some(result),
        version_id: object.version_id.clone(),
        ..CopyObjectOutput::default()
    }))
}

/// Where a copy takes its bytes.
pub(super) struct Source {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) version_id: Option<String>,
    pub(super) condition: ReadCondition,
    pub(super) range: Option<Range>,
}

impl Source {
    /// Reads the source into a new blob.
    pub(super) async fn read(
        &self,
        services: &Services,
        identity: &Identity,
        algorithm: Option<Algorithm>,
    ) -> S3Result<(Stored, Received)> {
        let object = object_reads::find_version(
            services,
            identity,
            &self.bucket,
            &self.key,
            self.version_id.as_deref(),
        )?;
        self.condition.check(&object, true)?;
        let whole = 0..object.size;
        let range = self
            .range
            .map_or(Ok(whole), |range| range.check(object.size));
        let range =
            range.map_err(|_| s3_error!(InvalidRange, "The source range is not satisfiable"))?;
        if range.end - range.start > body::PUT_LIMIT {
            return Err(s3_error!(
                InvalidRequest,
                "The specified copy source is larger than 5 GB"
            ));
        }
        let blobs = services.store.blobs();
        let length = range.end - range.start;
        let body = body::send(blobs, &object.pieces, range)
            .await
            .map_err(io_fault)?;
        let kept = object.checksums.keys().next().copied();
        let fallback = algorithm.or(kept).or(Some(Algorithm::Crc64Nvme));
        let claims = Claims {
            fallback,
            length: Some(length),
            ..Claims::default()
        };
        let received = body::receive(blobs, Some(body), &claims, None).await?;
        Ok((object, received))
    }
}

/// Bucket, key and version of a copy source.
pub(super) fn source_of(source: &CopySource) -> S3Result<(String, String, Option<String>)> {
    match source {
        CopySource::Bucket {
            bucket,
            key,
            version_id,
        } => Ok((
            bucket.to_string(),
            key.to_string(),
            version_id.as_ref().map(ToString::to_string),
        )),
        _ => Err(s3_error!(NotImplemented, "copy sources are BUCKET/KEY")),
    }
}

fn describe(source: Stored, input: CopyObjectInput, replaces: bool) -> S3Result<Stored> {
    let (headers, metadata) = if replaces {
        (
            headers_of!(input),
            input.metadata.unwrap_or_default().into_iter().collect(),
        )
    } else {
        (source.headers, source.metadata)
    };
    let tags = if is(
        input
            .tagging_directive
            .as_ref()
            .map(TaggingDirective::as_str),
        "REPLACE",
    ) {
        tagging::from_header(input.tagging.as_deref())?
    } else {
        source.tags
    };
    Ok(Stored {
        headers,
        metadata,
        tags,
        ..Stored::empty()
    })
}

fn is(directive: Option<&str>, name: &str) -> bool {
    directive == Some(name)
}
