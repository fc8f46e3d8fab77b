//! The bytes that a deployment uploads: images of this disk, and the supervisor in its forms.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;
use scar_apply::{Artifacts, Body, Pusher, Repository};
use scar_container::{
    BuiltImage, Client, Credentials, Platform, ProgramLayer, RegistryReference, Sent, Version,
    program_image,
};
use scar_plan::{Plan, Push};
use scar_schemas::construct::Architecture;
use scar_schemas::contract::Image;
use scar_schemas::digest::Digest;
use scar_template::{Asset, Content, ImageContent};
use scar_workflow::Workflow;

use crate::args::Global;
use crate::derived::Found;
use crate::encoding::base64;
use crate::error::CliError;
use crate::images::{Images, platform};
use crate::supervisor::{self, Supervisor};

/// Where the bytes of assets come from.
pub(crate) struct Assets {
    /// Images, those of this disk with their bytes.
    pub(crate) images: Images,
    supervisors: Supervisors,
    /// Reference and digest of the image of each stage.
    references: BTreeMap<String, (String, Digest)>,
    plain_http: bool,
}

impl Assets {
    /// Of what has been found.
    pub(crate) fn new(images: Images, supervisors: Supervisors, plain_http: bool) -> Self {
        let reference = |image: &Image| (image.reference().to_owned(), image.digest().clone());
        let references = images.pinned.iter();
        let references = references.map(|(stage, image)| (stage.clone(), reference(image)));
        Self {
            references: references.collect(),
            images,
            supervisors,
            plain_http,
        }
    }

    /// The bytes that a saved plan uploads. Its images are looked for relative to `folder`.
    pub(crate) fn of_plan(plan: &Plan, folder: &Path, global: &Global) -> Result<Self, CliError> {
        let is_pushed = |stage: &String| {
            let content = ImageContent::Stage(stage.clone());
            plan.pushes.iter().any(|push| push.content == content)
        };
        let needed = |stage: &String| {
            is_pushed(stage)
                || plan.uploads.iter().any(|asset| {
                    matches!(&asset.content, Content::ImageBlob { stage: of, .. } if of == stage)
                })
        };
        let references = plan.images.iter().filter(|image| needed(&image.stage));
        let references = references.map(|image| (image.stage.clone(), image.reference.clone()));
        let images = Images::open(references, folder)
            .map_err(|error| error.hint("-f MANIFEST tells where the plan's images are"))?;
        let is_arm64 =
            |asset: &Asset| asset.content == Content::SupervisorLayer(Architecture::Arm64);
        let stages = plan.images.iter().map(|image| &image.stage);
        let arm64 = plan.uploads.iter().any(is_arm64) || stages.into_iter().any(is_pushed);
        let supervisors = Supervisors::of(arm64, global)?;
        let references = plan.images.iter().map(|image| {
            let named = (image.reference.clone(), image.digest.clone());
            (image.stage.clone(), named)
        });
        Ok(Self {
            references: references.collect(),
            ..Self::new(images, supervisors, global.plain_http)
        })
    }

