//! S3, on the protocol layer of the `s3s` crate.
//!
//! What CloudFormation and Lambda need of it stands here; everything else goes over the wire.

mod bucket;

pub(crate) use bucket::{
    Bucket, BucketError, check_bucket_name, create_bucket, delete_bucket, update_bucket,
};
