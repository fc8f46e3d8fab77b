//! What `render`, `plan`, `apply` and `run` share: a project with everything that belongs to it at hand.

use std::collections::BTreeMap;
use std::path::Path;

use scar_manifest::Files;
use scar_plan::{Place, Plan, Request, Snapshot};
use scar_schemas::construct::{Architecture, Compute};
use scar_schemas::digest::Digest;
use scar_schemas::manifest::Work;
use scar_schemas::record::deployment;
use scar_template::{DeployedBase, Materials, Rendered};
use scar_workflow::Workflow;

use crate::args::Global;
use crate::assets::{Assets, Supervisors};
use crate::derived;
use crate::error::{CliError, Kind};
use crate::images::Images;
use crate::project::Project;
use crate::session::Session;
use crate::verb::Packaging;

/// Takes the place of a workflow's name in the name of the base stack.
pub(crate) const BASE: &str = "base";

/// A project, rendered.
pub(crate) struct Prepared {
    /// Stacks and assets.
    pub(crate) rendered: Rendered,
    /// Bytes of the assets.
    pub(crate) assets: Assets,
    materials: Materials,
}

impl Prepared {
    /// Finds images, scripts and the supervisor, asks what the base stack has, and renders.
    pub(crate) async fn prepare(
        project: &Project,
        packaging: &Packaging,
        session: &Session,
        global: &Global,
    ) -> Result<Self, CliError> {
        let found = Found::online(project, global).await?;
        let base = base(session, &project.workflow.environment).await?;
        Self::of(project, found, &project.files(), packaging, base, global)
    }

    /// The same for a base stack that is not there.
    pub(crate) async fn alone(
        project: &Project,
        packaging: &Packaging,
        global: &Global,
    ) -> Result<Self, CliError> {
        let found = Found::online(project, global).await?;
        let base = DeployedBase::default();
        Self::of(project, found, &project.files(), packaging, base, global)
    }

    /// The same without a cloud and without registries: a tag that nothing holds means no image yet.
    pub(crate) fn offline(
        project: &Project,
        files: &dyn Files,
        packaging: &Packaging,
        global: &Global,
    ) -> Result<Self, CliError> {
        let found = Found::offline(project, global)?;
        let base = DeployedBase::default();
        Self::of(project, found, files, packaging, base, global)
    }

    fn of(
        project: &Project,
        found: Found,
        files: &dyn Files,
        packaging: &Packaging,
        base: DeployedBase,
        global: &Global,
    ) -> Result<Self, CliError> {
        let workflow = &project.workflow;
        let Found {
            images,
            supervisors,
            derived,
        } = found;
        let manifest = Digest::of(project.source.text.replace("\r\n", "\n").as_bytes());
        let materials = Materials {
            images: images.pinned.clone(),
            image_blobs: images.blobs(),
            scripts: scripts(project, files)?,
            supervisor_arm64: supervisors.digest(Architecture::Arm64),
            supervisor_images: supervisors.images(uses_batch(workflow))?,
            derived_images: derived,
            bundled_supervisor: packaging
                .bundle_supervisor
                .then(|| supervisors.bytes(Architecture::X86_64)),
            base,
            ..Materials::new(supervisors.x86_64(), manifest)
        };
        Ok(Self {
            rendered: render(workflow, &materials)?,
            assets: Assets::new(images, supervisors, global.plain_http),
            materials,
        })
    }

    /// What the base stack has in this rendering.
    pub(crate) fn base(&self) -> DeployedBase {
        DeployedBase::new(&self.rendered.base, BTreeMap::new())
    }

    /// Renders again for a base stack that has this too, because other workflows that are deployed together
    /// with this one need it.
    pub(crate) fn with_base(
        mut self,
        workflow: &Workflow,
        base: &DeployedBase,
    ) -> Result<Self, CliError> {
        if self.base() != *base {
            self.materials.base.add(base);
            self.rendered = render(workflow, &self.materials)?;
        }
        Ok(self)
    }

    /// What has to change in the cloud.
    pub(crate) async fn plan(
        &self,
        project: &Project,
        session: &Session,
        request: Request<'_>,
    ) -> Result<Plan, CliError> {
        let snapshot = scar_apply::observe(&session.cloud, &self.rendered).await?;
        Ok(self.compare(project, &snapshot, request))
    }

    /// What has to change in a world.
    pub(crate) fn compare(
        &self,
        project: &Project,
        snapshot: &Snapshot,
        request: Request<'_>,
    ) -> Plan {
        let place = |path: &str| -> Option<Place> { project.place(path) };
        let request = Request {
            locked: self.assets.images.locked.clone(),
            moved: self.assets.images.moved.clone(),
            places: Some(&place),
            ..request
        };
        scar_plan::plan(&self.rendered, &project.workflow, snapshot, &request)
    }
}

/// Images of the stages, and what goes with them.
struct Found {
    images: Images,
    supervisors: Supervisors,
    /// Digests of the images with the supervisor in them.
    derived: BTreeMap<String, Digest>,
}

impl Found {
    async fn online(project: &Project, global: &Global) -> Result<Self, CliError> {
        let images = Images::resolve(project, global.plain_http).await?;
        let workflow = &project.workflow;
        let supervisors = Supervisors::read(workflow, global)?;
        let derived = derived::digests(workflow, &images, &supervisors, global.plain_http);
        Ok(Self {
            derived: derived.await?,
            images,
            supervisors,
        })
    }

    fn offline(project: &Project, global: &Global) -> Result<Self, CliError> {
        let images = Images::offline(project)?;
        let supervisors = Supervisors::read(&project.workflow, global)?;
        let derived = derived::digests_offline(&project.workflow, &images, &supervisors)?;
        Ok(Self {
            images,
            supervisors,
            derived,
        })
    }
}

fn render(workflow: &Workflow, materials: &Materials) -> Result<Rendered, CliError> {
    scar_template::render(workflow, materials).map_err(|error| CliError::of(Kind::Failure, &error))
}

/// What the environment's base stack has at present.
async fn base(session: &Session, environment: &str) -> Result<DeployedBase, CliError> {
    let name = deployment(BASE, environment);
    let snapshot = scar_apply::observe_stacks(&session.cloud, &name, &name, &[]).await?;
    let there = snapshot.base.filter(|base| !base.is_leftover());
    Ok(there.map_or_else(DeployedBase::default, |base| {
        DeployedBase::new(&base.template, base.parameters)
    }))
}

/// Whether any task may become a job.
fn uses_batch(workflow: &Workflow) -> bool {
    let is_job = |stage: &scar_workflow::Stage| stage.compute == Compute::Batch || stage.fallback;
    workflow.stages.iter().any(is_job)
}

fn scripts(project: &Project, files: &dyn Files) -> Result<BTreeMap<String, Vec<u8>>, CliError> {
    let mut scripts = BTreeMap::new();
    for stage in &project.workflow.stages {
        let bytes = match &stage.work {
            Work::Run(text) => text.clone().into_bytes(),
            Work::Script(path) => files.read(path).map_err(|reason| {
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

/// The folder that images of a manifest are looked for in.
pub(crate) fn folder_of(manifest: &Path) -> &Path {
    manifest.parent().unwrap_or_else(|| Path::new(""))
}
