//! The engine `namespaces`: user, mount, process, IPC and host name namespaces, and a root of its own.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::cache::Rootfs;
use crate::engine::output::{Watched, watch};
use crate::engine::process::{Execution, c_string};
use crate::engine::user::{self, User};
use crate::engine::writable::{Kind, Writable};
use crate::engine::{Engine, Exit, Job, Outcome, Output, Stdio, Stream};
use crate::error::Error;
use crate::rooted::Root;
use crate::sys::{self, Isolation, Launch, Process, Report, Strings};

/// See the module.
#[derive(Default)]
pub(crate) struct Namespaces {
    /// The kernel refused an overlay once; it would again.
    no_overlay: AtomicBool,
}

impl Engine for Namespaces {
    fn name(&self) -> &'static str {
        "namespaces"
    }

    fn run(&self, rootfs: &Rootfs, job: &Job, output: &mut Output<'_>) -> Result<Outcome, Error> {
        if !self.no_overlay.load(Ordering::Relaxed) {
            match run(rootfs, job, Kind::Overlay, output) {
                Err(Failure::Overlay) => self.no_overlay.store(true, Ordering::Relaxed),
                Err(Failure::Other(error)) => return Err(error),
                Ok(outcome) => return Ok(outcome),
            }
        }
        run(rootfs, job, Kind::Bound, output).map_err(|failure| match failure {
            Failure::Overlay => Error::Job("the image cannot be mounted".into()),
            Failure::Other(error) => error,
        })
    }
}

/// Whether containers in namespaces work here; if not, why.
pub(crate) fn probe() -> Result<(), String> {
    let (uid_map, gid_map) = maps(&User {
        uid: 0,
        gid: 0,
        home: String::new(),
    });
    let (Ok(uid_map), Ok(gid_map)) = (c_string(uid_map), c_string(gid_map)) else {
        return Err("the maps are not valid".into());
    };
    sys::try_namespaces(&uid_map, &gid_map).map_err(|error| explain(&error))
}

fn explain(error: &io::Error) -> String {
    let restricted = std::fs::read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
        .is_ok_and(|text| text.starts_with(b"1"));
    let hint = if restricted {
        "; AppArmor restricts them on this system: run as root, or allow them with \
         `sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
    } else {
        "; inside a container its runtime may forbid them (Docker: \
         --security-opt seccomp=unconfined), else see user.max_user_namespaces"
    };
    format!("user namespaces are refused ({error}){hint}")
}

