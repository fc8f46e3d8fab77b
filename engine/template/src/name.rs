//! Logical ids and bucket names. Two different things never get one id: a test tries many names.
//! A stage is meant by its id, the name that it was first deployed under.
//!
//! Every id ends in the word for its construct, and no such word is the end of another.

use std::collections::BTreeMap;

use crate::output;

/// The bucket that a manifest without buckets has.
const DEFAULT_BUCKET: &str = "data";

/// Logical id of a managed bucket.
#[must_use]
pub fn bucket_id(bucket: &str) -> String {
    format!("{}Store", camel(bucket))
}

/// Name of the output that tells the real name of a managed bucket.
#[must_use]
pub fn bucket_output(bucket: &str) -> String {
    format!("{}{}", output::BUCKET, bucket_id(bucket))
}

/// Logical id of what keeps a managed bucket from calls without encryption.
pub(crate) fn guard_id(bucket: &str) -> String {
    format!("{}Guard", camel(bucket))
}

/// Name of the output with the address of a stage's HTTP door.
#[must_use]
pub fn url_output(stage: &str) -> String {
    format!("{}{}", output::URL, function_id(stage))
}

/// Logical id of a stage's function.
#[must_use]
pub fn function_id(stage: &str) -> String {
    format!("{}Function", camel(stage))
}

/// Logical id of a stage's log group.
#[must_use]
pub fn log_group_id(stage: &str) -> String {
    format!("{}Logs", camel(stage))
}

/// Logical id of the queue with a stage's failed events.
#[must_use]
pub fn queue_id(stage: &str) -> String {
    format!("{}Failed", camel(stage))
}

/// Logical id of a stage's role.
#[must_use]
pub fn role_id(stage: &str) -> String {
    format!("{}Role", camel(stage))
}

/// Logical id of the definition of a stage's jobs.
#[must_use]
pub fn job_id(stage: &str) -> String {
    format!("{}Job", camel(stage))
}

/// Logical id of the role of a stage's jobs.
#[must_use]
pub fn job_role_id(stage: &str) -> String {
    format!("{}Access", camel(stage))
}

/// Logical id of the address of a stage's function.
#[must_use]
pub fn url_id(stage: &str) -> String {
    format!("{}Url", camel(stage))
}

/// Logical id of the HTTP API of a stage.
#[must_use]
pub fn api_id(stage: &str) -> String {
    format!("{}Api", camel(stage))
}

/// Logical id of the queue in which a stage's events wait.
#[must_use]
pub fn inbox_id(stage: &str) -> String {
    format!("{}Inbox", camel(stage))
}

/// Logical id of a stage's schedule.
#[must_use]
pub fn schedule_id(stage: &str) -> String {
    format!("{}Schedule", camel(stage))
}

/// Logical id of what takes a stage's events from their queue.
#[must_use]
pub fn source_id(stage: &str) -> String {
    format!("{}Source", camel(stage))
}

/// Logical id of the schedule that looks for joins whose time is up.
#[must_use]
pub fn sweep_id(stage: &str) -> String {
    format!("{}Sweep", camel(stage))
}

pub(crate) fn async_id(stage: &str) -> String {
    format!("{}Async", camel(stage))
}

pub(crate) fn compute_id(stage: &str) -> String {
    format!("{}Compute", camel(stage))
}

pub(crate) fn job_queue_id(stage: &str) -> String {
    format!("{}Queue", camel(stage))
}

pub(crate) fn machine_id(stage: &str) -> String {
    format!("{}Machine", camel(stage))
}

pub(crate) fn inbox_policy_id(stage: &str) -> String {
    format!("{}Policy", camel(stage))
}

pub(crate) fn scheduler_id(stage: &str) -> String {
    format!("{}Scheduler", camel(stage))
}

pub(crate) fn integration_id(stage: &str) -> String {
    format!("{}Integration", camel(stage))
}

pub(crate) fn authorizer_id(stage: &str) -> String {
    format!("{}Authorizer", camel(stage))
}

pub(crate) fn front_id(stage: &str) -> String {
    format!("{}Front", camel(stage))
}

/// Words for what a stage has at most one of.
const SINGLE: [&str; 21] = [
    "Function",
    "Logs",
    "Failed",
    "Role",
    "Async",
    "Job",
    "Access",
    "Compute",
    "Queue",
    "Machine",
    "Inbox",
    "Policy",
    "Source",
    "Schedule",
    "Scheduler",
    "Sweep",
    "Url",
    "Api",
    "Integration",
    "Authorizer",
    "Front",
];
/// Words for what a stage may have several of.
const NUMBERED: [&str; 5] = ["Rule", "Invoke", "Caller", "Route", "Alarm"];

/// Stages, found by the logical ids of their resources.
#[derive(Debug)]
pub struct Owners<T>(BTreeMap<String, T>);

