//! The engine `graft` does what `namespaces` does, and does it where a sandbox like Lambda's forbids
//! everything that the other engines need.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use scar_container::{
    Cache, Command, Exit, ImageConfig, Job, Layout, Limits, Mount, Outcome, PackSpec, Rootfs,
    Stream, pack, select,
};

mod sandbox;

const BUSYBOX: &str = "/bin/busybox";

/// A root with busybox, which the system must have as a static program.
fn busybox_root(root: &Path) -> Rootfs {
    assert!(
        Path::new(BUSYBOX).exists(),
        "this test needs the package busybox-static"
    );
    for folder in ["bin", "etc", "usr/lib", "var"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    std::fs::copy(BUSYBOX, root.join("bin/busybox")).unwrap();
    let applets = std::process::Command::new(BUSYBOX)
        .arg("--list")
        .output()
        .unwrap();
    let applets = String::from_utf8(applets.stdout).unwrap();
    for applet in applets.lines().filter(|name| *name != "busybox") {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    std::fs::write(
        root.join("etc/passwd"),
        "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/:\n",
    )
    .unwrap();
    std::fs::write(root.join("etc/data"), "b\na\nc\n").unwrap();
    symlink("/usr/lib", root.join("lib")).unwrap();
    symlink("/etc/passwd", root.join("users")).unwrap();
    rootfs(root)
}

fn rootfs(path: &Path) -> Rootfs {
    Rootfs {
        path: path.to_owned(),
        config: ImageConfig::default(),
        digest: scar_schemas::digest::Digest::of(b""),
    }
}

fn job(script: &str, scratch: &Path) -> Job {
    std::fs::create_dir_all(scratch).unwrap();
    Job::new(
        Command::Exec(["/bin/sh", "-c", script].map(str::to_owned).into()),
        scratch,
    )
}

fn run(engine: Option<&str>, rootfs: &Rootfs, job: &Job) -> (Outcome, Vec<String>) {
    let mut lines = Vec::new();
    let mut collect =
        |_: Stream, line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
    let engine = select(engine).unwrap().engine;
    let outcome = engine.run(rootfs, job, &mut collect).unwrap();
    (outcome, lines)
}

/// What a tree looks like from outside: names and contents.
fn tree(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            found.insert(
                path.clone(),
                std::fs::read_link(&path)
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes(),
            );
        } else if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// Scripts for busybox whose output does not depend on the moment.
const SCRIPTS: [&str; 18] = [
    "echo out; echo err >&2; exit 65",
    "kill -9 $$",
    "cat /etc/data | sort | tr a-z A-Z; cat < /etc/data | wc -l",
    "ls -ln /etc/data /lib /users; readlink /users; cat /users; ls -ld /bin",
    "find / -xdev \\( -path /proc -o -path /dev -o -path /sys \\) -prune -o -print | sort | grep -v '^/sys'",
    "tar cf - -C /etc data passwd | tar tvf - ; cd /tmp && tar cf - -C / bin etc | tar xf - && ls bin | wc -l",
    "pwd; cd /usr/lib; pwd; cd ..; pwd; cd ../../../..; pwd; cat ../../../etc/data",
    "cat /../../etc/data; cat /etc/../etc/./data; cat //etc//data; cd /lib && cat ../../etc/data; ls /nonexistent/..; echo $?",
    "id; touch /tmp/x; stat -c '%u %g %a %h %s %F' /tmp/x /etc/data /users;",
    "echo new > /etc/data; cat /etc/data; rm /etc/passwd; cat /users; echo $?; chmod 600 /bin/busybox; stat -c %a /bin/busybox",
    "printf '#!/bin/cat\\nbody\\n' > /tmp/s; chmod +x /tmp/s; /tmp/s; printf '#!/bin/sh -e\\necho $0 $1; false; echo no\\n' > /tmp/t; chmod +x /tmp/t; /tmp/t one; echo $?",
    "/nonexistent; echo $?; echo x > /tmp/plain; /tmp/plain; echo $?; chmod +x /tmp/plain; printf '#!/no/such\\n' > /tmp/n; chmod +x /tmp/n; /tmp/n; echo $?",
    "ln -s /etc/data /tmp/l; cat /tmp/l; readlink /tmp/l; ln /etc/data /tmp/h; cat /tmp/h; mv /tmp/h /tmp/g; ls /tmp; ln -s ../etc/data /tmp/r; cat /tmp/r",
    "mkfifo /tmp/f; (echo through > /tmp/f) & cat /tmp/f; wait; for i in 1 2 3 4 5 6 7 8; do /bin/busybox echo $i & done | sort; wait",
    "readlink /proc/self/exe; cd /etc; readlink /proc/self/cwd; cat /proc/self/root/etc/data; exec 5</etc/data; readlink /proc/self/fd/5; cat <&5",
    "env -i /bin/busybox env; A=b /bin/busybox env | grep A=; cd /bin; ./busybox echo relative; ../bin/busybox echo up",
    "mkdir -p /a/b/c; echo x > /a/b/c/d; cp -a /a /z; find /z; rm -rf /a; ls /a; echo $?; dd if=/dev/zero of=/z/f bs=1k count=3 2>/dev/null; ls -l /z/f | cut -c1-10; truncate -s 1 /etc/data; wc -c /etc/data",
    "echo x > /dev/null; head -c 3 /dev/zero | wc -c; echo shared > /dev/shm/x; cat /dev/shm/x; ls /dev/shm; sh -c 'sh -c \"exit 3\"; exit $?'",
];

#[test]
fn both_engines_do_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let rootfs = busybox_root(&folder.path().join("root"));
    let before = tree(&rootfs.path);
    let mut different = Vec::new();
    for script in SCRIPTS {
        let job = job(script, &folder.path().join("scratch"));
        let [expected, found] = ["namespaces", "graft"].map(|engine| {
            let (outcome, mut lines) = run(Some(engine), &rootfs, &job);
            // The two streams are not in step, and directories of an overlay have another order.
            lines.sort();
            (outcome.exit, lines)
        });
        if found != expected {
            different.push((script, found, expected));
        }
        assert!(
            before == tree(&rootfs.path),
            "the image was changed by {script}"
        );
    }
    assert!(different.is_empty(), "{different:#?}");
    assert_eq!(
        std::fs::read_dir(folder.path().join("scratch"))
            .unwrap()
            .count(),
        0
    );
}

/// What is known of a program from former runs holds for no other one.
#[test]
fn a_changed_image_is_searched_anew() {
    let folder = tempfile::tempdir().unwrap();
    let rootfs = busybox_root(&folder.path().join("root"));
    let engine = select(Some("graft")).unwrap().engine;
    let script = "cp /bin/busybox /busybox; /busybox cat /etc/data; cat /users | wc -l; echo x > /bin/sh; rm /bin/cat";
    let job = job(script, &folder.path().join("scratch"));
    let program = rootfs.path.join("bin/busybox");
    let run = || {
        let mut lines = Vec::new();
        let mut collect =
            |_: Stream, line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
        let outcome = engine.run(&rootfs, &job, &mut collect).unwrap();
        (outcome.exit, lines)
    };
    let expected = (
        Exit::Code(0),
        ["b", "a", "c", "2"].map(str::to_owned).into(),
    );
    for _ in 0..3 {
        assert_eq!(run(), expected);
    }
    let mut other = std::fs::read(&program).unwrap();
    other.extend(b"more");
    std::fs::remove_file(&program).unwrap();
    std::fs::write(&program, other).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    for _ in 0..2 {
        assert_eq!(run(), expected);
    }
}

#[test]
fn mounts_lead_to_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let rootfs = busybox_root(&folder.path().join("root"));
    let path = |name: &str| folder.path().join(name);
    for name in ["in", "out"] {
        std::fs::create_dir(path(name)).unwrap();
    }
    std::fs::write(path("in/f"), "input\n").unwrap();
    let script = "cat /scar/in/f; cd /scar; cat in/f; cat out/../in/f; cd in; pwd; cat ../in/./f; \
        echo 1 > /scar/out/a; cd ../out; echo 2 > b; mv a c; find /scar | sort; \
        echo bad > /scar/in/x; rm /scar/in/f; rmdir /scar/out; ls -ld /scar/in | cut -c1; ls -l /scar | cut -c1";
    let mut job = job(script, &path("scratch"));
    for (name, read_only) in [("in", true), ("out", false)] {
        let target = format!("/scar/{name}");
        job.mounts.push(Mount {
            source: path(name),
            target,
            read_only,
        });
    }
    let (_, lines) = run(Some("graft"), &rootfs, &job);
    let words: Vec<_> = lines
        .iter()
        .filter(|line| !line.contains(':'))
        .map(String::as_str)
        .collect();
    let expected = [
        "input",
        "input",
        "input",
        "/scar/in",
        "input",
        "/scar",
        "/scar/in",
        "/scar/in/f",
        "/scar/out",
        "/scar/out/b",
        "/scar/out/c",
        "d",
        "t",
        "d",
        "d",
    ];
    assert_eq!(words, expected, "{lines:?}");
    assert_eq!(tree(&path("in")).len(), 1);
    assert_eq!(std::fs::read(path("out/c")).unwrap(), b"1\n");
    assert_eq!(std::fs::read(path("out/b")).unwrap(), b"2\n");
}

