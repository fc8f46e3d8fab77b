//! The native manifest, version 1: what one `workflow.yaml` or `workflow.toml` says.
//!
//! These types hold what was typed, units parsed and nothing merged. `scar-manifest` reads them from
//! text and keeps the place of every value; the JSON Schema for editors is generated from them.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::construct::{
    Architecture, Cache, Events, Http, Join, Network, Package, RetryClass, Schedule,
    SecretReference, When,
};

/// Version of the manifest language, the value of the key `scar`.
pub const VERSION: u64 = 1;

/// A whole manifest.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifest {
    /// Name of the workflow: `[a-z][a-z0-9-]*`, at most 31 characters.
    pub name: String,
    /// Free text for people.
    pub description: Option<String>,
    /// AWS region, unless the environment has one.
    pub region: Option<String>,
    /// Tags on everything that can have tags.
    pub tags: BTreeMap<String, String>,
    /// Buckets by manifest name. Without any there is one managed bucket, `data`.
    pub buckets: IndexMap<String, Bucket>,
    /// Values for `{{ vars.NAME }}`.
    pub vars: BTreeMap<String, String>,
    /// Settings of every stage that does not set them itself.
    pub defaults: Settings,
    /// Environments by name.
    pub envs: IndexMap<String, Environment>,
    /// Stages by name, in file order.
    pub stages: IndexMap<String, Stage>,
}

/// A bucket of the manifest.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bucket {
    /// Real name of a bucket that exists already; `None` is a bucket that scar makes and keeps.
    pub existing: Option<String>,
    /// Days after which objects below a prefix are deleted, by prefix; empty prefix is all of them.
    pub expire_days: BTreeMap<String, u64>,
    /// Old versions of objects are kept.
    pub versioned: bool,
}

/// An environment: what differs between `dev` and `prod`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Environment {
    /// AWS region.
    pub region: Option<String>,
    /// Overrides of `vars`.
    pub vars: BTreeMap<String, String>,
    /// Overrides of `defaults`.
    pub defaults: Settings,
    /// Destroying or replacing needs the environment's name typed.
    pub protect: bool,
    /// The only account, twelve digits, that the environment may be applied to.
    pub account: Option<String>,
    /// Name or ARN of the SNS topic that hears of failures.
    pub alarm: Option<String>,
    /// What a plan may not exceed.
    pub limits: Limits,
    /// How what is stored is kept safe.
    pub safeguards: Safeguards,
}

/// How an environment keeps what it stores safe, beyond what costs nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Safeguards {
    /// ARN of the KMS key that encrypts buckets, queues, logs and variables of functions.
    pub kms_key: Option<String>,
    /// Real name of the bucket that gets the access logs of managed buckets.
    pub access_logs: Option<String>,
    /// All managed buckets keep old versions of objects for a time.
    pub versioned: bool,
}

/// What a plan for an environment may not exceed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// US dollars a month.
    pub cost_per_month: Option<f64>,
    /// Tasks at once over all Lambda stages.
    pub concurrency: Option<u64>,
}

/// Settings that `defaults` and a stage share.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Variables of the container.
    pub env: BTreeMap<String, String>,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// Time a task may take, in seconds.
    pub timeout_s: Option<u64>,
    /// Scratch disk in MiB.
    pub disk_mib: Option<u64>,
    /// What to do with failed tasks.
    pub retry: Option<Retry>,
    /// Logging.
    pub logs: Option<Logs>,
    /// Processors of a Batch job, in thousandths of a vCPU.
    pub vcpu_milli: Option<u64>,
    /// GPUs of a Batch job.
    pub gpu: Option<u64>,
    /// Batch jobs run on spare capacity that can be taken away.
    pub spot: Option<bool>,
    /// Processor architecture.
    pub arch: Option<Architecture>,
    /// Where in the network tasks run.
    pub network: Option<Network>,
    /// Tasks at once.
    pub concurrency: Option<u64>,
    /// What counts as done already.
    pub cache: Option<Cache>,
    /// How events come.
    pub events: Option<Events>,
}

/// What to do with failed tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Starts of one task at most: 1 to 3 on Lambda, 1 to 10 in Batch.
    pub attempts: Option<u64>,
    /// The only failures of the container or the platform that are tried again; `None` is the default.
    pub only: Option<Vec<RetryClass>>,
}

/// Logging of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Logs {
    /// Days to keep the log, one of the values that CloudWatch Logs has.
    pub keep_days: u64,
}

/// A stage.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stage {
    /// Registry reference, `oci:DIR[:ref]` or `archive:FILE`.
    pub image: String,
    /// What runs.
    pub work: Work,
    /// Which objects start it.
    pub inputs: Vec<InputPath>,
    /// Where its files go.
    pub outputs: Vec<OutputPath>,
    /// Where it runs.
    pub compute: Compute,
    /// `fallback: batch`: Lambda first, Batch when time, memory or disk is not enough.
    pub fallback: bool,
    /// Which objects of its inputs it takes.
    pub when: Option<When>,
    /// Waits for several objects.
    pub join: Option<Join>,
    /// Makes several tasks of one object.
    pub scatter: Option<Scatter>,
    /// Items of `scatter`: its texts, or the lines of its file as it was when the manifest was read.
    pub items: Vec<String>,
    /// Stages whose tasks start it when they are done; never together with inputs.
    pub after: Vec<String>,
    /// HTTP door.
    pub http: Option<Http>,
    /// Times at which it starts.
    pub schedule: Option<Schedule>,
    /// Variables whose values are fetched when a task starts.
    pub secrets: BTreeMap<String, SecretReference>,
    /// Prefixes of buckets that tasks see as folders, by absolute path in the container.
    pub mounts: IndexMap<String, Path>,
    /// Computers of one Batch job that work together.
    pub nodes: Option<u64>,
    /// `loop: {max: N}`: rounds of a cycle that is meant.
    pub loop_max: Option<u64>,
    /// Name under which the stage was deployed before.
    pub renamed_from: Option<String>,
    /// Tags besides the workflow's.
    pub tags: BTreeMap<String, String>,
    /// How a Lambda stage gets its image.
    pub package: Option<Package>,
    /// Its own settings.
    pub settings: Settings,
}

/// What one object is split by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scatter {
    /// One task for each line of a file beside the manifest.
    Lines(String),
    /// One task for each text.
    List(Vec<String>),
}

/// What runs in a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Work {
    /// `run`: an inline script for `/bin/sh`.
    Run(String),
    /// `script`: a file beside the manifest.
    Script(String),
    /// `command`: an argument vector.
    Command(Vec<String>),
    /// The image's own entrypoint.
    #[default]
    Image,
}

/// Where a stage runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compute {
    /// An AWS Lambda function.
    #[default]
    Lambda,
    /// A job of AWS Batch.
    Batch,
    /// Lambda, unless something that was asked for needs Batch.
    Auto,
}

/// `[bucket:]key-pattern`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Manifest name of the bucket, if it was written.
    pub bucket: Option<String>,
    /// Key pattern as written.
    pub pattern: String,
}

/// Objects that start a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPath {
    /// Which keys.
    pub path: Path,
    /// `from: outside` was written: that no stage writes there is meant.
    pub outside: bool,
}

/// One place where outputs go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPath {
    /// A prefix (`thumbs/`), or a pattern with one `*` that stands for the input's stem
    /// (`thumbs/*.webp`): then the stage makes exactly one file.
    pub path: Path,
    /// Only files that match this pattern, from the map form of `out`.
    pub files: Option<String>,
}
