//! The plan and its parts: every change, its reason, and nothing left to decide.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scar_cfn::Document;
use scar_schemas::digest::Digest;
use scar_template::Asset;
use serde_json::Value;

use crate::{Block, BucketNotifications, Check, Cost, Place, Protection, Push};

/// Everything that `apply` will do, in the order in which it does it: base stack (first with
/// [`Plan::bootstrap`] if it is new), uploads, base stack, workflow stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Name of the workflow.
    pub workflow: String,
    /// Name of the environment.
    pub environment: String,
    /// Account the plan was made for.
    pub account: String,
    /// Region the plan was made for.
    pub region: String,
    /// Whether the environment is protected.
    pub protect: bool,
    /// Digest of the manifest's normalised text.
    pub manifest: Digest,
    /// Stages in topological order, deleted ones last.
    pub stages: Vec<StageChange>,
    /// Which stage feeds which, deleted links last.
    pub links: Vec<LinkChange>,
    /// Parameters with which a base stack that does not exist is created before any upload; `None` if
    /// it exists.
    pub bootstrap: Option<BTreeMap<String, ParameterValue>>,
    /// The base stack, brought up to date after the uploads.
    pub base: StackChange,
    /// The workflow's stack.
    pub stack: StackChange,
    /// Objects to upload to the artifact bucket: those that are not there yet.
    pub uploads: Vec<Asset>,
    /// What the stages' roles gain and lose.
    pub permissions: Vec<PermissionChange>,
    /// Image of every stage, and what it was.
    pub images: Vec<ImageChange>,
    /// Counts.
    pub summary: Summary,
    /// Images to push to the environment's registry, after the base stack and before the workflow's.
    pub pushes: Vec<Push>,
    /// Notifications of buckets that the workflow did not make, set after its stack is up to date.
    pub notifications: Vec<BucketNotifications>,
    /// What keeps the workflow's stack from accidents.
    pub protection: Protection,
    /// What it costs.
    pub cost: Cost,
    /// What was looked at, in the order of outcome: failed, warnings, passed.
    pub checks: Vec<Check>,
    /// What must be allowed by name before it may be carried out.
    pub blocks: Vec<Block>,
}

/// What happens to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It is not there yet.
    New,
    /// The manifest (or a newer scar) wants it otherwise.
    Manifest,
    /// The registry's tag means another image now; the manifest is the same.
    TagMoved,
    /// Another supervisor.
    Supervisor,
    /// A property changed that the cloud cannot change in place.
    Immutable {
        /// Path of the property.
        property: String,
    },
    /// It refers to something that is replaced.
    Follows {
        /// Logical id of what is replaced.
        logical_id: String,
    },
    /// The manifest has it no more.
    Removed,
    /// Nothing happens.
    Unchanged,
}

/// A stage of the graph.
#[derive(Debug, Clone, PartialEq)]
pub struct StageChange {
    /// Its name.
    pub name: String,
    /// What happens to it: the strongest action among its resources.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// Where it runs: `lambda`.
    pub compute: String,
    /// Image as written.
    pub image: String,
    /// Inputs, as `bucket:pattern`.
    pub inputs: Vec<String>,
    /// Outputs, as `bucket:prefix/` or `bucket:before*after`.
    pub outputs: Vec<String>,
    /// Settings that change, in words of the manifest.
    pub settings: Vec<SettingChange>,
    /// It has an HTTP door without authentication.
    pub is_open: bool,
    /// Where it stands in the manifest.
    pub place: Option<Place>,
}

/// A setting of a stage that changes, in words of the manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingChange {
    /// For instance `memory`.
    pub name: String,
    /// Value so far, with its unit.
    pub before: String,
    /// New value, with its unit.
    pub after: String,
    /// Where it stands in the manifest.
    pub place: Option<Place>,
}

/// A link of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkChange {
    /// Writing stage.
    pub from: String,
    /// Reading stage.
    pub to: String,
    /// Where they meet: `data:grey/*.png`.
    pub via: String,
    /// Create, Delete or Keep.
    pub action: Action,
}

/// A stack.
#[derive(Debug, Clone, PartialEq)]
pub struct StackChange {
    /// Its name.
    pub name: String,
    /// Create, Update, Delete or Keep.
    pub action: Action,
    /// Its new template; that of the deployed stack if it is deleted.
    pub template: Arc<Document>,
    /// The template's exact JSON text, which is what is sent.
    pub text: String,
    /// Value of every parameter.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// All resources, old and new, by logical id; also those that are kept.
    pub resources: Vec<ResourceChange>,
    /// The stack this was computed against; `None` if there was none.
    pub based_on: Option<Basis>,
}

/// Value of a stack's parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// This text.
    Literal(String),
    /// The output of this name of the base stack, after the base stack is up to date.
    BaseOutput(String),
}

