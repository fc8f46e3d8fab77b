//! The bytes that a deployment uploads: images of this disk, and the supervisor in its forms.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::BoxFuture;
use scar_apply::{Artifacts, Body, Pusher, Repository};
use scar_container::{
    BuiltImage, Client, Credentials, Platform, RegistryReference, Version, program_image,
};
use scar_plan::{Plan, Push};
use scar_schemas::construct::Architecture;
use scar_schemas::digest::Digest;
use scar_template::{Asset, Content, ImageContent};
use scar_workflow::Workflow;

use crate::args::Global;
use crate::encoding::base64;
use crate::error::CliError;
use crate::images::{Images, platform};
use crate::supervisor::{self, Supervisor};

/// Where the bytes of assets come from.
pub(crate) struct Assets {
    /// Images, those of this disk with their bytes.
    pub(crate) images: Images,
    supervisors: Supervisors,
}

impl Assets {
    /// Of what has been found.
    pub(crate) fn new(images: Images, supervisors: Supervisors) -> Self {
        Self {
            images,
            supervisors,
        }
    }

    /// The bytes that a saved plan uploads. Its images are looked for relative to `folder`.
    pub(crate) fn of_plan(plan: &Plan, folder: &Path, global: &Global) -> Result<Self, CliError> {
        let needed = |stage: &String| {
            plan.uploads.iter().any(|asset| {
                matches!(&asset.content, Content::ImageBlob { stage: of, .. } if of == stage)
            })
        };
        let references = plan.images.iter().filter(|image| needed(&image.stage));
        let references = references.map(|image| (image.stage.clone(), image.reference.clone()));
        let images = Images::open(references, folder)
            .map_err(|error| error.hint("-f MANIFEST tells where the plan's images are"))?;
        let is_arm64 =
            |asset: &Asset| asset.content == Content::SupervisorLayer(Architecture::Arm64);
        let arm64 = plan.uploads.iter().any(is_arm64);
        let supervisors = Supervisors::of(arm64, global)?;
        Ok(Self::new(images, supervisors))
    }

    /// The layer's key says which supervisor it holds; a plan made with another one is not carried out.
    fn layer(&self, architecture: Architecture, key: &str) -> std::io::Result<Body> {
        let found = self.supervisors.0.get(&architecture);
        let wanted = found.filter(|found| key.contains(found.digest.hex()));
        let wanted = wanted.ok_or_else(|| {
            std::io::Error::other("the supervisor file is not the one of the plan")
        })?;
        let zip = scar_template::layer_zip(&wanted.bytes);
        Ok(Body::Bytes(zip.map_err(std::io::Error::other)?))
    }
}

impl Pusher for Assets {
    fn push<'a>(
        &'a self,
        push: &'a Push,
        repository: &'a Repository,
    ) -> BoxFuture<'a, std::io::Result<u64>> {
        Box::pin(async move {
            self.send(push, repository)
                .await
                .map_err(std::io::Error::other)
        })
    }
}

impl Assets {
    async fn send(
        &self,
        push: &Push,
        repository: &Repository,
    ) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
        let image = match &push.content {
            ImageContent::Supervisor(architecture) => self
                .supervisors
                .image(*architecture)
                .map_err(|error| error.message)?,
            ImageContent::Stage(stage) => {
                return Err(format!("the image of stage {stage} cannot be packed yet").into());
            }
        };
        if image.digest != push.digest {
            return Err("the supervisor file is not the one of the plan".into());
        }
        let reference = RegistryReference {
            host: repository.host.clone(),
            repository: repository.name.clone(),
            version: Version::Tag(push.tag.clone()),
        };
        let token = base64(format!("{}:{}", repository.user, repository.password).as_bytes());
        let credentials = Credentials::token(&repository.host, &token);
        let client = Client::new(&reference, credentials, repository.plain_http)?;
        let sent = client.push(&image, Some(&push.tag)).await?;
        let bytes = image.blobs.iter().map(|(_, bytes)| bytes.len() as u64);
        Ok(if sent { bytes.sum() } else { 0 })
    }
}

impl Artifacts for Assets {
    fn pusher(&self) -> Option<&dyn Pusher> {
        Some(self)
    }

    fn open(&self, asset: &Asset) -> std::io::Result<Body> {
        match &asset.content {
            Content::Bytes(bytes) => Ok(Body::Bytes(bytes.clone())),
            Content::SupervisorLayer(architecture) => self.layer(*architecture, &asset.key),
            Content::ImageBlob { stage, digest } => {
                let (reader, size_bytes) = self.images.open_blob(stage, digest)?;
                Ok(Body::Reader { reader, size_bytes })
            }
        }
    }
}

/// The supervisor for each architecture that is needed.
pub(crate) struct Supervisors(BTreeMap<Architecture, Supervisor>);

impl Supervisors {
    /// The files that a workflow needs.
    pub(crate) fn read(workflow: &Workflow, global: &Global) -> Result<Self, CliError> {
        let arm64 = workflow
            .stages
            .iter()
            .any(|stage| stage.arch == Architecture::Arm64);
        Self::of(arm64, global)
    }

    fn of(arm64: bool, global: &Global) -> Result<Self, CliError> {
        let mut all = BTreeMap::from([(Architecture::X86_64, Supervisor::read(global)?)]);
        // That it is missing is said where it is wanted: when the workflow is rendered.
        if let (true, Some(found)) = (arm64, supervisor::read_arm64(global)?) {
            all.insert(Architecture::Arm64, found);
        }
        Ok(Self(all))
    }

    /// Digest of the file for an architecture, if it is at hand.
    pub(crate) fn digest(&self, architecture: Architecture) -> Option<Digest> {
        Some(self.0.get(&architecture)?.digest.clone())
    }

    /// Digest of the file that is always at hand.
    pub(crate) fn x86_64(&self) -> Digest {
        self.digest(Architecture::X86_64)
            .unwrap_or_else(|| Digest::of(&[]))
    }

    /// The file's bytes, none if it is not at hand.
    pub(crate) fn bytes(&self, architecture: Architecture) -> Vec<u8> {
        let found = self.0.get(&architecture);
        found.map(|one| one.bytes.clone()).unwrap_or_default()
    }

    /// Digests of the images with nothing but the supervisor, if jobs are to start from them.
    pub(crate) fn images(&self, wanted: bool) -> Result<BTreeMap<Architecture, Digest>, CliError> {
        let architectures = self.0.keys().filter(|_| wanted);
        architectures
            .map(|architecture| Ok((*architecture, self.image(*architecture)?.digest)))
            .collect()
    }

    /// The image with nothing but the supervisor.
    pub(crate) fn image(&self, architecture: Architecture) -> Result<BuiltImage, CliError> {
        let platform: Platform = platform(architecture);
        let program = self.bytes(architecture);
        Ok(program_image(supervisor::NAME, &program, &platform)?)
    }
}
