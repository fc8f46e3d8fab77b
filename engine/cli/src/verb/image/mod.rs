//! `scar image`: images without a daemon.

mod inspect;
mod pack;
mod pull;
mod run;
mod unpack;

use std::path::Path;

use clap::Subcommand;
use scar_container::{BlobSource, Platform, Reference};
use scar_schemas::digest::Digest;

use crate::args::Global;
use crate::error::CliError;
use crate::images;
use crate::view::Screen;

/// Work with images in user space, without a daemon.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar image pack --output images/shell sh tr sort      an image of this machine's programs
  scar image pull alpine:3 --output images/alpine       from a registry into an OCI layout
  scar image inspect oci:images/shell
  scar image run oci:images/shell -- sh -c 'echo hi'")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Pull(pull::Arguments),
    Pack(pack::Arguments),
    Inspect(inspect::Arguments),
    Unpack(unpack::Arguments),
    Run(run::Arguments),
}

pub(crate) fn image(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    match &arguments.verb {
        Verb::Pull(arguments) => pull::pull(arguments, global, screen),
        Verb::Pack(arguments) => pack::pack(arguments, screen),
        Verb::Inspect(arguments) => inspect::inspect(arguments, global, screen),
        Verb::Unpack(arguments) => unpack::unpack(arguments, global, screen),
        Verb::Run(arguments) => run::run(arguments, global, screen),
    }
}

/// Where an image's bytes come from, and its digest for this machine.
async fn source(text: &str, global: &Global) -> Result<(Box<dyn BlobSource>, Digest), CliError> {
    let reference = images::parse(text)?;
    if let Some(layout) = images::open_layout(&reference, Path::new(""))? {
        let digest = layout.manifest_digest().clone();
        return Ok((Box::new(layout), digest));
    }
    let Reference::Registry(registry) = &reference else {
        return Err(CliError::failure(format!(
            "{reference} is neither here nor in a registry"
        )));
    };
    let client = images::client(registry, global.plain_http)?;
    let digest = images::pin(&client, registry, &Platform::host(), global.plain_http).await?;
    Ok((Box::new(client), digest))
}
