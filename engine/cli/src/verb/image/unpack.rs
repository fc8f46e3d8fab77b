//! `scar image unpack`

use std::path::PathBuf;

use scar_container::Limits;
use serde_json::json;

use super::source;
use crate::args::Global;
use crate::error::CliError;
use crate::session::{block_on, unless_interrupted};
use crate::view::Screen;

/// Extract an image's files into a new directory.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar image unpack oci:images/shell rootfs
  scar image unpack alpine:3 alpine")]
pub(super) struct Arguments {
    /// Registry reference, `oci:DIR[:ref]` or `archive:FILE`.
    reference: String,
    /// Directory, which must not exist yet.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn unpack(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let work = async {
        let (source, digest) = source(&arguments.reference, global).await?;
        let limits = Limits::default();
        Ok(scar_container::unpack(source.as_ref(), &digest, &arguments.directory, &limits).await?)
    };
    let rootfs = block_on(unless_interrupted(work, "nothing is left of it"))?;
    let digest = rootfs.digest.to_string();
    if screen.json {
        let directory = arguments.directory.display().to_string();
        return screen.document(&json!({ "digest": digest, "directory": directory }));
    }
    screen.line(&digest)
}
