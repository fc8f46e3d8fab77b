//! `[bucket:]prefix` of the command line, and where a file goes in.

use std::path::Path;

use scar_apply::Deployment;
use scar_schemas::contract::SYSTEM_PREFIX;
use scar_schemas::glob::Glob;
use scar_workflow::{Input, Workflow};

use crate::error::CliError;

/// Name of the bucket that is meant when none is written.
const DEFAULT_BUCKET: &str = "data";

/// A bucket of the workflow and a key or prefix in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Manifest name of the bucket.
    pub(crate) bucket: String,
    /// Key or prefix, byte for byte.
    pub(crate) key: String,
}

impl Place {
    /// Reads `[bucket:]key`; without a bucket of the workflow before the colon all of it is a key.
    pub(crate) fn parse(text: &str, workflow: &Workflow) -> Self {
        match text.split_once(':') {
            Some((bucket, key)) if workflow.buckets.contains_key(bucket) => Self {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            },
            _ => Self {
                bucket: default_bucket(workflow),
                key: text.to_owned(),
            },
        }
    }

    /// Whether a word of the command line names a place of this workflow rather than a file.
    pub(crate) fn is_written(text: &str, workflow: &Workflow) -> bool {
        let bucket = text
            .split_once(':')
            .is_some_and(|(name, _)| workflow.buckets.contains_key(name));
        bucket || text.ends_with('/') && !Path::new(text).exists()
    }

    /// The bucket's real name.
    pub(crate) fn real_bucket<'a>(&self, deployment: &'a Deployment) -> Result<&'a str, CliError> {
        deployment
            .buckets
            .get(&self.bucket)
            .map(String::as_str)
            .ok_or_else(|| {
                let known: Vec<&str> = deployment.buckets.keys().map(String::as_str).collect();
                CliError::failure(format!("the workflow has no bucket {}", self.bucket))
                    .hint(format!("it has: {}", known.join(", ")))
            })
    }
}

/// The manifest's name of a real bucket, or the real name if it has none.
pub(crate) fn manifest_name<'a>(real: &'a str, deployment: &'a Deployment) -> &'a str {
    let found = deployment.buckets.iter().find(|(_, name)| *name == real);
    found.map_or(real, |(name, _)| name)
}

/// Whether a key is one of scar's own.
pub(crate) fn is_system(key: &str) -> bool {
    key.starts_with(SYSTEM_PREFIX)
}

/// Which input a file is for, if the command line says.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Entry {
    /// Put the files where this stage takes them.
    #[arg(long, value_name = "STAGE", conflicts_with = "prefix")]
    pub(crate) stage: Option<String>,
    /// Put the files below this prefix, `[bucket:]prefix/`.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) prefix: Option<String>,
}

impl Entry {
    /// Where a file of this name goes: as told, else where the first input takes it that no stage feeds.
    pub(crate) fn place(&self, name: &str, workflow: &Workflow) -> Result<Place, CliError> {
        if let Some(prefix) = &self.prefix {
            let place = Place::parse(prefix, workflow);
            return Ok(Place {
                key: format!("{}{name}", place.key),
                ..place
            });
        }
        let inputs = self.inputs(workflow)?;
        let found = inputs.iter().find_map(|input| {
            let key = key_in(&input.pattern, name)?;
            Some(Place {
                bucket: input.bucket.clone(),
                key,
            })
        });
        found.ok_or_else(|| {
            let known: Vec<String> = inputs.iter().map(|input| written(input)).collect();
            CliError::failure(format!("no input takes a file named {name}")).hint(format!(
                "files come in at {}; --prefix PREFIX puts it elsewhere",
                known.join(" ")
            ))
        })
    }

    fn inputs<'a>(&self, workflow: &'a Workflow) -> Result<Vec<&'a Input>, CliError> {
        let Some(name) = &self.stage else {
            return Ok(entry_inputs(workflow));
        };
        let stage = workflow
            .stages
            .iter()
            .find(|stage| stage.name == *name)
            .ok_or_else(|| {
                let known: Vec<&str> = workflow
                    .stages
                    .iter()
                    .map(|stage| stage.name.as_str())
                    .collect();
                CliError::failure(format!("the workflow has no stage {name}"))
                    .hint(format!("it has: {}", known.join(", ")))
            })?;
        Ok(stage.inputs.iter().collect())
    }
}

/// Inputs that no stage writes to; all of them if every one is fed.
fn entry_inputs(workflow: &Workflow) -> Vec<&Input> {
    let all = || {
        workflow
            .stages
            .iter()
            .flat_map(|stage| stage.inputs.iter().map(move |input| (stage, input)))
    };
    let is_fed = |stage: &str, input: &Input| {
        let via = written(input);
        workflow
            .links
            .iter()
            .any(|link| link.to == stage && ends_in(&link.via, &via, &input.pattern))
    };
    let entries: Vec<&Input> = all()
        .filter(|(stage, input)| !is_fed(&stage.name, input))
        .map(|(_, input)| input)
        .collect();
    if entries.is_empty() {
        all().map(|(_, input)| input).collect()
    } else {
        entries
    }
}

/// A link's `via` names its bucket or leaves it out, as the manifest does.
fn ends_in(via: &str, written: &str, pattern: &Glob) -> bool {
    via == written || via == pattern.as_str()
}

fn written(input: &Input) -> String {
    format!("{}:{}", input.bucket, input.pattern.as_str())
}

/// The key that a file gets so that a pattern takes it: the pattern's literal folder and the name.
fn key_in(pattern: &Glob, name: &str) -> Option<String> {
    let literal = pattern.literal_prefix();
    let folder = literal.rfind('/').map_or("", |slash| &literal[..=slash]);
    let key = format!("{folder}{name}");
    pattern.matches(&key).then_some(key)
}

fn default_bucket(workflow: &Workflow) -> String {
    let first = || workflow.buckets.keys().next().cloned().unwrap_or_default();
    if workflow.buckets.contains_key(DEFAULT_BUCKET) {
        DEFAULT_BUCKET.to_owned()
    } else {
        first()
    }
}

#[cfg(test)]
mod tests {
    use super::key_in;

    #[test]
    fn files_go_to_the_literal_folder_of_a_pattern() {
        let key = |pattern: &str, name: &str| key_in(&pattern.parse().unwrap(), name);
        assert_eq!(key("in/*.{jpg,png}", "a.png").as_deref(), Some("in/a.png"));
        assert_eq!(key("in/*.{jpg,png}", "a.txt"), None);
        assert_eq!(key("runs/**/*.gz", "a.gz").as_deref(), Some("runs/a.gz"));
        assert_eq!(key("in/x-*.txt", "x-1.txt").as_deref(), Some("in/x-1.txt"));
        assert_eq!(key("*", "a").as_deref(), Some("a"));
    }
}
