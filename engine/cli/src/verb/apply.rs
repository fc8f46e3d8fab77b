//! `scar apply`

use std::path::{Path, PathBuf};

use scar_plan::{Action, Plan, StackChange};

use super::{Packaging, approval, plan, prune};
use crate::args::Global;
use crate::assets::Assets;
use crate::deployment::folder_of;
use crate::error::CliError;
use crate::plan_set::{self, Asked, PlanSet, Planned, Wishes};
use crate::project::{self, Project};
use crate::session::{self, Session};
use crate::view::Screen;
use crate::view::progress::Progress;
use crate::workspace;

pub(crate) use approval::Approval;

/// What a person reads who ends a deployment.
const AFTER_INTERRUPT: &str = "a change that was begun goes on in the cloud: `scar apply --attach` follows it, `scar apply` again completes it";

/// Make the cloud as the manifest says, or carry out saved plans.
///
/// Shows the plan and asks before anything changes. The local cloud needs no question. With a directory,
/// all manifests below it, or the plans that `scar plan --out` wrote there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar apply -e prod                   plan, ask, carry out
  scar apply prod.plan                 exactly the plan that was saved, if it is still current
  scar apply plans/                    all plans that were saved there
  scar apply workflows/ -e prod        all workflows below a directory
  scar apply -e prod --auto-approve    without a question, for CI
  scar apply -e prod --attach          follow a change that was begun before")]
pub(crate) struct Arguments {
    /// Manifests, a plan file, or a directory with either.
    #[arg(value_name = "MANIFEST|PLAN|DIR")]
    what: Vec<PathBuf>,
    /// How to pack; a saved plan has its packages.
    #[command(flatten)]
    packaging: Packaging,
    #[command(flatten)]
    wishes: Wishes,
    /// How to ask.
    #[command(flatten)]
    approval: Approval,
    /// Then remove workflows of the environment that have no manifest any more, never their buckets.
    #[arg(long)]
    prune: bool,
    /// Change nothing; follow a change that goes on in the cloud.
    #[arg(long, conflicts_with = "prune")]
    attach: bool,
}

pub(crate) fn apply(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    match arguments.what.as_slice() {
        words if arguments.attach => attach(words.first().map(PathBuf::as_path), global, screen),
        [] => fresh(None, arguments, global, screen),
        [one] if one.is_dir() => match PlanSet::load(one, global)? {
            Some(set) => several(&set, arguments, global, screen),
            None => below(arguments, global, screen),
        },
        [one] if !project::is_manifest(one) => saved(one, arguments, global, screen),
        [one] => fresh(Some(one), arguments, global, screen),
        _ => below(arguments, global, screen),
    }
}

fn fresh(
    manifest: Option<&Path>,
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let project = Project::load(manifest, global, screen)?;
    let set = planned(vec![project], None, arguments, global, screen)?;
    several(&set, arguments, global, screen)
}

/// Follows the change of a workflow's stack that somebody has let go.
fn attach(manifest: Option<&Path>, global: &Global, screen: &Screen) -> Result<(), CliError> {
    let project = Project::load(manifest, global, screen)?;
    let (name, region) = (project.deployment(), project.workflow.region.as_deref());
    session::on_cloud(global, region, screen, AFTER_INTERRUPT, async |session| {
        let mut progress = Progress::new(screen);
        let mut on_event = |event| progress.deployment(&event);
        let was_busy = scar_apply::attach(&session.cloud, &name, &mut on_event).await?;
        progress.finish();
        if !was_busy {
            screen.note(&format!("nothing goes on with stack {name}"));
        }
        Ok(())
    })
}

