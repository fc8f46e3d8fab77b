//! The stage contract: what a stage package says, and the variables on both sides of it.
//!
//! A stage package is a small zip with `stage.json` (a [`StageConfig`]) and, where the stage has one,
//! the file `script`. Buckets are named by their manifest name; their real names come through the
//! variables of [`bucket_variable`], because only CloudFormation knows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::construct::{Compute, Http, Join, RetryClass, SecretReference, When};
use crate::digest::{Digest, hash_parts};
use crate::glob::Glob;
use crate::record::ObjectVersion;

mod variable;

pub use variable::{DEFAULT_WORK_DIR, bucket_variable, container_variable, function_variable};

/// Format number of [`StageConfig`]. A supervisor refuses a higher one.
pub const FORMAT: u32 = 1;

/// File names inside a stage package.
pub const STAGE_FILE: &str = "stage.json";
/// The user's script inside a stage package.
pub const SCRIPT_FILE: &str = "script";

/// Manifest name under which the artifact bucket is known to the supervisor.
pub const ARTIFACTS: &str = "artifacts";
/// All keys of scar's own in a workflow's bucket start with this.
pub const SYSTEM_PREFIX: &str = ".scar/";

/// Everything the supervisor must know about its stage. One JSON file, one channel on every platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// [`FORMAT`].
    pub format: u32,
    /// Name of the workflow.
    pub workflow: String,
    /// Name of the environment, for instance `dev`.
    pub environment: String,
    /// Name of the stage.
    pub stage: String,
    /// Where the image's bytes come from.
    pub image: Image,
    /// What runs in it.
    pub command: Command,
    /// Variables from the manifest, never secrets.
    pub variables: BTreeMap<String, String>,
    /// Which objects the stage takes.
    pub inputs: Vec<Input>,
    /// Where its outputs go, in manifest order.
    pub outputs: Vec<Output>,
    /// Manifest name of the bucket that holds records and staged outputs under [`SYSTEM_PREFIX`].
    pub state_bucket: String,
    /// Seconds the stage may take, as the platform enforces it.
    pub timeout_s: u32,
    /// Memory of the stage in MiB.
    pub memory_mib: u32,
    /// Scratch disk of the stage in MiB.
    pub disk_mib: u32,
    /// Starts allowed for one task before it is recorded as failed.
    pub attempts: u32,
    /// What the stage has beyond image, command, inputs and outputs.
    #[serde(default, skip_serializing_if = "is_plain")]
    pub more: More,
}

fn is_plain(more: &More) -> bool {
    *more == More::default()
}

/// The constructs that not every stage has. Absent ones are left out of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct More {
    /// Name that the stage keeps in keys and identities, if it was renamed since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What runs its tasks. A function of a Batch stage only takes events and submits jobs.
    pub compute: Compute,
    /// Tasks for which Lambda is too small go to Batch.
    pub fallback: bool,
    /// Seconds that a Batch job of the stage may take; 0 if it has none.
    pub job_timeout_s: u32,
    /// Computers of one Batch job; 0 and 1 are one.
    pub nodes: u32,
    /// Which objects of the inputs are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Waits for several objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join: Option<Join>,
    /// One task for each of these texts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
    /// Ids of the stages whose finished tasks start this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// Some stage is `after` this one: finished tasks are told.
    pub announces: bool,
    /// HTTP door.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// It has a schedule.
    pub scheduled: bool,
    /// Variables whose values are fetched when a task starts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, SecretReference>,
    /// Prefixes that tasks see as folders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Rounds of a cycle after which objects are left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loop_max: Option<u32>,
    /// Image, command, script and variables, where they are part of a task's identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Digest>,
    /// The only failures that are tried again, besides those of the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_only: Option<Vec<RetryClass>>,
    /// Of the files of an output, by its number, those that a join by run waits for; all, if it is not here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counted: BTreeMap<usize, Vec<Counted>>,
}

/// Files of an output that a stage on the way to a join by run takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Which keys.
    pub pattern: Glob,
    /// Which objects of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

impl Counted {
    /// Whether an object with this key and of this size in bytes is one of them.
    #[must_use]
    pub fn has(&self, key: &str, size: u64) -> bool {
        let is_taken = |when: &When| when.takes(key, size);
        self.pattern.matches(key) && self.when.as_ref().is_none_or(is_taken)
    }
}

/// A prefix of a bucket that tasks see as a folder, read-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Manifest name of the bucket.
    pub bucket: String,
    /// Key prefix with its closing slash.
    pub prefix: String,
    /// Absolute path in the container.
    pub path: String,
}

