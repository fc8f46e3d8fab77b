//! Logical ids and bucket names. Two different things never get one id: a test tries many names.
//!
//! Every id ends in the word for its construct, and no such word is the end of another.

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

pub(crate) fn async_id(stage: &str) -> String {
    format!("{}Async", camel(stage))
}

/// Whether a logical id is that of a resource of this stage.
#[must_use]
pub fn belongs_to(logical_id: &str, stage: &str) -> bool {
    let Some(rest) = logical_id.strip_prefix(&camel(stage)) else {
        return false;
    };
    match rest {
        "Function" | "Logs" | "Failed" | "Role" | "Async" => true,
        _ => {
            let number = rest
                .strip_prefix("Rule")
                .or_else(|| rest.strip_prefix("Invoke"));
            number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        }
    }
}

/// Rules and their permissions are numbered from the second on.
pub(crate) fn rule_id(stage: &str, index: usize) -> String {
    format!("{}Rule{}", camel(stage), number(index))
}

pub(crate) fn permission_id(stage: &str, index: usize) -> String {
    format!("{}Invoke{}", camel(stage), number(index))
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
    use std::collections::BTreeMap;

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
                async_id(name),
                rule_id(name, 0),
                rule_id(name, 1),
                rule_id(name, 11),
                permission_id(name, 0),
                permission_id(name, 1),
            ];
            for id in all {
                assert_eq!(belongs_to(&id, name), !id.ends_with("Store"), "{id}");
                assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
                let other = owners.insert(id.clone(), name);
                assert!(other.is_none(), "{id}: {name} and {other:?}");
            }
        }
    }
}
