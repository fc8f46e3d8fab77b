//! Event to arrivals. Pure: which objects an event names, and what each of them is to this stage.
//!
//! Nothing here trusts the event: an object that the stage does not take is counted and left alone
//! before any request is made, whoever sent the event.

use std::collections::BTreeMap;

use scar_schemas::construct::{HttpMode, JoinBy};
use scar_schemas::contract::{SYSTEM_PREFIX, StageConfig};
use scar_schemas::event::{self, BusEvent, Notification, NotificationRecord};
use scar_schemas::hand_over::{bodies_prefix, done_prefix, fires_prefix, items_prefix};
use scar_schemas::record::ObjectVersion;
use serde_json::Value;

use crate::envelope::MAX_RECORDS;

/// Longest key in bytes ("Naming Amazon S3 objects").
const MAX_KEY_BYTES: usize = 1_024;
/// Senders of notifications of this form.
const STORES: [&str; 2] = ["aws:s3", "minio:s3"];
const CREATIONS: [&str; 4] = ["Put", "Post", "Copy", "CompleteMultipartUpload"];

/// One object that the stage must do something about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// The object, with its real bucket name.
    pub(crate) object: ObjectVersion,
    /// RFC 3339 time of the event, or empty.
    pub(crate) time: String,
    /// What it is to the stage.
    pub(crate) role: Role,
}

/// What an object is to a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// An object of this input.
    Input(usize),
    /// It tells of a finished task of this stage of `after`.
    Done(usize),
    /// A complete join.
    Fire,
    /// One item of a scatter.
    Item,
    /// The body of an asynchronous HTTP call.
    Body,
}

/// What an event came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Routed {
    /// Objects to do something about, in event order.
    pub(crate) arrivals: Vec<Arrival>,
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
    /// An input whose size or name `when` leaves out.
    NotWanted,
    /// An input of a stage that looks for its objects when its schedule fires.
    AtTheWindow,
    /// An input that went round often enough.
    LoopLimit,
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
            Self::NotWanted => "not-wanted",
            Self::AtTheWindow => "at-the-window",
            Self::LoopLimit => "loop-limit",
            Self::BadKey => "bad-key",
        }
    }
}

/// Why an event was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("event has {0} bytes, more than {1}")]
    TooLarge(usize, usize),
    #[error("event has {0} records, more than {MAX_RECORDS}")]
    TooMany(usize),
    #[error("event is neither an S3 notification nor an S3 event of EventBridge")]
    Unknown,
    #[error("event is malformed: {0}")]
    Malformed(String),
    #[error("this stage has no schedule")]
    NoSchedule,
}

/// Finds what an event of storage is about. `buckets` maps manifest names to real names.
pub(crate) fn route(
    event: &Value,
    config: &StageConfig,
    buckets: &BTreeMap<String, String>,
) -> Result<Routed, Refused> {
    let mut routed = Routed::default();
    for found in objects(event)? {
        match found.and_then(|named| accept(named, config, buckets)) {
            Ok(arrival) => routed.arrivals.push(arrival),
            Err(reason) => *routed.ignored.entry(reason).or_default() += 1,
        }
    }
    Ok(routed)
}

/// What an object that nobody has sent an event for is to the stage: a job's input, a sweep's find.
pub(crate) fn recognise(
    object: &ObjectVersion,
    config: &StageConfig,
    buckets: &BTreeMap<String, String>,
) -> Result<Role, Ignored> {
    let key = &object.key;
    if key.is_empty() || key.len() > MAX_KEY_BYTES || key.contains('\0') {
        return Err(Ignored::BadKey);
    }
    if key.starts_with(SYSTEM_PREFIX) {
        let state = buckets.get(&config.state_bucket);
        let is_state = state == Some(&object.bucket);
        return own_role(key, config)
            .filter(|_| is_state)
            .ok_or(Ignored::OwnObject);
    }
    if key.ends_with('/') {
        return Err(Ignored::FolderMarker);
    }
    let position = config.inputs.iter().position(|input| {
        buckets.get(&input.bucket) == Some(&object.bucket) && input.pattern.matches(key)
    });
    let input = position.ok_or(Ignored::NotAnInput)?;
    match &config.more.when {
        Some(when) if !when.takes(key, object.size) => Err(Ignored::NotWanted),
        _ => Ok(Role::Input(input)),
    }
}

/// One of scar's own objects that start this stage.
fn own_role(key: &str, config: &StageConfig) -> Option<Role> {
    let (id, more) = (config.id(), &config.more);
    let is_join = more.join.is_some() || more.after.len() > 1;
    let is_async = |http: &scar_schemas::construct::Http| http.mode == HttpMode::Async;
    if is_join && key.starts_with(&fires_prefix(id)) {
        return Some(Role::Fire);
    }
    if !more.items.is_empty() && key.starts_with(&items_prefix(id)) {
        return Some(Role::Item);
    }
    if more.http.as_ref().is_some_and(is_async) && key.starts_with(&bodies_prefix(id)) {
        return Some(Role::Body);
    }
    let mut after = more.after.iter();
    let position = after.position(|stage| key.starts_with(&done_prefix(stage)));
    position.map(Role::Done)
}

struct Named {
    object: ObjectVersion,
    time: String,
}

type Found = Result<Named, Ignored>;

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
            .is_some_and(|source| STORES.contains(&source))
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
    Ok(Ok(Named {
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
    Ok(Named {
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
    named: Named,
    config: &StageConfig,
    buckets: &BTreeMap<String, String>,
) -> Result<Arrival, Ignored> {
    let Named { object, time } = named;
    let role = recognise(&object, config, buckets)?;
    let by = config.more.join.as_ref().map(|join| join.by);
    if by == Some(JoinBy::Window) && matches!(role, Role::Input(_)) {
        return Err(Ignored::AtTheWindow);
    }
    Ok(Arrival { object, time, role })
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
