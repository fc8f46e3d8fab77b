//! `scar plan`

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use scar_plan::{Plan, Snapshot};

use super::status::now_ms;
use super::{Manifest, Packaging};
use crate::args::Global;
use crate::deployment::Prepared;
use crate::error::{CliError, Kind};
use crate::project::Project;
use crate::session;
use crate::view::text::time;
use crate::view::{self, Screen};

/// Show what would change in the cloud. Nothing is written.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar plan -e prod              what would change
  scar plan -v                   with every resource and property
  scar plan --out prod.plan      keep exactly this plan for `scar apply prod.plan`
  scar plan --exit-code          exit code 2 if anything would change
  scar plan --offline            what a first deployment would make, without asking the cloud")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: Manifest,
    #[command(flatten)]
    packaging: Packaging,
    /// Write the plan to a file that only its owner can read.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// End with exit code 2 if anything would change.
    #[arg(long)]
    exit_code: bool,
    /// Ask no cloud; everything is new then.
    #[arg(long, conflicts_with = "out")]
    offline: bool,
}

pub(crate) fn plan(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let project = arguments.manifest.load(global, screen)?;
    let plan = if arguments.offline {
        let prepared =
            session::block_on(Prepared::prepare(&project, &arguments.packaging, global))?;
        scar_plan::diff(&prepared.rendered, &project.workflow, &Snapshot::default())
    } else {
        observed(&project, &arguments.packaging, global, screen)?
    };
    show(&plan, screen)?;
    if let Some(path) = &arguments.out {
        save(&plan, path)?;
        screen.note(&format!(
            "saved; carry out exactly this with `scar apply {}`",
            path.display()
        ));
    }
    match arguments.exit_code && !plan.is_empty() {
        true => Err(CliError::silent(Kind::Differences)),
        false => Ok(()),
    }
}

/// Prints a plan in the form that was asked for.
pub(crate) fn show(plan: &Plan, screen: &Screen) -> Result<(), CliError> {
    if screen.json {
        return screen.line(text(plan).trim_end());
    }
    screen.data(&view::plan::human(plan, screen.style, screen.verbose))
}

fn observed(
    project: &Project,
    packaging: &Packaging,
    global: &Global,
    screen: &Screen,
) -> Result<Plan, CliError> {
    let region = project.workflow.region.as_deref();
    session::on_cloud(
        global,
        region,
        screen,
        "nothing was changed",
        async |session| {
            Prepared::prepare(project, packaging, global)
                .await?
                .plan(project, session)
                .await
        },
    )
}

/// Reads a plan file; one that was edited is refused.
pub(crate) fn read(path: &Path) -> Result<Plan, CliError> {
    let name = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| CliError::caused(format!("cannot read the plan {name}"), &error))?;
    Plan::from_json(&text).map_err(|error| {
        let plain = CliError::caused(format!("the plan {name} cannot be used"), &error);
        CliError {
            kind: Kind::Stale,
            ..plain
        }
        .hint("plan again: `scar plan --out FILE`")
    })
}

fn text(plan: &Plan) -> String {
    plan.to_json(&time(now_ms()), env!("CARGO_PKG_VERSION"))
}

/// Writes the file whole or not at all, readable by its owner alone: a plan tells much about an account.
fn save(plan: &Plan, path: &Path) -> Result<(), CliError> {
    let failed = |error: &std::io::Error| {
        CliError::caused(
            format!("cannot write the plan to {}", path.display()),
            error,
        )
    };
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let text = text(plan);
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|error| {
        // The partial file is of no use to anybody; that it cannot be removed changes nothing.
        drop(fs::remove_file(&partial));
        failed(&error)
    })
}