    /// The layer's key says which supervisor it holds; a plan made with another one is not carried out.
    fn layer(&self, architecture: Architecture, key: &str) -> std::io::Result<Body> {
        let found = self.supervisors.files.get(&architecture);
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
        on_layer: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, std::io::Result<u64>> {
        Box::pin(async move {
            let client = client(push, repository).map_err(std::io::Error::other)?;
            let sent = match &push.content {
                ImageContent::Supervisor(architecture) => {
                    self.push_supervisor(*architecture, push, &client).await
                }
                ImageContent::Stage(stage) => {
                    self.push_derived(stage, push, &client, on_layer).await
                }
            };
            sent.map_err(std::io::Error::other)
        })
    }
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// What is pushed is made again, and must be what was planned.
fn check(made: &Digest, push: &Push) -> Result<(), Failed> {
    match *made == push.digest {
        true => Ok(()),
        false => Err("image or supervisor file are not those of the plan: plan again".into()),
    }
}

fn told(error: CliError) -> String {
    let causes = error.causes.into_iter();
    causes.fold(error.message, |text, cause| format!("{text}: {cause}"))
}

fn client(push: &Push, repository: &Repository) -> Result<Client, scar_container::Error> {
    let reference = RegistryReference {
        host: repository.host.clone(),
        repository: repository.name.clone(),
        version: Version::Tag(push.tag.clone()),
    };
    let token = base64(format!("{}:{}", repository.user, repository.password).as_bytes());
    let credentials = Credentials::token(&repository.host, &token);
    Client::new(&reference, credentials, repository.plain_http)
}

impl Assets {
    async fn push_supervisor(
        &self,
        architecture: Architecture,
        push: &Push,
        client: &Client,
    ) -> Result<u64, Failed> {
        let image = self.supervisors.image(architecture);
        let image = image.map_err(|error| error.message)?;
        check(&image.digest, push)?;
        let sent = client.push(&image, Some(&push.tag)).await?;
        let bytes = image.blobs.iter().map(|(_, bytes)| bytes.len() as u64);
        Ok(if sent { bytes.sum() } else { 0 })
    }

    async fn push_derived(
        &self,
        stage: &str,
        push: &Push,
        client: &Client,
        on_layer: &(dyn Fn(u64) + Sync),
    ) -> Result<u64, Failed> {
        let missing = || format!("the image of stage {stage} is not at hand");
        let (reference, digest) = self.references.get(stage).ok_or_else(missing)?;
        let layout = self.images.layout(stage);
        let found = Found::find(
            reference,
            digest,
            layout,
            &self.supervisors,
            self.plain_http,
        );
        let found = found.await.map_err(told)?;
        check(&found.image.image.digest, push)?;
        let copied = AtomicU64::new(0);
        let on_sent = |sent: Sent| {
            let bytes = match sent {
                Sent::Copied(bytes) => bytes,
                Sent::Present | Sent::Mounted => 0,
            };
            copied.fetch_add(bytes, Ordering::Relaxed);
            on_layer(bytes);
        };
        found.push(client, &push.tag, &on_sent).await?;
        Ok(copied.into_inner())
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
pub(crate) struct Supervisors {
    files: BTreeMap<Architecture, Supervisor>,
    /// Those that were compressed already, for planning and pushing.
    layers: Mutex<BTreeMap<Architecture, ProgramLayer>>,
}

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
        Ok(Self {
            files: all,
            layers: Mutex::default(),
        })
    }

    /// Digest of the file for an architecture, if it is at hand.
    pub(crate) fn digest(&self, architecture: Architecture) -> Option<Digest> {
        Some(self.files.get(&architecture)?.digest.clone())
    }

    /// Digest of the file that is always at hand.
    pub(crate) fn x86_64(&self) -> Digest {
        self.digest(Architecture::X86_64)
            .unwrap_or_else(|| Digest::of(&[]))
    }

    /// The file's bytes, none if it is not at hand.
    pub(crate) fn bytes(&self, architecture: Architecture) -> Vec<u8> {
        let found = self.files.get(&architecture);
        found.map(|one| one.bytes.clone()).unwrap_or_default()
    }

    /// Digests of the images with nothing but the supervisor, if jobs are to start from them.
    pub(crate) fn images(&self, wanted: bool) -> Result<BTreeMap<Architecture, Digest>, CliError> {
        let architectures = self.files.keys().filter(|_| wanted);
        architectures
            .map(|architecture| Ok((*architecture, self.image(*architecture)?.digest)))
            .collect()
    }

    /// The file as a layer of derived images.
    pub(crate) fn layer(&self, architecture: Architecture) -> Result<ProgramLayer, CliError> {
        let mut layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(layer) = layers.get(&architecture) {
            return Ok(layer.clone());
        }
        let layer = ProgramLayer::new(supervisor::NAME, &self.bytes(architecture))?;
        layers.insert(architecture, layer.clone());
        Ok(layer)
    }

    /// The image with nothing but the supervisor.
    pub(crate) fn image(&self, architecture: Architecture) -> Result<BuiltImage, CliError> {
        let platform: Platform = platform(architecture);
        let program = self.bytes(architecture);
        Ok(program_image(supervisor::NAME, &program, &platform)?)
    }
}
