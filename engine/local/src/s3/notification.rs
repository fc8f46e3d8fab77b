//! Notifications: which functions and queues are told of the objects of a bucket, and what they are
//! told ("Amazon S3 Event Notifications" in the S3 user guide).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::bucket::Bucket;
use super::object::{Object, Reason, Target};
use crate::events::{self, Delivery};
use crate::lambda::{self, Function};
use crate::queue::{self, Queue};
use crate::store::{Table, Transaction};
use crate::{Error, clock, iam, random};

/// Who delivers.
const PRINCIPAL: &str = "s3.amazonaws.com";

/// What form encoding leaves as it is, slashes as S3 does.
const KEPT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/')
    .remove(b' ');

/// One target of a bucket's notifications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notification {
    /// Name of the configuration.
    pub(crate) id: String,
    /// ARN of a function or a queue.
    pub(crate) arn: String,
    /// For instance `s3:ObjectCreated:*`.
    pub(crate) events: Vec<String>,
    /// Which keys.
    pub(crate) filter: Filter,
}

/// Which keys a notification is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filter {
    /// What the key starts with.
    pub(crate) prefix: String,
    /// What the key ends with.
    pub(crate) suffix: String,
}

impl Filter {
    /// Adds a rule as the configuration has it: `prefix` or `suffix` in any case.
    pub(crate) fn add(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name.to_ascii_lowercase().as_str() {
            "prefix" => value.clone_into(&mut self.prefix),
            "suffix" => value.clone_into(&mut self.suffix),
            _ => {
                return Err(format!(
                    "filter rule name must be either prefix or suffix, not {name}"
                ));
            }
        }
        Ok(())
    }

    fn takes(&self, key: &str) -> bool {
        key.starts_with(&self.prefix) && key.ends_with(&self.suffix)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let nested = |one: &str, other: &str, within: fn(&str, &str) -> bool| {
            within(one, other) || within(other, one)
        };
        nested(&self.prefix, &other.prefix, |one, other| {
            one.starts_with(other)
        }) && nested(&self.suffix, &other.suffix, |one, other| {
            one.ends_with(other)
        })
    }
}

impl Notification {
    fn wants(&self, event: &str) -> bool {
        self.events.iter().any(|pattern| {
            let pattern = pattern.strip_prefix("s3:").unwrap_or(pattern);
            match pattern.strip_suffix('*') {
                Some(start) => event.starts_with(start),
                None => event == pattern,
            }
        })
    }

    fn shares_events(&self, other: &Self) -> bool {
        let covers = |one: &Self, other: &Self| {
            let names = other.events.iter();
            let mut names = names.map(|name| name.trim_start_matches("s3:").trim_end_matches('*'));
            names.any(|name| one.wants(name))
        };
        covers(self, other) || covers(other, self)
    }
}

/// What S3 says of a configuration in which two targets could be told of the same object.
const OVERLAP: &str = "Configurations overlap. Configurations on the same bucket cannot share a \
                       common event type.";

/// Refuses configurations that S3 refuses: unknown events, and two that could take the same object.
pub(crate) fn check(notifications: &[Notification]) -> Result<(), String> {
    const FAMILIES: [&str; 5] = [
        "s3:ObjectCreated:",
        "s3:ObjectRemoved:",
        "s3:ObjectRestore:",
        "s3:LifecycleExpiration:",
        "s3:ObjectTagging:",
    ];
    for (at, one) in notifications.iter().enumerate() {
        let unknown = |event: &&String| !FAMILIES.iter().any(|family| event.starts_with(family));
        if let Some(event) = one.events.iter().find(unknown) {
            return Err(format!(
                "The event '{event}' is not supported for notifications"
            ));
        }
        let clashes =
            |other: &Notification| one.filter.overlaps(&other.filter) && one.shares_events(other);
        if notifications.iter().take(at).any(clashes) {
            return Err(OVERLAP.to_owned());
        }
    }
    Ok(())
}

