//! `scar render`

use super::{Manifest, Packaging};
use crate::args::Global;
use crate::deployment::Prepared;
use crate::error::{CliError, Kind};
use crate::session;
use crate::view::Screen;
use crate::whereabouts::Reach;

/// Print the CloudFormation template that would be deployed.
///
/// YAML, or with --json the exact JSON text that is sent.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar render                    for reading
  scar render --json | cfn-lint  for tools
  scar render --base             the stack that all workflows of an environment share")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: Manifest,
    #[command(flatten)]
    packaging: Packaging,
    /// Print the base stack: artifact bucket and supervisor layer.
    #[arg(long)]
    base: bool,
    /// Ask no registry; an image whose tag nothing holds has no digest then.
    #[arg(long)]
    offline: bool,
}

pub(crate) fn render(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let project = arguments
        .manifest
        .load(&global.reaching(Reach::Written), screen)?;
    let prepared = match arguments.offline {
        true => Prepared::offline(&project, &project.files(), &arguments.packaging, global)?,
        false => session::block_on(Prepared::alone(&project, &arguments.packaging, global))?,
    };
    let document = if arguments.base {
        &prepared.rendered.base
    } else {
        &prepared.rendered.stack
    };
    let text = if screen.json {
        document.to_json()
    } else {
        document.to_yaml()
    };
    screen.line(text.trim_end())?;
    too_large(document).map_or(Ok(()), Err)
}

/// What is printed may still be more than CloudFormation takes.
fn too_large(document: &scar_cfn::Document) -> Option<CliError> {
    let findings = scar_cfn::validate_size(document);
    let first = findings.iter().find(|finding| finding.is_error())?;
    let error = CliError::new(Kind::Blocked, first.message.clone());
    Some(error.hint("make several workflows of it: CloudFormation would refuse this template"))
}
