//! `scar image pack`

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use scar_container::{ImageConfig, PackSpec, PackedFile};
use serde_json::json;
use tempfile::TempDir;

use crate::error::CliError;
use crate::view::Screen;
use crate::view::text::{bytes, clean, count};

/// Make an image of programs of this machine and the shared libraries that they need.
///
/// The result is an OCI layout, the same bytes for the same files. Needs no daemon and no registry.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar image pack --output images/shell sh cat tr sort
  scar image pack --output images/r R --file /usr/lib/R --entry R --entry --no-save
  scar image pack --output images/im convert-im6.q16 --link /usr/bin/convert=convert-im6.q16")]
pub(super) struct Arguments {
    /// Programs, by path or by name in the usual directories.
    #[arg(required = true, value_name = "PROGRAM")]
    programs: Vec<PathBuf>,
    /// Directory of the layout.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// File or directory to pack too, under the same path or another one.
    // Takes the place of the global option of this name, which has no meaning here.
    #[arg(long = "file", value_name = "PATH[=TARGET]")]
    file: Vec<PathBuf>,
    /// Symbolic link to make in the image.
    #[arg(long = "link", value_name = "PATH=TARGET", value_parser = link)]
    links: Vec<(String, String)>,
    /// Word of the image's entrypoint; repeat it for more words.
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    entry: Vec<String>,
    /// Variable of the image.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Directory to start in.
    #[arg(long, value_name = "DIR")]
    directory: Option<String>,
    /// Name of the image in the layout.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

pub(super) fn pack(arguments: &Arguments, screen: &Screen) -> Result<(), CliError> {
    let made = tempfile::tempdir()
        .map_err(|error| CliError::caused("cannot make a temporary directory", &error))?;
    let mut files = arguments
        .file
        .iter()
        .map(|path| file(path))
        .collect::<Result<Vec<_>, _>>()?;
    files.extend(links(&arguments.links, &made)?);
    let spec = PackSpec {
        programs: arguments.programs.clone(),
        files,
        config: ImageConfig {
            entrypoint: arguments.entry.clone(),
            environment: arguments.variables.clone(),
            working_directory: arguments.directory.clone().unwrap_or_default(),
            ..ImageConfig::default()
        },
        name: arguments.name.clone(),
    };
    let report = scar_container::pack(&spec, &arguments.output)?;
    if screen.json {
        return screen.document(&json!({
            "digest": report.digest.as_str(), "paths": report.paths,
            "unpacked_bytes": report.unpacked_bytes, "layer_bytes": report.layer_bytes,
        }));
    }
    if screen.verbose {
        for path in &report.paths {
            screen.note(&clean(path));
        }
    }
    screen.note(&format!(
        "{} in {}, {} ({} compressed)",
        count(report.paths.len(), "file"),
        arguments.output.display(),
        bytes(report.unpacked_bytes),
        bytes(report.layer_bytes),
    ));
    screen.line(report.digest.as_str())
}

/// `PATH`, or `PATH=TARGET` with an absolute target.
fn file(written: &Path) -> Result<PackedFile, CliError> {
    let unusable = || {
        let name = written.display();
        CliError::failure(format!("the name of {name} is not UTF-8"))
    };
    let text = written.to_str().ok_or_else(unusable)?;
    if let Some((source, target)) = text.split_once('=') {
        return Ok(PackedFile {
            source: source.into(),
            target: target.to_owned(),
        });
    }
    let absolute = std::path::absolute(written)
        .map_err(|error| CliError::caused(format!("cannot find {text}"), &error))?;
    let target = absolute.to_str().ok_or_else(unusable)?.to_owned();
    Ok(PackedFile {
        source: written.to_owned(),
        target,
    })
}

/// Links are packed as what they are, so each is made once on disk.
fn links(wanted: &[(String, String)], made: &TempDir) -> Result<Vec<PackedFile>, CliError> {
    wanted
        .iter()
        .enumerate()
        .map(|(number, link)| make_link(number, link, made.path()))
        .collect()
}

fn make_link(
    number: usize,
    (path, target): &(String, String),
    folder: &Path,
) -> Result<PackedFile, CliError> {
    let source = folder.join(number.to_string());
    symlink(target, &source)
        .map_err(|error| CliError::caused(format!("cannot make the link {path}"), &error))?;
    Ok(PackedFile {
        source,
        target: path.clone(),
    })
}

fn link(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, target)) if path.starts_with('/') && !target.is_empty() => {
            Ok((path.to_owned(), target.to_owned()))
        }
        _ => Err("write PATH=TARGET, with an absolute PATH".to_owned()),
    }
}
