//! What is deployed → [`Snapshot`](scar_plan::Snapshot), and [`Plan`](scar_plan::Plan) → deployed, as a
//! stream of events; then what people do with a deployed workflow: put and get files, follow tasks,
//! see status and logs.
//!
//! It deliberately decides nothing: what happens is written in the plan, and a plan that is no longer
//! current is refused. AWS and a cloud at an endpoint are one code path.

#![expect(
    clippy::result_large_err,
    reason = "an error here follows a call over the network, which hides the cost of moving it"
)]

mod account;
pub mod again;
mod apply;
mod attach;
mod call;
mod change_set;
mod cloud;
mod connector;
pub mod data;
mod deployment;
mod destroy;
mod drift;
mod error;
mod event;
mod follow;
pub mod jobs;
mod list;
pub mod logs;
mod notification;
mod observe;
pub mod origin;
mod protection;
mod registry;
mod service;
mod stack;
pub mod start;
pub mod status;
mod task;
pub mod trace;
mod transfer;

pub use apply::{Applied, apply};
pub use attach::attach;
pub use cloud::{Cloud, Credentials, Target, aws_is_configured};
pub use deployment::Deployment;
pub use destroy::{DestroyOptions, Destroyed, destroy};
pub use drift::drift;
pub use error::{Error, Outcome};
pub use event::{Event, Operation, Progress};
pub use list::{DeployedWorkflow, list_workflows};
pub use observe::{observe, observe_stacks};
pub use registry::{Pusher, Repository};
pub use transfer::{Artifacts, Body};
