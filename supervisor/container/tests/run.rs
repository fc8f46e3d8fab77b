//! Containers in namespaces, on a root made of a static shell.
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::path::Path;
use std::time::{Duration, Instant};

use scar_container::{
    Command, Exit, ImageConfig, Job, Mount, Outcome, Rootfs, Stdio, Stream, select,
};

/// A root with busybox, which the system must have as a static program.
struct Fixture {
    directory: tempfile::TempDir,
    rootfs: Rootfs,
}

impl Fixture {
    fn new() -> Self {
        let busybox = Path::new("/bin/busybox");
        assert!(
            busybox.exists(),
            "this test needs the package busybox-static"
        );
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        for folder in ["bin", "etc", "var", "run"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        std::fs::copy(busybox, root.join("bin/busybox")).unwrap();
        for applet in [
            "sh", "cat", "ls", "id", "env", "sleep", "setsid", "touch", "rm", "true", "mount",
            "ps", "seq",
        ] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        std::fs::write(
            root.join("etc/passwd"),
            "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/:\n",
        )
        .unwrap();
        std::os::unix::fs::symlink("/run", root.join("var/run")).unwrap();
        let digest = scar_schemas::digest::Digest::of(b"");
        let rootfs = Rootfs {
            path: root,
            config: ImageConfig::default(),
            digest,
        };
        Self { directory, rootfs }
    }

    fn job(&self, script: &str) -> Job {
        let scratch = self.directory.path().join("scratch");
        std::fs::create_dir_all(&scratch).unwrap();
        let command = ["/bin/sh", "-c", script].map(str::to_owned);
        Job::new(Command::Exec(command.into()), scratch)
    }

    fn run(&self, job: &Job) -> (Outcome, Vec<String>) {
        let mut lines = Vec::new();
        let mut collect =
            |_: Stream, line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
        let engine = select(Some("namespaces")).unwrap().engine;
        let outcome = engine.run(&self.rootfs, job, &mut collect).unwrap();
        (outcome, lines)
    }

    fn output(&self, script: &str) -> String {
        self.run(&self.job(script)).1.join("\n")
    }
}

#[test]
fn exit_codes_signals_and_output() {
    let fixture = Fixture::new();
    let (outcome, lines) = fixture.run(&fixture.job("echo out; echo err >&2; printf end; exit 65"));
    assert_eq!(outcome.exit, Exit::Code(65));
    let mut lines = lines;
    lines.sort();
    assert_eq!(lines, ["end", "err", "out"]);
    let (outcome, _) = fixture.run(&fixture.job("kill -9 $$"));
    assert_eq!(outcome.exit, Exit::Signal(9));
    assert!(outcome.peak_memory_bytes > 0);
}

#[test]
fn the_image_never_changes() {
    let fixture = Fixture::new();
    let script = "rm /bin/ls && echo x > /new && echo y >> /etc/passwd && mkdir -p /var/run/x && [ ! -e /bin/ls ]";
    let (outcome, lines) = fixture.run(&fixture.job(script));
    assert_eq!(outcome.exit, Exit::Code(0), "{lines:?}");
    assert!(fixture.rootfs.path.join("bin/ls").exists());
    assert!(!fixture.rootfs.path.join("new").exists());
    assert_eq!(
        fixture.output("ls / /var/run/"),
        "/:\nbin\ndev\netc\nproc\nrun\ntmp\nvar\n\n/var/run/:"
    );
    let left = std::fs::read_dir(fixture.directory.path().join("scratch"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}

#[test]
fn the_environment_is_clean() {
    let fixture = Fixture::new();
    let mut job = fixture.job("env");
    job.variables.insert("A".into(), "b c".into());
    let (_, mut lines) = fixture.run(&job);
    lines.retain(|line| {
        !line.starts_with("PATH=") && !line.starts_with("PWD=") && !line.starts_with("SHLVL=")
    });
    lines.sort();
    assert_eq!(lines, ["A=b c", "HOME=/root", "HOSTNAME=scar"]);
    assert_eq!(fixture.output("ls /proc/self/fd"), "0\n1\n2\n3");
}

#[test]
fn mounts_are_where_they_should_be() {
    let fixture = Fixture::new();
    let folder = fixture.directory.path();
    for name in ["in", "out,a:b"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("in/file"), "content").unwrap();
    std::fs::write(
        folder.join("script"),
        "#!/bin/sh\ncat /scar/in/file > /scar/out/copy\n",
    )
    .unwrap();
    let mut job =
        fixture.job("sh /scar/script; touch /scar/in/x; touch /scar/script; cat /etc/hosts");
    let mount = |source: &str, target: &str, read_only| Mount {
        source: folder.join(source),
        target: target.into(),
        read_only,
    };
    job.mounts = vec![
        mount("in", "/scar/in", true),
        mount("out,a:b", "/scar/out", false),
        mount("script", "/scar/script", true),
    ];
    let (outcome, lines) = fixture.run(&job);
    assert_eq!(outcome.exit, Exit::Code(0), "{lines:?}");
    assert_eq!(
        std::fs::read(folder.join("out,a:b/copy")).unwrap(),
        b"content"
    );
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.contains("Read-only"))
            .count(),
        2,
        "{lines:?}"
    );
    assert!(lines.iter().any(|line| line.contains("localhost")));
}

#[test]
fn users_come_from_the_image() {
    let fixture = Fixture::new();
    let mut job = fixture.job("id -u; id -g; touch /tmp/x && echo ok");
    assert_eq!(fixture.run(&job).1, ["0", "0", "ok"]);
    job.user = Some("web".into());
    assert_eq!(fixture.run(&job).1, ["33", "34", "ok"]);
}

#[test]
fn nothing_survives_the_deadline() {
    let fixture = Fixture::new();
    let script = "trap '' TERM; (setsid sh -c 'trap \"\" TERM; sleep 4711' &) ; \
                  setsid sleep 4711 & sleep 4711";
    let mut job = fixture.job(script);
    job.timeout = Duration::from_millis(300);
    job.grace = Duration::from_millis(300);
    let begin = Instant::now();
    let (outcome, _) = fixture.run(&job);
    assert_eq!(outcome.exit, Exit::Timeout);
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(processes_named("4711"), 0);
}

#[test]
fn background_processes_end_with_the_job() {
    let fixture = Fixture::new();
    let begin = Instant::now();
    let (outcome, _) = fixture.run(&fixture.job("setsid sleep 4712 & exit 3"));
    assert_eq!(outcome.exit, Exit::Code(3));
    assert!(begin.elapsed() < Duration::from_secs(3));
    assert_eq!(processes_named("4712"), 0);
}

#[test]
fn the_machine_is_out_of_reach() {
    let fixture = Fixture::new();
    let script = "echo x > /proc/sys/kernel/hostname; mount -t tmpfs none /tmp; ls -d /home /root; \
                  echo c > /proc/sysrq-trigger; ls /proc | grep -c '^[0-9]'; echo $$";
    let text = fixture.output(script);
    assert!(
        text.contains("/proc/sys/kernel/hostname: Read-only"),
        "{text}"
    );
    assert!(
        text.contains("mount: permission denied") || text.contains("ermitted"),
        "{text}"
    );
    assert!(text.contains("/home: No such file"), "{text}");
    assert!(text.lines().any(|line| line == "2"), "{text}");
}

#[test]
fn output_is_limited() {
    let fixture = Fixture::new();
    let mut job = fixture.job("seq 1 100000");
    job.max_output_bytes = 100;
    let (outcome, lines) = fixture.run(&job);
    assert!(outcome.output_truncated);
    assert!(lines.len() < 60);
}

#[test]
fn a_missing_program_is_named() {
    let fixture = Fixture::new();
    let mut job = fixture.job("");
    job.command = Command::Exec(vec!["absent".into()]);
    job.stdio = Stdio::Piped;
    let engine = select(None).unwrap().engine;
    let error = engine
        .run(&fixture.rootfs, &job, &mut |_, _| {})
        .unwrap_err();
    assert_eq!(error.to_string(), "start \"absent\" in the container");
}

fn processes_named(text: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let text = format!("sleep\0{text}");
    lines
        .filter(|line| String::from_utf8_lossy(line).starts_with(&text))
        .count()
}

#[test]
fn chroot_copies_in_and_hands_out() {
    let fixture = Fixture::new();
    let selected = select(Some("chroot")).unwrap();
    let folder = fixture.directory.path();
    for name in ["in", "out"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("in/file"), "content").unwrap();
    let mut job = fixture.job(
        "cat /scar/in/file > /scar/out/copy; id -u; rm /bin/ls; setsid sleep 4713 & \
         echo x > /dev/null; exit 7",
    );
    job.user = Some("web".into());
    job.mounts = vec![
        Mount {
            source: folder.join("in"),
            target: "/scar/in".into(),
            read_only: true,
        },
        Mount {
            source: folder.join("out"),
            target: "/scar/out".into(),
            read_only: false,
        },
    ];
    let mut lines = Vec::new();
    let mut collect = |_: Stream, line: &[u8]| lines.push(line.to_vec());
    let outcome = selected
        .engine
        .run(&fixture.rootfs, &job, &mut collect)
        .unwrap();
    assert_eq!(outcome.exit, Exit::Code(7));
    assert_eq!(lines, [b"33"]);
    assert_eq!(std::fs::read(folder.join("out/copy")).unwrap(), b"content");
    assert!(fixture.rootfs.path.join("bin/ls").exists());
    assert_eq!(processes_named("4713"), 0);
}

/// How long it takes from the call to the end of `/bin/true`, for people: run with `--nocapture`.
#[test]
fn the_overhead_of_a_run() {
    let fixture = Fixture::new();
    let engine = select(None).unwrap().engine;
    let mut job = fixture.job("");
    job.command = Command::Exec(vec!["/bin/true".into()]);
    let mut times: Vec<_> = (0..50)
        .map(|_| {
            engine
                .run(&fixture.rootfs, &job, &mut |_, _| {})
                .unwrap()
                .duration
        })
        .collect();
    times.sort();
    println!(
        "run of /bin/true: median {:?}, best {:?}",
        times[25], times[0]
    );
    assert!(times[0] < Duration::from_millis(100));
}