/// The first target that does not let the bucket in, or is not there.
pub(crate) fn unreachable_target(
    transaction: &Transaction<'_>,
    account: &str,
    bucket: &Bucket,
) -> Result<Option<String>, Error> {
    let source_arn = format!("arn:aws:s3:::{}", bucket.name);
    for Notification { arn, .. } in &bucket.notifications {
        let admits = if arn.contains(":lambda:") {
            let name = lambda::function_name(arn);
            let function = transaction.get::<Function>(Table::Functions, name)?;
            function.is_some_and(|one| one.admits(PRINCIPAL, &source_arn, account))
        } else {
            let queue = transaction.get::<Queue>(Table::Queues, queue::name_of(arn))?;
            queue.is_some_and(|one| {
                let policies = one.policies.values();
                iam::resource_allows(policies, PRINCIPAL, "sqs:SendMessage", arn, &source_arn)
            })
        };
        if !admits {
            return Ok(Some(arn.clone()));
        }
    }
    Ok(None)
}

/// Queues what the targets of a bucket are told of a new object.
pub(super) fn tell(
    transaction: &mut Transaction<'_>,
    bucket: &Bucket,
    target: &Target,
    object: &Object,
    reason: Reason,
    sequence: u64,
) -> Result<(), Error> {
    for notification in &bucket.notifications {
        if notification.wants(reason.event()) && notification.filter.takes(&target.key) {
            let payload = record(notification, target, object, reason, sequence).to_string();
            let source_arn = format!("arn:aws:s3:::{}", bucket.name);
            let delivery = Delivery::new(&notification.arn, payload).of(
                PRINCIPAL,
                &source_arn,
                &notification.id,
            );
            events::send(transaction, &delivery)?;
        }
    }
    Ok(())
}

/// "Event message structure" in the S3 user guide, version 2.1.
fn record(
    notification: &Notification,
    target: &Target,
    object: &Object,
    reason: Reason,
    sequence: u64,
) -> serde_json::Value {
    let key = utf8_percent_encode(&target.key, &KEPT)
        .to_string()
        .replace(' ', "+");
    let mut described = json!({
        "key": key,
        "size": object.size,
        "eTag": object.etag,
        "sequencer": format!("{sequence:016X}"),
    });
    if let Some(id) = &object.version_id {
        described["versionId"] = json!(id);
    }
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": target.region,
        "eventTime": clock::rfc3339(object.modified_ms),
        "eventName": reason.event(),
        "userIdentity": { "principalId": target.account },
        "requestParameters": { "sourceIPAddress": "127.0.0.1" },
        "responseElements": { "x-amz-request-id": random::hex(8).to_uppercase() },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": notification.id,
            "bucket": {
                "name": target.bucket,
                "ownerIdentity": { "principalId": target.account },
                "arn": format!("arn:aws:s3:::{}", target.bucket),
            },
            "object": described,
        },
    }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification(prefix: &str, suffix: &str, event: &str) -> Notification {
        Notification {
            id: "n".to_owned(),
            arn: "arn:aws:sqs:r:a:q".to_owned(),
            events: vec![event.to_owned()],
            filter: Filter {
                prefix: prefix.to_owned(),
                suffix: suffix.to_owned(),
            },
        }
    }

    #[test]
    fn overlaps_are_refused() {
        const CREATED: &str = "s3:ObjectCreated:*";
        let check = |one: (&str, &str, &str), other: (&str, &str, &str)| {
            let list =
                [one, other].map(|(prefix, suffix, event)| notification(prefix, suffix, event));
            super::check(&list).is_ok()
        };
        assert!(!check(
            ("in/", "", CREATED),
            ("in/a", "", "s3:ObjectCreated:Put")
        ));
        assert!(!check(("", ".jpg", CREATED), ("in/", "", CREATED)));
        assert!(check(("in/", "", CREATED), ("out/", "", CREATED)));
        assert!(check(("in/", ".jpg", CREATED), ("in/", ".png", CREATED)));
        assert!(check(
            ("", "", "s3:ObjectCreated:Put"),
            ("", "", "s3:ObjectRemoved:Delete")
        ));
        assert!(super::check(&[notification("", "", "s3:Nonsense")]).is_err());
    }
}
