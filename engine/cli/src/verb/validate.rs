//! `scar validate`

use super::Manifest;
use crate::args::Global;
use crate::error::{CliError, Kind};
use crate::project;
use crate::view::{Screen, diagnostics};
use crate::whereabouts::{self, Reach};

/// Check the manifest: all mistakes at once, each with its place and what to do.
///
/// Needs no network and no credentials. Exit code 3 if there is any error.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar validate                        the only manifest of this directory
  scar validate workflow.yaml -e prod  for one environment
  scar validate --sarif > scar.sarif   for code scanning")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: Manifest,
    /// Print SARIF 2.1.0 for code scanning.
    #[arg(long, conflicts_with = "json")]
    sarif: bool,
}

pub(crate) fn validate(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let given = arguments
        .manifest
        .manifest
        .as_deref()
        .or(global.file.as_deref());
    let (source, folder) = project::read(given)?;
    let loaded = whereabouts::load(&source, &folder, &global.reaching(Reach::Any))?;
    let valid = loaded.workflow.is_some();
    if arguments.sarif {
        screen.document(&diagnostics::sarif(&source, &loaded.diagnostics))?;
    } else if screen.json {
        screen.document(&diagnostics::document(&source, &loaded.diagnostics, valid))?;
    } else {
        let drawn = diagnostics::human(&source, &loaded.diagnostics, screen.note_style);
        screen.complain(&drawn);
        screen.line(&diagnostics::summary(&source, &loaded.diagnostics))?;
    }
    if valid {
        Ok(())
    } else {
        Err(CliError::silent(Kind::Invalid))
    }
}