enum Failure {
    /// The overlay was refused, and nothing else has been tried yet.
    Overlay,
    Other(Error),
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

fn run(
    rootfs: &Rootfs,
    job: &Job,
    kind: Kind,
    output: &mut Output<'_>,
) -> Result<Outcome, Failure> {
    let begin = Instant::now();
    let root = Root::open(&rootfs.path).map_err(|e| Error::file("open", &rootfs.path, e))?;
    let user = user::find(&root, job.user.as_deref().unwrap_or(&rootfs.config.user))?;
    let execution = Execution::new(&rootfs.config, job, &user)?;
    let mut writable = Writable::new(&rootfs.path, job, &execution.directory, kind)?;
    let mounts = writable.take_mounts();
    let targets: Vec<_> = mounts.iter().map(|step| step.target.clone()).collect();
    let (uid_map, gid_map) = maps(&user);
    let program = execution
        .arguments
        .first()
        .map(|text| text.to_string_lossy().into_owned());
    let (process, files) = process(execution, job.stdio)?;
    let launch = Launch {
        uid_map: c_string(uid_map)?,
        gid_map: c_string(gid_map)?,
        mounts,
        root: c_string(writable.path().as_os_str().as_encoded_bytes())?,
        isolation: Isolation::Namespaces,
        process,
    };
    let started = |error| Error::Prepare {
        step: "start a process in namespaces".into(),
        source: error,
    };
    let child = sys::start(&launch).map_err(started)?;
    // Our copies of the outputs' other ends, without which their end is never seen.
    drop(launch);
    let watched = watch(child, files, job, output).map_err(started)?;
    let step = |number: i32| describe(number, &targets, &writable.path());
    match reported(&watched, program.unwrap_or_default(), step) {
        Err(Error::Prepare { step, .. }) if kind == Kind::Overlay && step == OVERLAY => {
            Err(Failure::Overlay)
        }
        Err(error) => Err(error.into()),
        Ok((exit, peak_kib)) => Ok(Outcome {
            exit,
            duration: begin.elapsed(),
            peak_memory_bytes: peak_kib.unsigned_abs() * 1024,
            output_truncated: watched.truncated,
        }),
    }
}

const OVERLAY: &str = "mount /";

/// One user and one group exist inside: those of the image's user, which are ours outside.
fn maps(user: &User) -> (String, String) {
    let (uid, gid) = sys::own_ids();
    (
        format!("{} {uid} 1\n", user.uid),
        format!("{} {gid} 1\n", user.gid),
    )
}

type Pipes = Vec<(Stream, File)>;

/// The process, and our ends of its outputs.
pub(crate) fn process(execution: Execution, stdio: Stdio) -> Result<(Process, Pipes), Error> {
    let (stdio, files) = match stdio {
        Stdio::Inherit => (None, Vec::new()),
        Stdio::Piped => {
            let (ends, files) =
                pipes().map_err(|error| Error::file("open", Path::new("/dev/null"), error))?;
            (Some(ends), files)
        }
    };
    let process = Process {
        programs: execution.programs,
        arguments: Strings::new(execution.arguments),
        environment: Strings::new(execution.environment),
        directory: c_string(execution.directory)?,
        stdio,
    };
    Ok((process, files))
}

fn pipes() -> io::Result<([OwnedFd; 3], Pipes)> {
    let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
    let input = OwnedFd::from(File::open("/dev/null")?);
    let (stdout, stdout_end) = pipe()?;
    let (stderr, stderr_end) = pipe()?;
    let files = vec![
        (Stream::Stdout, File::from(stdout)),
        (Stream::Stderr, File::from(stderr)),
    ];
    Ok(([input, stdout_end, stderr_end], files))
}

/// What the first process told: how the job ended, and the largest resident memory in KiB.
pub(crate) fn reported(
    watched: &Watched,
    program: String,
    step: impl Fn(i32) -> String,
) -> Result<(Exit, i64), Error> {
    let mut ended = None;
    for report in Report::read_all(&watched.reports) {
        match report {
            Report::Prepare {
                step: number,
                errno,
            } => {
                let source = io::Error::from_raw_os_error(errno);
                return Err(Error::Prepare {
                    step: step(number),
                    source,
                });
            }
            Report::Start { errno } => {
                return Err(Error::Start {
                    program,
                    source: io::Error::from_raw_os_error(errno),
                });
            }
            Report::Ended { status, peak_kib } => ended = Some((status, i64::from(peak_kib))),
        }
    }
    // Without a report the first process itself was killed: by our deadline, or for want of memory.
    let (status, peak_kib) = ended.unwrap_or(watched.collected);
    let exit = match status {
        _ if watched.timed_out => Exit::Timeout,
        status if libc::WIFSIGNALED(status) => Exit::Signal(libc::WTERMSIG(status)),
        status => Exit::Code(libc::WEXITSTATUS(status)),
    };
    Ok((exit, peak_kib))
}

/// A step of the child in words.
fn describe(number: i32, targets: &[std::ffi::CString], root: &Path) -> String {
    let mount = usize::try_from(number)
        .ok()
        .and_then(|number| targets.get(number));
    match (mount, number) {
        (Some(target), _) => {
            let target = target.to_string_lossy();
            let inside = target
                .strip_prefix(&*root.to_string_lossy())
                .unwrap_or(&target);
            format!("mount /{}", inside.trim_start_matches('/'))
        }
        (None, sys::STEP_IDENTITY) => "map the user".into(),
        (None, sys::STEP_PRIVATE) => "make the mounts private".into(),
        (None, sys::STEP_ROOT) => "change the root".into(),
        (None, sys::STEP_FORK) => "start the first process".into(),
        (None, _) => "prepare".into(),
    }
}
