//! (rendered workflow, what is deployed) → plan: every change, its reason, and nothing left to decide.
//!
//! It deliberately knows no network: `scar-apply` observes and carries out, and decides nothing. A first
//! deployment is the difference to nothing, and no difference is an empty plan.

mod block;
mod capacity;
pub mod change;
mod check;
mod cost;
mod decision;
mod destroy;
mod diff;
mod drift;
mod explain;
mod file;
mod graph;
mod key;
mod notification;
mod over;
mod permission;
mod policy;
pub mod quota;
mod request;
mod resource;
pub mod snapshot;
mod stack;
mod stale;

pub use change::{
    Action, Basis, Destruction, ImageChange, KeptBucket, LinkChange, ParameterValue,
    PermissionChange, PermissionEffect, Plan, PropertyChange, Reason, ResourceChange,
    SettingChange, StackChange, StageChange, Summary,
};
pub use cost::{Assumptions, InvalidAssumption};
pub use decision::{
    Assumption, Block, BlockCode, BucketNotifications, Check, CheckOutcome, Cost, CostLine,
    MicroDollars, NotificationRule, Place, Protection, Push, RuleChange,
};
pub use destroy::{destroy, foreign_buckets};
pub use diff::{diff, plan};
pub use drift::{Drift, DriftChange, drift};
pub use file::FileError;
pub use notification::{is_own, rule_prefix};
pub use policy::Policy;
pub use request::{Places, Request};
pub use snapshot::{AccountLimits, BucketRule, BucketState, Snapshot, Stack, Unknown};
pub use stale::Stale;
