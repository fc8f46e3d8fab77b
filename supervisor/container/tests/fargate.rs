//! Which engine is taken in a container like those of AWS Fargate: root with the rights that a container
//! has by default, and no namespaces or mounts.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command as Program;

use scar_container::{Command, Exit, ImageConfig, Job, Rootfs, select};
use scar_schemas::digest::Digest;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

const BUSYBOX: &str = "/bin/busybox";
/// Tells [`inside`] that it may begin.
const INSIDE: &str = "SCAR_TEST_FARGATE";
/// What a container may do by default, without `CAP_SYS_ADMIN` ("KernelCapabilities" of Amazon ECS).
const RIGHTS: &str = "-all,+chown,+dac_override,+fsetid,+fowner,+mknod,+net_raw,+setgid,+setuid,\
                      +setfcap,+setpcap,+net_bind_service,+sys_chroot,+kill,+audit_write";

/// A root by `chroot` has no `/proc` there, without which programs do not find themselves, their input or
/// the number of processors. With `graft` they do.
#[test]
fn programs_have_proc_in_fargate() {
    let own = std::env::current_exe().unwrap();
    let words = ["--exact", "inside", "--ignored", "--nocapture"];
    // Who is no ordinary root has fewer rights already, and none to give them away.
    let mut command = match rustix::process::geteuid().is_root() {
        true => {
            let mut command = Program::new("setpriv");
            command.args(["--inh-caps=-all", "--bounding-set", RIGHTS]);
            command.arg(own);
            command
        }
        false => Program::new(own),
    };
    let status = command.args(words).env(INSIDE, "1").status().unwrap();
    assert!(status.success());
}

#[test]
#[ignore = "is run by another test, in a sandbox"]
fn inside() {
    assert!(std::env::var_os(INSIDE).is_some());
    restrict();
    let is_root = rustix::process::geteuid().is_root();
    assert_eq!(select(Some("chroot")).is_ok(), is_root);
    let selected = select(None).unwrap();
    assert_eq!(selected.engine.name(), "graft", "{}", selected.reason);
    assert!(
        selected.reason.contains("namespaces"),
        "{}",
        selected.reason
    );
    let folder = tempfile::tempdir().unwrap();
    let rootfs = root(&folder.path().join("root"));
    let script = "readlink /proc/self/exe; echo read | cat /dev/stdin";
    let words = [BUSYBOX, "sh", "-c", script];
    let command = Command::Exec(words.map(str::to_owned).into());
    let mut lines = Vec::new();
    let mut collect = |_, line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
    let job = Job::new(command, folder.path());
    let outcome = selected.engine.run(&rootfs, &job, &mut collect).unwrap();
    assert_eq!(outcome.exit, Exit::Code(0), "{lines:?}");
    assert_eq!(lines, [BUSYBOX, "read"]);
}

fn root(path: &Path) -> Rootfs {
    std::fs::create_dir_all(path.join("bin")).unwrap();
    std::fs::copy(BUSYBOX, path.join("bin/busybox")).unwrap();
    for name in ["cat", "readlink"] {
        std::os::unix::fs::symlink("busybox", path.join("bin").join(name)).unwrap();
    }
    Rootfs {
        path: path.to_owned(),
        config: ImageConfig::default(),
        digest: Digest::of(b""),
    }
}

/// Refuses what the filter of a container refuses without that right: namespaces and mounts.
fn restrict() {
    let masked = SeccompCmpOp::MaskedEq(libc::CLONE_NEWUSER as u64);
    let wanted = libc::CLONE_NEWUSER as u64;
    let condition = SeccompCondition::new(0, SeccompCmpArgLen::Qword, masked, wanted).unwrap();
    let namespaces = vec![SeccompRule::new(vec![condition]).unwrap()];
    let denied = BTreeMap::from([
        (libc::SYS_clone, namespaces),
        (libc::SYS_unshare, Vec::new()),
        (libc::SYS_setns, Vec::new()),
        (libc::SYS_mount, Vec::new()),
        (libc::SYS_pivot_root, Vec::new()),
    ]);
    // Filters cannot see the flags of this one, so that programs are told to use the other.
    let unknown = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    for (rules, errno) in [(unknown, libc::ENOSYS), (denied, libc::EPERM)] {
        let refuse = SeccompAction::Errno(errno.unsigned_abs());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, TargetArch::x86_64);
        let program: BpfProgram = filter.unwrap().try_into().unwrap();
        apply_filter(&program).unwrap();
    }
}
