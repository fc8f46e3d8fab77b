//! [`Workflow`](scar_workflow::Workflow) → CloudFormation documents, packages, and where each came from.
//!
//! It deliberately knows nothing of what is deployed: the same workflow always renders to the same bytes.

use std::collections::BTreeMap;

use scar_cfn::Document;
use scar_schemas::contract::Image;
use scar_schemas::digest::Digest;

mod access;
mod check;
mod config;
mod error;
mod event;
mod fragment;
mod limit;
mod materials;
pub mod name;
mod package;
mod render;
mod stage;
pub mod summary;
pub mod tag;

pub use error::Error;
pub use package::layer_zip;
pub use render::render;

/// What rendering needs beside the workflow, gathered by the shell.
#[derive(Debug, Clone)]
pub struct Materials {
    /// Pinned image of each stage.
    pub images: BTreeMap<String, Image>,
    /// Blobs of each stage's image that must be in the artifact bucket, the manifest among them; stages
    /// whose image stays in a registry have none.
    pub image_blobs: BTreeMap<String, Vec<Blob>>,
    /// Script of each stage that has one (`run` text or `script` file).
    pub scripts: BTreeMap<String, Vec<u8>>,
    /// Digest of the supervisor file.
    pub supervisor: Digest,
    /// The supervisor file itself, if every stage package is to hold it as `bootstrap`, for clouds that
    /// attach layers but do not unpack them.
    pub bundled_supervisor: Option<Vec<u8>>,
    /// Digest of the manifest's normalised text.
    pub manifest: Digest,
}

/// A blob of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// A workflow as CloudFormation.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// Name of the stack with the artifact bucket and the supervisor layer.
    pub base_name: String,
    /// Its template.
    pub base: Document,
    /// Its tags.
    pub base_tags: BTreeMap<String, String>,
    /// Name of the workflow's stack.
    pub stack_name: String,
    /// Its template.
    pub stack: Document,
    /// Objects that must be in the artifact bucket before the stack is made.
    pub assets: Vec<Asset>,
    /// Digest of the manifest's normalised text.
    pub manifest: Digest,
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
    /// The layer zip, to be made of the supervisor file with [`layer_zip`].
    SupervisorLayer,
    /// The blobs of a stage's image, which the shell has at hand.
    ImageBlob {
        /// Stage whose image it is.
        stage: String,
        /// Digest of the blob.
        digest: Digest,
    },
}

/// Parameters of the workflow's stack that `apply` fills in from the base stack's outputs.
pub mod parameter {
    /// Name of the artifact bucket.
    pub const ARTIFACT_BUCKET: &str = "ArtifactBucket";
    /// ARN of the supervisor layer's version.
    pub const SUPERVISOR_LAYER: &str = "SupervisorLayerArn";
    /// In the base stack: key of the layer zip, empty until it is uploaded.
    pub const SUPERVISOR_KEY: &str = "SupervisorKey";
}

/// Outputs of the stacks.
pub mod output {
    /// Base stack: name of the artifact bucket.
    pub const ARTIFACT_BUCKET: &str = "ArtifactBucket";
    /// Base stack: ARN of the supervisor layer's version.
    pub const SUPERVISOR_LAYER: &str = "SupervisorLayerArn";
    /// Workflow stack: prefix of the outputs with real bucket names; then the logical id of the bucket.
    pub const BUCKET: &str = "Bucket";
}
