//! What the cloud says is there, as `scar-apply` observed it.

use std::collections::{BTreeMap, BTreeSet};

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
    pub template: Document,
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
