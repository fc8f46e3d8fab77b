//! The embedded local cloud: AWS wire protocols on loopback, enough of S3, CloudFormation,
//! EventBridge and its Scheduler, Lambda, API Gateway, Batch, ECR, Logs, SQS, SSM, Secrets Manager and
//! STS to deploy and run a workflow from its template text.
//!
//! Clients are ordinary AWS SDKs. All state is in one directory and survives a killed process:
//! what was acknowledged is there after the next [`Cloud::open`], what was queued is delivered.
//!
//! This crate deliberately knows nothing of manifests, plans or the engine: it is given template
//! text and packages over the wire, exactly as AWS is, and does what they say.
//!
//! ```no_run
//! # async fn example() -> Result<(), scar_local::Error> {
//! let cloud = scar_local::Cloud::open(scar_local::Settings::new(".scar/local".into())).await?;
//! println!("endpoint {}", cloud.endpoint());
//! cloud.idle().await;
//! cloud.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod auth;
mod batch;
mod clock;
mod cloud;
mod events;
mod faults;
mod iam;
mod lambda;
mod logs;
mod mapping;
mod queue;
mod random;
mod registry;
mod running;
mod s3;
mod schedule;
mod server;
mod services;
mod stack;
mod store;
mod wire;

pub use auth::Credentials;
pub use cloud::Cloud;
pub use running::{Running, find_running};
pub use services::Settings;

use std::path::PathBuf;

/// Why a local cloud could not be opened or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process runs a cloud in this directory.
    #[error("a local cloud is already running at {}", .0.endpoint)]
    Running(Box<Running>),
    /// Another process holds the directory and has not said yet where it listens.
    #[error("another process holds the local cloud's directory {}", .0.display())]
    Held(PathBuf),
    /// A file or directory of the cloud's state.
    #[error("cannot use {}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The faults to inject.
    #[error("the faults to inject cannot be used")]
    Faults(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The loopback listener.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: std::net::SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The database of the cloud's state.
    #[error("the local cloud's database failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored value cannot be read: written by another version, or damaged.
    #[error("the local cloud's state {table}/{key:?} cannot be read")]
    Damaged {
        /// Table of the value.
        table: &'static str,
        /// Key of the value.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}
