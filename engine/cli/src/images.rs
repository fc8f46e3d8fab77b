//! Image references of a workflow → pinned images, with the bytes of those that are on this disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use scar_container::{
    Client, Credentials, Layout, Platform, Reference, RegistryReference, Version,
};
use scar_schemas::construct::Architecture;
use scar_schemas::contract::{ARTIFACTS, Image};
use scar_schemas::digest::Digest;
use scar_schemas::lock::Lock;
use scar_template::Blob;
use scar_workflow::Stage;

use crate::error::CliError;
use crate::project::Project;

/// Key prefix of image blobs in the artifact bucket.
const BLOB_PREFIX: &str = "images/";

/// The images of all stages.
#[derive(Default)]
pub(crate) struct Images {
    /// Pinned image of each stage.
    pub(crate) pinned: BTreeMap<String, Image>,
    /// Stages whose image the lock file holds.
    pub(crate) locked: BTreeSet<String>,
    /// What the tag of a stage's image means now, where the lock file holds another digest.
    pub(crate) moved: BTreeMap<String, Digest>,
    /// Images on this disk by stage.
    layouts: BTreeMap<String, Layout>,
}

/// An image that was found.
#[derive(Clone)]
struct Found {
    image: Image,
    layout: Option<Layout>,
    locked: bool,
    moved: Option<Digest>,
}

impl Images {
    /// Finds every image: held by `scar.lock`, else what its tag means now. A reference that several
    /// stages share is looked up once.
    pub(crate) async fn resolve(project: &Project, plain_http: bool) -> Result<Self, CliError> {
        let lock = project.lock()?;
        let mut images = Self::default();
        let mut known: BTreeMap<(&str, Architecture), Found> = BTreeMap::new();
        for stage in &project.workflow.stages {
            let key = (stage.image.as_str(), stage.arch);
            let found = match known.get(&key) {
                Some(found) => found.clone(),
                None => find(stage, &project.folder, &lock, plain_http)
                    .await
                    .map_err(|error| in_stage(error, &stage.name, &stage.image))?,
            };
            known.insert(key, found.clone());
            images.add(&stage.name, found);
        }
        Ok(images)
    }

    /// The same without asking any registry: a tag that the lock file does not hold means no image yet.
    pub(crate) fn offline(project: &Project) -> Result<Self, CliError> {
        let lock = project.lock()?;
        let mut images = Self::default();
        for stage in &project.workflow.stages {
            let found = here(stage, &project.folder, &lock)
                .map_err(|error| in_stage(error, &stage.name, &stage.image))?;
            images.add(&stage.name, found);
        }
        Ok(images)
    }

    fn add(&mut self, stage: &str, found: Found) {
        let stage = stage.to_owned();
        self.pinned.insert(stage.clone(), found.image);
        if let Some(layout) = found.layout {
            self.layouts.insert(stage.clone(), layout);
        }
        if let Some(now) = found.moved {
            self.moved.insert(stage.clone(), now);
        }
        if found.locked {
            self.locked.insert(stage);
        }
    }

    /// Opens the images of a saved plan that are on this disk: stage and reference of each.
    pub(crate) fn open(
        references: impl IntoIterator<Item = (String, String)>,
        folder: &Path,
    ) -> Result<Self, CliError> {
        let mut images = Self::default();
        for (stage, reference) in references {
            if let Some(layout) = open_layout(&parse(&reference)?, folder)
                .map_err(|error| in_stage(error, &stage, &reference))?
            {
                images.layouts.insert(stage, layout);
            }
        }
        Ok(images)
    }

    /// The image of a stage, if it is on this disk.
    pub(crate) fn layout(&self, stage: &str) -> Option<&Layout> {
        self.layouts.get(stage)
    }

    /// Blobs of every stage whose image goes to the artifact bucket.
    pub(crate) fn blobs(&self) -> BTreeMap<String, Vec<Blob>> {
        let blob = |(digest, size_bytes)| Blob { digest, size_bytes };
        let of = |layout: &Layout| layout.blobs().into_iter().map(blob).collect();
        self.layouts
            .iter()
            .map(|(stage, layout)| (stage.clone(), of(layout)))
            .collect()
    }

    /// The bytes of a blob of a stage's image, and how many they are.
    pub(crate) fn open_blob(
        &self,
        stage: &str,
        digest: &Digest,
    ) -> std::io::Result<(Box<dyn std::io::Read + Send>, u64)> {
        let missing =
            || std::io::Error::other(format!("the image of stage {stage} is not at hand"));
        let layout = self.layouts.get(stage).ok_or_else(missing)?;
        let size = layout
            .blobs()
            .into_iter()
            .find(|(one, _)| one == digest)
            .ok_or_else(missing)?
            .1;
        Ok((
            layout.open_blob(digest).map_err(std::io::Error::other)?,
            size,
        ))
    }
}

/// Reads a reference as written.
pub(crate) fn parse(text: &str) -> Result<Reference, CliError> {
    Reference::parse(text).map_err(|error| CliError::of(crate::error::Kind::Failure, &error))
}

