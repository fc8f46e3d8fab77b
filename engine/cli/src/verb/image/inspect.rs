//! `scar image inspect`

use scar_container::Inspection;
use serde_json::json;

use super::source;
use crate::args::Global;
use crate::error::CliError;
use crate::session::block_on;
use crate::view::Screen;
use crate::view::text::{bytes, clean};

/// Show what an image is made of and how it wants to be run.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar image inspect oci:images/shell
  scar image inspect alpine:3 --json")]
pub(super) struct Arguments {
    /// Registry reference, `oci:DIR[:ref]` or `archive:FILE`.
    reference: String,
}

pub(super) fn inspect(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let found = block_on(async {
        let (source, digest) = source(&arguments.reference, global).await?;
        Ok(scar_container::inspect(source.as_ref(), &digest).await?)
    })?;
    if screen.json {
        screen.document(&document(&found))
    } else {
        screen.data(&human(&found))
    }
}

fn human(found: &Inspection) -> String {
    let config = &found.config;
    let quoted = |words: &[String]| clean(&words.join(" ")).into_owned();
    let mut out = format!(
        "digest      {}\nplatform    {}/{}\nentrypoint  {}\ncommand     {}\nuser        {}\ndirectory   {}\n",
        found.digest,
        clean(&found.platform.os),
        clean(&found.platform.architecture),
        quoted(&config.entrypoint),
        quoted(&config.command),
        clean(&config.user),
        clean(&config.working_directory),
    );
    for variable in &config.environment {
        out.push_str(&format!("variable    {}\n", clean(variable)));
    }
    for (digest, size) in &found.layers {
        out.push_str(&format!("layer       {digest}  {}\n", bytes(*size)));
    }
    out
}

fn document(found: &Inspection) -> serde_json::Value {
    let config = &found.config;
    let layers = found
        .layers
        .iter()
        .map(|(digest, size)| json!({ "digest": digest.as_str(), "size": size }));
    json!({
        "digest": found.digest.as_str(),
        "platform": { "os": found.platform.os, "architecture": found.platform.architecture },
        "entrypoint": config.entrypoint,
        "command": config.command,
        "user": config.user,
        "working_directory": config.working_directory,
        "environment": config.environment,
        "labels": config.labels,
        "layers": layers.collect::<Vec<_>>(),
    })
}
