//! (rendered workflow, what is deployed) → plan: every change, its reason, and nothing left to decide.
//!
//! It deliberately knows no network: `scar-apply` observes and carries out, and decides nothing. A first
//! deployment is the difference to nothing, and no difference is an empty plan.

pub mod change;
mod destroy;
mod diff;
mod file;
mod graph;
mod permission;
mod resource;
pub mod snapshot;
mod stack;
mod stale;

pub use change::{
    Action, Basis, Destruction, ImageChange, KeptBucket, LinkChange, ParameterValue,
    PermissionChange, PermissionEffect, Plan, PropertyChange, Reason, ResourceChange,
    SettingChange, StackChange, StageChange, Summary,
};
pub use destroy::destroy;
pub use diff::diff;
pub use file::FileError;
pub use snapshot::{Snapshot, Stack};
pub use stale::Stale;