/// The layout or archive that a reference names; `None` if it names a registry.
pub(crate) fn open_layout(
    reference: &Reference,
    folder: &Path,
) -> Result<Option<Layout>, CliError> {
    let (path, name) = match reference {
        Reference::Registry(_) => return Ok(None),
        Reference::Layout { path, name } => (folder.join(path), name.as_deref()),
        Reference::Archive { path } => (folder.join(path), None),
    };
    Layout::open(&path, name).map(Some).map_err(|error| {
        let hint =
            "`scar image pack --output DIR PROGRAM…` makes an image of this machine's programs";
        match path.exists() {
            true => CliError::caused("it cannot be read", &error),
            false => {
                CliError::failure(format!("there is nothing at {}", path.display())).hint(hint)
            }
        }
    })
}

/// A client for a registry reference, with the credentials of this machine's user.
pub(crate) fn client(reference: &RegistryReference, plain_http: bool) -> Result<Client, CliError> {
    let credentials = Credentials::load(&docker_config())?;
    Ok(Client::new(reference, credentials, plain_http)?)
}

/// The digest that a registry reference means on a platform.
pub(crate) async fn pin(
    client: &Client,
    reference: &RegistryReference,
    platform: &Platform,
    plain_http: bool,
) -> Result<Digest, CliError> {
    let digest = client.resolve(platform).await.map_err(|error| {
        let shown = CliError::from(error);
        match &reference.version {
            _ if shown.message.contains("invalid peer certificate") => {
                shown.hint(crate::session::NOT_TRUSTED)
            }
            _ if reference.is_loopback() && !plain_http => {
                shown.hint("a registry on this machine that speaks plain HTTP needs --plain-http")
            }
            Version::Tag(_) if reference.host == "docker.io" => {
                shown.hint("an image on this disk is written oci:DIR or archive:FILE")
            }
            _ => shown,
        }
    })?;
    Ok(digest)
}

/// The platform of a processor architecture.
pub(crate) fn platform(architecture: Architecture) -> Platform {
    let name = match architecture {
        Architecture::X86_64 => "amd64",
        Architecture::Arm64 => "arm64",
    };
    Platform {
        architecture: name.to_owned(),
        ..Platform::host()
    }
}

async fn find(
    stage: &Stage,
    folder: &Path,
    lock: &Lock,
    plain_http: bool,
) -> Result<Found, CliError> {
    let reference = parse(&stage.image)?;
    let Reference::Registry(registry) = &reference else {
        return here(stage, folder, lock);
    };
    let platform = platform(stage.arch);
    let client = client(registry, plain_http)?;
    let now = pin(&client, registry, &platform, plain_http).await;
    let held = lock.digest(&stage.image, &platform.to_string()).cloned();
    let (digest, moved) = match (held.clone(), now) {
        // Whether the tag has moved is good to know, but nothing depends on it.
        (Some(held), now) => (held, now.ok()),
        (None, now) => (now?, None),
    };
    Ok(Found {
        moved: moved.filter(|now| *now != digest),
        image: in_registry(&stage.image, digest, plain_http),
        layout: None,
        locked: held.is_some(),
    })
}

/// What can be known of an image without asking a registry.
fn here(stage: &Stage, folder: &Path, lock: &Lock) -> Result<Found, CliError> {
    let reference = parse(&stage.image)?;
    if let Some(layout) = open_layout(&reference, folder)? {
        let image = Image::Bucket {
            reference: stage.image.clone(),
            bucket: ARTIFACTS.to_owned(),
            prefix: BLOB_PREFIX.to_owned(),
            digest: layout.manifest_digest().clone(),
        };
        return Ok(Found {
            image,
            layout: Some(layout),
            locked: false,
            moved: None,
        });
    }
    let held = lock.digest(&stage.image, &platform(stage.arch).to_string());
    let digest = match (&reference, held) {
        (_, Some(held)) => held.clone(),
        (Reference::Registry(registry), None) => match &registry.version {
            Version::Digest(digest) => digest.clone(),
            Version::Tag(_) => unknown(),
        },
        _ => unknown(),
    };
    Ok(Found {
        image: in_registry(&stage.image, digest, false),
        layout: None,
        locked: held.is_some(),
        moved: None,
    })
}

/// Stands for the digest of an image that nobody has asked for yet.
pub(crate) fn unknown() -> Digest {
    Digest::of(b"nobody has asked yet")
}

fn in_registry(reference: &str, digest: Digest, plain_http: bool) -> Image {
    Image::Registry {
        reference: reference.to_owned(),
        digest,
        plain_http,
    }
}

/// Says which stage wants the image, in front of what is wrong with it.
pub(crate) fn in_stage(error: CliError, stage: &str, reference: &str) -> CliError {
    let mut causes = vec![error.message];
    causes.extend(error.causes);
    let message = format!("image {reference} of stage {stage} cannot be used");
    CliError {
        message,
        causes,
        ..error
    }
}

fn docker_config() -> PathBuf {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".docker");
    folder.unwrap_or_else(home).join("config.json")
}

impl From<scar_container::Error> for CliError {
    fn from(error: scar_container::Error) -> Self {
        let shown = Self::of(crate::error::Kind::Failure, &error);
        if error.is_retryable() {
            shown.hint("try again")
        } else {
            shown
        }
    }
}
