//! `scar apply`

use std::path::{Path, PathBuf};

use scar_plan::{Action, Plan, StackChange};

use super::{Packaging, plan};
use crate::args::Global;
use crate::deployment::{Assets, Prepared};
use crate::error::{CliError, Kind};
use crate::project::{self, Project};
use crate::session::{self, Session};
use crate::view::Screen;
use crate::view::progress::Progress;

const AFTER_INTERRUPT: &str =
    "a change that was begun goes on in the cloud; `scar apply` again completes it";

/// Make the cloud as the manifest says, or carry out a saved plan.
///
/// Shows the plan and asks before anything changes. The local cloud needs no question.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar apply -e prod                   plan, ask, carry out
  scar apply prod.plan                 exactly the plan that was saved, if it is still current
  scar apply -e prod --auto-approve    without a question, for CI")]
pub(crate) struct Arguments {
    /// The manifest, or a plan file written by `scar plan --out`.
    #[arg(value_name = "MANIFEST|PLAN")]
    what: Option<PathBuf>,
    /// How to pack; a saved plan has its packages.
    #[command(flatten)]
    packaging: Packaging,
    /// How to ask.
    #[command(flatten)]
    approval: Approval,
}

/// Consent that is given on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Approval {
    /// Do not ask. Does not cover the loss of data and protected environments.
    #[arg(long)]
    pub(crate) auto_approve: bool,
    /// Name of the environment, which allows what --auto-approve does not cover.
    #[arg(long, value_name = "ENVIRONMENT")]
    pub(crate) confirm: Option<String>,
}

pub(crate) fn apply(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    match &arguments.what {
        Some(path) if !project::is_manifest(path) => saved(path, arguments, global, screen),
        manifest => fresh(manifest.as_deref(), arguments, global, screen),
    }
}

fn fresh(
    manifest: Option<&Path>,
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let project = Project::load(manifest, global, screen)?;
    let region = project.workflow.region.as_deref();
    session::on_cloud(global, region, screen, AFTER_INTERRUPT, async |session| {
        let prepared = Prepared::prepare(&project, &arguments.packaging, global).await?;
        let plan = prepared.plan(&project, session).await?;
        carry_out(
            &plan,
            &prepared.assets,
            &arguments.approval,
            session,
            screen,
        )
        .await
    })
}

fn saved(
    path: &Path,
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let plan = plan::read(path)?;
    let folder = global
        .file
        .as_deref()
        .and_then(Path::parent)
        .unwrap_or_else(|| Path::new(""));
    let assets = Assets::of_plan(&plan, folder, global)?;
    let region = Some(plan.region.as_str()).filter(|region| !region.is_empty());
    session::on_cloud(global, region, screen, AFTER_INTERRUPT, async |session| {
        carry_out(&plan, &assets, &arguments.approval, session, screen).await
    })
}

/// Shows, asks, does.
pub(crate) async fn carry_out(
    plan: &Plan,
    assets: &Assets,
    approval: &Approval,
    session: &Session,
    screen: &Screen,
) -> Result<(), CliError> {
    if screen.json {
        screen.object(&planned(plan))?;
    } else {
        plan::show(plan, screen)?;
    }
    execute(plan, assets, approval, session, screen).await
}

/// Asks and does; whoever calls it has shown the plan.
pub(crate) async fn execute(
    plan: &Plan,
    assets: &Assets,
    approval: &Approval,
    session: &Session,
    screen: &Screen,
) -> Result<(), CliError> {
    if plan.is_empty() {
        return Ok(());
    }
    let needs_name = !plan.summary.data_at_risk.is_empty() || plan.protect && removes(plan);
    approve(&plan.environment, needs_name, approval, session, screen).await?;
    let mut progress = Progress::new(screen);
    for stack in [&plan.base, &plan.stack] {
        progress.expect(&stack.name, changes(stack));
    }
    let mut on_event = |event| progress.deployment(&event);
    let applied = scar_apply::apply(&session.cloud, plan, assets, &mut on_event).await?;
    progress.finish();
    session.settle().await?;
    if screen.json {
        let outputs = serde_json::json!({ "type": "outputs", "outputs": applied.outputs });
        return screen.object(&outputs);
    }
    screen.note("applied");
    Ok(())
}

/// Asks a person, or takes the consent of the command line.
pub(crate) async fn approve(
    environment: &str,
    needs_name: bool,
    approval: &Approval,
    session: &Session,
    screen: &Screen,
) -> Result<(), CliError> {
    if approval.confirm.as_deref() == Some(environment) {
        return Ok(());
    }
    if needs_name {
        let question = format!("\nType the environment's name, {environment}, to go on: ");
        return match screen.ask(&question).await {
            Some(answer) if answer == environment => Ok(()),
            Some(_) => Err(not_approved()),
            None => Err(
                CliError::new(Kind::Blocked, "this removes protected things or data")
                    .hint(format!("--confirm {environment} allows it")),
            ),
        };
    }
    if approval.auto_approve || session.is_local {
        return Ok(());
    }
    match screen.ask("\nCarry out this plan? (y) ").await {
        Some(answer) if matches!(answer.as_str(), "y" | "Y" | "yes") => Ok(()),
        Some(_) => Err(not_approved()),
        None => Err(
            CliError::new(Kind::Blocked, "there is nobody to ask for approval")
                .hint("--auto-approve carries the plan out without a question"),
        ),
    }
}

fn not_approved() -> CliError {
    CliError::new(Kind::Blocked, "not approved; nothing was changed")
}

fn removes(plan: &Plan) -> bool {
    plan.summary.delete + plan.summary.replace > 0
}

fn changes(stack: &StackChange) -> usize {
    stack
        .resources
        .iter()
        .filter(|one| one.action != Action::Keep)
        .count()
}

fn planned(plan: &Plan) -> serde_json::Value {
    let summary = &plan.summary;
    serde_json::json!({
        "type": "planned_change", "workflow": plan.workflow, "environment": plan.environment,
        "add": summary.create, "change": summary.update,
        "replace": summary.replace, "delete": summary.delete,
    })
}
