//! Where a job runs as the user of the supervisor, as with `graft` on AWS Lambda: what it can read of the
//! supervisor, and what is left of it afterwards.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::set_child_subreaper;
use scar_container::{
    Command, Error, Exit, ImageConfig, Job, Mount, Rootfs, Stream, conceal, select,
};
use scar_schemas::digest::Digest;

mod sandbox;

const SECRET: &str = "SCAR_TEST_SECRET";
/// Set if the process inside shall be without the filter of system calls.
const UNFILTERED: &str = "SCAR_TEST_UNFILTERED";
/// A variable of the job by which its processes are known: its value is this process.
const MARK: &str = "SCAR_TEST_MARK";

/// Tells what can be read of the two processes above, and leaves processes behind in all ways.
const SCRIPT: &str = r#"
p=$PPID
for process in copy supervisor; do
  [ "$p" -gt 1 ] || break
  cat /proc/$p/environ > /dev/null && cat /proc/$p/environ >> /out/environ
  head -c 1 /proc/$p/mem 2>&1 | grep -o denied
  ls /proc/$p/fd > /dev/null && echo files
  p=$(sed -n 's/^PPid:\t//p' /proc/$p/status)
done
sleep 1000 &
setsid sleep 1000 > /dev/null 2>&1 &
(nohup setsid sh -c 'trap "" TERM INT HUP; sleep 1000; sleep 1000' > /dev/null 2>&1 &)
for n in 1 2 3 4 5; do (setsid sh -c 'sleep 1000 & sleep 1000 & wait' &) ; done
sleep 0.2
exit 7
"#;

/// Ends the copy of the supervisor that collects the job's processes.
const REBEL: &str =
    "setsid sleep 1000 & (setsid sleep 1000 &); sleep 0.1; kill -9 $PPID; sleep 1000";

fn run_inside(variables: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let binaries = folder.path().join("root/bin");
    fs::create_dir_all(&binaries).unwrap();
    fs::copy("/bin/busybox", binaries.join("busybox")).unwrap();
    for applet in [
        "sh", "cat", "head", "grep", "ls", "sed", "sleep", "setsid", "nohup",
    ] {
        std::os::unix::fs::symlink("busybox", binaries.join(applet)).unwrap();
    }
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let is_root = rustix::process::getuid().is_root();
    let mut command = sandbox::inside(folder.path(), is_root);
    let output = command
        .env(SECRET, "of-which-nobody-speaks")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

/// Lambda refuses to make a process unreadable and to adopt orphans.
#[test]
fn where_lambda_forbids_the_rest() {
    run_inside(&[]);
}

#[test]
fn as_an_ordinary_user() {
    run_inside(&[(UNFILTERED, "1")]);
}

#[test]
#[ignore = "is run by other tests, in a sandbox"]
fn inside() {
    let Some(folder) = std::env::var_os(sandbox::INSIDE).map(PathBuf::from) else {
        return;
    };
    let is_filtered = std::env::var_os(UNFILTERED).is_none();
    if is_filtered {
        sandbox::restrict();
        assert!(set_child_subreaper(Some(rustix::process::getpid())).is_err());
    }
    let has_namespaces = select(Some("namespaces")).is_ok();
    conceal(&[SECRET]);
    assert_eq!(std::env::var(SECRET).unwrap().trim_matches('\0'), "");
    // Who cannot be read must still be able to become another user in a namespace.
    assert_eq!(select(Some("namespaces")).is_ok(), has_namespaces);
    if has_namespaces {
        let (exit, lines) = run("namespaces", &folder, SCRIPT).unwrap();
        assert_eq!(
            (exit, fs::exists(folder.join("out/environ")).unwrap()),
            (Exit::Code(7), false),
            "{lines:?}"
        );
    }
    let (exit, lines) = run("graft", &folder, SCRIPT).unwrap();
    assert_eq!(exit, Exit::Code(7), "{lines:?}");
    let seen = fs::read(folder.join("out/environ")).unwrap_or_default();
    let seen = String::from_utf8_lossy(&seen);
    assert!(!seen.contains("nobody-speaks"), "{seen}");
    // Where it could be hidden, nothing at all was seen; elsewhere the name is, with no value.
    assert_eq!(seen.contains(SECRET), is_filtered, "{seen}");
    if !is_filtered {
        assert!(!lines.contains(&"files".to_owned()), "{lines:?}");
        assert!(lines.contains(&"denied".to_owned()), "{lines:?}");
    }
    assert_eq!(left(), [""; 0].map(PathBuf::from));
    // Nobody knows how that one ended.
    let _ = run("graft", &folder, REBEL);
    assert_eq!(left(), [""; 0].map(PathBuf::from));
}

fn run(engine: &str, folder: &Path, script: &str) -> Result<(Exit, Vec<String>), Error> {
    let path = |name: &str| folder.join(name);
    for name in ["out", "scratch"] {
        fs::create_dir_all(path(name)).unwrap();
    }
    let words = ["/bin/sh", "-c", script].map(str::to_owned);
    let mut job = Job::new(Command::Exec(words.into()), path("scratch"));
    let own = std::process::id().to_string();
    job.variables.insert(MARK.into(), own);
    job.mounts.push(Mount {
        source: path("out"),
        target: "/out".into(),
        read_only: false,
    });
    let rootfs = Rootfs {
        path: path("root"),
        config: ImageConfig::default(),
        digest: Digest::of(b""),
    };
    let mut lines = Vec::new();
    let mut collect =
        |_: Stream, line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
    let engine = select(Some(engine)).unwrap().engine;
    let outcome = engine.run(&rootfs, &job, &mut collect)?;
    Ok((outcome.exit, lines))
}

/// Processes that are left of the job.
fn left() -> Vec<PathBuf> {
    let mark = format!("{MARK}={}", std::process::id());
    let is_left = |path: &PathBuf| {
        let variables = fs::read(path.join("environ")).unwrap_or_default();
        variables
            .split(|byte| *byte == 0)
            .any(|one| one == mark.as_bytes())
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.map(|one| one.path()).filter(is_left).collect()
}
