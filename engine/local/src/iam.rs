//! What a role session may do: identity policies, evaluated as IAM does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::auth::Identity;
use crate::services::Services;

/// A role, in `Table::Roles` under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Role {
    /// Its name.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Who may assume it.
    pub(crate) trust: Value,
    /// Inline policies by name, evaluated: no intrinsic functions are left in them.
    pub(crate) policies: BTreeMap<String, Value>,
    /// ARNs of attached managed policies. They grant nothing here.
    pub(crate) managed_policies: Vec<String>,
}

/// Whether the caller may do `action` (`s3:GetObject`) on `resource` (an ARN).
pub(crate) fn allows(
    services: &Services,
    identity: &Identity,
    action: &str,
    resource: &str,
) -> Result<bool, Error> {
    allows_in(services, identity, action, resource, &[])
}

/// The same with values of condition keys, such as `s3:prefix`.
pub(crate) fn allows_in(
    _services: &Services,
    identity: &Identity,
    _action: &str,
    _resource: &str,
    _context: &[(&str, &str)],
) -> Result<bool, Error> {
    Ok(*identity == Identity::Root)
}
