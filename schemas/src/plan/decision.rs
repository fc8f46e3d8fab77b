//! The part of a plan that is not resources: cost, checks, blocks, and what no template reaches.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Action;

/// A place in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// File as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub col: usize,
}

/// Estimated cost of a month, in millionths of the currency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// `USD`.
    pub currency: String,
    /// Date and region of the price list.
    pub prices: String,
    /// What was assumed.
    pub assumptions: Vec<Assumption>,
    /// What each part costs.
    pub lines: Vec<CostLine>,
    /// Sums.
    pub monthly: Monthly,
}

/// Sums of a month, in millionths of the currency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Monthly {
    /// Of the deployed workflow.
    pub before_micro: Option<u64>,
    /// Of the planned workflow.
    pub after_micro: u64,
    /// Of the planned workflow without any file.
    pub idle_micro: u64,
    /// What the environment may cost.
    pub limit_micro: Option<u64>,
}

/// Something that the cost depends on and nobody can know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assumption {
    /// As `--assume` takes it.
    pub name: String,
    /// With its unit.
    pub value: String,
    /// `guess` or `given`.
    pub source: String,
}

/// One line of the cost table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CostLine {
    /// Stage, unless the line stands for all.
    pub stage: Option<String>,
    /// How the figure comes about.
    pub detail: String,
    /// So far, in millionths.
    pub before_micro: Option<u64>,
    /// From now on, in millionths.
    pub after_micro: Option<u64>,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// Short name.
    pub code: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Stage, if it is about one.
    pub stage: Option<String>,
    /// One sentence.
    pub summary: String,
    /// Where in the manifest it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// Worth a thought.
    Warning,
    /// It would not work.
    Failed,
}

/// Something that must be allowed by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Block {
    /// What kind of thing it is.
    pub code: BlockCode,
    /// What it is about.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// Word after `--allow` that allows it; nothing does, if absent.
    pub allow: Option<String>,
}

/// Kinds of [`Block`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BlockCode {
    /// A role gains access beyond the workflow.
    Widen,
    /// A bucket is deleted or replaced.
    DeleteData,
    /// The environment is protected.
    Protected,
    /// It costs more than the environment may.
    Cost,
    /// It is another account than the environment's.
    Account,
    /// A rule of the policy file.
    Policy,
    /// A check failed.
    Check,
}

/// Notifications of a bucket that the workflow did not make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notifications {
    /// Name in the manifest.
    pub bucket: String,
    /// Real name.
    pub real_name: String,
    /// `create` switches EventBridge on, `keep` finds it on; absent if nobody needs it.
    pub event_bridge: Option<Action>,
    /// scar's own rules.
    pub rules: Vec<Rule>,
    /// Ids of the rules of others, which stay as they are.
    pub foreign: Vec<String>,
}

/// A notification rule of scar's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rule {
    /// What happens to it.
    pub action: Action,
    /// Its id.
    pub id: String,
    /// Logical id of the function that it starts.
    pub function: String,
    /// Keys begin with this.
    pub prefix: String,
    /// Keys end with this.
    pub suffix: String,
}

/// An image to push to the environment's registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Push {
    /// Its tag.
    pub tag: String,
    /// Digest of its manifest.
    pub digest: String,
    /// What it is made of.
    pub content: PushContent,
}

/// What an image of the environment's registry is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PushContent {
    /// The supervisor for this architecture, `x86_64` or `arm64`, and nothing else.
    Supervisor(String),
    /// The image of this stage with the supervisor in it.
    Stage(String),
}

/// What keeps a stack from accidents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Protection {
    /// The stack cannot be deleted until this is switched off.
    pub termination: bool,
    /// What updates may not do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_policy: Option<Value>,
    /// Logical ids of alarms that undo an update.
    pub rollback_alarms: Vec<String>,
}

/// A permission gained or lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Permission {
    /// Stage whose role it is.
    pub stage: String,
    /// Gained or lost.
    pub effect: Effect,
    /// For instance `s3:GetObject`.
    pub action: String,
    /// Resource as people know it.
    pub resource: String,
    /// It reaches beyond the workflow.
    pub widens: bool,
}

/// Gained or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Gained.
    Added,
    /// Lost.
    Removed,
}
