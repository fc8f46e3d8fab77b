//! The engine `graft`: translates paths inside the job's own processes, for where the kernel offers
//! nothing, as on AWS Lambda.
//!
//! Every program of the job is started by a small static loader, which maps it, replaces the system
//! calls in it that have to do with paths, and stays in its address space. The kernel is asked for
//! nothing but `mmap`, `mprotect` and `execve`. It makes an image usable; it does not confine: the
//! machine around is the boundary.

mod build;
mod known;
mod root;

#[path = "../../../graft/decode.rs"]
mod decode;
#[path = "../../../graft/elf.rs"]
mod elf;
#[path = "../../../graft/numbers.rs"]
mod numbers;
#[cfg_attr(not(test), allow(dead_code, reason = "reading is the loader's half"))]
#[path = "../../../graft/plan.rs"]
mod plan;
#[cfg_attr(not(test), allow(dead_code, reason = "reading is the loader's half"))]
#[path = "../../../graft/scan.rs"]
mod scan;
#[path = "../../../graft/window.rs"]
mod window;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::cache::Rootfs;
use crate::engine::namespaces::reported;
use crate::engine::native::{adopts_orphans, launch_here};
use crate::engine::output::Watched;
use crate::engine::process::{Execution, c_string};
use crate::engine::{Engine, Exit, Job, Outcome, Output, user};
use crate::error::Error;
use crate::rooted;
use crate::sys::Report;
use known::Known;
use root::Root;

/// The loader, compressed; empty where there is none for the processor.
const LOADER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/graft.deflate"));

/// A process of another thread may for a moment have the loader open as we wrote it.
const BUSY_RETRIES: usize = 100;
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// See the module.
#[derive(Default)]
pub(crate) struct Graft {
    known: Known,
}

impl Engine for Graft {
    fn name(&self) -> &'static str {
        "graft"
    }

    fn run(&self, rootfs: &Rootfs, job: &Job, output: &mut Output<'_>) -> Result<Outcome, Error> {
        let begin = Instant::now();
        let image = rooted::Root::open(&rootfs.path)
            .map_err(|error| Error::file("open", &rootfs.path, error))?;
        let user = user::find(&image, job.user.as_deref().unwrap_or(&rootfs.config.user))?;
        let execution = Execution::new(&rootfs.config, job, &user)?;
        let root = Root::new(&rootfs.path, job, &execution.directory, &user, &self.known)?;
        let (exit, watched, peak_kib) = start(&root, &execution, job, output)?;
        root.note(&self.known);
        Ok(Outcome {
            exit,
            duration: begin.elapsed(),
            peak_memory_bytes: peak_kib.unsigned_abs() * 1024,
            output_truncated: watched.truncated,
        })
    }
}

/// The loader as it is written down for a run.
pub(crate) fn loader() -> io::Result<Vec<u8>> {
    scar_inflate::inflate(LOADER, usize::MAX)
}

/// Whether there is a loader for this processor.
pub(crate) fn probe() -> Result<(), String> {
    if LOADER.is_empty() {
        return Err("graft exists for x86-64 processors only".into());
    }
    Ok(())
}

fn start(
    root: &Root,
    execution: &Execution,
    job: &Job,
    output: &mut Output<'_>,
) -> Result<(Exit, Watched, i64), Error> {
    let mut tries = 0;
    loop {
        match launch(root, execution, job, output) {
            Err(Error::Start { source, .. })
                if source.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_RETRIES =>
            {
                tries += 1;
                std::thread::sleep(BUSY_PAUSE);
            }
            result => return result,
        }
    }
}

fn launch(
    root: &Root,
    execution: &Execution,
    job: &Job,
    output: &mut Output<'_>,
) -> Result<(Exit, Watched, i64), Error> {
    let program = root.find_program(execution)?;
    let loader = c_string(root.loader().as_os_str().as_encoded_bytes())?;
    let own = [
        c_string(root.plan().as_os_str().as_encoded_bytes())?,
        c_string(program.host.as_os_str().as_encoded_bytes())?,
        program.guest,
    ];
    let name = execution.arguments.first();
    let name = name.map(|text| text.to_string_lossy().into_owned());
    let execution = Execution {
        programs: vec![loader],
        arguments: execution.arguments.clone(),
        environment: own
            .into_iter()
            .chain(execution.environment.iter().cloned())
            .collect(),
        directory: root.host_directory(&execution.directory)?,
    };
    let watched = launch_here(execution, job, output);
    // Who adopts orphans has ended them, unless it was ended itself.
    if !(adopts_orphans() && watched.as_ref().is_ok_and(has_ended)) {
        end_all(root.loader());
    }
    let watched = watched?;
    let step = |_| "start the first process".to_owned();
    let (exit, peak_kib) = reported(&watched, name.unwrap_or_default(), step)?;
    Ok((exit, watched, peak_kib))
}

/// Whether the first process has collected all others.
fn has_ended(watched: &Watched) -> bool {
    Report::read_all(&watched.reports).any(|report| matches!(report, Report::Ended { .. }))
}

/// Kills every process that this run's loader has started, wherever it has gone: the file is of this run
/// alone. Each round may show children of the round before.
fn end_all(loader: &Path) {
    const ROUNDS: usize = 1000;
    // By identity, not by name: in another mount namespace another file may have the same path.
    let Ok(own) = fs::metadata(loader) else {
        return;
    };
    for _ in 0..ROUNDS {
        let mut any = false;
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let number = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let Some(pid) = number.and_then(Pid::from_raw) else {
                continue;
            };
            let is_own = |file: fs::Metadata| (file.dev(), file.ino()) == (own.dev(), own.ino());
            if fs::metadata(entry.path().join("exe")).is_ok_and(is_own) {
                any = true;
                // Who has ended meanwhile needs no signal.
                let _ = rustix::process::kill_process(pid, Signal::KILL);
            }
        }
        if !any {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
