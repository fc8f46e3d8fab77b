//! What `render`, `plan`, `apply` and `run` share: a project with everything that belongs to it at hand.

use std::path::Path;

use scar_apply::{Artifacts, Body};
use scar_plan::Plan;
use scar_schemas::digest::Digest;
use scar_schemas::manifest::Work;
use scar_template::{Asset, Content, Materials, Rendered};

use crate::args::Global;
use crate::error::{CliError, Kind};
use crate::images::Images;
use crate::project::Project;
use crate::session::Session;
use crate::supervisor::Supervisor;
use crate::verb::Packaging;
use scar_manifest::Files;

/// A project, rendered.
pub(crate) struct Prepared {
    /// Stacks and assets.
    pub(crate) rendered: Rendered,
    /// Bytes of the assets.
    pub(crate) assets: Assets,
}

/// Where the bytes of assets come from.
pub(crate) struct Assets {
    /// Layouts on this disk.
    pub(crate) images: Images,
    /// The supervisor file.
    pub(crate) supervisor: Supervisor,
}

impl Prepared {
    /// Finds images, scripts and the supervisor, and renders. The cloud is not asked.
    pub(crate) async fn prepare(
        project: &Project,
        packaging: &Packaging,
        global: &Global,
    ) -> Result<Self, CliError> {
        let supervisor = Supervisor::read(global)?;
        let workflow = &project.workflow;
        let images = Images::resolve(workflow, &project.folder, global.plain_http).await?;
        let manifest = Digest::of(project.source.text.replace("\r\n", "\n").as_bytes());
        let materials = Materials {
            images: images.pinned.clone(),
            image_blobs: images.blobs(),
            scripts: scripts(project)?,
            bundled_supervisor: packaging
                .bundle_supervisor
                .then(|| supervisor.bytes.clone()),
            ..Materials::new(supervisor.digest.clone(), manifest)
        };
        let rendered = scar_template::render(workflow, &materials)
            .map_err(|error| CliError::of(Kind::Failure, &error))?;
        Ok(Self {
            rendered,
            assets: Assets { images, supervisor },
        })
    }

    /// What has to change in the cloud.
    pub(crate) async fn plan(
        &self,
        project: &Project,
        session: &Session,
    ) -> Result<Plan, CliError> {
        let snapshot = scar_apply::observe(&session.cloud, &self.rendered).await?;
        Ok(scar_plan::diff(
            &self.rendered,
            &project.workflow,
            &snapshot,
        ))
    }
}

fn scripts(project: &Project) -> Result<std::collections::BTreeMap<String, Vec<u8>>, CliError> {
    let mut scripts = std::collections::BTreeMap::new();
    for stage in &project.workflow.stages {
        let bytes = match &stage.work {
            Work::Run(text) => text.clone().into_bytes(),
            Work::Script(path) => project.files().read(path).map_err(|reason| {
                CliError::failure(format!(
                    "script {path} of stage {} cannot be read: {reason}",
                    stage.name
                ))
            })?,
            Work::Command(_) | Work::Image => continue,
        };
        scripts.insert(stage.name.clone(), bytes);
    }
    Ok(scripts)
}

impl Assets {
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
        Ok(Self {
            images,
            supervisor: Supervisor::read(global)?,
        })
    }
}

impl Artifacts for Assets {
    fn open(&self, asset: &Asset) -> std::io::Result<Body> {
        match &asset.content {
            Content::Bytes(bytes) => Ok(Body::Bytes(bytes.clone())),
            Content::SupervisorLayer(_) => self.layer(&asset.key),
            Content::ImageBlob { stage, digest } => {
                let (reader, size_bytes) = self.images.open_blob(stage, digest)?;
                Ok(Body::Reader { reader, size_bytes })
            }
        }
    }
}

impl Assets {
    /// The layer's key says which supervisor it holds; a plan made with another one is not carried out.
    fn layer(&self, key: &str) -> std::io::Result<Body> {
        if !key.contains(self.supervisor.digest.hex()) {
            return Err(std::io::Error::other(
                "the supervisor file is not the one of the plan",
            ));
        }
        let zip = scar_template::layer_zip(&self.supervisor.bytes);
        Ok(Body::Bytes(zip.map_err(std::io::Error::other)?))
    }
}