/// Where an image comes from. The digest is that of the platform's image manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Image {
    /// A registry, pulled by digest.
    Registry {
        /// Name as written, for people: `ghcr.io/acme/vips:8.15`.
        reference: String,
        /// What that name meant when it was planned.
        digest: Digest,
        /// Plain HTTP is allowed; only honoured for a loopback host.
        plain_http: bool,
    },
    /// An OCI layout stored in a bucket: blobs at `<prefix>blobs/sha256/<hex>`.
    Bucket {
        /// Name as written, for people: `oci:images/tools`.
        reference: String,
        /// Manifest name of the bucket, normally [`ARTIFACTS`].
        bucket: String,
        /// Key prefix with its closing slash, for instance `images/`.
        prefix: String,
        /// Digest of the image manifest.
        digest: Digest,
    },
}

impl Image {
    /// The name as the manifest has it.
    #[must_use]
    pub fn reference(&self) -> &str {
        match self {
            Self::Registry { reference, .. } | Self::Bucket { reference, .. } => reference,
        }
    }

    /// The pinned digest.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        match self {
            Self::Registry { digest, .. } | Self::Bucket { digest, .. } => digest,
        }
    }
}

/// What runs in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// The package's [`SCRIPT_FILE`]: executed by its `#!` line, or by `/bin/sh -e` without one.
    Script,
    /// This argument vector.
    Arguments(Vec<String>),
    /// The image's own entrypoint and command.
    Image,
}

/// One input of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Manifest name of the bucket.
    pub bucket: String,
    /// Which keys.
    pub pattern: Glob,
}

/// One output of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Manifest name of the bucket.
    pub bucket: String,
    /// How keys are made.
    pub key: OutputKey,
}

/// How the key of an output is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum OutputKey {
    /// Every file below the output directory whose relative path matches `files` (all, if none) goes to
    /// `<prefix><relative path>`.
    Prefix {
        /// Key prefix with its closing slash, or empty.
        prefix: String,
        /// Pattern over relative paths; a pattern without `/` is matched against the base name.
        files: Option<Glob>,
    },
    /// The stage makes exactly one file, which goes to `<before><stem of the input><after>`. Such a
    /// stage, if it is its only output, is committed by its output object itself (mode `atomic`).
    Single {
        /// Text before the stem, for instance `thumbs/`.
        before: String,
        /// Text after the stem, for instance `.webp`.
        after: String,
    },
}

/// How a stage's outputs are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The only output object is the commit.
    Atomic,
    /// Outputs are staged, committed by a record, then published.
    Ledger,
}

impl StageConfig {
    /// The mode that follows from the outputs. Who calls a stage by HTTP asks for the task's record, so
    /// such a stage always has one.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self.outputs.as_slice() {
            [
                Output {
                    key: OutputKey::Single { .. },
                    ..
                },
            ] if self.more.http.is_none() => Mode::Atomic,
            _ => Mode::Ledger,
        }
    }

    /// Name of the stage in keys and in the identity of tasks: the one it was first deployed under.
    #[must_use]
    pub fn id(&self) -> &str {
        self.more.id.as_deref().unwrap_or(&self.stage)
    }

    /// Identity of the task that the stage makes of an object. A sweep finds the same from a listing.
    #[must_use]
    pub fn task(&self, object: &ObjectVersion) -> String {
        let deployment = crate::record::deployment(&self.workflow, &self.environment);
        self.cached(object.task(&deployment, self.id()))
    }

    /// An identity that also depends on the stage, where the stage wants that.
    #[must_use]
    pub fn cached(&self, task: String) -> String {
        match &self.more.fingerprint {
            Some(stage) => hash_parts([&b"stage"[..], task.as_bytes(), stage.hex().as_bytes()]),
            None => task,
        }
    }

    /// Whether the stage takes this object: a declared input, not a folder marker, not scar's own.
    #[must_use]
    pub fn takes(&self, bucket: &str, key: &str) -> bool {
        !key.starts_with(SYSTEM_PREFIX)
            && !key.ends_with('/')
            && self
                .inputs
                .iter()
                .any(|input| input.bucket == bucket && input.pattern.matches(key))
    }
}

/// Base name of a key without its last suffix: `a/b.tar.gz` has the stem `b.tar`, `.profile` itself.
#[must_use]
pub fn stem(key: &str) -> &str {
    let base = key.rsplit('/').next().unwrap_or(key);
    match base.rfind('.') {
        Some(dot) if dot > 0 => &base[..dot],
        _ => base,
    }
}

/// The key of the only output of an atomic stage for one input key.
#[must_use]
pub fn single_output_key(before: &str, after: &str, input_key: &str) -> String {
    format!("{before}{}{after}", stem(input_key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems() {
        assert_eq!(stem("a/b.tar.gz"), "b.tar");
        assert_eq!(stem("a/.profile"), ".profile");
        assert_eq!(stem("plain"), "plain");
        assert_eq!(
            single_output_key("thumbs/", ".webp", "in/x.jpg"),
            "thumbs/x.webp"
        );
    }
}
