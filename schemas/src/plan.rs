//! The plan, version 1: what `scar plan --json` prints and a saved plan file holds.
//!
//! A reader ignores keys it does not know; a change that it must not ignore raises the first number of
//! [`FORMAT_VERSION`]. The JSON Schema `plan.schema.json` is generated from these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod decision;

pub use decision::{
    Assumption, Block, BlockCode, Check, Cost, CostLine, Effect, Monthly, Notifications, Outcome,
    Permission, Protection, Push, PushContent, Rule, Span,
};

/// Version of this format.
pub const FORMAT_VERSION: &str = "1.1";

/// A whole plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanFile {
    /// [`FORMAT_VERSION`].
    pub format_version: String,
    /// SHA-256 over everything else in canonical JSON: an edited file is refused.
    pub integrity: String,
    /// What made it.
    pub tool: Tool,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Name of the workflow.
    pub workflow: String,
    /// Name of the environment.
    pub env: String,
    /// Where it is to be carried out.
    pub target: Target,
    /// Whether the environment is protected.
    pub protect: bool,
    /// Digest of the manifest's normalised text.
    pub manifest: String,
    /// Counts.
    pub summary: Summary,
    /// Stages and edges.
    pub graph: Graph,
    /// Every resource of both stacks.
    pub resources: Vec<Resource>,
    /// What the stages' roles gain and lose.
    pub iam: Vec<Permission>,
    /// Image of every stage.
    pub images: Vec<Image>,
    /// Objects to upload.
    pub assets: Vec<Asset>,
    /// Parameters for creating a base stack that does not exist, before any upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<BTreeMap<String, Parameter>>,
    /// The base stack.
    pub base: Stack,
    /// The workflow's stack.
    pub stack: Stack,
    /// Images to push.
    #[serde(default)]
    pub pushes: Vec<Push>,
    /// Notifications of buckets that the workflow did not make.
    #[serde(default)]
    pub notifications: Vec<Notifications>,
    /// What keeps the workflow's stack from accidents.
    #[serde(default)]
    pub protection: Protection,
    /// What it costs.
    #[serde(default)]
    pub cost: Cost,
    /// What was looked at.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// What must be allowed by name before it may be carried out.
    #[serde(default)]
    pub blocks: Vec<Block>,
}

/// What made a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// `scar`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Where a plan is to be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// Account number.
    pub account: String,
    /// Region.
    pub region: String,
}

/// Counts over the resources of both stacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Resources to make.
    pub add: usize,
    /// Resources to change in place.
    pub change: usize,
    /// Resources to replace.
    pub replace: usize,
    /// Resources to remove.
    pub delete: usize,
    /// Resources left as they are.
    pub keep: usize,
    /// Permissions that reach beyond the workflow.
    pub widens: usize,
    /// Logical ids of buckets that are deleted or replaced.
    pub data_at_risk: Vec<String>,
}

/// The graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Graph {
    /// Stages in topological order, deleted ones last.
    pub stages: Vec<Stage>,
    /// Which stage feeds which.
    pub edges: Vec<Edge>,
}

/// What happens to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Made.
    Create,
    /// Changed in place.
    Update,
    /// Made anew, then the old one removed.
    Replace,
    /// Removed.
    Delete,
    /// Left as it is.
    Keep,
}

/// Why something happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// It is not there yet.
    New,
    /// The manifest, or a newer scar, wants it otherwise.
    Manifest,
    /// The image's name means another image now.
    TagMoved,
    /// Another supervisor.
    SupervisorUpgrade,
    /// A property cannot be changed in place.
    ReplaceBecauseImmutable {
        /// Path of the property.
        property: String,
    },
    /// It refers to something that is replaced.
    Follows {
        /// Logical id of what is replaced.
        id: String,
    },
    /// The manifest has it no more.
    RemovedFromManifest,
    /// Nothing happens.
    Unchanged,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// Where it runs.
    pub compute: String,
    /// Image as written.
    pub image: String,
    /// Inputs, as `bucket:pattern`.
    pub inputs: Vec<String>,
    /// Outputs, as `bucket:prefix/`.
    pub outputs: Vec<String>,
    /// Settings that change, in words of the manifest.
    pub settings: Vec<Setting>,
    /// It has an HTTP door without authentication.
    #[serde(default)]
    pub open: bool,
    /// Where it stands in the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// A setting that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// For instance `memory`.
    pub name: String,
    /// Value so far.
    pub before: String,
    /// New value.
    pub after: String,
    /// Where it stands in the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// A link between stages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Edge {
    /// Writing stage.
    pub from: String,
    /// Reading stage.
    pub to: String,
    /// Where they meet.
    pub via: String,
    /// What happens to it.
    pub action: Action,
}

/// Which of the two stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Of {
    /// The base stack.
    Base,
    /// The workflow's stack.
    Workflow,
}

/// A resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resource {
    /// Stack it belongs to.
    pub stack: Of,
    /// Logical id.
    pub id: String,
    /// Type, for instance `AWS::Lambda::Function`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Stage it belongs to.
    pub stage: Option<String>,
    /// What happens to it.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// Whether the cloud keeps the thing when it is deleted or replaced.
    pub retained: bool,
    /// What changes within it.
    pub changes: Vec<Change>,
    /// Manifest path it came from.
    pub origin: String,
    /// What the change means for what runs, in words.
    #[serde(default)]
    pub consequence: String,
    /// Where it stands in the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// A property that changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Path, for instance `EphemeralStorage.Size`.
    pub path: String,
    /// Value so far; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// New value; absent if there is none any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Manifest path that causes the change.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub origin: String,
    /// Where it stands in the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// Image of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Image {
    /// The stage.
    pub stage: String,
    /// Name as written.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What it means.
    pub digest: String,
    /// What the deployed stage runs, if that is another.
    pub was: Option<String>,
    /// The name is the same but means another image.
    pub tag_moved: bool,
    /// What the tag means now, where the lock file holds another digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_now: Option<String>,
    /// The lock file holds the digest.
    #[serde(default)]
    pub locked: bool,
}

/// An object to upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asset {
    /// Key in the artifact bucket.
    pub key: String,
    /// Size, where it is known.
    pub bytes: Option<u64>,
    /// Where its bytes are.
    pub content: Content,
}

/// Where an object's bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Content {
    /// Here, in base64.
    Inline {
        /// The bytes.
        base64: String,
    },
    /// The supervisor as a layer.
    Supervisor,
    /// The supervisor for 64-bit ARM as a layer.
    SupervisorArm64,
    /// A blob of a stage's image.
    Image {
        /// The stage.
        stage: String,
        /// The blob.
        digest: String,
    },
}

/// Value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Parameter {
    /// This text.
    Literal(String),
    /// The output of this name of the base stack.
    BaseOutput(String),
}

/// A stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// Its template.
    pub template: Value,
    /// Values of its parameters.
    pub parameters: BTreeMap<String, Parameter>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The stack this was computed against.
    pub based_on: Option<Basis>,
}

/// Identity and state of a stack at the time of planning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Basis {
    /// Its ARN.
    pub stack_id: String,
    /// Its status.
    pub status: String,
    /// Time of its last change.
    pub changed: String,
    /// Digest over template, parameters, outputs and tags.
    pub fingerprint: String,
}

/// JSON Schema of [`PlanFile`].
#[must_use]
pub fn json_schema() -> Value {
    schemars::schema_for!(PlanFile).to_value()
}
