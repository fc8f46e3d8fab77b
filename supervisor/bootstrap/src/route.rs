//! Event to jobs. Pure: which objects an event names, and which of them are this stage's.
//!
//! Nothing here trusts the event: an object that the stage does not take is counted and left alone
//! before any request is made, whoever sent the event.

use std::collections::BTreeMap;

use scar_schemas::contract::{SYSTEM_PREFIX, StageConfig};
use scar_schemas::event::{self, BusEvent, Notification, NotificationRecord};
use scar_schemas::record::ObjectVersion;
use serde_json::Value;

/// Longest event in bytes. Lambda takes 1 MiB in an asynchronous invocation ("Lambda quotas").
pub(crate) const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// S3 sends one record per notification; more than this is not one of its events.
pub(crate) const MAX_RECORDS: usize = 1_000;
/// Longest key in bytes ("Naming Amazon S3 objects").
const MAX_KEY_BYTES: usize = 1_024;
const CREATIONS: [&str; 4] = ["Put", "Post", "Copy", "CompleteMultipartUpload"];

/// One object that the stage must work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// The input, with its real bucket name.
    pub(crate) object: ObjectVersion,
    /// RFC 3339 time of the event, or empty.
    pub(crate) time: String,
}

/// What an event came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Routed {
    /// Objects to work on, in event order.
    pub(crate) jobs: Vec<Job>,
    /// How many objects were left alone, by reason.
    pub(crate) ignored: BTreeMap<Ignored, u64>,
}

/// Why an object was left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ignored {
    /// The test message that S3 sends when a notification is configured.
    TestEvent,
    /// Anything but the creation of an object.
    NotACreation,
    /// A key that ends in `/`.
    FolderMarker,
    /// An object of scar's own.
    OwnObject,
    /// A bucket or key that is no input of this stage.
    NotAnInput,
    /// A key that is empty, too long or not form-encoded.
    BadKey,
}

impl Ignored {
    /// The reason as it stands in logs and reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TestEvent => "test-event",
            Self::NotACreation => "not-a-creation",
            Self::FolderMarker => "folder-marker",
            Self::OwnObject => "own-object",
            Self::NotAnInput => "not-an-input",
            Self::BadKey => "bad-key",
        }
    }
}

/// Why an event was refused as a whole.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("event has {0} bytes, more than {MAX_EVENT_BYTES}")]
    TooLarge(usize),
    #[error("event has {0} records, more than {MAX_RECORDS}")]
    TooMany(usize),
    #[error("event is neither an S3 notification nor an S3 event of EventBridge")]
    Unknown,
    #[error("event of S3 is malformed: {0}")]
    Malformed(String),
}

/// Finds the jobs in an event; `text` is its JSON. `buckets` maps manifest names to real names.
pub(crate) fn route(
    event: &Value,
    text: &str,
    config: &StageConfig,
    buckets: &BTreeMap<String, String>,
) -> Result<Routed, Refused> {
    if text.len() > MAX_EVENT_BYTES {
        return Err(Refused::TooLarge(text.len()));
    }
    let mut routed = Routed::default();
    for found in objects(event)? {
        match found.and_then(|job| accept(job, config, buckets)) {
            Ok(job) => routed.jobs.push(job),
            Err(reason) => *routed.ignored.entry(reason).or_default() += 1,
        }
    }
    Ok(routed)
}

type Found = Result<Job, Ignored>;

fn objects(event: &Value) -> Result<Vec<Found>, Refused> {
    if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(vec![Err(Ignored::TestEvent)]);
    }
    if event.get("source").and_then(Value::as_str) == Some(event::SOURCE) {
        return Ok(vec![bus_object(event)?]);
    }
    let Some(records) = event.get("Records").and_then(Value::as_array) else {
        return Err(Refused::Unknown);
    };
    if records.len() > MAX_RECORDS {
        return Err(Refused::TooMany(records.len()));
    }
    let is_storage = |record: &Value| {
        record
            .get("eventSource")
            .and_then(Value::as_str)
            .is_some_and(|source| source == "aws:s3")
    };
    if !records.iter().all(is_storage) {
        return Err(Refused::Unknown);
    }
    let notification: Notification = serde_json::from_value(event.clone()).map_err(malformed)?;
    Ok(notification
        .records
        .into_iter()
        .map(record_object)
        .collect())
}

fn bus_object(event: &Value) -> Result<Found, Refused> {
    if event.get("detail-type").and_then(Value::as_str) != Some(event::OBJECT_CREATED) {
        return Ok(Err(Ignored::NotACreation));
    }
    let event: BusEvent = serde_json::from_value(event.clone()).map_err(malformed)?;
    let object = event.detail.object;
    Ok(Ok(Job {
        object: ObjectVersion {
            bucket: event.detail.bucket.name,
            key: object.key,
            etag: bare(&object.etag),
            size: object.size,
            version_id: version(object.version_id),
        },
        time: event.time,
    }))
}

fn record_object(record: NotificationRecord) -> Found {
    let name = record
        .event_name
        .strip_prefix("s3:")
        .unwrap_or(&record.event_name);
    match name.strip_prefix("ObjectCreated:") {
        Some(kind) if CREATIONS.contains(&kind) => {}
        _ => return Err(Ignored::NotACreation),
    }
    let object = record.s3.object;
    Ok(Job {
        object: ObjectVersion {
            bucket: record.s3.bucket.name,
            key: event::decode_key(&object.key).ok_or(Ignored::BadKey)?,
            etag: bare(&object.e_tag),
            size: object.size,
            version_id: version(object.version_id),
        },
        time: record.event_time,
    })
}

fn accept(
    job: Job,
    config: &StageConfig,
    buckets: &BTreeMap<String, String>,
) -> Result<Job, Ignored> {
    let key = &job.object.key;
    if key.is_empty() || key.len() > MAX_KEY_BYTES || key.contains('\0') {
        return Err(Ignored::BadKey);
    }
    if key.starts_with(SYSTEM_PREFIX) {
        return Err(Ignored::OwnObject);
    }
    if key.ends_with('/') {
        return Err(Ignored::FolderMarker);
    }
    let mut names = buckets
        .iter()
        .filter(|(_, real)| **real == job.object.bucket);
    if !names.any(|(name, _)| config.takes(name, key)) {
        return Err(Ignored::NotAnInput);
    }
    Ok(job)
}

fn malformed(error: serde_json::Error) -> Refused {
    Refused::Malformed(error.to_string())
}

fn bare(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

// Buckets without versions report none or the text "null", and a listing has neither.
fn version(id: Option<String>) -> Option<String> {
    id.filter(|id| !id.is_empty() && id != "null")
}

#[cfg(test)]
#[path = "route_tests.rs"]
pub(crate) mod tests;
