//! A workflow as CloudFormation, and everything that has to go with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scar_cfn::Document;
use scar_schemas::construct::Architecture;
use scar_schemas::deployed::Deployed;
use scar_schemas::digest::Digest;
use serde_json::Value;

/// A workflow as CloudFormation.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// Name of the stack with what the workflows of an environment share.
    pub base_name: String,
    /// Its template.
    pub base: Arc<Document>,
    /// Values of its parameters. Before the assets are there, all of them are empty.
    pub base_parameters: BTreeMap<String, String>,
    /// Its tags.
    pub base_tags: BTreeMap<String, String>,
    /// Name of the workflow's stack.
    pub stack_name: String,
    /// Its template.
    pub stack: Arc<Document>,
    /// Its parameters, each the output of the base stack that has the same name.
    pub parameters: BTreeSet<String>,
    /// Objects that must be in the artifact bucket before the stack is made.
    pub assets: Vec<Asset>,
    /// Images that must be in the environment's registry before the stack is made.
    pub pushes: Vec<ImagePush>,
    /// What buckets that scar did not make have to tell of.
    pub notifications: Vec<Notification>,
    /// What keeps the stack from accidents.
    pub protection: Protection,
    /// Digest of the manifest's normalised text.
    pub manifest: Digest,
    /// The workflow in the words of its manifest, as the template's metadata has it.
    pub summary: Deployed,
    /// Where each logical id of the workflow's stack came from.
    pub origins: BTreeMap<String, Origin>,
    /// Tags of the workflow's stack, which its resources inherit.
    pub tags: BTreeMap<String, String>,
}

/// Where a resource came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Stage, if it belongs to one.
    pub stage: Option<String>,
    /// Manifest path, for instance `stages.resize`.
    pub path: String,
}

/// An object of the artifact bucket. Keys contain the digest, so what is there is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Key in the artifact bucket.
    pub key: String,
    /// Size in bytes, where it is known before the bytes are made.
    pub size_bytes: Option<u64>,
    /// Where its bytes are.
    pub content: Content,
}

/// Where an asset's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Here.
    Bytes(Vec<u8>),
    /// The layer zip, to be made with [`crate::layer_zip`] of the supervisor file for this architecture.
    SupervisorLayer(Architecture),
    /// The blobs of a stage's image, which the shell has at hand.
    ImageBlob {
        /// Stage whose image it is.
        stage: String,
        /// Digest of the blob.
        digest: Digest,
    },
}

/// An image of the environment's registry ([`crate::output::REGISTRY`] is its address).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePush {
    /// Its only tag, which never moves: the digest's hexadecimal digits.
    pub tag: String,
    /// Digest of its manifest.
    pub digest: Digest,
    /// What it is made of.
    pub content: ImageContent,
}

/// What an image of the environment's registry is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageContent {
    /// The supervisor for this architecture and nothing else.
    Supervisor(Architecture),
    /// The image of this stage with the supervisor in it.
    Stage(String),
}

/// What a bucket that scar did not make has to tell of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notification {
    /// Real name of the bucket.
    pub bucket: String,
    /// To whom.
    pub target: NotificationTarget,
}

/// To whom a bucket tells of new objects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotificationTarget {
    /// To EventBridge, all of them. Never switched off again.
    EventBridge,
    /// To a function, those with this prefix and suffix.
    Function {
        /// Id of the bucket's notification rule: `scar.<workflow>.<environment>.<stage>.<hash>`.
        id: String,
        /// Stage whose function it is.
        stage: String,
        /// Logical id of the function.
        logical_id: String,
        /// Keys begin with this.
        prefix: String,
        /// Keys end with this.
        suffix: String,
    },
}

/// What keeps a stack from accidents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Protection {
    /// It cannot be deleted before this is switched off.
    pub termination: bool,
    /// Stack policy; `None` leaves everything to be changed.
    pub stack_policy: Option<Value>,
    /// Logical ids of alarms that roll an update back, at most five ("`RollbackConfiguration`" of
    /// CloudFormation). Those that are not there yet guard the next update.
    pub rollback_alarms: Vec<String>,
}
