//! Starting a process tree: all unsafe code of the crate is here and in the files `sys_*`.
//!
//! The program has many threads, so between `clone3` and `execve` the child may do nothing but make
//! system calls: another thread may have held the allocator's lock at the moment of the copy. All
//! strings and lists are therefore made before, in a [`Launch`], and the child neither allocates nor
//! panics nor returns.
#![expect(
    unsafe_code,
    reason = "clone3, mount and execve between fork and exec have no safe form"
)]

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use crate::sys_child::{first_process, identify, ignore_handlers, make_private};
use libc::{c_char, c_int, c_ulong};

/// One mount in the new mount namespace.
#[derive(Debug)]
pub(crate) struct MountStep {
    pub(crate) source: CString,
    pub(crate) target: CString,
    pub(crate) kind: Option<CString>,
    pub(crate) flags: c_ulong,
    pub(crate) options: Option<CString>,
    /// What to do if the kernel refuses it.
    pub(crate) otherwise: Option<Box<MountStep>>,
}

/// Everything that the child needs, made before it exists.
pub(crate) struct Launch {
    /// Content of `uid_map` and `gid_map`.
    pub(crate) uid_map: CString,
    pub(crate) gid_map: CString,
    pub(crate) mounts: Vec<MountStep>,
    /// Directory that becomes `/`.
    pub(crate) root: CString,
    /// With namespaces, or by `chroot` alone.
    pub(crate) isolation: Isolation,
    pub(crate) process: Process,
}

/// How the root is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    Namespaces,
    Chroot {
        uid: u32,
        gid: u32,
    },
    /// Not at all: the job's processes translate paths themselves.
    Translated,
}

/// The first program of the job.
pub(crate) struct Process {
    /// Paths to try one after the other.
    pub(crate) programs: Vec<CString>,
    pub(crate) arguments: Strings,
    pub(crate) environment: Strings,
    pub(crate) directory: CString,
    /// Standard input, output and error; `None` keeps those of this process.
    pub(crate) stdio: Option<[OwnedFd; 3]>,
}

/// A list of strings in the form of `argv`: the pointers end with a null.
pub(crate) struct Strings {
    _owned: Vec<CString>,
    pub(crate) pointers: Vec<*const c_char>,
}

// SAFETY: the pointers point into the heap blocks of `_owned`, which move with the struct unchanged.
unsafe impl Send for Strings {}

impl Strings {
    pub(crate) fn new(owned: Vec<CString>) -> Self {
        let mut pointers: Vec<_> = owned.iter().map(|text| text.as_ptr()).collect();
        pointers.push(ptr::null());
        Self {
            _owned: owned,
            pointers,
        }
    }
}

/// A started tree: the first process in it is ours and reaps the others.
pub(crate) struct Child {
    pub(crate) pid: c_int,
    /// Becomes readable when the first process has ended.
    pub(crate) pidfd: OwnedFd,
    /// Where [`Report`]s come from.
    pub(crate) reports: File,
}

/// What the child tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// A step before the mounts, a mount, or one after them failed.
    Prepare { step: i32, errno: i32 },
    /// No program could be executed.
    Start { errno: i32 },
    /// The job's first process has ended, and then all others.
    Ended { status: i32, peak_kib: i32 },
}

/// Steps that are no mounts, in [`Report::Prepare`]. Mounts count from 0.
pub(crate) const STEP_IDENTITY: i32 = -1;
pub(crate) const STEP_PRIVATE: i32 = -2;
pub(crate) const STEP_ROOT: i32 = -3;
pub(crate) const STEP_FORK: i32 = -4;

/// Handlers of this program must not run in the child. From linux/sched.h.
const CLONE_CLEAR_SIGHAND: u64 = 1 << 32;

const REPORT_BYTES: usize = 12;

impl Report {
    pub(crate) fn to_bytes(self) -> [u8; REPORT_BYTES] {
        let [kind, first, second] = match self {
            Self::Prepare { step, errno } => [1, step, errno],
            Self::Start { errno } => [2, 0, errno],
            Self::Ended { status, peak_kib } => [3, status, peak_kib],
        };
        let mut bytes = [0; REPORT_BYTES];
        bytes[..4].copy_from_slice(&i32::to_ne_bytes(kind));
        bytes[4..8].copy_from_slice(&i32::to_ne_bytes(first));
        bytes[8..].copy_from_slice(&i32::to_ne_bytes(second));
        bytes
    }

