//! Listing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::types::EncodingType;
use scar_schemas::event::decode_key;
use scar_schemas::record::ObjectVersion;

use super::error::{no_answer, sort};
use super::read::bare;
use super::{Location, Store, StoreError};

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The object at the version of the listing, which tells no version ids.
    pub(crate) object: ObjectVersion,
    /// When it was written, by the store's clock, in milliseconds since the Unix epoch.
    pub(crate) written_ms: u64,
}

impl Store {
    /// All objects below a prefix, in the order of their keys; at most `limit`.
    pub(crate) async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let at = Location::new(bucket, prefix);
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let request = self.client.list_objects_v2().bucket(bucket).prefix(prefix);
            // XML cannot hold every character that a key can.
            let request = request.encoding_type(EncodingType::Url);
            let page = request.set_continuation_token(after).send().await;
            let page = page.map_err(|error| sort("LIST", &at, &error).into_error("LIST", &at))?;
            for object in page.contents() {
                let key = object.key().and_then(decode_key);
                let key = key.ok_or_else(|| no_answer("LIST", &at, "a key is not valid".into()))?;
                found.push(listed(bucket, key, object));
            }
            if found.len() > limit {
                let reason = format!("there are more than {limit} objects");
                return Err(no_answer("LIST", &at, reason));
            }
            match page.next_continuation_token() {
                Some(token) => after = Some(token.to_owned()),
                None => return Ok(found),
            }
        }
    }
}

fn listed(bucket: &str, key: String, object: &aws_sdk_s3::types::Object) -> Listed {
    let seconds = object
        .last_modified()
        .map_or(0.0, |time| time.as_secs_f64());
    let written = UNIX_EPOCH.checked_add(Duration::from_secs_f64(seconds.max(0.0)));
    let since = written.unwrap_or(SystemTime::UNIX_EPOCH);
    let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
    Listed {
        object: ObjectVersion {
            bucket: bucket.to_owned(),
            key,
            etag: bare(object.e_tag()),
            size: object
                .size()
                .and_then(|size| u64::try_from(size).ok())
                .unwrap_or_default(),
            version_id: None,
        },
        written_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
    }
}
