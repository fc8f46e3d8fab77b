//! (rendered workflow, what is deployed) → plan: every change, its reason, and nothing left to decide.
//!
//! It deliberately knows no network: `scar-apply` observes and carries out, and decides nothing.

pub mod change;
pub mod snapshot;

pub use change::{
    Action, Basis, Destruction, ImageChange, KeptBucket, LinkChange, ParameterValue,
    PermissionChange, PermissionEffect, Plan, PropertyChange, Reason, ResourceChange,
    SettingChange, StackChange, StageChange, Summary,
};
pub use snapshot::{Snapshot, Stack};
