//! S3, on the protocol layer of the `s3s` crate.
//!
//! Every change of an object, the event that tells of it and the bytes it refers to are committed
//! together, so a reader sees a whole object and an acknowledged one survives everything.

mod access;
mod back_end;
mod body;
mod bucket;
mod bucket_calls;
mod bucket_settings;
mod checksum;
mod condition;
mod copy;
mod fault;
mod list;
mod list_versions;
mod notification;
mod notification_calls;
mod object;
mod object_calls;
mod object_deletes;
mod object_reads;
mod tagging;
mod upload;
mod upload_calls;
mod version;

pub(crate) use bucket::{Bucket, BucketError, create_bucket, delete_bucket, update_bucket};
pub(crate) use fault::refuse;
pub(crate) use notification::{
    Filter, Notification, check as check_notifications, unreachable_target,
};
pub(crate) use object::{ReadError, read_object};
pub(crate) use version::Versioning;

use std::sync::Arc;

use s3s::config::{S3Config, StaticConfigProvider};
use s3s::host::{S3Host, VirtualHost};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3Result};

use crate::services::Services;

/// The S3 service of a cloud: signatures and access are checked for every request.
pub(crate) fn service(services: Arc<Services>) -> S3Service {
    let mut config = S3Config::default();
    // A key is its bytes: `a//b` and `/a` are keys of their own.
    config.normalize_forward_slash_path = false;
    let mut builder = S3ServiceBuilder::new(back_end::BackEnd::new(Arc::clone(&services)));
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_auth(access::KeyTable::new(Arc::clone(&services)));
    builder.set_access(access::Policies::new(services));
    builder.set_host(LoopbackNames);
    builder.build()
}

/// `BUCKET.localhost` and `BUCKET.s3.localhost` name a bucket, as virtual-hosted clients do.
struct LoopbackNames;

impl S3Host for LoopbackNames {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let bucket = name
            .strip_suffix(".s3.localhost")
            .or_else(|| name.strip_suffix(".localhost"));
        let found = bucket
            .filter(|bucket| *bucket != "s3")
            .map(|bucket| VirtualHost::new(name).with_bucket(bucket));
        Ok::<_, S3Error>(found.unwrap_or_else(|| VirtualHost::new(name)))
    }
}
