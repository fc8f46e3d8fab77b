//! What rendering needs beside the workflow.

use std::collections::BTreeMap;

use scar_schemas::construct::Architecture;
use scar_schemas::contract::Image;
use scar_schemas::digest::Digest;
use scar_workflow::Stage;

use crate::{DeployedBase, Error};

/// What rendering needs beside the workflow, gathered by the shell. Stages are meant by their names.
#[derive(Debug, Clone)]
pub struct Materials {
    /// Pinned image of each stage.
    pub images: BTreeMap<String, Image>,
    /// Blobs of each stage's image that must be in the artifact bucket, the manifest among them; stages
    /// whose image stays in a registry have none.
    pub image_blobs: BTreeMap<String, Vec<Blob>>,
    /// Script of each stage that has one (`run` text or `script` file).
    pub scripts: BTreeMap<String, Vec<u8>>,
    /// Digest of the supervisor file for 64-bit x86.
    pub supervisor: Digest,
    /// Digest of the supervisor file for 64-bit ARM, if there is one at hand.
    pub supervisor_arm64: Option<Digest>,
    /// Digest of the manifest of the supervisor's own container image, which Batch jobs start from, for
    /// each architecture that a supervisor is at hand for.
    pub supervisor_images: BTreeMap<Architecture, Digest>,
    /// Digest of the manifest of the image with the supervisor in it, of each stage that is an image
    /// function.
    pub derived_images: BTreeMap<String, Digest>,
    /// The supervisor file itself, if every stage package is to hold it as `bootstrap`, for clouds that
    /// attach layers but do not unpack them.
    pub bundled_supervisor: Option<Vec<u8>>,
    /// What the environment's base stack has at present.
    pub base: DeployedBase,
    /// Digest of the manifest's normalised text.
    pub manifest: Digest,
}

/// A blob of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
}

impl Materials {
    /// With the supervisor's digest and that of the manifest's text, and nothing else.
    #[must_use]
    pub fn new(supervisor: Digest, manifest: Digest) -> Self {
        Self {
            images: BTreeMap::new(),
            image_blobs: BTreeMap::new(),
            scripts: BTreeMap::new(),
            supervisor,
            supervisor_arm64: None,
            supervisor_images: BTreeMap::new(),
            derived_images: BTreeMap::new(),
            bundled_supervisor: None,
            base: DeployedBase::default(),
            manifest,
        }
    }

    pub(crate) fn image(&self, stage: &Stage) -> Result<&Image, Error> {
        self.images
            .get(&stage.name)
            .ok_or_else(|| missing(stage, "image"))
    }

    pub(crate) fn script(&self, stage: &Stage) -> Result<&[u8], Error> {
        self.scripts
            .get(&stage.name)
            .map(Vec::as_slice)
            .ok_or_else(|| missing(stage, "script"))
    }
}

fn missing(stage: &Stage, what: &'static str) -> Error {
    Error::Missing {
        stage: stage.name.clone(),
        what,
    }
}