#[test]
fn nothing_survives_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let rootfs = busybox_root(&folder.path().join("root"));
    let mark = folder.path().join("out");
    std::fs::create_dir(&mark).unwrap();
    let script = "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 3; touch /out/late' & sleep 60";
    let mut job = job(script, &folder.path().join("scratch"));
    job.mounts.push(Mount {
        source: mark.clone(),
        target: "/out".into(),
        read_only: false,
    });
    job.timeout = Duration::from_millis(500);
    job.grace = Duration::from_millis(200);
    let begin = Instant::now();
    let (outcome, _) = run(Some("graft"), &rootfs, &job);
    assert_eq!(outcome.exit, Exit::Timeout);
    assert!(begin.elapsed() < Duration::from_secs(3));
    std::thread::sleep(
        Duration::from_secs(3).saturating_sub(begin.elapsed()) + Duration::from_millis(300),
    );
    assert!(!mark.join("late").exists());
}

/// Programs of this machine, those that it has, with a script for each. They are dynamically linked.
const PROGRAMS: [(&str, &str); 5] = [
    (
        "bash",
        "bash -c 'echo $((6*7)); for f in /bin/*; do [ -x $f ] || echo $f; done; cat <(echo sub)'",
    ),
    (
        "perl",
        "perl -e 'print 6*7, qq(\\n); opendir D, q(/); print grep { /bin/ } readdir D'",
    ),
    ("tar", "tar cf - /bin --sort=name | tar tf - | sort"),
    (
        "git",
        "cd /tmp && git init -q r && cd r && git config user.email e && git config user.name n && echo x > x && git add x && git commit -qm one && git log --format=%s",
    ),
    (
        "ffmpeg",
        "ffmpeg -hide_banner -loglevel error -f lavfi -i testsrc=duration=1:size=64x64:rate=5 -pix_fmt rgb24 -f md5 -",
    ),
];

