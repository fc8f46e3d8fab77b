//! Containers in containers: a job of a batch system is one already when it starts its own.
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::path::Path;

use scar_container::{
    Command, Exit, ImageConfig, Job, Layout, Limits, PackSpec, Rootfs, Stream, pack, select, unpack,
};

/// Tells [`inside`] that it is in a container, and which engines are to work there.
const INSIDE: &str = "SCAR_TEST_INSIDE";
const BUSYBOX: &str = "/bin/busybox";

/// This program with its libraries is the image, and [`inside`] is what runs there.
#[tokio::test]
async fn a_container_runs_in_a_container() {
    let folder = tempfile::tempdir().unwrap();
    let own = std::env::current_exe().unwrap();
    let spec = PackSpec {
        programs: vec![own.clone(), BUSYBOX.into()],
        ..PackSpec::default()
    };
    pack(&spec, &folder.path().join("image")).unwrap();
    let layout = Layout::open(&folder.path().join("image"), None).unwrap();
    let root = folder.path().join("root");
    let limits = Limits::default();
    let rootfs = unpack(&layout, layout.manifest_digest(), &root, &limits).await;
    let rootfs = rootfs.unwrap();
    let words = [own.to_str().unwrap(), "inside", "--exact", "--ignored"];
    // The kernel makes no user namespaces for who has a root by chroot alone, and without mounts there is
    // no /proc there, where capabilities are told.
    let engines = [
        ("namespaces", "namespaces chroot graft"),
        ("chroot", "graft"),
    ];
    for (outer, inner) in engines {
        let mut job = job(
            Command::Exec(words.map(str::to_owned).into()),
            folder.path(),
        );
        job.variables.insert(INSIDE.into(), inner.into());
        let (exit, lines) = run(outer, &rootfs, &job);
        assert_eq!(exit, Exit::Code(0), "in {outer}: {lines:#?}");
    }
}

#[test]
#[ignore = "is run by another test, in a container"]
fn inside() {
    let engines = std::env::var(INSIDE).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rootfs = busybox_root(&folder.path().join("root"));
    for engine in engines.split(' ') {
        let script = "echo $((1 + 2)) > /tmp/three && cat /tmp/three";
        let words = ["/bin/busybox", "sh", "-c", script];
        let job = job(
            Command::Exec(words.map(str::to_owned).into()),
            folder.path(),
        );
        let (exit, lines) = run(engine, &rootfs, &job);
        assert_eq!(
            (exit, lines),
            (Exit::Code(0), vec!["3".to_owned()]),
            "{engine}"
        );
    }
}

fn busybox_root(root: &Path) -> Rootfs {
    for directory in ["bin", "tmp"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    std::fs::copy(BUSYBOX, root.join("bin/busybox")).unwrap();
    std::os::unix::fs::symlink("busybox", root.join("bin/cat")).unwrap();
    Rootfs {
        path: root.to_owned(),
        config: ImageConfig::default(),
        digest: scar_schemas::digest::Digest::of(b""),
    }
}

fn job(command: Command, folder: &Path) -> Job {
    let scratch = folder.join("scratch");
    std::fs::create_dir_all(&scratch).unwrap();
    Job::new(command, scratch)
}

fn run(engine: &str, rootfs: &Rootfs, job: &Job) -> (Exit, Vec<String>) {
    let mut lines = Vec::new();
    let mut collect =
        |_: Stream, line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
    let engine = select(Some(engine)).unwrap().engine;
    let outcome = engine.run(rootfs, job, &mut collect).unwrap();
    (outcome.exit, lines)
}
