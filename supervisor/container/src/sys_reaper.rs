//! The first process of a job: collects the others and leaves none behind. See the rules in [`crate::sys`].
#![expect(
    unsafe_code,
    reason = "signals and waiting in a copied process have no safe form"
)]

use std::os::fd::RawFd;
use std::ptr;

use libc::c_int;

use crate::sys_child::errno;

/// Blocks the signals that [`supervise`] waits for. A first process gets even a signal without a
/// handler if it is blocked.
pub(crate) fn blocked_signals() -> libc::sigset_t {
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
pub(crate) fn supervise(
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
pub(crate) fn own_children() -> RawFd {
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

pub(crate) fn peak_kib() -> i32 {
    // SAFETY: all-zero is a valid rusage, and the pointer is to a live variable.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    i32::try_from(usage.ru_maxrss).unwrap_or(i32::MAX)
}
