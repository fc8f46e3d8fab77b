//! `scar list`

use std::collections::BTreeSet;
use std::path::PathBuf;

use scar_apply::DeployedWorkflow;
use serde_json::json;

use super::approval::Approval;
use super::prune;
use crate::args::Global;
use crate::error::CliError;
use crate::project::Project;
use crate::session;
use crate::view::Screen;
use crate::view::table::table;
use crate::view::text::clean;
use crate::workspace;

/// List the workflows that are deployed, whoever has their manifests.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar list                                  of this account and region
  scar list -e prod                          of one environment
  scar list workflows/ -e prod --orphans     those without a manifest below a directory
  scar list workflows/ -e prod --orphans --prune   and remove them, never their buckets")]
pub(crate) struct Arguments {
    /// Manifests, and directories with manifests below them; with --orphans this directory, if none is given.
    #[arg(value_name = "MANIFEST|DIR")]
    what: Vec<PathBuf>,
    /// Only workflows that have no manifest.
    #[arg(long)]
    orphans: bool,
    /// Remove them, after a question.
    #[arg(long, requires = "orphans")]
    prune: bool,
    #[command(flatten)]
    approval: Approval,
}

pub(crate) fn list(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let known = known(arguments, global, screen)?;
    let hint = session::UNCHANGED;
    session::on_cloud(global, None, screen, hint, async |session| {
        let mut found = scar_apply::list_workflows(&session.cloud).await?;
        found.retain(|one| {
            let environment = global.env.as_ref();
            let is_meant = environment.is_none_or(|name| *name == one.environment);
            is_meant
                && (!arguments.orphans || one.workflow.is_some() && !known.contains(&one.stack))
        });
        show(&found, screen)?;
        match arguments.prune {
            true => prune::prune_on(&found, &arguments.approval, session, screen).await,
            false => Ok(()),
        }
    })
}

/// Names of the deployments that have a manifest. Manifests that are wrong have one too, so none may be.
fn known(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<BTreeSet<String>, CliError> {
    if !arguments.orphans {
        return Ok(BTreeSet::new());
    }
    let here = [PathBuf::from(".")];
    let paths = match arguments.what.is_empty() {
        true => &here[..],
        false => &arguments.what,
    };
    let projects = workspace::load(paths, global, screen)?;
    Ok(projects.iter().map(Project::deployment).collect())
}

fn show(found: &[DeployedWorkflow], screen: &Screen) -> Result<(), CliError> {
    if screen.json {
        let object = |one: &DeployedWorkflow| {
            json!({
                "stack": one.stack, "workflow": one.workflow, "environment": one.environment,
                "status": one.status, "changed": one.changed,
            })
        };
        let all: Vec<_> = found.iter().map(object).collect();
        return screen.document(&json!({ "deployments": all }));
    }
    if found.is_empty() {
        screen.note("there is none");
        return Ok(());
    }
    let heads = ["workflow", "environment", "status", "last change"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(found.iter().map(|one| {
        let name = one.workflow.as_deref().unwrap_or("(base)");
        let cells = [name, &one.environment, &one.status, &one.changed];
        cells.map(|cell| clean(cell).into_owned()).to_vec()
    }));
    screen.data(&table(&rows, &[]))
}