#[tokio::test]
async fn packed_programs_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let is_here = |name: &str| Path::new("/usr/bin").join(name).exists();
    let present: Vec<_> = PROGRAMS.iter().filter(|(name, _)| is_here(name)).collect();
    let tools = ["sh", "cat", "ls", "sort", "find"]
        .iter()
        .filter(|name| is_here(name));
    let spec = PackSpec {
        programs: tools
            .copied()
            .chain(present.iter().map(|(name, _)| *name))
            .map(PathBuf::from)
            .collect(),
        files: Vec::new(),
        config: ImageConfig::default(),
        name: None,
    };
    let report = pack(&spec, &path("image")).unwrap();
    let layout = Layout::open(&path("image"), None).unwrap();
    let cache = Cache::new(path("cache"));
    let rootfs = cache
        .ensure(&layout, &report.digest, &Limits::default())
        .await
        .unwrap();
    for (_, script) in present {
        let mut job = job("", &path("scratch"));
        job.command = Command::Exec(["sh", "-c", script].map(str::to_owned).into());
        let sorted = |engine| {
            let (outcome, mut lines) = run(Some(engine), &rootfs, &job);
            // The two streams are not in step.
            lines.sort();
            (outcome.exit, lines)
        };
        let found = sorted("graft");
        assert_eq!(found.0, Exit::Code(0), "{script}: {:?}", found.1);
        if select(Some("namespaces")).is_ok() {
            assert_eq!(found, sorted("namespaces"), "{script}");
        }
    }
}

#[test]
fn it_runs_where_lambda_forbids_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    busybox_root(&folder.path().join("root"));
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let is_root = std::process::Command::new("id")
        .arg("-u")
        .output()
        .unwrap()
        .stdout
        == b"0\n";
    // As root the rest of the sandbox too: another user, and nothing that can be written but /tmp.
    let output = sandbox::inside(folder.path(), is_root).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
#[ignore = "is run by another test, in a sandbox"]
fn inside() {
    let Some(folder) = std::env::var_os(sandbox::INSIDE).map(PathBuf::from) else {
        return;
    };
    let rootfs = rootfs(&folder.join("root"));
    sandbox::restrict();
    let selected = select(None).unwrap();
    assert_eq!(selected.engine.name(), "graft", "{}", selected.reason);
    let script = "id -u; cat /etc/data | sort; ls / | wc -l; echo x > /etc/data; cat /etc/data; \
        mkdir /new && cd /new && /bin/busybox pwd; tar cf - /bin | tar tf - | wc -l; \
        find /etc -type f | sort; (sleep 0.1; echo late) & wait; exit 9";
    let (outcome, lines) = run(None, &rootfs, &job(script, &folder.join("scratch")));
    assert_eq!(outcome.exit, Exit::Code(9), "{lines:?}");
    let applets = std::fs::read_dir(rootfs.path.join("bin")).unwrap().count();
    let applets = (applets + 1).to_string();
    let expected = [
        "0",
        "a",
        "b",
        "c",
        "10",
        "x",
        "/new",
        &applets,
        "/etc/data",
        "/etc/hosts",
        "/etc/passwd",
        "/etc/resolv.conf",
        "late",
    ];
    let lines: Vec<_> = lines
        .into_iter()
        .filter(|line| !line.contains("removing leading"))
        .collect();
    assert_eq!(lines, expected);
}
