//! Images of image functions: the stage's own with the supervisor in it.

use std::collections::BTreeMap;

use scar_container::{
    BlobSource, Client, DerivedImage, Layout, Origin, ProgramLayer, Reference, RegistryReference,
    Sent, derived_image, inspect,
};
use scar_schemas::construct::{Architecture, Compute, Package};
use scar_schemas::digest::Digest;
use scar_workflow::{Stage, Workflow};

use crate::assets::Supervisors;
use crate::error::CliError;
use crate::images::{self, Images, in_stage, parse, platform};
use crate::session;

/// Digests of the derived images of a workflow, by stage. Asks registries for manifests and
/// configurations of the images below, never for layers.
pub(crate) async fn digests(
    workflow: &Workflow,
    images: &Images,
    supervisors: &Supervisors,
    plain_http: bool,
) -> Result<BTreeMap<String, Digest>, CliError> {
    let mut digests = BTreeMap::new();
    for stage in workflow.stages.iter().filter(|stage| is_derived(stage)) {
        if supervisors.digest(stage.arch).is_none() {
            continue;
        }
        let derived = of_stage(stage, images, supervisors, plain_http).await;
        let derived = derived.map_err(|error| in_stage(error, &stage.name, &stage.image))?;
        digests.insert(stage.name.clone(), derived);
    }
    Ok(digests)
}

/// The same without asking any registry: an image that is in one is not known yet.
pub(crate) fn digests_offline(
    workflow: &Workflow,
    images: &Images,
    supervisors: &Supervisors,
) -> Result<BTreeMap<String, Digest>, CliError> {
    let mut digests = BTreeMap::new();
    for stage in workflow.stages.iter().filter(|stage| is_derived(stage)) {
        let digest = match images.layout(&stage.name) {
            None => images::unknown(),
            Some(_) => session::block_on(of_stage(stage, images, supervisors, false))?,
        };
        digests.insert(stage.name.clone(), digest);
    }
    Ok(digests)
}

/// An image that is about to be pushed, and where its layers are.
pub(crate) struct Found<'a> {
    /// What is pushed.
    pub(crate) image: DerivedImage,
    place: Place<'a>,
}

impl<'a> Found<'a> {
    /// Derives the image of a reference again, for the processor that it is made for.
    pub(crate) async fn find(
        reference: &str,
        digest: &Digest,
        layout: Option<&'a Layout>,
        supervisors: &Supervisors,
        plain_http: bool,
    ) -> Result<Self, CliError> {
        let place = Place::of(reference, layout, plain_http)?;
        let below = inspect(place.blobs(), digest).await?;
        let architecture = match below.platform.architecture.as_str() {
            "arm64" => Architecture::Arm64,
            _ => Architecture::X86_64,
        };
        let layer = supervisors.layer(architecture)?;
        let image = derived_image(place.blobs(), digest, &layer, &below.platform).await?;
        Ok(Self { image, place })
    }

    /// Sends it, layer by layer.
    pub(crate) async fn push(
        &self,
        client: &Client,
        tag: &str,
        on_layer: &(dyn Fn(Sent) + Sync),
    ) -> Result<(), scar_container::Error> {
        let origin = Origin {
            blobs: self.place.blobs(),
            repository: self.place.repository(),
        };
        client
            .push_derived(&self.image, &origin, tag, on_layer)
            .await
    }
}

/// Where an image is.
enum Place<'a> {
    Disk(&'a Layout),
    Registry(Box<Client>, RegistryReference),
}

impl<'a> Place<'a> {
    fn of(reference: &str, layout: Option<&'a Layout>, plain_http: bool) -> Result<Self, CliError> {
        if let Some(layout) = layout {
            return Ok(Self::Disk(layout));
        }
        match parse(reference)? {
            Reference::Registry(registry) => {
                let client = images::client(&registry, plain_http)?;
                Ok(Self::Registry(Box::new(client), registry))
            }
            other => Err(CliError::failure(format!("{other} is not at hand"))),
        }
    }

    fn blobs(&self) -> &dyn BlobSource {
        match self {
            Self::Disk(layout) => *layout,
            Self::Registry(client, _) => client.as_ref(),
        }
    }

    fn repository(&self) -> Option<&RegistryReference> {
        match self {
            Self::Disk(_) => None,
            Self::Registry(_, reference) => Some(reference),
        }
    }
}

/// Whether the stage's function starts from an image.
fn is_derived(stage: &Stage) -> bool {
    stage.package == Package::Image && stage.compute != Compute::Batch
}

async fn of_stage(
    stage: &Stage,
    images: &Images,
    supervisors: &Supervisors,
    plain_http: bool,
) -> Result<Digest, CliError> {
    let Some(pinned) = images.pinned.get(&stage.name) else {
        return Ok(images::unknown());
    };
    let place = Place::of(&stage.image, images.layout(&stage.name), plain_http)?;
    let layer: ProgramLayer = supervisors.layer(stage.arch)?;
    let platform = platform(stage.arch);
    let derived = derived_image(place.blobs(), pinned.digest(), &layer, &platform).await?;
    Ok(derived.image.digest)
}
