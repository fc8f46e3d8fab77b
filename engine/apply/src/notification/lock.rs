//! One writer at a time: an object in the artifact bucket that is created on condition, with a time after
//! which it counts for nothing.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_s3::primitives::ByteStream;
use scar_schemas::digest::Digest;

use crate::call::{failed, has_status};
use crate::{Cloud, Error};

/// Milliseconds after which a lock was left behind by somebody who is gone.
const EXPIRES_MS: u64 = 120_000;

/// A lock that is held.
pub(crate) struct Lock<'a> {
    cloud: &'a Cloud,
    artifact_bucket: &'a str,
    key: String,
}

impl<'a> Lock<'a> {
    /// Takes the lock of a bucket's notifications.
    pub(crate) async fn take(
        cloud: &'a Cloud,
        artifact_bucket: &'a str,
        bucket: &str,
    ) -> Result<Self, Error> {
        let key = format!("locks/{}", Digest::of(bucket.as_bytes()).hex());
        let lock = Self {
            cloud,
            artifact_bucket,
            key,
        };
        if lock.create().await? {
            return Ok(lock);
        }
        let held_since = lock.time().await?;
        let is_held = held_since.is_some_and(|time| now_ms() < time + EXPIRES_MS);
        if !is_held {
            lock.delete().await?;
            if lock.create().await? {
                return Ok(lock);
            }
        }
        Err(Error::Busy {
            stack: bucket.to_owned(),
            status: "somebody else is changing its notifications".to_owned(),
        })
    }

    /// Lets the next one in.
    pub(crate) async fn release(self) -> Result<(), Error> {
        self.delete().await
    }

    async fn create(&self) -> Result<bool, Error> {
        let request = self.cloud.s3.put_object();
        let request = request.bucket(self.artifact_bucket).key(&self.key);
        let body = ByteStream::from(now_ms().to_string().into_bytes());
        match request.if_none_match("*").body(body).send().await {
            Ok(_) => Ok(true),
            Err(error) if has_status(&error, 412) || has_status(&error, 409) => Ok(false),
            Err(error) => Err(failed("PutObject", &self.key)(error)),
        }
    }

    async fn time(&self) -> Result<Option<u64>, Error> {
        let request = self.cloud.s3.get_object();
        let answer = request
            .bucket(self.artifact_bucket)
            .key(&self.key)
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if has_status(&error, 404) => return Ok(None),
            Err(error) => return Err(failed("GetObject", &self.key)(error)),
        };
        let bytes = answer.body.collect().await.map(|body| body.into_bytes());
        let text = bytes.unwrap_or_default();
        Ok(String::from_utf8_lossy(&text).parse().ok())
    }

    async fn delete(&self) -> Result<(), Error> {
        let request = self.cloud.s3.delete_object();
        let answer = request
            .bucket(self.artifact_bucket)
            .key(&self.key)
            .send()
            .await;
        answer.map(drop).map_err(failed("DeleteObject", &self.key))
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
