//! `scar image unpack`

use std::path::PathBuf;

use scar_container::Limits;

use super::source;
use crate::args::Global;
use crate::error::CliError;
use crate::session::{block_on, unless_interrupted};
use crate::view::Screen;

/// Extract an image's files into a new directory.
#[derive(Debug, clap::Args)]
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
    screen.line(&rootfs.digest.to_string())
}
