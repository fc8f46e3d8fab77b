//! A sandbox like that of a function of AWS Lambda, as far as reports of others describe it: an ordinary
//! user, a root that is read-only, one place to write with a limited size, and a filter of system calls.
#![allow(dead_code, reason = "each test program uses its half")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

/// Set in the process that is inside: the directory that it can write to.
pub(crate) const INSIDE: &str = "SCAR_TEST_SANDBOX";

/// The user of a function's processes.
const USER: &str = "993";

/// Becomes the user that Lambda has, with nothing to write to but the folder, which is then `/tmp`.
const ENTER: &str = r#"
    mount --make-rprivate / && mount --bind "$1" /tmp && mount -o remount,bind,ro / && cd /tmp &&
    exec setpriv --reuid "$2" --regid 990 --clear-groups --bounding-set=-all --inh-caps=-all \
        /tmp/test --exact inside --ignored --nocapture
"#;
/// First lets the folder be a file system of its own with a limited size.
const LIMIT: &str =
    r#"mount -t tmpfs -o mode=1777,size="$3" tmpfs "$1" && cp "$4" "$1/test" || exit"#;

/// A command that runs the ignored test `inside` of this test program in the sandbox. As an ordinary user
/// only the filter is left of it, which the test sets itself with [`restrict`].
pub(crate) fn inside(folder: &Path, is_root: bool) -> Command {
    let own = std::env::current_exe().expect("the test program");
    std::fs::copy(own, folder.join("test")).expect("copy the test program");
    if !is_root {
        let mut command = Command::new(folder.join("test"));
        command.args(["--exact", "inside", "--ignored", "--nocapture"]);
        command.env(INSIDE, folder);
        return command;
    }
    let script = ENTER.to_owned();
    entering(script, [folder.as_os_str(), OsStr::new(USER)])
}

/// The same as root, with a place to write that is `size` large and is filled by `prepare`, a line of
/// shell that runs as the sandbox's user in there.
pub(crate) fn inside_limited(folder: &Path, size: &str, prepare: &str) -> Command {
    let own = std::env::current_exe().expect("the test program");
    let prepare = format!(
        "setpriv --reuid {USER} --regid 990 --clear-groups sh -ec 'cd \"$1\"; {prepare}' sh \"$1\" || exit"
    );
    let script = [LIMIT, &prepare, ENTER].join("\n");
    let words = [folder.as_os_str(), OsStr::new(USER), OsStr::new(size)];
    entering(script, words.into_iter().chain([own.as_os_str()]))
}

fn entering<'a>(script: String, words: impl IntoIterator<Item = &'a OsStr>) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script, "sh"]).args(words);
    command.env(INSIDE, "/tmp");
    command
}

/// Refuses what Lambda is known to refuse, and a few things more.
pub(crate) fn restrict() {
    const NAMESPACES: [u64; 7] = [
        1 << 17,
        1 << 25,
        1 << 26,
        1 << 27,
        1 << 28,
        1 << 29,
        1 << 30,
    ];
    let unknown = [
        libc::SYS_clone3,
        libc::SYS_openat2,
        libc::SYS_close_range,
        libc::SYS_faccessat2,
    ];
    let denied = [
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_seccomp,
        libc::SYS_prctl,
        libc::SYS_fallocate,
        libc::SYS_personality,
        libc::SYS_io_uring_setup,
        libc::SYS_memfd_create,
        libc::SYS_execveat,
        libc::SYS_bpf,
        libc::SYS_userfaultfd,
    ];
    let any = |numbers: &[i64]| numbers.iter().map(|&number| (number, Vec::new())).collect();
    let mut denied: BTreeMap<i64, Vec<SeccompRule>> = any(&denied);
    let rules = NAMESPACES.map(|flag| {
        let operator = SeccompCmpOp::MaskedEq(flag);
        let condition =
            SeccompCondition::new(0, SeccompCmpArgLen::Qword, operator, flag).expect("a filter");
        SeccompRule::new(vec![condition]).expect("a filter")
    });
    denied.insert(libc::SYS_clone, rules.into());
    for (rules, errno) in [(any(&unknown), libc::ENOSYS), (denied, libc::EPERM)] {
        let refuse = SeccompAction::Errno(errno.unsigned_abs());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, TargetArch::x86_64);
        let program: seccompiler::BpfProgram =
            filter.expect("a filter").try_into().expect("a filter");
        apply_filter(&program).expect("a filter");
    }
}
