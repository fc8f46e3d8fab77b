//! Task identity, the keys of scar's own objects, and the record that commits a task.

use serde::{Deserialize, Serialize};

use crate::contract::SYSTEM_PREFIX;
use crate::digest::{Digest, hash_parts};

/// Format number of [`TaskRecord`]. A supervisor refuses a higher one.
pub const FORMAT: u32 = 1;

/// Object metadata (without the `x-amz-meta-` prefix) on every object that scar writes.
pub mod metadata {
    /// Identity of the task that made the object.
    pub const TASK: &str = "scar-task";
    /// Identity of the attempt that made it: tells one's own lost reply from somebody else's write.
    pub const ATTEMPT: &str = "scar-attempt";
    /// Hash of bucket and key of the input, without its version: tells a newer version of the same
    /// input from a collision of two inputs.
    pub const SOURCE: &str = "scar-source";
    /// Identity of the run, handed from stage to stage.
    pub const RUN: &str = "scar-run";
    /// Stages passed since the first input, handed from stage to stage.
    pub const HOPS: &str = "scar-hops";
    /// How the run fanned out to get here: `i-n` for item i, from 0, of n, one for each fan-out from the
    /// outermost on, joined by dots; absent before the first. A fan-out is a scatter, or an output
    /// prefix that any number of files go to.
    pub const ITEMS: &str = "scar-items";
    /// How often the run passed each stage that may be part of a cycle: `stage:n`, joined by commas.
    pub const ROUNDS: &str = "scar-rounds";
    /// Key of the input, percent-encoded and cut at 512 bytes; for people who meet a collision.
    pub const INPUT: &str = "scar-input";
}

/// One object at one version. The version is the version id on versioned buckets, else ETag and size:
/// both an event and a listing tell it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectVersion {
    /// Real bucket name.
    pub bucket: String,
    /// Key, byte for byte.
    pub key: String,
    /// ETag without quotes.
    pub etag: String,
    /// Size in bytes.
    pub size: u64,
    /// Version id, on versioned buckets.
    pub version_id: Option<String>,
}

impl ObjectVersion {
    /// The text that stands for the version in a task's identity.
    #[must_use]
    pub fn version(&self) -> String {
        match &self.version_id {
            Some(id) => format!("id:{id}"),
            None => format!("etag:{}:{}", self.etag, self.size),
        }
    }

    /// Identity of the task that `stage` of `deployment` (the stack's name) makes of this object.
    ///
    /// Neither event nor stage configuration are part of it: the sweep must find the same identity from
    /// a listing, and a deploy must not run the whole archive again.
    #[must_use]
    pub fn task(&self, deployment: &str, stage: &str) -> String {
        let version = self.version();
        let parts = [
            "scar1",
            deployment,
            stage,
            &self.bucket,
            &self.key,
            &version,
        ];
        hash_parts(parts.iter().map(|part| part.as_bytes()))
    }

    /// Value of [`metadata::SOURCE`].
    #[must_use]
    pub fn source(&self) -> String {
        hash_parts([self.bucket.as_bytes(), self.key.as_bytes()])
    }
}

/// Name of the stack, which is also the deployment in a task's identity.
#[must_use]
pub fn deployment(workflow: &str, environment: &str) -> String {
    format!("scar-{workflow}-{environment}")
}

/// Prefix of all records of a stage.
#[must_use]
pub fn records_prefix(stage: &str) -> String {
    format!("{SYSTEM_PREFIX}tasks/{stage}/")
}

/// Key of a task's record.
#[must_use]
pub fn record_key(stage: &str, task: &str) -> String {
    format!("{}{task}.json", records_prefix(stage))
}

/// Key of the marker of a task's n-th failed attempt, counted from 1.
#[must_use]
pub fn attempt_key(stage: &str, task: &str, number: u32) -> String {
    format!("{SYSTEM_PREFIX}attempts/{stage}/{task}/{number}")
}

