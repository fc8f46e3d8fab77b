//! Starting a process tree in its own namespaces: the only file with unsafe code.
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

use libc::{c_char, c_int, c_ulong, c_void};

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
    Chroot { uid: u32, gid: u32 },
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
    pointers: Vec<*const c_char>,
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
    fn to_bytes(self) -> [u8; REPORT_BYTES] {
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
        Isolation::Chroot { .. } => 0,
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
    if pid < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(pid as c_int)
    }
}

/// From here on runs the child. It never returns.
fn first_process(launch: &Launch, reporter: RawFd) -> ! {
    let children = own_children();
    if let Err((step, errno)) = prepare(launch, reporter) {
        report(reporter, Report::Prepare { step, errno });
        exit(1);
    }
    let mut watched = blocked_signals();
    // SAFETY: plain fork by system call; the child only makes system calls until execve.
    let first = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } as c_int;
    if first < 0 {
        report(
            reporter,
            Report::Prepare {
                step: STEP_FORK,
                errno: errno(),
            },
        );
        exit(1);
    }
    if first == 0 {
        let errno = execute(launch);
        report(reporter, Report::Start { errno });
        exit(127);
    }
    let status = match launch.isolation {
        Isolation::Namespaces => supervise(first, -1, None, &mut watched),
        Isolation::Chroot { .. } => supervise(first, -first, Some(children), &mut watched),
    };
    report(
        reporter,
        Report::Ended {
            status,
            peak_kib: peak_kib(),
        },
    );
    exit(0)
}

fn prepare(launch: &Launch, reporter: RawFd) -> Result<(), (i32, i32)> {
    die_with_parent(reporter);
    let Isolation::Namespaces = launch.isolation else {
        return adopt_orphans()
            .and_then(|()| change_root(&launch.root))
            .map_err(|e| (STEP_ROOT, e));
    };
    identify(&launch.uid_map, &launch.gid_map).map_err(|errno| (STEP_IDENTITY, errno))?;
    make_private().map_err(|errno| (STEP_PRIVATE, errno))?;
    for (number, step) in launch.mounts.iter().enumerate() {
        mount(step).map_err(|errno| (number as i32, errno))?;
    }
    pivot(&launch.root).map_err(|errno| (STEP_ROOT, errno))?;
    let name = b"scar";
    // SAFETY: the pointer and length are those of a static.
    check(unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) })
        .map_err(|errno| (STEP_ROOT, errno))
}

fn die_with_parent(reporter: RawFd) {
    // SAFETY: plain system calls; `poll` gets one live entry.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
        // If the parent died before that, nobody reads the reports any more.
        let mut entry = libc::pollfd {
            fd: reporter,
            events: 0,
            revents: 0,
        };
        if libc::poll(&raw mut entry, 1, 0) > 0 && entry.revents & libc::POLLERR != 0 {
            libc::_exit(1);
        }
    }
}

/// Maps the one user and group that exist in the namespace.
fn identify(uid_map: &CStr, gid_map: &CStr) -> Result<(), c_int> {
    // Kernels before 3.19 have no such file, and then need none.
    let _ = write_file(c"/proc/self/setgroups", c"deny");
    write_file(c"/proc/self/uid_map", uid_map)?;
    write_file(c"/proc/self/gid_map", gid_map)
}

fn write_file(path: &CStr, content: &CStr) -> Result<(), c_int> {
    // SAFETY: path and content are valid for the whole call.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(file)?;
        let written = libc::write(file, content.as_ptr().cast(), content.count_bytes());
        let result = if written < 0 { Err(errno()) } else { Ok(()) };
        libc::close(file);
        result
    }
}

fn make_private() -> Result<(), c_int> {
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: strings are static, unused pointers are null.
    check(unsafe {
        libc::mount(
            c"none".as_ptr(),
            c"/".as_ptr(),
            ptr::null(),
            flags,
            ptr::null(),
        )
    })
}

fn mount(step: &MountStep) -> Result<(), c_int> {
    let text = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
    // SAFETY: all pointers are null or to strings that live as long as `step`.
    let result = check(unsafe {
        libc::mount(
            step.source.as_ptr(),
            step.target.as_ptr(),
            text(&step.kind),
            step.flags,
            text(&step.options).cast::<c_void>(),
        )
    });
    match (&result, &step.otherwise) {
        (Err(_), Some(other)) => mount(other),
        _ => result,
    }
}

/// Makes `root` the root and takes the old one away.
fn pivot(root: &CStr) -> Result<(), c_int> {
    // SAFETY: strings are static or live in the caller.
    unsafe {
        check(libc::chdir(root.as_ptr()))?;
        check(libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) as c_int)?;
        check(libc::umount2(c".".as_ptr(), libc::MNT_DETACH))?;
        check(libc::chdir(c"/".as_ptr()))
    }
}

fn change_root(root: &CStr) -> Result<(), c_int> {
    // SAFETY: strings are static or live in the caller.
    unsafe {
        check(libc::chroot(root.as_ptr()))?;
        check(libc::chdir(c"/".as_ptr()))
    }
}

/// Without a process namespace, orphans come to us instead of the system's first process.
fn adopt_orphans() -> Result<(), c_int> {
    // SAFETY: plain system call.
    check(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) })
}

/// Blocks the signals that [`supervise`] waits for. A first process gets even a signal without a
/// handler if it is blocked.
fn blocked_signals() -> libc::sigset_t {
    // SAFETY: the set is initialised by `sigemptyset`; the other calls get live pointers.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, ptr::null_mut());
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        set
    }
}

