//! Which function answers which operation of the protocol layer.

use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};

use super::{
    bucket_calls, bucket_settings, copy, list, list_versions, notification_calls, object_calls,
    object_deletes, object_reads, tagging, upload_calls,
};
use crate::services::Services;

pub(super) struct BackEnd {
    services: Arc<Services>,
}

impl BackEnd {
    pub(super) fn new(services: Arc<Services>) -> Self {
        Self { services }
    }
}

/// One line per operation: its name, its input and output, and the expression that answers it.
macro_rules! operations {
    ($($name:ident($input:ident) -> $output:ident = |$services:ident, $request:ident| $answer:expr;)*) => {
        #[async_trait::async_trait]
        impl S3 for BackEnd {
            $(
                async fn $name(&self, $request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    let $services: &Services = &self.services;
                    $answer
                }
            )*
        }
    };
}

operations! {
    create_bucket(CreateBucketInput) -> CreateBucketOutput
        = |services, request| bucket_calls::create(services, request).await;
    head_bucket(HeadBucketInput) -> HeadBucketOutput
        = |services, request| bucket_calls::head(services, &request.input.bucket);
    list_buckets(ListBucketsInput) -> ListBucketsOutput
        = |services, request| bucket_calls::list(services, request);
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput = |services, request| {
        bucket_calls::delete(services, request.input.bucket).await?;
        Ok(S3Response::with_status(DeleteBucketOutput::default(), http::StatusCode::NO_CONTENT))
    };
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput
        = |services, request| bucket_calls::location(services, &request.input.bucket);
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput =
        |services, request| bucket_settings::versioning(services, &request.input.bucket);
    put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput
        = |services, request| bucket_settings::put_versioning(services, request).await;
    get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput
        = |services, request| bucket_settings::policy(services, &request.input.bucket);
    put_bucket_policy(PutBucketPolicyInput) -> PutBucketPolicyOutput
        = |services, request| bucket_settings::put_policy(services, request).await;
    delete_bucket_policy(DeleteBucketPolicyInput) -> DeleteBucketPolicyOutput
        = |services, request| bucket_settings::delete_policy(services, request).await;
    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput)
        -> GetBucketLifecycleConfigurationOutput
        = |services, request| bucket_settings::lifecycle(services, &request.input.bucket);
    put_bucket_lifecycle_configuration(PutBucketLifecycleConfigurationInput)
        -> PutBucketLifecycleConfigurationOutput
        = |services, request| bucket_settings::put_lifecycle(services, request).await;
    delete_bucket_lifecycle(DeleteBucketLifecycleInput) -> DeleteBucketLifecycleOutput
        = |services, request| bucket_settings::delete_lifecycle(services, request).await;
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput
        = |services, request| list_versions::object_versions(services, request).await;
    get_bucket_notification_configuration(GetBucketNotificationConfigurationInput)
        -> GetBucketNotificationConfigurationOutput
        = |services, request| notification_calls::get(services, &request.input.bucket);
    put_bucket_notification_configuration(PutBucketNotificationConfigurationInput)
        -> PutBucketNotificationConfigurationOutput
        = |services, request| notification_calls::put(services, request).await;
    get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput
        = |services, request| tagging::get_bucket(services, &request.input.bucket);
    put_bucket_tagging(PutBucketTaggingInput) -> PutBucketTaggingOutput = |services, request| {
        tagging::put_bucket(services, request.input.bucket, request.input.tagging.tag_set).await?;
        Ok(S3Response::new(PutBucketTaggingOutput::default()))
    };
    delete_bucket_tagging(DeleteBucketTaggingInput) -> DeleteBucketTaggingOutput = |services, request| {
        tagging::put_bucket(services, request.input.bucket, Vec::new()).await?;
        Ok(S3Response::with_status(DeleteBucketTaggingOutput::default(), http::StatusCode::NO_CONTENT))
    };

    put_object(PutObjectInput) -> PutObjectOutput
        = |services, request| object_calls::put(services, request).await;
    get_object(GetObjectInput) -> GetObjectOutput
        = |services, request| object_reads::get(services, request).await;
    head_object(HeadObjectInput) -> HeadObjectOutput
        = |services, request| object_reads::head(services, request).await;
    get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput
        = |services, request| object_reads::attributes(services, request).await;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput
        = |services, request| object_deletes::delete(services, request).await;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput
        = |services, request| object_deletes::delete_many(services, request).await;
    copy_object(CopyObjectInput) -> CopyObjectOutput
        = |services, request| copy::copy(services, request).await;
    get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput
        = |services, request| tagging::get_object(services, request);
    put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput = |services, request| {
        let PutObjectTaggingInput { bucket, key, tagging, .. } = request.input;
        tagging::put_object(services, bucket, key, Some(tagging.tag_set)).await?;
        Ok(S3Response::new(PutObjectTaggingOutput::default()))
    };
    delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput = |services, request| {
        tagging::put_object(services, request.input.bucket, request.input.key, None).await?;
        Ok(S3Response::with_status(DeleteObjectTaggingOutput::default(), http::StatusCode::NO_CONTENT))
    };

    list_objects(ListObjectsInput) -> ListObjectsOutput
        = |services, request| list::objects(services, request).await;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output
        = |services, request| list::objects_v2(services, request).await;

    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput
        = |services, request| upload_calls::create(services, request).await;
    upload_part(UploadPartInput) -> UploadPartOutput
        = |services, request| upload_calls::upload_part(services, request).await;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput
        = |services, request| upload_calls::copy_part(services, request).await;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput
        = |services, request| upload_calls::complete(services, request).await;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput
        = |services, request| upload_calls::abort(services, request).await;
    list_parts(ListPartsInput) -> ListPartsOutput
        = |services, request| upload_calls::list_parts(services, request).await;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput
        = |services, request| list::uploads(services, request).await;
}
