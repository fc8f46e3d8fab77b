//! What can go wrong between a reference and a process that has ended.

use std::io;
use std::path::{Path, PathBuf};

use scar_schemas::digest::Digest;

use crate::reference::InvalidReference;

/// A failure of this crate. [`Error::is_retryable`] says whether a later try can help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not an image reference.
    #[error("read the image reference")]
    Reference(#[from] InvalidReference),
    /// A file operation failed.
    #[error("{operation} {}", path.display())]
    File {
        /// What was tried, for instance `open`.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The disk or its quota is full.
    #[error("the disk is full: the image needs at least {needed} bytes, {free} bytes were free")]
    DiskFull {
        /// Bytes that are known to be needed.
        needed: u64,
        /// Bytes that were free before.
        free: u64,
    },
    /// A document of the image is not what it should be.
    #[error("image document {what} is not valid: {reason}")]
    Document {
        /// Which document: `manifest`, `index`, `configuration`, or a file name.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Bytes do not have the digest that names them.
    #[error("{what} is damaged: expected {expected}, got {actual}")]
    Digest {
        /// What was read, for instance `layer 2`.
        what: String,
        /// The digest that was asked for.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
    },
    /// A layer ends early, is not a valid archive, or cannot be decompressed.
    #[error("layer {layer} is not readable: {reason}")]
    Layer {
        /// Digest of the layer.
        layer: Digest,
        /// What is wrong with it.
        reason: String,
    },
    /// An entry of a layer is refused.
    #[error("layer {layer}, entry {entry:?}: {reason}")]
    Entry {
        /// Digest of the layer.
        layer: Digest,
        /// Name of the entry.
        entry: String,
        /// Why it is refused.
        reason: String,
    },
    /// A limit is exceeded.
    #[error("the image exceeds the limit of {limit} {what}")]
    Limit {
        /// What is limited, with its unit.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The image has no manifest for this machine.
    #[error("no image for {wanted}; there are: {available}")]
    Platform {
        /// What this machine needs.
        wanted: String,
        /// What the index offers.
        available: String,
    },
    /// The reference or blob does not exist.
    #[error("{what} does not exist")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// A registry refused a request or answered something unexpected.
    #[error("registry {host}: {reason}")]
    Registry {
        /// Host and port of the registry.
        host: String,
        /// What happened.
        reason: String,
        /// Whether the same request may succeed later.
        retryable: bool,
    },
    /// A [`crate::BlobSource`] outside this crate failed.
    #[error("read {what}")]
    Source {
        /// What was read.
        what: String,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// Whether a later try can help.
        retryable: bool,
    },
    /// No container engine works here, or the one that was asked for does not.
    #[error("container engine {engine} cannot be used: {reason}")]
    Engine {
        /// Name of the engine, or `any`.
        engine: String,
        /// Why not, and what can be done.
        reason: String,
    },
    /// The container could not be prepared.
    #[error("prepare the container: {step}")]
    Prepare {
        /// The step that failed, for instance `mount /proc`.
        step: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The program of the job could not be started.
    #[error("start {program:?} in the container")]
    Start {
        /// The program as it was asked for.
        program: String,
        /// Why it could not be started.
        source: io::Error,
    },
    /// The job asks for something that cannot be.
    #[error("{0}")]
    Job(String),
    /// A program or library that should be packed is missing or unsuitable.
    #[error("pack {name:?}: {reason}")]
    Pack {
        /// Name of the program, library or file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// Wraps a failure of a [`crate::BlobSource`] outside this crate.
    pub fn source(
        what: impl Into<String>,
        retryable: bool,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Source {
            what: what.into(),
            source: source.into(),
            retryable,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Registry { retryable, .. } | Self::Source { retryable, .. } => *retryable,
            // A damaged transfer is as likely as a damaged store, and a new transfer is cheap.
            Self::Digest { .. } => true,
            _ => false,
        }
    }

    pub(crate) fn file(operation: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::File {
            operation,
            path: path.to_owned(),
            source: source.into(),
        }
    }

    pub(crate) fn document(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Document {
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}
