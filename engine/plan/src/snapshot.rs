//! What the cloud says is there, as `scar-apply` observed it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scar_cfn::Document;

/// What the cloud says is there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Account number.
    pub account: String,
    /// Region.
    pub region: String,
    /// The base stack, if it is there.
    pub base: Option<Stack>,
    /// The workflow's stack, if it is there.
    pub stack: Option<Stack>,
    /// Keys of wanted assets that are in the artifact bucket already.
    pub assets: BTreeSet<String>,
    /// Tags of wanted images that are in the environment's registry already.
    pub images: BTreeSet<String>,
    /// Buckets that the workflow uses and did not make, by real name.
    pub buckets: BTreeMap<String, BucketState>,
    /// What the account lets its functions have; `None` if it was not asked.
    pub limits: Option<AccountLimits>,
    /// What could not be asked, and so is planned without being known.
    pub unknown: Vec<Unknown>,
}

/// What an account lets its functions have in a region, and what of it is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountLimits {
    /// Functions that may run at once.
    pub concurrency: u64,
    /// Those of them that no function has reserved.
    pub unreserved: u64,
    /// Bytes that the code of all functions and layers may have.
    pub code_limit_bytes: u64,
    /// Bytes that it has.
    pub code_bytes: u64,
}

/// What is known of a bucket that the workflow did not make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketState {
    /// It is there and may be looked at.
    pub exists: bool,
    /// Its region, if that was told.
    pub region: Option<String>,
    /// Its events go to EventBridge.
    pub event_bridge: bool,
    /// Its notification rules, scar's own and those of others.
    pub rules: Vec<BucketRule>,
}

/// A notification rule as a bucket has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketRule {
    /// Its id.
    pub id: String,
    /// ARN of what it starts.
    pub target: String,
    /// For instance `s3:ObjectCreated:*`.
    pub events: Vec<String>,
    /// Keys begin with this.
    pub prefix: String,
    /// Keys end with this.
    pub suffix: String,
}

/// A question that the cloud did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Permission that it takes, for instance `s3:GetBucketNotification`.
    pub permission: String,
    /// What it was about.
    pub subject: String,
}

/// A deployed stack.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stack {
    /// Its ARN.
    pub id: String,
    /// For instance `UPDATE_COMPLETE`.
    pub status: String,
    /// Time of the last change, as the cloud wrote it: changes whenever the stack does.
    pub changed: String,
    /// Its template.
    pub template: Arc<Document>,
    /// Parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// Outputs by name.
    pub outputs: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl Stack {
    /// Whether the stack holds anything: leftovers of a creation that failed or never began do not,
    /// they are cleared away before the stack is created anew.
    #[must_use]
    pub fn is_leftover(&self) -> bool {
        matches!(
            self.status.as_str(),
            "REVIEW_IN_PROGRESS" | "ROLLBACK_COMPLETE" | "CREATE_FAILED" | "DELETE_COMPLETE"
        )
    }
}
