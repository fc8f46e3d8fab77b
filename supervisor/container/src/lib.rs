//! Images and containers in user space: a reference becomes a root file system, a root file system
//! and a job become a process tree, and nothing of either is left behind.
//!
//! ```text
//! Reference ─resolve→ Digest ─Cache::ensure(BlobSource)→ Rootfs ─Engine::run(Job)→ Outcome
//! ```
//!
//! This crate deliberately knows nothing of stages, buckets, events or Lambda. Of the environment it reads
//! how registries are reached, proxies and trusted certificates; where else blobs come from is a
//! [`BlobSource`], and everything else is an argument.

mod cache;
mod conceal;
mod decompress;
mod engine;
mod error;
mod extract;
mod fetch;
mod hash;
mod https;
mod layer;
mod layout;
mod oci;
mod pack;
mod reference;
mod registry;
mod rooted;
mod source;
mod sys;
mod sys_child;
mod sys_reaper;
mod tar;
mod unpack;
mod way;

pub use cache::{Cache, Limits, Rootfs};
pub use conceal::conceal;
pub use engine::{
    Command, Engine, Exit, Job, Mount, Outcome, Output, Selected, Stdio, Stream, native, own_image,
    select,
};
pub use error::Error;
pub use https::{HttpsClient, RequestBody, Trust, https_client};
pub use layout::Layout;
pub use oci::{ImageConfig, Platform};
pub use pack::{
    BuiltImage, DerivedImage, PackReport, PackSpec, PackedFile, ProgramLayer, derived_image, pack,
    program_image,
};
pub use reference::{InvalidReference, Reference, RegistryReference, Version};
pub use registry::{Client, Credentials, Origin, Sent};
pub use rooted::remove_tree;
pub use source::{BlobSource, BlobStream};
pub use unpack::{Inspection, inspect, unpack};
