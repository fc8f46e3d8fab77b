//! What a plan decides besides the resources of its stacks: what it costs, what it is checked for, what
//! stands in its way, and what it does where no template reaches.

use std::collections::BTreeSet;

use scar_schemas::digest::Digest;
use scar_template::ImageContent;
use serde_json::Value;

use crate::Action;

/// A place in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// File as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// US dollars in millionths, so that a plan is the same text wherever it is written and read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MicroDollars(pub u64);

/// Estimated cost of a month at the assumptions named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cost {
    /// Date of the price list, and the region whose prices were taken.
    pub prices: String,
    /// What was assumed, in words: name, value with its unit, and where it comes from.
    pub assumptions: Vec<Assumption>,
    /// What each stage, and what all of them together, cost.
    pub lines: Vec<CostLine>,
    /// Sum of the deployed workflow, if there is one.
    pub before: Option<MicroDollars>,
    /// Sum of the planned workflow.
    pub after: MicroDollars,
    /// What is paid in a month without a single file.
    pub idle: MicroDollars,
    /// What the environment may cost.
    pub limit: Option<MicroDollars>,
}

/// Something that the cost depends on and nobody can know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumption {
    /// For instance `duration.split`, as `--assume` takes it.
    pub name: String,
    /// With its unit.
    pub value: String,
    /// `guess` or `given`.
    pub source: String,
}

/// One line of the cost table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostLine {
    /// Stage, unless the line stands for all.
    pub stage: Option<String>,
    /// How the figure comes about: `31 s × 2048 MiB × 1000 tasks`.
    pub detail: String,
    /// So far; `None` if it was not there.
    pub before: Option<MicroDollars>,
    /// From now on; `None` if it is no more.
    pub after: Option<MicroDollars>,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Check {
    /// Short name, for instance `role-size`.
    pub code: String,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// Stage, if it is about one.
    pub stage: Option<String>,
    /// One sentence for people.
    pub summary: String,
    /// Where in the manifest it comes from.
    pub place: Option<Place>,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckOutcome {
    /// As it should be.
    Passed,
    /// Worth a thought.
    Warning,
    /// The cloud would refuse it, or it would not work.
    Failed,
}

/// Something that must be allowed by name before the plan may be carried out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// What kind of thing it is.
    pub code: BlockCode,
    /// What it is about: a stage, a bucket, the environment, a rule of the policy.
    pub subject: String,
    /// Why, for people.
    pub reason: String,
    /// Word after `--allow` that allows it; nothing allows it if absent.
    pub allow: Option<String>,
}

/// Kinds of [`Block`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketNotifications {
    /// Name in the manifest.
    pub bucket: String,
    /// Real name.
    pub real_name: String,
    /// EventBridge: `Create` switches it on, `Keep` finds it on; `None` if no stage needs it.
    pub event_bridge: Option<Action>,
    /// scar's own rules.
    pub rules: Vec<RuleChange>,
    /// Ids of the rules of others, which stay as they are.
    pub foreign: Vec<String>,
}

/// A notification rule of scar's own, and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleChange {
    /// Create, Update, Delete or Keep.
    pub action: Action,
    /// The rule; as it was, if it is deleted.
    pub rule: NotificationRule,
}

/// A rule of a bucket's notifications that starts a function.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotificationRule {
    /// Its id: `scar.<workflow>.<environment>.<stage>.<hash>`.
    pub id: String,
    /// Logical id of the function in the workflow's stack.
    pub function: String,
    /// Keys begin with this.
    pub prefix: String,
    /// Keys end with this.
    pub suffix: String,
}

/// An image that must be in the environment's registry before the stack is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Its only tag, which never moves.
    pub tag: String,
    /// Digest of its manifest.
    pub digest: Digest,
    /// What it is made of.
    pub content: ImageContent,
}

/// What keeps a stack from accidents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Protection {
    /// The stack cannot be deleted until this is switched off.
    pub termination: bool,
    /// What updates may not do; `None` leaves them everything.
    pub stack_policy: Option<Value>,
    /// Logical ids of alarms; if one of them rings during an update, it is undone.
    pub rollback_alarms: Vec<String>,
}

impl MicroDollars {
    /// From dollars; what is no amount of money is nothing.
    #[must_use]
    pub fn of(dollars: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to what fits"
        )]
        Self((dollars.max(0.0) * 1e6).round().min(1e18) as u64)
    }

    /// As dollars, for display.
    #[must_use]
    pub fn dollars(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "cents are enough for people")]
        let micro = self.0 as f64;
        micro / 1e6
    }
}

impl BlockCode {
    /// Name in plan files and for machines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Widen => "widen",
            Self::DeleteData => "delete-data",
            Self::Protected => "protected",
            Self::Cost => "cost",
            Self::Account => "account",
            Self::Policy => "policy",
            Self::Check => "check",
        }
    }
}

impl Block {
    /// Whether one of these words allows it.
    #[must_use]
    pub fn is_allowed(&self, words: &BTreeSet<String>) -> bool {
        self.allow.as_ref().is_some_and(|word| words.contains(word))
    }
}

impl BucketNotifications {
    /// Whether nothing is to do.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.event_bridge != Some(Action::Create)
            && self.rules.iter().all(|rule| rule.action == Action::Keep)
    }
}
