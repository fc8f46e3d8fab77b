//! The child between `clone3` and `execve`, and the first process of a job: see the rules in [`crate::sys`].
#![expect(
    unsafe_code,
    reason = "mount, fork and execve in a copied process have no safe form"
)]

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;

use libc::{c_int, c_void};

use crate::sys::{
    Isolation, Launch, MountStep, Report, STEP_FORK, STEP_IDENTITY, STEP_PRIVATE, STEP_ROOT,
};
use crate::sys_reaper::{blocked_signals, own_children, peak_kib, supervise};

/// From here on runs the child. It never returns.
pub(crate) fn first_process(launch: &Launch, reporter: RawFd) -> ! {
    let children = own_children();
    if let Err((step, errno)) = prepare(launch, reporter) {
        report(reporter, Report::Prepare { step, errno });
        exit(1);
    }
    // This copy of the program stays beside the job, which must not read what was copied.
    set_readable(false);
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
    close_others([reporter, children]);
    let status = match launch.isolation {
        Isolation::Namespaces => supervise(first, -1, None, &mut watched),
        Isolation::Chroot { .. } | Isolation::Translated => {
            supervise(first, -first, Some(children), &mut watched)
        }
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

/// Gives up the handlers of the program that was copied, where `clone3` could not do it.
pub(crate) fn ignore_handlers() {
    const SIGNALS: c_int = 64;
    for signal in 1..=SIGNALS {
        // SAFETY: plain system calls; those that cannot be changed fail harmlessly.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

fn prepare(launch: &Launch, reporter: RawFd) -> Result<(), (i32, i32)> {
    die_with_parent(reporter);
    match launch.isolation {
        Isolation::Namespaces => {}
        Isolation::Chroot { .. } => {
            return adopt_orphans()
                .and_then(|()| change_root(&launch.root))
                .map_err(|e| (STEP_ROOT, e));
        }
        Isolation::Translated => {
            // Lambda refuses it; the engine finds who is left by the program that they run.
            let _ = adopt_orphans();
            return Ok(());
        }
    }
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

/// Closes what this copy of the program has open for others: a file that another thread was writing at
/// the moment of the copy would stay busy as long as the job runs.
fn close_others(mut kept: [RawFd; 2]) {
    /// What a kernel or sandbox without `close_range` has to be asked for one by one.
    const FEW: RawFd = 1024;
    kept.sort_unstable();
    let mut from = libc::STDERR_FILENO + 1;
    for kept in kept.into_iter().chain([RawFd::MAX]) {
        if kept < from {
            continue;
        }
        // SAFETY: plain system calls; nothing in this process uses these files.
        unsafe {
            if kept > from && libc::syscall(libc::SYS_close_range, from, kept - 1, 0) < 0 {
                (from..kept.min(FEW)).for_each(|file| {
                    libc::close(file);
                });
            }
        }
        from = kept.saturating_add(1);
    }
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

/// Whether other processes of this user may read this one. Sandboxes may refuse to change it.
fn set_readable(is_readable: bool) {
    // SAFETY: plain system call.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, c_int::from(is_readable), 0, 0, 0) };
}

/// Maps the one user and group that exist in the namespace.
pub(crate) fn identify(uid_map: &CStr, gid_map: &CStr) -> Result<(), c_int> {
    // The files of a process that cannot be read belong to root.
    set_readable(true);
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

pub(crate) fn make_private() -> Result<(), c_int> {
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
            // The C library's own functions make every thread follow, and wait for ever for the threads
            // of the parent that are not here: the bare calls change this process alone.
            //
            // A user namespace with one group refuses to change groups at all. Who may not for another
            // reason fails at the next line, unless it becomes nobody else anyway.
            match check(libc::syscall(libc::SYS_setgroups, 0, ptr::null::<u32>()) as c_int) {
                Ok(()) | Err(libc::EPERM) => {}
                Err(error) => return Err(error),
            }
            check(libc::syscall(libc::SYS_setgid, gid) as c_int)?;
            check(libc::syscall(libc::SYS_setuid, uid) as c_int)?;
        }
        let limited = check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        // Lambda refuses it, and there is nobody else to become.
        if launch.isolation != Isolation::Translated {
            limited?;
        }
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
/// SETPCAP, NET_BIND_SERVICE, SYS_CHROOT, and SETFCAP, without which no container can start another one
/// with a root of its own (user_namespaces(7), since Linux 5.12).
const KEPT_CAPABILITIES: u64 =
    1 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 18 | 1 << 31;

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

pub(crate) fn errno() -> c_int {
    // SAFETY: the location is valid for the calling thread.
    unsafe { *libc::__errno_location() }
}