    /// Reads the reports in what the child has written.
    pub(crate) fn read_all(bytes: &[u8]) -> impl Iterator<Item = Self> {
        bytes.chunks_exact(REPORT_BYTES).filter_map(|chunk| {
            let word = |at: usize| {
                let bytes = chunk.get(at..at + 4)?.try_into().ok()?;
                Some(i32::from_ne_bytes(bytes))
            };
            match word(0)? {
                1 => Some(Self::Prepare {
                    step: word(4)?,
                    errno: word(8)?,
                }),
                2 => Some(Self::Start { errno: word(8)? }),
                3 => Some(Self::Ended {
                    status: word(4)?,
                    peak_kib: word(8)?,
                }),
                _ => None,
            }
        })
    }
}

/// Starts the tree. The calling thread must live as long as the tree should: the kernel kills the
/// tree when that thread ends.
pub(crate) fn start(launch: &Launch) -> io::Result<Child> {
    let (reports, reporter) = pipe()?;
    let mut pidfd: RawFd = -1;
    let namespaces = match launch.isolation {
        Isolation::Namespaces => {
            libc::CLONE_NEWUSER
                | libc::CLONE_NEWNS
                | libc::CLONE_NEWPID
                | libc::CLONE_NEWIPC
                | libc::CLONE_NEWUTS
        }
        Isolation::Chroot { .. } | Isolation::Translated => 0,
    };
    let flags = (namespaces | libc::CLONE_PIDFD) as u64 | CLONE_CLEAR_SIGHAND;
    let pid = clone(flags, &mut pidfd)?;
    if pid == 0 {
        first_process(launch, reporter.as_raw_fd());
    }
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Child {
        pid,
        pidfd,
        reports: reports.into(),
    })
}

impl Child {
    /// Sends a signal to the first process, which hands `SIGTERM` on to all others.
    pub(crate) fn signal(&self, signal: c_int) {
        // SAFETY: plain system call on a descriptor that we own; a failure means it has ended already.
        unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.pidfd.as_raw_fd(),
                signal,
                0,
                0,
            )
        };
    }

    /// Collects the ended first process: its wait status and the largest resident memory in KiB that
    /// any process had which it has collected.
    pub(crate) fn collect(&self) -> (c_int, i64) {
        let mut status = 0;
        // SAFETY: all-zero is a valid rusage.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        loop {
            // SAFETY: both pointers are to live variables of the right type.
            let result = unsafe { libc::wait4(self.pid, &mut status, 0, &mut usage) };
            if result >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return (status, usage.ru_maxrss);
            }
        }
    }
}

/// Whether a process can be made in new user, mount and process namespaces.
pub(crate) fn try_namespaces(uid_map: &CStr, gid_map: &CStr) -> io::Result<()> {
    let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_PIDFD;
    let mut pidfd: RawFd = -1;
    let pid = clone(flags as u64, &mut pidfd)?;
    if pid == 0 {
        let code = match identify(uid_map, gid_map).and_then(|()| make_private()) {
            Ok(()) => 0,
            Err(errno) => errno.clamp(1, 255),
        };
        // SAFETY: ends the copied process without running anything of the original's.
        unsafe { libc::_exit(code) };
    }
    // SAFETY: as in `start`.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let child = Child {
        pid,
        pidfd,
        reports: File::open("/dev/null")?,
    };
    let (status, _) = child.collect();
    match libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)) {
        Some(0) => Ok(()),
        Some(errno) => Err(io::Error::from_raw_os_error(errno)),
        None => Err(io::Error::other("the test process was killed")),
    }
}

/// This process' user and group.
pub(crate) fn own_ids() -> (u32, u32) {
    // SAFETY: neither can fail nor touches memory.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)
}

/// As `fork`, in new namespaces: memory is copied, not shared.
fn clone(flags: u64, pidfd: &mut RawFd) -> io::Result<c_int> {
    // SAFETY: all-zero is a valid clone_args.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = flags;
    arguments.pidfd = ptr::from_mut(pidfd) as u64;
    arguments.exit_signal = libc::SIGCHLD as u64;
    let size = std::mem::size_of::<libc::clone_args>();
    // SAFETY: without CLONE_VM the child has its own copy of this stack and may return from here.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size) };
    if pid >= 0 {
        return Ok(pid as c_int);
    }
    let error = io::Error::last_os_error();
    // Sandboxes refuse clone3, whose flags their filters cannot see, and programs then use clone.
    match error.raw_os_error() {
        Some(libc::ENOSYS) => clone_by_registers(flags & !CLONE_CLEAR_SIGHAND, pidfd),
        _ => Err(error),
    }
}

fn clone_by_registers(flags: u64, pidfd: &mut RawFd) -> io::Result<c_int> {
    let flags = flags | libc::SIGCHLD as u64;
    // SAFETY: as above; with CLONE_PIDFD the descriptor comes in the place of the parent's thread.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, ptr::from_mut(pidfd), 0, 0) };
    match pid {
        0 => {
            ignore_handlers();
            Ok(0)
        }
        pid if pid > 0 => Ok(pid as c_int),
        _ => Err(io::Error::last_os_error()),
    }
}