/// Where outputs of all stages are staged until their tasks are published.
pub const STAGED_PREFIX: &str = ".scar/staged/";

/// Where the outputs of a stage's tasks are staged; the next segment of a key is the task.
#[must_use]
pub fn staged_prefix(stage: &str) -> String {
    format!("{STAGED_PREFIX}{stage}/")
}

/// Key of the i-th staged output of one attempt.
#[must_use]
pub fn staged_key(stage: &str, task: &str, attempt: &str, index: usize) -> String {
    format!("{}{task}/{attempt}/{index}", staged_prefix(stage))
}

/// What a task came to. In ledger mode the creation of this object is the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// [`FORMAT`].
    pub format: u32,
    /// Identity of the task.
    pub task: String,
    /// Stage that ran it.
    pub stage: String,
    /// The attempt whose outputs these are.
    pub attempt: String,
    /// Identity of the run.
    pub run: String,
    /// Where the task stands.
    pub state: TaskState,
    /// What it was made of.
    pub input: ObjectVersion,
    /// Outputs in publishing order; empty unless committed or published.
    pub outputs: Vec<OutputRecord>,
    /// Cause, if it failed.
    pub failure: Option<Failure>,
    /// How it ran.
    pub report: RunReport,
    /// How the run fanned out to get here, see [`metadata::ITEMS`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub items: String,
    /// Stages passed since the first input, this one included.
    #[serde(default)]
    pub hops: u32,
}

/// State of a recorded task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// The set of outputs is fixed, some may not be visible yet.
    Committed,
    /// All outputs are visible.
    Published,
    /// Given up, with a cause.
    Failed,
    /// A newer version of the input took its place, or the input is gone.
    Superseded,
}

/// One output of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRecord {
    /// Real bucket name.
    pub bucket: String,
    /// Final key.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the content.
    pub digest: Digest,
    /// Key under which it is staged in the state bucket.
    pub staged: String,
}

/// Why a task failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Who can do something about it.
    pub class: FailureClass,
    /// One line for people, never with a secret.
    pub message: String,
    /// Exit code of the container, if it ended by itself.
    pub exit_code: Option<i32>,
    /// Last lines of the container's output, shortened.
    pub log_tail: Vec<String>,
}

/// Classes of failures, by who can act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The container ended with an error.
    Container,
    /// The container ran out of time.
    Timeout,
    /// The container ran out of memory.
    Memory,
    /// The disk is full: the stage's `disk` is too small.
    Disk,
    /// The image is missing, damaged or refused.
    Image,
    /// The input is missing or wrong.
    Input,
    /// The outputs cannot be published, for instance two inputs map to one key.
    Output,
    /// The cloud refused or did not answer.
    Cloud,
    /// A defect of scar.
    Internal,
}

/// How an attempt ran.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    /// Start, milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// Whole attempt in milliseconds.
    pub duration_ms: u64,
    /// Time to have the image ready, in milliseconds; 0 if it was cached.
    pub image_ms: u64,
    /// Time the container ran, in milliseconds.
    pub container_ms: u64,
    /// Peak memory of the container's processes in MiB.
    pub peak_memory_mib: u64,
    /// Container engine and why it was chosen.
    pub engine: String,
    /// Digest of the image that ran.
    pub image: Option<Digest>,
    /// Lambda request, to find the log.
    pub request_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_stable_and_separates() {
        let object = ObjectVersion {
            bucket: "b".into(),
            key: "in/a".into(),
            etag: "e".into(),
            size: 3,
            version_id: None,
        };
        let task = object.task("scar-w-dev", "s");
        assert_eq!(
            task,
            "6c57f85b94cbfabaddf62643f844bc4b01a8e04f8e5512bda7f289985a6c677c"
        );
        assert_ne!(task, object.task("scar-w-dev", "t"));
        let newer = ObjectVersion {
            etag: "f".into(),
            ..object.clone()
        };
        assert_ne!(task, newer.task("scar-w-dev", "s"));
        assert_eq!(object.source(), newer.source());
    }
}