/// Identity and state of a stack at the time of planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// Its ARN.
    pub stack_id: String,
    /// Its status.
    pub status: String,
    /// Time of its last change, as the cloud wrote it.
    pub changed: String,
    /// Digest over template, parameters, outputs and tags.
    pub fingerprint: Digest,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceChange {
    /// Logical id.
    pub logical_id: String,
    /// Type, for instance `AWS::Lambda::Function`.
    pub kind: String,
    /// Stage it belongs to.
    pub stage: Option<String>,
    /// What happens to it.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// Whether the cloud keeps the thing when it is deleted or replaced (`DeletionPolicy: Retain`).
    pub retained: bool,
    /// What changes within it; empty for Create, Delete and Keep.
    pub properties: Vec<PropertyChange>,
    /// Manifest path it came from, for instance `stages.resize`; empty if it came from none.
    pub origin: String,
    /// What the change means for what runs, in words; empty if nothing happens.
    pub consequence: String,
    /// Where that path stands.
    pub place: Option<Place>,
}

/// A property of a resource that changes.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyChange {
    /// Path, for instance `EphemeralStorage.Size`; a path of another section starts with its name,
    /// for instance `DeletionPolicy`.
    pub path: String,
    /// Value so far, `None` if there was none.
    pub before: Option<Value>,
    /// New value, `None` if there is none any more. What only the cloud knows is a placeholder, for
    /// instance `${SupervisorLayerArn}`; if it refers to something that is replaced, both sides are
    /// the same placeholder.
    pub after: Option<Value>,
    /// Manifest path that causes the change, for instance `stages.resize.memory`; empty if unknown.
    pub origin: String,
    /// Where that path stands.
    pub place: Option<Place>,
}

/// Something a stage's role may do, and may not have before, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PermissionChange {
    /// Stage whose role it is.
    pub stage: String,
    /// Gained or lost.
    pub effect: PermissionEffect,
    /// Action, for instance `s3:GetObject`.
    pub action: String,
    /// Resource as people know it: `data:thumbs/*`, or the ARN.
    pub resource: String,
    /// The stage gains access to something that is not part of this workflow.
    pub widens: bool,
}

/// Gained or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PermissionEffect {
    /// The role may do it from now on.
    Added,
    /// The role may do it no more.
    Removed,
}

/// Image of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageChange {
    /// Stage that runs it.
    pub stage: String,
    /// Name as written.
    pub reference: String,
    /// What it means now.
    pub digest: Digest,
    /// What the deployed stage runs, if that is another.
    pub was: Option<Digest>,
    /// The name is the same but means another image.
    pub tag_moved: bool,
    /// What the tag means now, where the lock file holds another digest.
    pub tag_now: Option<Digest>,
    /// The lock file holds the digest.
    pub locked: bool,
}

/// Counts over the resources of both stacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Resources to make.
    pub create: usize,
    /// Resources to change in place.
    pub update: usize,
    /// Resources to replace.
    pub replace: usize,
    /// Resources to remove.
    pub delete: usize,
    /// Resources left as they are.
    pub keep: usize,
    /// Permissions that reach beyond the workflow.
    pub widens: usize,
    /// Logical ids of storage whose content is lost or left behind: deleted or replaced buckets.
    pub data_at_risk: Vec<String>,
}

/// What removing a workflow does.
#[derive(Debug, Clone, PartialEq)]
pub struct Destruction {
    /// Name of the workflow.
    pub workflow: String,
    /// Name of the environment.
    pub environment: String,
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// The workflow's stack; its resources are all Delete, those with `retained` stay in the account.
    pub stack: StackChange,
    /// Buckets that stay, with all their objects.
    pub kept_buckets: Vec<KeptBucket>,
    /// Real names of buckets that were there before: scar's own notification rules leave them.
    pub foreign_buckets: Vec<String>,
}

/// A bucket that outlives its stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBucket {
    /// Logical id.
    pub logical_id: String,
    /// Real name, if the stack's outputs tell it.
    pub name: Option<String>,
}

impl Plan {
    /// Whether carrying it out would change nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.base.action == Action::Keep
            && self.stack.action == Action::Keep
            && self.uploads.is_empty()
            && self.pushes.is_empty()
            && self.notifications.iter().all(BucketNotifications::is_kept)
    }

    /// What still stands in the way when these words were given to `--allow`.
    #[must_use]
    pub fn blocked_by(&self, allowed: &BTreeSet<String>) -> Vec<&Block> {
        let is_open = |block: &&Block| !block.is_allowed(allowed);
        self.blocks.iter().filter(is_open).collect()
    }
}

impl ImageChange {
    /// Whether the name cannot come to mean another image by itself.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.locked || self.is_on_disk() || self.reference.contains("@sha256:")
    }

    /// Whether it is not from a registry.
    #[must_use]
    pub fn is_on_disk(&self) -> bool {
        self.reference.starts_with("oci:") || self.reference.starts_with("archive:")
    }
}
