//! The engine `native`: the image is the root of this process already, as in an image function of AWS
//! Lambda, and nothing stands between the job and the kernel.
//!
//! Such a root is read-only but for `/tmp`, and there is one user. What the job sees of the host it sees
//! where it is; a mount that is asked for elsewhere becomes a link, which is removed with `/tmp`.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

use rustix::process::{Pid, Signal};

use crate::cache::Rootfs;
use crate::engine::namespaces::{process, reported};
use crate::engine::output::{Watched, watch};
use crate::engine::process::{Execution, c_string};
use crate::engine::user::User;
use crate::engine::{Engine, Job, Outcome, Output, Selected};
use crate::error::Error;
use crate::oci::{ConfigDocument, ImageConfig};
use crate::pack::IMAGE_CONFIG;
use crate::sys::{self, Isolation, Launch};

/// Rounds of looking for processes that a job has left behind; each may show children of the one before.
const ROUNDS: usize = 1000;

struct Native;

/// How the image wants to be run that this process' own root is; `None` if the root is no derived image
/// (see [`crate::derived_image`]).
///
/// # Errors
/// A configuration that cannot be read.
pub fn own_image() -> Result<Option<ImageConfig>, Error> {
    let path = Path::new("/").join(IMAGE_CONFIG);
    match fs::read(&path) {
        Ok(document) => Ok(Some(ConfigDocument::read(&document)?.config)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("read", &path, error)),
    }
}

/// The engine for a process whose own root is the image: it takes a [`Rootfs`] at `/` only.
#[must_use]
pub fn native() -> Selected {
    Selected::new(Native, "the image is the function's own root")
}

impl Engine for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn run(&self, rootfs: &Rootfs, job: &Job, output: &mut Output<'_>) -> Result<Outcome, Error> {
        let begin = Instant::now();
        let before = processes();
        let mut execution = execution(rootfs, job)?;
        link_mounts(job)?;
        if !Path::new(&execution.directory).is_dir() {
            execution.directory = job.scratch.display().to_string();
        }
        let name = execution.arguments.first();
        let name = name.map(|text| text.to_string_lossy().into_owned());
        let watched = launch_here(execution, job, output);
        if !adopts_orphans() {
            end_all_but(&before);
        }
        let watched = watched?;
        let step = |_| "start the first process".to_owned();
        let (exit, peak_kib) = reported(&watched, name.unwrap_or_default(), step)?;
        Ok(Outcome {
            exit,
            duration: begin.elapsed(),
            peak_memory_bytes: peak_kib.unsigned_abs() * 1024,
            output_truncated: watched.truncated,
        })
    }
}

fn execution(rootfs: &Rootfs, job: &Job) -> Result<Execution, Error> {
    let (uid, gid) = sys::own_ids();
    // The image's home directories are read-only, or belong to users that nobody can become here.
    let home = job.scratch.display().to_string();
    Execution::new(&rootfs.config, job, &User { uid, gid, home })
}

fn link_mounts(job: &Job) -> Result<(), Error> {
    for mount in &job.mounts {
        let target = Path::new(&mount.target);
        if mount.source == target {
            continue;
        }
        let failed = |error| Error::file("make a link at", target, error);
        fs::create_dir_all(target.parent().unwrap_or(target)).map_err(failed)?;
        symlink(&mount.source, target).map_err(failed)?;
    }
    Ok(())
}

/// Runs a program as this process' child, in its root and as its user, to the end.
pub(crate) fn launch_here(
    execution: Execution,
    job: &Job,
    output: &mut Output<'_>,
) -> Result<Watched, Error> {
    launch(execution, job, output, c_string("")?, Isolation::Translated)
}

/// Runs a program without namespaces to the end.
pub(crate) fn launch(
    execution: Execution,
    job: &Job,
    output: &mut Output<'_>,
    root: CString,
    isolation: Isolation,
) -> Result<Watched, Error> {
    let (process, files) = process(execution, job.stdio)?;
    let launch = Launch {
        uid_map: c_string("")?,
        gid_map: c_string("")?,
        mounts: Vec::new(),
        root,
        isolation,
        process,
    };
    let failed = |error| Error::Prepare {
        step: "start a process".into(),
        source: error,
    };
    let child = sys::start(&launch).map_err(failed)?;
    // Our copies of the outputs' other ends, without which their end is never seen.
    drop(launch);
    watch(child, files, job, output).map_err(failed)
}

/// Whether the first process of a job gets to know, and ends, what the job's other processes leave. AWS
/// Lambda refuses it, and old kernels do not list children.
pub(crate) fn adopts_orphans() -> bool {
    if !Path::new("/proc/thread-self/children").exists() {
        return false;
    }
    let own = rustix::process::getpid();
    let is_allowed = rustix::process::set_child_subreaper(Some(own)).is_ok();
    is_allowed && rustix::process::set_child_subreaper(None).is_ok()
}

/// Kills what was not there before the job. Where orphans cannot be adopted, the sandbox is this
/// process' alone, and nobody else starts anything in it.
fn end_all_but(before: &[i32]) {
    for _ in 0..ROUNDS {
        let mut any = false;
        for id in processes().into_iter().filter(|id| !before.contains(id)) {
            if let Some(id) = Pid::from_raw(id) {
                // Who has ended meanwhile needs no signal.
                any |= rustix::process::kill_process(id, Signal::KILL).is_ok();
            }
        }
        if !any {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let id = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.filter_map(id).collect()
}