/// Collects processes until the first has ended, then kills and collects all others.
fn supervise(
    first: c_int,
    everyone: c_int,
    children: Option<RawFd>,
    watched: &mut libc::sigset_t,
) -> c_int {
    let mut ended = None;
    while ended.is_none() {
        // SAFETY: the set is live and initialised.
        let signal = unsafe { libc::sigwaitinfo(watched, ptr::null_mut()) };
        if signal == libc::SIGTERM {
            // SAFETY: plain system call; nobody left is no failure.
            unsafe { libc::kill(everyone, libc::SIGTERM) };
        }
        while let Some((pid, status)) = collect_any(libc::WNOHANG) {
            if pid == first {
                ended = Some(status);
            }
        }
    }
    // SAFETY: as above.
    unsafe { libc::kill(everyone, libc::SIGKILL) };
    match children {
        Some(children) => kill_adopted(children),
        None => while collect_any(0).is_some() {},
    }
    ended.unwrap_or(0)
}

/// The kernel's list of our children, opened while `/proc` can still be reached.
fn own_children() -> RawFd {
    let path = c"/proc/thread-self/children";
    // SAFETY: the string is static.
    unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) }
}

/// Kills, without a process namespace, what left the process group of the job: those that became our
/// children because their parents ended. Each round may bring up the children of the round before.
fn kill_adopted(children: RawFd) {
    let mut buffer = [0_u8; 4096];
    for _ in 0..1000 {
        // SAFETY: the buffer is live and its length is right.
        let count = unsafe { libc::pread(children, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        if count <= 0 {
            return;
        }
        let Some(list) = buffer.get(..count as usize) else {
            return;
        };
        for text in list.split(|&byte| byte == b' ') {
            let pid = text.iter().fold(0_i32, |sum, &digit| {
                sum.wrapping_mul(10)
                    .wrapping_add(i32::from(digit.wrapping_sub(b'0')))
            });
            if pid > 1 {
                // SAFETY: plain system calls on a child of ours.
                unsafe {
                    libc::kill(pid, libc::SIGKILL);
                    libc::waitpid(pid, ptr::null_mut(), 0);
                }
            }
        }
    }
}

fn collect_any(options: c_int) -> Option<(c_int, c_int)> {
    let mut status = 0;
    loop {
        // SAFETY: the pointer is to a live variable.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, options) };
        if pid > 0 {
            return Some((pid, status));
        }
        if pid == 0 || errno() != libc::EINTR {
            return None;
        }
    }
}

fn peak_kib() -> i32 {
    // SAFETY: all-zero is a valid rusage, and the pointer is to a live variable.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    i32::try_from(usage.ru_maxrss).unwrap_or(i32::MAX)
}

/// Becomes the job's program; returns the error number if that is not possible.
fn execute(launch: &Launch) -> c_int {
    let process = &launch.process;
    match restrict(launch) {
        Ok(()) => {}
        Err(errno) => return errno,
    }
    let mut result = libc::ENOENT;
    for program in &process.programs {
        let (arguments, environment) = (&process.arguments, &process.environment);
        // SAFETY: both lists end with a null and live in `launch`.
        unsafe {
            libc::execve(
                program.as_ptr(),
                arguments.pointers.as_ptr(),
                environment.pointers.as_ptr(),
            );
        }
        match errno() {
            libc::ENOENT | libc::ENOTDIR => {}
            // A later directory may have one that can be executed, but the reason is worth keeping.
            libc::EACCES => result = libc::EACCES,
            other => return other,
        }
    }
    result
}

/// Takes from the process what it should not have.
fn restrict(launch: &Launch) -> Result<(), c_int> {
    let process = &launch.process;
    // SAFETY: plain system calls with live or static pointers.
    unsafe {
        if let Some(stdio) = &process.stdio {
            libc::setsid();
            for (number, file) in (0..).zip(stdio) {
                check(libc::dup2(file.as_raw_fd(), number))?;
            }
        }
        // Old kernels lack this; then only what this process opened for itself stays closed on exec.
        libc::syscall(
            libc::SYS_close_range,
            3,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        );
        let none = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        drop_capabilities();
        if let Isolation::Chroot { uid, gid } = launch.isolation {
            check(libc::setgroups(0, ptr::null()))?;
            check(libc::setgid(gid))?;
            check(libc::setuid(uid))?;
        }
        check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        check(libc::chdir(process.directory.as_ptr()))?;
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        check(libc::sigprocmask(
            libc::SIG_SETMASK,
            &raw const set,
            ptr::null_mut(),
        ))?;
        // Rust programs ignore it, and ignored signals stay ignored through execve.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
    Ok(())
}

/// Capabilities that stay with root of the container: those that act on its own files and processes.
/// Numbers from linux/capability.h: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID,
/// SETPCAP, NET_BIND_SERVICE, SYS_CHROOT.
const KEPT_CAPABILITIES: u64 =
    1 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 18;

fn drop_capabilities() {
    for number in (0..64).filter(|number| KEPT_CAPABILITIES & (1 << number) == 0) {
        // SAFETY: plain system call; numbers that the kernel does not know fail harmlessly.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) };
    }
}

fn report(reporter: RawFd, report: Report) {
    let bytes = report.to_bytes();
    // SAFETY: the buffer is live; writes of this size to a pipe are whole or nothing.
    unsafe { libc::write(reporter, bytes.as_ptr().cast(), bytes.len()) };
}

fn exit(code: c_int) -> ! {
    // SAFETY: ends the copied process without running anything of the original's.
    unsafe { libc::_exit(code) }
}

fn check(result: c_int) -> Result<(), c_int> {
    if result < 0 { Err(errno()) } else { Ok(()) }
}

fn errno() -> c_int {
    // SAFETY: the location is valid for the calling thread.
    unsafe { *libc::__errno_location() }
}
