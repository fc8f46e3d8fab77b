//! `scar image run`

use std::path::PathBuf;

use scar_container::{Cache, Command, Exit, Job, Limits, Mount, Stdio};

use super::source;
use crate::args::Global;
use crate::error::{CliError, Kind};
use crate::session::{block_on, unless_interrupted};
use crate::view::Screen;

/// Run a program of an image here, in user space. Ends with the program's exit code.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar image run oci:images/shell -- sh -c 'echo hi'
  scar image run alpine:3 --mount data:/data:ro -- ls /data
  scar image run alpine:3 --engine chroot")]
pub(super) struct Arguments {
    /// Registry reference, `oci:DIR[:ref]` or `archive:FILE`.
    reference: String,
    /// Program and arguments; without any the image's own.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// Container engine: namespaces, chroot or graft; without it the first that works here.
    #[arg(long, value_name = "NAME")]
    engine: Option<String>,
    /// Variable of the program.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// File or directory of this machine inside the container.
    #[arg(long = "mount", value_name = "SOURCE:TARGET[:ro]", value_parser = mount)]
    mounts: Vec<Mount>,
    /// Directory to start in.
    #[arg(long, value_name = "DIR")]
    directory: Option<String>,
}

pub(super) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<(), CliError> {
    let selected = scar_container::select(arguments.engine.as_deref())?;
    if screen.verbose {
        screen.note(&format!("engine: {}", selected.reason));
    }
    let cache = Cache::new(cache_directory());
    let work = async {
        let (source, digest) = source(&arguments.reference, global).await?;
        Ok(cache
            .ensure(source.as_ref(), &digest, &Limits::default())
            .await?)
    };
    let rootfs = block_on(unless_interrupted(work, "run it again"))?;
    let scratch = tempfile::tempdir()
        .map_err(|error| CliError::caused("cannot make a temporary directory", &error))?;
    let job = job(arguments, scratch.path().to_owned());
    let outcome = selected.engine.run(&rootfs, &job, &mut |_, _| ())?;
    match outcome.exit {
        Exit::Code(0) => Ok(()),
        Exit::Code(code) => Err(CliError::silent(Kind::Program(
            u8::try_from(code).unwrap_or(1),
        ))),
        // As a shell says it.
        Exit::Signal(signal) => Err(CliError::silent(Kind::Program(
            u8::try_from(128 + signal).unwrap_or(1),
        ))),
        Exit::Timeout => Err(CliError::new(Kind::TimedOut, "the program ran out of time")),
    }
}

fn job(arguments: &Arguments, scratch: PathBuf) -> Job {
    let command = match arguments.command.as_slice() {
        [] => Command::Image,
        words => Command::Exec(words.to_vec()),
    };
    let mut job = Job::new(command, scratch);
    job.variables = arguments.variables.iter().cloned().collect();
    job.mounts.clone_from(&arguments.mounts);
    job.working_directory.clone_from(&arguments.directory);
    job.stdio = Stdio::Inherit;
    job
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

fn mount(text: &str) -> Result<Mount, String> {
    let (text, read_only) = match text.strip_suffix(":ro") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    match text.rsplit_once(':') {
        Some((source, target)) if !source.is_empty() && target.starts_with('/') => Ok(Mount {
            source: source.into(),
            target: target.to_owned(),
            read_only,
        }),
        _ => Err("write SOURCE:TARGET or SOURCE:TARGET:ro, with an absolute TARGET".to_owned()),
    }
}

/// Where extracted images are kept for the next time: the user's cache directory.
fn cache_directory() -> PathBuf {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = || {
        variable("HOME")
            .unwrap_or_else(std::env::temp_dir)
            .join(".cache")
    };
    variable("XDG_CACHE_HOME")
        .unwrap_or_else(home)
        .join("scar/images")
}
