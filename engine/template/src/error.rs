//! Why a workflow cannot be rendered.

use scar_cfn::Finding;
use scar_schemas::construct::Architecture;

/// Why a workflow cannot be rendered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The workflow has a name that scar needs for itself.
    #[error("the name {name:?} is scar's own, choose another one for the workflow")]
    ReservedName {
        /// The name.
        name: String,
    },
    /// A name that would not be one for AWS.
    #[error("{name:?} is no name of a workflow, environment, stage or bucket")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// Text that CloudFormation or IAM would read as something else.
    #[error(
        "stage {stage}: {text:?} has `${{`, `{{{{`, or a wildcard where none can be, which AWS would not take literally"
    )]
    UnsafeText {
        /// The stage.
        stage: String,
        /// The text.
        text: String,
    },
    /// A bucket's name would be too long.
    #[error(
        "a bucket would be named {prefix:?} and account and region, at most {limit} characters are left for the first part"
    )]
    BucketName {
        /// The part that scar chooses.
        prefix: String,
        /// Characters it may have.
        limit: usize,
    },
    /// More than the service takes.
    #[error("{value} {what}, at most {limit} are allowed ({logical_id})")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// How much there is.
        value: usize,
        /// How much there may be.
        limit: usize,
        /// The resource.
        logical_id: String,
    },
    /// No supervisor for the processors that a stage runs on.
    #[error(
        "stage {stage} needs a supervisor for {}: build one with `cargo build -p scar-supervisor --profile \
         supervisor --target {}` and name it, or take the other architecture",
        architecture_name(.architecture), target(.architecture)
    )]
    NoSupervisor {
        /// The stage.
        stage: String,
        /// The architecture.
        architecture: Architecture,
    },
    /// A schedule that the service cannot have.
    #[error(
        "stage {stage}: the schedule is no five fields of cron, or asks for days of the month and of the week \
         at once, which AWS does not have"
    )]
    Schedule {
        /// The stage.
        stage: String,
    },
    /// The shell did not hand over what a stage needs.
    #[error("stage {stage} has no {what}")]
    Missing {
        /// The stage.
        stage: String,
        /// For instance `image`.
        what: &'static str,
    },
    /// Two resources with one logical id.
    #[error("two resources are named {logical_id}")]
    DuplicateId {
        /// The id.
        logical_id: String,
    },
    /// A fragment did not become JSON.
    #[error("template fragment {name}: {message}")]
    Fragment {
        /// Its name.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// A package could not be made.
    #[error("stage package: {message}")]
    Package {
        /// What is wrong.
        message: String,
    },
    /// The fragments did not become a template.
    #[error("rendered template has a wrong form")]
    Form(#[from] scar_cfn::ReadError),
    /// A function of the template cannot be evaluated.
    #[error("rendered template cannot be evaluated")]
    Evaluate(#[from] scar_cfn::evaluate::EvaluateError),
    /// The fragments do not fit together.
    #[error("rendered template is inconsistent: {}", list(.problems))]
    Invalid {
        /// What does not fit.
        problems: Vec<Finding>,
    },
}

fn architecture_name(architecture: &Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Arm64 => "arm64",
    }
}

fn target(architecture: &Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64-unknown-linux-gnu",
        Architecture::Arm64 => "aarch64-unknown-linux-gnu",
    }
}

fn list(problems: &[Finding]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
