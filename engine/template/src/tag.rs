//! Tags by which scar knows its own stacks.

use std::collections::BTreeMap;

/// Name of the workflow; the base stack has [`BASE`] instead.
pub const WORKFLOW: &str = "scar:workflow";
/// Name of the environment.
pub const ENVIRONMENT: &str = "scar:environment";
/// `true` on the base stack.
pub const BASE: &str = "scar:base";

/// Tags of a workflow's stack, or of the base stack without a workflow. They do not change when the
/// manifest does, since a changed tag is a change of every resource.
pub(crate) fn of(workflow: Option<&str>, environment: &str) -> BTreeMap<String, String> {
    let kind = workflow.map_or((BASE, "true"), |workflow| (WORKFLOW, workflow));
    [kind, (ENVIRONMENT, environment)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}
