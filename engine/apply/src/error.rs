//! What can go wrong at the cloud, and what came of it.

use std::path::PathBuf;

/// Anything that stops an operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No region was given and none is configured.
    #[error("no region: give --region, or set AWS_REGION or the profile's region")]
    NoRegion,
    /// A call was refused or got no answer. The SDK has repeated it already where that can help.
    #[error("{operation} {subject}{}{}", separated(code.as_deref()), separated(message.as_deref()))]
    Call {
        /// API operation, for instance `DescribeStacks`.
        operation: &'static str,
        /// What it was about: a stack, a bucket, a key.
        subject: String,
        /// The service's error code, if it answered.
        code: Option<String>,
        /// The service's words, if it answered.
        message: Option<String>,
        /// The SDK's error, if the service did not answer or not in a form that has a code.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A stack of that name exists but was not made by scar for this workflow.
    #[error(
        "stack {stack} was not made by scar for this workflow (tag {tag} is missing or different)"
    )]
    Foreign {
        /// Name of the stack.
        stack: String,
        /// The tag that tells.
        tag: String,
    },
    /// Somebody else is changing the stack.
    #[error("stack {stack} is busy: {status}")]
    Busy {
        /// Name of the stack.
        stack: String,
        /// Its status.
        status: String,
    },
    /// What is deployed is not what the plan was made against.
    #[error("the plan is stale")]
    Stale(#[from] scar_plan::Stale),
    /// The cloud does not accept the change, and nothing was changed.
    #[error("the change of stack {stack} was refused: {reason}")]
    Refused {
        /// Name of the stack.
        stack: String,
        /// The cloud's words.
        reason: String,
    },
    /// A resource failed.
    #[error("{logical_id} ({kind}) of stack {stack} failed: {reason}")]
    Stack {
        /// Name of the stack.
        stack: String,
        /// Stage of the resource, if it belongs to one.
        stage: Option<String>,
        /// The resource that failed first.
        logical_id: String,
        /// Its type.
        kind: String,
        /// The cloud's words.
        reason: String,
        /// What came of it.
        outcome: Outcome,
    },
    /// The stack is in a state that only a person can leave.
    #[error("stack {stack} is stuck in {status}")]
    Stuck {
        /// Name of the stack.
        stack: String,
        /// Its status.
        status: String,
    },
    /// There is no such stack.
    #[error("stack {stack} is not deployed")]
    NotDeployed {
        /// Name of the stack.
        stack: String,
    },
    /// A stack has no output that scar's own templates always have.
    #[error("stack {stack} has no output {output}")]
    MissingOutput {
        /// Name of the stack.
        stack: String,
        /// Name of the output.
        output: String,
    },
    /// The deployed template cannot be read.
    #[error("the deployed template of stack {stack} cannot be read: {reason}")]
    Template {
        /// Name of the stack.
        stack: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Another stack of scar still needs the base stack.
    #[error("stack {stack} is still used by {}", users.join(", "))]
    InUse {
        /// The base stack.
        stack: String,
        /// Stacks that need it.
        users: Vec<String>,
    },
    /// An asset's bytes are not at hand.
    #[error("asset {key} cannot be read")]
    Artifact {
        /// Key of the asset.
        key: String,
        /// Why.
        source: std::io::Error,
    },
    /// A local file or directory.
    #[error("{path:?} cannot be {action}")]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        action: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A file's name cannot be part of a key.
    #[error("{path:?} cannot be the name of an object: it is not UTF-8")]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A record of scar cannot be read.
    #[error("record {key} cannot be read: {reason}")]
    Record {
        /// Key of the record.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A bucket has rules of others for the same keys.
    #[error(
        "bucket {bucket} has notifications of others for the same keys ({}); take events: bus, or give one \
         of them other keys",
        others.join(", ")
    )]
    NotificationOverlap {
        /// Real name of the bucket.
        bucket: String,
        /// Ids of the rules that are there.
        others: Vec<String>,
    },
    /// Somebody wrote a bucket's notifications at the same time.
    #[error("the notifications of bucket {bucket} were changed by somebody else at the same time")]
    NotificationRace {
        /// Real name of the bucket.
        bucket: String,
    },
    /// An image could not be sent to the registry.
    #[error("image {tag} cannot be sent to the registry")]
    Push {
        /// Its tag.
        tag: String,
        /// Why.
        source: std::io::Error,
    },
    /// Waiting took longer than it may.
    #[error("{waiting} tasks are not done after {seconds} s")]
    TimedOut {
        /// Tasks that are not done.
        waiting: usize,
        /// How long was waited, in seconds.
        seconds: u64,
    },
}

/// What came of a failed deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as before.
    RolledBack,
    /// Putting it back failed too: a person must act.
    Stuck {
        /// Status of the stack.
        status: String,
        /// The command that continues.
        command: String,
    },
}

impl Error {
    /// Whether the same call may well succeed a little later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Call { code: None, .. } | Self::Busy { .. } | Self::NotificationRace { .. } => {
                true
            }
            Self::Call {
                code: Some(code), ..
            } => TEMPORARY.contains(&code.as_str()),
            _ => false,
        }
    }
}

/// Error codes that mean "not now", of all the services used here.
const TEMPORARY: [&str; 8] = [
    "InternalError",
    "InternalFailure",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

fn separated(text: Option<&str>) -> String {
    text.map(|text| format!(": {text}")).unwrap_or_default()
}
