//! Storage events as AWS sends them: S3 notifications (keys form-encoded) and EventBridge (keys plain).
//!
//! Shapes: "Event message structure" and "Amazon S3 EventBridge events" in the S3 user guide.

use serde::{Deserialize, Serialize};

/// `detail-type` of the only EventBridge event that starts a stage.
pub const OBJECT_CREATED: &str = "Object Created";
/// `source` of S3's EventBridge events.
pub const SOURCE: &str = "aws.s3";

/// An EventBridge event of S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusEvent {
    /// Always "0".
    pub version: String,
    /// Identity of the event.
    pub id: String,
    /// For instance [`OBJECT_CREATED`].
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// [`SOURCE`].
    pub source: String,
    /// Account of the bucket.
    pub account: String,
    /// RFC 3339 time.
    pub time: String,
    /// Region of the bucket.
    pub region: String,
    /// ARN of the bucket.
    pub resources: Vec<String>,
    /// What happened.
    pub detail: BusDetail,
}

/// The `detail` of a [`BusEvent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusDetail {
    /// Version of this shape, "0".
    pub version: String,
    /// The bucket.
    pub bucket: BusBucket,
    /// The object.
    pub object: BusObject,
    /// Request that made it.
    #[serde(
        rename = "request-id",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub request_id: Option<String>,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// `PutObject`, `CopyObject`, `CompleteMultipartUpload` or `POST Object`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A bucket in a [`BusDetail`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusBucket {
    /// Real name.
    pub name: String,
}

/// An object in a [`BusDetail`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusObject {
    /// Key, plain.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// ETag without quotes.
    pub etag: String,
    /// On versioned buckets.
    #[serde(
        rename = "version-id",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub version_id: Option<String>,
    /// Orders events of one key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<String>,
}

/// An S3 notification: one or more records.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Notification {
    /// The records.
    #[serde(rename = "Records")]
    pub records: Vec<NotificationRecord>,
}

/// A record of a [`Notification`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationRecord {
    /// `aws:s3`.
    pub event_source: String,
    /// For instance `ObjectCreated:Put`.
    pub event_name: String,
    /// RFC 3339 time; some emulators leave it out.
    #[serde(default)]
    pub event_time: String,
    /// What happened.
    pub s3: NotificationEntity,
}

/// Bucket and object of a [`NotificationRecord`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NotificationEntity {
    /// The bucket.
    pub bucket: BusBucket,
    /// The object.
    pub object: NotificationObject,
}

/// An object in a [`NotificationEntity`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationObject {
    /// Key, form-encoded: `+` is a space.
    pub key: String,
    /// Size in bytes; absent in removal events.
    #[serde(default)]
    pub size: u64,
    /// ETag without quotes.
    #[serde(default)]
    pub e_tag: String,
    /// On versioned buckets.
    #[serde(default)]
    pub version_id: Option<String>,
}

/// Decodes a form-encoded key. `None` if an escape is cut or the bytes are not UTF-8.
#[must_use]
pub fn decode_key(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digit = |byte: u8| (byte as char).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_exactly() {
        assert_eq!(decode_key("a+b%2B%C3%BC.jpg").as_deref(), Some("a b+ü.jpg"));
        assert_eq!(decode_key("a%2").as_deref(), None);
        assert_eq!(decode_key("%ff").as_deref(), None);
        assert_eq!(decode_key("%zz").as_deref(), None);
    }
}
