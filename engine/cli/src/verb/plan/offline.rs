//! Plans that no cloud is asked for: against nothing, a saved plan, or the manifest of a git revision.

use std::collections::BTreeMap;
use std::path::Path;

use scar_manifest::Destination;
use scar_plan::{ParameterValue, Plan, Snapshot, Stack, StackChange};

use super::file;
use crate::args::Global;
use crate::changes::Revision;
use crate::deployment::Prepared;
use crate::error::{CliError, Kind};
use crate::plan_set::{Planned, Wishes};
use crate::project::Project;
use crate::verb::Packaging;
use crate::view::{Screen, diagnostics};

/// What a git revision is written with.
const GIT: &str = "git:";

/// A plan for each project.
pub(super) fn plans(
    projects: Vec<Project>,
    against: Option<&str>,
    packaging: &Packaging,
    wishes: &Wishes,
    global: &Global,
    screen: &Screen,
) -> Result<Vec<Planned>, CliError> {
    let mut plans = Vec::new();
    for project in projects {
        let prepared = Prepared::offline(&project, &project.files(), packaging, global)?;
        let snapshot = match against {
            None => Snapshot::default(),
            Some(written) => match written.strip_prefix(GIT) {
                Some(revision) => then(&project, revision, packaging, global)?,
                None => snapshot(&file::read(Path::new(written))?, written),
            },
        };
        // What changes is asked for, not what has to be uploaded.
        let there = against.map(|_| {
            prepared
                .rendered
                .assets
                .iter()
                .map(|asset| asset.key.clone())
        });
        let assets = there.into_iter().flatten().collect();
        let snapshot = Snapshot { assets, ..snapshot };
        let request = wishes.request(&project, screen)?;
        let plan = prepared.compare(&project, &snapshot, request);
        plans.push(Planned {
            plan,
            manifest: project.source.name.clone(),
            assets: None,
        });
    }
    Ok(plans)
}

/// The world in which the manifest of a git revision is deployed; an empty one if there was none yet.
fn then(
    project: &Project,
    revision: &str,
    packaging: &Packaging,
    global: &Global,
) -> Result<Snapshot, CliError> {
    let revision = Revision::find(&project.folder, revision)?;
    let Some(source) = revision.project(project)? else {
        return Ok(Snapshot::default());
    };
    let destination = Destination {
        environment: global.env.as_deref(),
        region: global.region.as_deref(),
        account: None,
    };
    let files = revision.files(&project.folder);
    let loaded = scar_workflow::load(&source, destination, &files);
    let (Some(workflow), Some(manifest)) = (loaded.workflow, loaded.manifest) else {
        let errors = diagnostics::summary(&source, &loaded.diagnostics);
        return Err(CliError::new(Kind::Invalid, errors).hint("compare with another revision"));
    };
    // Who changes an image on this disk changes no file of the repository.
    let before = Project {
        folder: project.folder.clone(),
        source,
        manifest,
        places: loaded.places,
        workflow,
    };
    let rendered = Prepared::offline(&before, &files, packaging, global)?.rendered;
    let first = scar_plan::diff(&rendered, &before.workflow, &Snapshot::default());
    Ok(snapshot(&first, &before.source.name))
}

/// The world after a plan is carried out, as far as it can be known.
fn snapshot(plan: &Plan, name: &str) -> Snapshot {
    Snapshot {
        account: plan.account.clone(),
        region: plan.region.clone(),
        base: Some(stack(&plan.base, name)),
        stack: Some(stack(&plan.stack, name)),
        ..Snapshot::default()
    }
}

/// What only the cloud knows is the same placeholder that the planner itself has for it.
fn stack(change: &StackChange, name: &str) -> Stack {
    let value = |(name, value): (&String, &ParameterValue)| {
        let text = match value {
            ParameterValue::Literal(text) => text.clone(),
            ParameterValue::BaseOutput(_) => format!("${{{name}}}"),
        };
        (name.clone(), text)
    };
    Stack {
        id: String::new(),
        status: "not deployed".to_owned(),
        changed: name.to_owned(),
        template: change.template.clone(),
        parameters: change.parameters.iter().map(value).collect(),
        outputs: BTreeMap::new(),
        tags: change.tags.clone(),
    }
}