impl<T> Owners<T> {
    /// Of stages by their ids.
    pub fn new<'a>(stages: impl IntoIterator<Item = (&'a str, T)>) -> Self {
        let stages = stages.into_iter();
        Self(stages.map(|(id, stage)| (camel(id), stage)).collect())
    }

    /// The stage that a resource is of.
    #[must_use]
    pub fn of(&self, logical_id: &str) -> Option<&T> {
        let without_number = logical_id.trim_end_matches(|one: char| one.is_ascii_digit());
        let single = SINGLE.iter().map(|word| logical_id.strip_suffix(word));
        let numbered = NUMBERED
            .iter()
            .map(|word| without_number.strip_suffix(word));
        let stages = single.chain(numbered).flatten();
        stages.filter_map(|stage| self.0.get(stage)).next()
    }
}

/// Several of one kind are numbered from the second on.
pub(crate) fn rule_id(stage: &str, index: usize) -> String {
    format!("{}Rule{}", camel(stage), number(index))
}

pub(crate) fn permission_id(stage: &str, index: usize) -> String {
    format!("{}Invoke{}", camel(stage), number(index))
}

pub(crate) fn caller_id(stage: &str, index: usize) -> String {
    format!("{}Caller{}", camel(stage), number(index))
}

pub(crate) fn route_id(stage: &str, index: usize) -> String {
    format!("{}Route{}", camel(stage), number(index))
}

pub(crate) fn alarm_id(stage: &str, index: usize) -> String {
    format!("{}Alarm{}", camel(stage), number(index))
}

/// The part of a bucket's name that scar chooses; account and region follow it. It depends on nothing
/// but the bucket, since another name would be another bucket.
#[must_use]
pub fn bucket_prefix(workflow: &str, environment: &str, bucket: &str) -> String {
    match bucket {
        DEFAULT_BUCKET => format!("{workflow}-{environment}"),
        _ => format!("{workflow}-{environment}-{bucket}"),
    }
}

fn number(index: usize) -> String {
    if index == 0 {
        String::new()
    } else {
        (index + 1).to_string()
    }
}

/// `two-words` becomes `TwoWords`. A hyphen before anything but a letter becomes `Z`, and so that this
/// stays the only meaning of a `Z` without `z`, a hyphen before `z` becomes `Zz`.
fn camel(name: &str) -> String {
    let mut out = String::new();
    let mut characters = name.chars().peekable();
    let mut starts_word = true;
    while let Some(character) = characters.next() {
        if character == '-' {
            match characters.peek() {
                Some('z') => out.push('Z'),
                Some(next) if next.is_ascii_lowercase() => starts_word = true,
                _ => out.push('Z'),
            }
            continue;
        }
        out.push(if starts_word {
            character.to_ascii_uppercase()
        } else {
            character
        });
        starts_word = false;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_well() {
        assert_eq!(function_id("two-words"), "TwoWordsFunction");
        assert_eq!(function_id("a-1-zip"), "AZ1ZzipFunction");
        assert_eq!(bucket_output("data"), "BucketDataStore");
    }

    /// Every name of up to five characters over an alphabet with all the special cases.
    #[test]
    fn no_two_names_share_an_id() {
        let mut names: Vec<String> = ["a", "z"].map(str::to_owned).to_vec();
        let mut start = 0;
        for _ in 0..4 {
            let end = names.len();
            for index in start..end {
                names.extend(
                    ["a", "z", "r", "1", "-"].map(|next| format!("{}{next}", names[index])),
                );
            }
            start = end;
        }
        let mut owners = BTreeMap::new();
        for name in &names {
            let all = [
                bucket_id(name),
                function_id(name),
                log_group_id(name),
                queue_id(name),
                role_id(name),
                guard_id(name),
                job_id(name),
                job_role_id(name),
                url_id(name),
                api_id(name),
                inbox_id(name),
                schedule_id(name),
                source_id(name),
                sweep_id(name),
                async_id(name),
                compute_id(name),
                job_queue_id(name),
                machine_id(name),
                inbox_policy_id(name),
                scheduler_id(name),
                integration_id(name),
                authorizer_id(name),
                front_id(name),
                caller_id(name, 0),
                caller_id(name, 1),
                route_id(name, 0),
                route_id(name, 2),
                alarm_id(name, 0),
                alarm_id(name, 1),
                rule_id(name, 0),
                rule_id(name, 1),
                rule_id(name, 11),
                permission_id(name, 0),
                permission_id(name, 1),
            ];
            for id in all {
                let is_bucket = id.ends_with("Store") || id.ends_with("Guard");
                let stage = Owners::new([(name.as_str(), ())]);
                assert_eq!(stage.of(&id).is_some(), !is_bucket, "{id}");
                assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
                let other = owners.insert(id.clone(), name);
                assert!(other.is_none(), "{id}: {name} and {other:?}");
            }
        }
    }
}