fn below(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<(), CliError> {
    let projects = workspace::load(&arguments.what, global, screen)?;
    let known = projects.iter().map(Project::deployment).collect();
    let set = planned(projects, Some(known), arguments, global, screen)?;
    several(&set, arguments, global, screen)?;
    if arguments.prune && !set.orphans.is_empty() {
        return prune::prune(&set.orphans, &arguments.approval, global, screen);
    }
    Ok(())
}

fn planned(
    projects: Vec<Project>,
    orphans: Option<std::collections::BTreeSet<String>>,
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<PlanSet, CliError> {
    let asked = Asked {
        packaging: &arguments.packaging,
        wishes: &arguments.wishes,
        jobs: plan_set::JOBS,
        orphans,
    };
    plan_set::observed(projects, &asked, global, screen)
}

fn saved(
    path: &Path,
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let plan = plan::read(path)?;
    let manifest = global.file.clone().unwrap_or_default();
    let assets = Some(Assets::of_plan(&plan, folder_of(&manifest), global)?);
    let manifest = manifest.display().to_string();
    let set = PlanSet::one(Planned {
        plan,
        manifest,
        assets,
    });
    several(&set, arguments, global, screen)
}

/// Shows all, asks once, and carries out one after the other.
fn several(
    set: &PlanSet,
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    show(set, screen)?;
    let plans: Vec<&Planned> = set
        .plans
        .iter()
        .filter(|one| !one.plan.is_empty())
        .collect();
    let Some(first) = plans.first() else {
        return Ok(());
    };
    let mut regions: Vec<&str> = plans.iter().map(|one| one.plan.region.as_str()).collect();
    regions.dedup();
    let all: Vec<&Plan> = plans.iter().map(|one| &one.plan).collect();
    let mut is_approved = false;
    for region in regions {
        let region = Some(region).filter(|region| !region.is_empty());
        session::on_cloud(
            global,
            region,
            screen,
            session::UNCHANGED,
            async |session| {
                let here = || {
                    plans
                        .iter()
                        .filter(|one| region.is_none_or(|is| one.plan.region == is))
                };
                here().try_for_each(|one| is_made_for(&one.plan, session))?;
                if !is_approved {
                    let environment = &first.plan.environment;
                    approval::approve_plans(
                        environment,
                        &all,
                        &arguments.approval,
                        session,
                        screen,
                    )
                    .await?;
                }
                for one in here() {
                    execute(one, session, screen).await?;
                }
                Ok(())
            },
        )?;
        is_approved = true;
    }
    Ok(())
}

/// Nobody is asked about a plan that was made for another account or region.
fn is_made_for(plan: &Plan, session: &Session) -> Result<(), CliError> {
    let (account, region) = (session.cloud.account(), session.cloud.region());
    Ok(plan
        .is_for(account, region)
        .map_err(scar_apply::Error::from)?)
}

fn show(set: &PlanSet, screen: &Screen) -> Result<(), CliError> {
    if !screen.json {
        return plan::show_all(set, screen);
    }
    let mut plans = set.plans.iter();
    plans.try_for_each(|one| screen.object(&planned_change(&one.plan)))
}

/// Does; whoever calls it has shown the plan and asked. The base stack may have been brought up to date
/// by a plan before this one.
pub(crate) async fn execute(
    planned: &Planned,
    session: &Session,
    screen: &Screen,
) -> Result<(), CliError> {
    let Some(assets) = &planned.assets else {
        return Err(CliError::failure("this plan was made to be looked at only"));
    };
    session.if_interrupted(AFTER_INTERRUPT);
    let (base, stack) = (&planned.plan.base.name, &planned.plan.stack.name);
    let keys: Vec<&str> = planned
        .plan
        .uploads
        .iter()
        .map(|one| one.key.as_str())
        .collect();
    let now = scar_apply::observe_stacks(&session.cloud, base, stack, &keys).await?;
    let plan = planned.plan.clone().over(&now);
    let mut progress = Progress::new(screen);
    for stack in [&plan.base, &plan.stack] {
        progress.expect(&stack.name, changes(stack));
    }
    let mut on_event = |event| progress.deployment(&event);
    let applied = scar_apply::apply(&session.cloud, &plan, assets, &mut on_event).await?;
    progress.finish();
    session.settle().await?;
    if screen.json {
        let outputs = serde_json::json!({
            "type": "outputs", "workflow": plan.workflow, "outputs": applied.outputs,
        });
        return screen.object(&outputs);
    }
    screen.note(&format!("applied {}", plan.workflow));
    Ok(())
}

fn changes(stack: &StackChange) -> usize {
    stack
        .resources
        .iter()
        .filter(|one| one.action != Action::Keep)
        .count()
}

fn planned_change(plan: &Plan) -> serde_json::Value {
    let summary = &plan.summary;
    serde_json::json!({
        "type": "planned_change", "workflow": plan.workflow, "environment": plan.environment,
        "add": summary.create, "change": summary.update,
        "replace": summary.replace, "delete": summary.delete,
    })
}
