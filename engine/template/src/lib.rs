//! [`Workflow`](scar_workflow::Workflow) → CloudFormation documents, packages, and where each came from.
//!
//! It deliberately knows nothing of what is deployed: the same workflow always renders to the same bytes.

mod access;
mod assets;
mod base;
mod bucket;
mod buckets;
mod check;
mod config;
mod cron;
mod error;
mod event;
mod feature;
mod fragment;
mod limit;
mod materials;
pub mod name;
mod package;
mod placement;
mod protection;
mod render;
mod rendered;
mod safeguard;
mod settings;
mod stage;
pub mod summary;
pub mod tag;

pub use error::Error;
pub use feature::{DeployedBase, Feature};
pub use materials::{Blob, Materials};
pub use package::layer_zip;
pub use render::render;
pub use rendered::{
    Asset, Content, ImageContent, ImagePush, Notification, NotificationTarget, Origin, Protection,
    Rendered,
};

/// Parameters of the base stack. Those of a workflow's stack are outputs of the base stack: see
/// [`Rendered::parameters`].
pub mod parameter {
    /// Name of the artifact bucket.
    pub const ARTIFACT_BUCKET: &str = super::output::ARTIFACT_BUCKET;
    /// ARN of the supervisor layer's version.
    pub const SUPERVISOR_LAYER: &str = super::output::SUPERVISOR_LAYER;
    /// In the base stack: key of the layer zip, empty until it is uploaded.
    pub const SUPERVISOR_KEY: &str = "SupervisorKey";
    /// In the base stack: key of the layer zip for 64-bit ARM, empty until it is uploaded.
    pub const SUPERVISOR_ARM64_KEY: &str = "SupervisorArm64Key";

    /// What a parameter of a workflow's stack is, for people.
    pub(crate) fn describe(name: &str) -> &'static str {
        use super::output;
        match name {
            output::ARTIFACT_BUCKET => "Bucket with packages and images",
            output::SUPERVISOR_LAYER => "Layer with the supervisor",
            output::SUPERVISOR_ARM64_LAYER => "Layer with the supervisor for 64-bit ARM",
            output::REGISTRY => "Repository with the supervisor's image",
            output::EXECUTION_ROLE => "Role that starts jobs",
            output::INSTANCE_PROFILE => "What instances of Batch are",
            output::SUBNETS => "Subnets of jobs, joined by commas",
            output::SECURITY_GROUP => "Security group of jobs",
            _ => "Queue for jobs",
        }
    }
}

/// Outputs of the stacks.
pub mod output {
    /// Base stack: name of the artifact bucket.
    pub const ARTIFACT_BUCKET: &str = "ArtifactBucket";
    /// Base stack: ARN of the supervisor layer's version.
    pub const SUPERVISOR_LAYER: &str = "SupervisorLayerArn";
    /// Base stack: ARN of the version of the supervisor layer for 64-bit ARM.
    pub const SUPERVISOR_ARM64_LAYER: &str = "SupervisorArm64LayerArn";
    /// Base stack: address of the repository, `<account>.dkr.ecr.<region>.amazonaws.com/<name>`.
    pub const REGISTRY: &str = "RegistryUri";
    /// Base stack: ARN of the role that starts jobs.
    pub const EXECUTION_ROLE: &str = "ExecutionRoleArn";
    /// Base stack: ARN of the profile that instances of Batch have.
    pub const INSTANCE_PROFILE: &str = "InstanceProfileArn";
    /// Base stack: ids of the public subnets, joined by commas.
    pub const SUBNETS: &str = "SubnetIds";
    /// Base stack: id of the security group of jobs.
    pub const SECURITY_GROUP: &str = "SecurityGroupId";
    /// Workflow stack: prefix of the outputs with real bucket names; then the logical id of the bucket.
    pub const BUCKET: &str = "Bucket";
    /// Workflow stack: prefix of the outputs with addresses of HTTP doors; then the logical id of the
    /// function.
    pub const URL: &str = "Url";
}
