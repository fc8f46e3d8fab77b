//! Image references of a workflow → pinned images, with the bytes of those that are on this disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use scar_container::{
    Client, Credentials, Layout, Platform, Reference, RegistryReference, Version,
};
use scar_schemas::contract::{ARTIFACTS, Image};
use scar_schemas::digest::Digest;
use scar_template::Blob;
use scar_workflow::Workflow;

use crate::error::CliError;

/// Key prefix of image blobs in the artifact bucket.
const BLOB_PREFIX: &str = "images/";

/// The images of all stages.
#[derive(Default)]
pub(crate) struct Images {
    /// Pinned image of each stage.
    pub(crate) pinned: BTreeMap<String, Image>,
    /// Images on this disk by stage.
    layouts: BTreeMap<String, Layout>,
}

impl Images {
    /// Finds every image. A reference that several stages share is looked up once.
    pub(crate) async fn resolve(
        workflow: &Workflow,
        folder: &Path,
        plain_http: bool,
    ) -> Result<Self, CliError> {
        let mut images = Self::default();
        let mut known: BTreeMap<&str, (Image, Option<Layout>)> = BTreeMap::new();
        for stage in &workflow.stages {
            let (image, layout) = match known.get(stage.image.as_str()) {
                Some(found) => found.clone(),
                None => find(&stage.image, folder, plain_http)
                    .await
                    .map_err(|error| in_stage(error, &stage.name, &stage.image))?,
            };
            known.insert(&stage.image, (image.clone(), layout.clone()));
            images.pinned.insert(stage.name.clone(), image);
            images
                .layouts
                .extend(layout.map(|layout| (stage.name.clone(), layout)));
        }
        Ok(images)
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

/// The digest that a registry reference means on this machine's platform.
pub(crate) async fn pin(
    client: &Client,
    reference: &RegistryReference,
    plain_http: bool,
) -> Result<Digest, CliError> {
    let digest = client.resolve(&Platform::host()).await.map_err(|error| {
        let shown = CliError::from(error);
        match &reference.version {
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

async fn find(
    text: &str,
    folder: &Path,
    plain_http: bool,
) -> Result<(Image, Option<Layout>), CliError> {
    let reference = parse(text)?;
    if let Some(layout) = open_layout(&reference, folder)? {
        let image = Image::Bucket {
            reference: text.to_owned(),
            bucket: ARTIFACTS.to_owned(),
            prefix: BLOB_PREFIX.to_owned(),
            digest: layout.manifest_digest().clone(),
        };
        return Ok((image, Some(layout)));
    }
    let Reference::Registry(registry) = &reference else {
        return Err(CliError::failure(format!(
            "{reference} is neither here nor in a registry"
        )));
    };
    let client = client(registry, plain_http)?;
    let digest = pin(&client, registry, plain_http).await?;
    Ok((
        Image::Registry {
            reference: text.to_owned(),
            digest,
            plain_http,
        },
        None,
    ))
}

/// Says which stage wants the image, in front of what is wrong with it.
fn in_stage(error: CliError, stage: &str, reference: &str) -> CliError {
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
