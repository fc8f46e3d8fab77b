//! `scar schema`

use crate::error::CliError;
use crate::view::Screen;

/// Print the JSON Schema of manifests, for editors and other programs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar schema > .scar/workflow.schema.json   what the first line of a starter's manifest names
  scar schema --plan                         the document that `scar plan --json` prints")]
pub(crate) struct Arguments {
    /// The schema of plans instead.
    #[arg(long)]
    plan: bool,
}

pub(crate) fn schema(arguments: &Arguments, screen: &Screen) -> Result<(), CliError> {
    if arguments.plan {
        return screen.document(&scar_schemas::plan::json_schema());
    }
    screen.data(&manifest())
}

/// The schema of manifests as text.
pub(crate) fn manifest() -> String {
    format!("{:#}\n", scar_manifest::schema())
}
