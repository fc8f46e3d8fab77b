//! `scar plan`

mod file;
mod offline;

use std::path::PathBuf;

use scar_plan::Plan;

use super::Packaging;
use crate::args::Global;
use crate::changes;
use crate::error::{CliError, Kind};
use crate::plan_set::{PlanSet, Planned, Wishes};
use crate::project::Project;
use crate::view::{self, Screen, markdown, sarif};
use crate::whereabouts::Reach;
use crate::workspace;

pub(crate) use file::{read, save, text, write};

/// Show what would change in the cloud. Nothing is written.
///
/// With a directory, or several manifests, all of them are planned, in the order in which they would be
/// deployed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar plan -e prod              what would change
  scar plan -v                   with every resource and property
  scar plan --out prod.plan      keep exactly this plan for `scar apply prod.plan`
  scar plan --exit-code          exit code 2 if anything would change
  scar plan --offline            what a first deployment would make, without asking the cloud
  scar plan --against git:main   what this branch changes, without asking the cloud

In a pipeline:
  scar plan workflows/ -e prod --changed-since origin/main --out plans/ --markdown comment.md
  scar apply plans/")]
pub(crate) struct Arguments {
    /// Manifests, and directories with manifests below them; the same as -f for a single one.
    #[arg(value_name = "MANIFEST|DIR")]
    what: Vec<PathBuf>,
    #[command(flatten)]
    packaging: Packaging,
    #[command(flatten)]
    wishes: Wishes,
    /// Write the plan to a file, or several plans into a directory, that only their owner can read.
    #[arg(long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
    /// Write a comment for the pull request to a file.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write checks, warnings and what blocks the plan as SARIF 2.1.0 to a file.
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Only workflows of which any file differs from this git revision.
    #[arg(long, value_name = "REVISION", value_parser = changes::revision)]
    changed_since: Option<String>,
    /// End with exit code 2 if anything would change.
    #[arg(long)]
    exit_code: bool,
    /// Ask no cloud; everything is new then.
    #[arg(long, conflicts_with = "out")]
    offline: bool,
    /// Compare with the manifest of a git revision, `git:REVISION`, or with a saved plan instead of
    /// what is deployed. No cloud is asked.
    #[arg(long, value_name = "git:REVISION|PLAN", conflicts_with = "out")]
    against: Option<String>,
    /// Workflows that are planned at once.
    #[arg(short, long, default_value_t = 4, value_name = "NUMBER",
        value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
}

pub(crate) fn plan(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let set = planned(arguments, global, screen)?;
    show_all(&set, screen)?;
    if let Some(path) = &arguments.markdown {
        file::write(path, &markdown::comment(&set), "the comment")?;
    }
    if let Some(path) = &arguments.sarif {
        file::write(path, &format!("{:#}\n", sarif::plans(&set)), "the report")?;
    }
    if let Some(path) = &arguments.out {
        set.save(path, screen)?;
    }
    match arguments.exit_code && !set.is_empty() {
        true => Err(CliError::silent(Kind::Differences)),
        false => Ok(()),
    }
}

fn planned(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<PlanSet, CliError> {
    let is_offline = arguments.offline || arguments.against.is_some();
    let global = &match is_offline {
        true => global.reaching(Reach::Written),
        false => global.clone(),
    };
    let is_several = arguments.what.len() > 1 || arguments.what.iter().any(|path| path.is_dir());
    let projects = match arguments.what.as_slice() {
        paths if is_several => workspace::load(paths, global, screen)?,
        [one] => vec![Project::load(Some(one), global, screen)?],
        _ => vec![Project::load(None, global, screen)?],
    };
    let known = projects.iter().map(Project::deployment).collect();
    let projects = match &arguments.changed_since {
        Some(revision) => changes::changed(projects, revision)?,
        None => projects,
    };
    let (packaging, wishes) = (&arguments.packaging, &arguments.wishes);
    if is_offline {
        let against = arguments.against.as_deref();
        let plans = offline::plans(projects, against, packaging, wishes, global, screen)?;
        return Ok(PlanSet::offline(plans, is_several));
    }
    let jobs = usize::from(arguments.jobs);
    let asked = crate::plan_set::Asked {
        packaging,
        wishes,
        jobs,
        orphans: is_several.then_some(known),
    };
    crate::plan_set::observed(projects, &asked, global, screen)
}

/// Prints the plans in the form that was asked for.
pub(crate) fn show_all(set: &PlanSet, screen: &Screen) -> Result<(), CliError> {
    match set.plans.as_slice() {
        [one] if !set.is_several => show(&one.plan, screen),
        _ if screen.json => screen.document(&set.document()?),
        [] => screen.data("No workflow differs.\n"),
        several => {
            let changed = several.iter().filter(|one| !one.plan.is_empty());
            for Planned { plan, .. } in changed {
                show(plan, screen)?;
                screen.line("")?;
            }
            screen.data(&set.table())
        }
    }
}

/// Prints a plan in the form that was asked for.
pub(crate) fn show(plan: &Plan, screen: &Screen) -> Result<(), CliError> {
    if screen.json {
        return screen.line(text(plan).trim_end());
    }
    screen.data(&view::plan::human(plan, screen.style, screen.verbose))
}
