//! Running a job in a root file system.

mod chroot;
mod files;
mod graft;
mod namespaces;
mod native;
mod output;
mod process;
mod user;
mod writable;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::cache::Rootfs;
use crate::error::Error;

pub use native::{native, own_image};

/// The container's `/etc/hosts`.
const HOSTS: &str = "127.0.0.1 localhost scar\n::1 localhost\n";

/// A way to run processes in a root file system.
pub trait Engine: Send + Sync {
    /// Its name: `namespaces`, `chroot`, `graft` or `native`.
    fn name(&self) -> &'static str;

    /// Runs a job to its end and leaves no process and no changed image behind. It blocks; lines of
    /// output go to `output` as they come.
    ///
    /// # Errors
    /// [`Error::Prepare`], [`Error::Start`] or [`Error::Job`] if the job's program never ran. A program
    /// that ran and failed is an [`Outcome`].
    fn run(&self, rootfs: &Rootfs, job: &Job, output: &mut Output<'_>) -> Result<Outcome, Error>;
}

/// Receives lines of output, without their line ends; a line that is too long comes in parts.
pub type Output<'a> = dyn FnMut(Stream, &[u8]) + Send + 'a;

/// Which of the two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What to run, and with what.
#[derive(Debug, Clone)]
pub struct Job {
    /// The program and its arguments.
    pub command: Command,
    /// Variables on top of the image's own. Nothing of this process' environment is handed on.
    pub variables: BTreeMap<String, String>,
    /// Files and directories of the host inside the container.
    pub mounts: Vec<Mount>,
    /// The root cannot be written to, only mounts and what is in memory. The engine `namespaces` sees to
    /// it; others cannot.
    pub read_only: bool,
    /// Directory to start in instead of the image's.
    pub working_directory: Option<String>,
    /// User instead of the image's, in the form of [`crate::ImageConfig::user`].
    pub user: Option<String>,
    /// An existing directory of this run alone, on a disk with room for what the job writes outside
    /// its mounts. What the engine puts there, it removes.
    pub scratch: PathBuf,
    /// Time until every process of the job gets `SIGTERM`.
    pub timeout: Duration,
    /// Time from there until every process of the job gets `SIGKILL`.
    pub grace: Duration,
    /// What standard input and output are.
    pub stdio: Stdio,
    /// Bytes of output after which the rest is read and dropped.
    pub max_output_bytes: u64,
}

impl Job {
    /// A job with nothing but a command: no variables, no mounts, one hour, 64 MiB of output.
    #[must_use]
    pub fn new(command: Command, scratch: impl Into<PathBuf>) -> Self {
        Self {
            command,
            variables: BTreeMap::new(),
            mounts: Vec::new(),
            read_only: false,
            working_directory: None,
            user: None,
            scratch: scratch.into(),
            timeout: Duration::from_hours(1),
            grace: Duration::from_secs(2),
            stdio: Stdio::Piped,
            max_output_bytes: 64 << 20,
        }
    }
}

/// The program of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The image's entrypoint and command.
    Image,
    /// The image's entrypoint with these arguments instead of the image's command.
    Arguments(Vec<String>),
    /// Exactly this, whatever the image says.
    Exec(Vec<String>),
}

/// A file or directory of the host that the container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Path on the host; must exist.
    pub source: PathBuf,
    /// Absolute path in the container; is made if it is not there.
    pub target: String,
    /// Whether the container can only read it.
    pub read_only: bool,
}

/// What standard input and output of the job are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdio {
    /// Input is empty; output goes line by line to the callback of [`Engine::run`].
    Piped,
    /// Those of this process.
    Inherit,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How its first process ended.
    pub exit: Exit,
    /// Time from the start of the engine to the end of the last process.
    pub duration: Duration,
    /// Largest resident memory that any one of its processes had, in bytes.
    pub peak_memory_bytes: u64,
    /// Whether output was dropped because of [`Job::max_output_bytes`].
    pub output_truncated: bool,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// By the deadline, whatever its code was then.
    Timeout,
}

/// A chosen engine.
pub struct Selected {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// Why this one, for logs and reports: `user namespaces work`.
    pub reason: String,
}

/// Finds out which engine works here, or checks the one that `forced` names.
///
/// # Errors
/// [`Error::Engine`] says why none works and what can be done.
pub fn select(forced: Option<&str>) -> Result<Selected, Error> {
    match forced {
        None => select_any(),
        Some("namespaces") => match namespaces::probe() {
            Ok(()) => Ok(Selected::new(
                namespaces::Namespaces::default(),
                "as asked for",
            )),
            Err(reason) => Err(refused("namespaces", reason)),
        },
        Some("chroot") => match chroot::probe() {
            Ok(()) => Ok(Selected::new(chroot::Chroot, "as asked for")),
            Err(reason) => Err(refused("chroot", reason)),
        },
        Some("graft") => match graft::probe() {
            Ok(()) => Ok(Selected::new(graft::Graft::default(), "as asked for")),
            Err(reason) => Err(refused("graft", reason)),
        },
        Some(other) => Err(refused(
            other,
            "there is no such engine; there are: namespaces, graft, chroot".into(),
        )),
    }
}

/// `graft` comes before `chroot`: who may mount nothing has no `/proc` in a root by `chroot` alone, and
/// programs need it to find themselves, their standard input, and what the machine has.
fn select_any() -> Result<Selected, Error> {
    let namespaces = match namespaces::probe() {
        Ok(()) => {
            let reason = "user namespaces work";
            return Ok(Selected::new(namespaces::Namespaces::default(), reason));
        }
        Err(reason) => reason,
    };
    let others = match graft::probe() {
        Ok(()) => return Ok(Selected::new(graft::Graft::default(), namespaces)),
        Err(graft) => format!("{namespaces}; {graft}"),
    };
    match chroot::probe() {
        Ok(()) => Ok(Selected::new(chroot::Chroot, others)),
        Err(chroot) => Err(refused("any", format!("{others}; {chroot}"))),
    }
}

fn refused(engine: &str, reason: String) -> Error {
    Error::Engine {
        engine: engine.to_owned(),
        reason,
    }
}

impl Selected {
    fn new(engine: impl Engine + 'static, reason: impl Into<String>) -> Self {
        Self {
            engine: Box::new(engine),
            reason: reason.into(),
        }
    }
}
