//! Packing, layouts, archives, pulling, and trees compared with what umoci makes.
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use scar_container::{
    Cache, Client, Command, Credentials, Error, Exit, Job, Layout, Limits, PackSpec, PackedFile,
    Platform, Reference, inspect, pack, program_image, select, unpack,
};

mod partner;

use partner::{needs, registry, run};

fn spec() -> PackSpec {
    PackSpec {
        programs: ["sh", "ls", "cat", "sha256sum"].map(Into::into).into(),
        ..PackSpec::default()
    }
}

/// Kind, mode, time and content of everything below a root.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut list = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let status = path.symlink_metadata().unwrap();
            let time = std::os::unix::fs::MetadataExt::mtime(&status);
            let mode = status.permissions().mode() & 0o1777;
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let what = if status.is_symlink() {
                format!(
                    "link {} {time}",
                    std::fs::read_link(&path).unwrap().display()
                )
            } else if status.is_dir() {
                todo.push(path.clone());
                format!("directory {mode:o} {time}")
            } else if status.is_file() {
                let digest = scar_schemas::digest::Digest::of(&std::fs::read(&path).unwrap());
                format!("file {mode:o} {time} {digest}")
            } else {
                continue;
            };
            list.insert(name, what);
        }
    }
    list
}

#[tokio::test]
async fn a_packed_image_runs_and_is_reproducible() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("data")).unwrap();
    std::fs::write(path("data/x"), "hello").unwrap();
    let mut spec = spec();
    spec.files.push(PackedFile {
        source: path("data"),
        target: "/srv/data".into(),
    });
    let one = pack(&spec, &path("one")).unwrap();
    let two = pack(&spec, &path("two")).unwrap();
    assert_eq!(one, two);
    let strip = |tree: BTreeMap<String, String>| -> Vec<_> {
        let last = |text: String| text.rsplit(' ').next().map(str::to_owned);
        tree.into_iter()
            .filter(|(_, what)| what.starts_with("file"))
            .map(|(name, what)| (name, last(what)))
            .collect()
    };
    assert_eq!(strip(tree(&path("one"))), strip(tree(&path("two"))));

    let layout = Layout::open(&path("one"), None).unwrap();
    assert_eq!(layout.manifest_digest(), &one.digest);
    let cache = Cache::new(path("cache"));
    let rootfs = cache
        .ensure(&layout, &one.digest, &Limits::default())
        .await
        .unwrap();
    assert_eq!(cache.get(&one.digest), Some(rootfs.clone()));
    let Ok(selected) = select(None) else { return };
    std::fs::create_dir(path("scratch")).unwrap();
    let script = "cat /srv/data/x && ls /bin/ && sha256sum /srv/data/x";
    let job = Job::new(
        Command::Exec(["sh", "-c", script].map(str::to_owned).into()),
        path("scratch"),
    );
    let mut lines = Vec::new();
    let outcome = selected
        .engine
        .run(&rootfs, &job, &mut |_, line| lines.push(line.to_vec()))
        .unwrap();
    assert_eq!(outcome.exit, Exit::Code(0));
    assert!(lines.concat().starts_with(b"hello"));
}

#[tokio::test]
async fn trees_equal_those_of_umoci() {
    needs(&["umoci"]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let report = pack(&spec(), &path("image")).unwrap();
    compare_with_umoci(folder.path(), &path("image"), "latest").await;
    let layout = Layout::open(&path("image"), Some("latest")).unwrap();
    let found = inspect(&layout, &report.digest).await.unwrap();
    assert_eq!(found.platform, Platform::host());
    // A second layer that changes and hides what the first one has.
    let bundle = path("bundle");
    let image = format!("{}:latest", path("image").display());
    let text = |path: &Path| path.display().to_string();
    run(
        "umoci",
        &["unpack", "--rootless", "--image", &image, &text(&bundle)],
    );
    let root = bundle.join("rootfs");
    std::fs::remove_file(root.join("etc/group")).unwrap();
    std::fs::remove_dir_all(root.join("var/tmp")).unwrap();
    std::fs::write(root.join("var/tmp"), "now a file").unwrap();
    std::fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\n").unwrap();
    std::os::unix::fs::symlink("/run", root.join("var/run")).unwrap();
    run(
        "umoci",
        &[
            "repack",
            "--image",
            &format!("{}:second", path("image").display()),
            &text(&bundle),
        ],
    );
    compare_with_umoci(folder.path(), &path("image"), "second").await;
}

async fn compare_with_umoci(folder: &Path, image: &Path, name: &str) {
    let bundle = folder.join(format!("bundle-{name}"));
    let reference = format!("{}:{name}", image.display());
    run(
        "umoci",
        &[
            "unpack",
            "--rootless",
            "--image",
            &reference,
            &bundle.display().to_string(),
        ],
    );
    let layout = Layout::open(image, Some(name)).unwrap();
    let ours = folder.join(format!("ours-{name}"));
    unpack(&layout, layout.manifest_digest(), &ours, &Limits::default())
        .await
        .unwrap();
    assert_eq!(tree(&ours), tree(&bundle.join("rootfs")));
}

#[tokio::test]
async fn archives_hold_the_same_image() {
    needs(&["skopeo"]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let report = pack(&spec(), Path::new(&path("image"))).unwrap();
    let layout = Layout::open(Path::new(&path("image")), None).unwrap();
    let unpacked = folder.path().join("tree");
    unpack(&layout, &report.digest, &unpacked, &Limits::default())
        .await
        .unwrap();
    let source = format!("oci:{}:latest", path("image"));
    for (kind, file, name) in [
        ("oci-archive", "oci.tar", ""),
        ("docker-archive", "docker.tar", ":a/b:1"),
    ] {
        let target = format!("{kind}:{}{name}", path(file));
        run(
            "skopeo",
            &["--insecure-policy", "copy", "-q", &source, &target],
        );
        let layout = Layout::open(Path::new(&path(file)), None).unwrap();
        let ours = folder.path().join(kind);
        unpack(&layout, layout.manifest_digest(), &ours, &Limits::default())
            .await
            .unwrap();
        assert_eq!(tree(&ours), tree(&unpacked), "{kind}");
    }
}

#[tokio::test]
async fn images_come_from_a_registry() {
    needs(&["skopeo", "docker-registry"]);
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let report = pack(&spec(), &image).unwrap();
    let registry = registry(folder.path(), "");
    let name = format!("{}/acme/tools:1", registry.host);
    let source = format!("oci:{}:latest", image.display());
    run(
        "skopeo",
        &[
            "--insecure-policy",
            "copy",
            "-q",
            "--dest-tls-verify=false",
            &source,
            &format!("docker://{name}"),
        ],
    );
    let client = |name: &str, plain| match Reference::parse(name).unwrap() {
        Reference::Registry(reference) => Client::new(&reference, Credentials::default(), plain),
        _ => unreachable!("a registry reference"),
    };
    let found = client(&name, true)
        .unwrap()
        .resolve(&Platform::host())
        .await
        .unwrap();
    assert_eq!(found, report.digest);
    let pinned = client(&format!("{}/acme/tools@{found}", registry.host), true).unwrap();
    let cache = Cache::new(folder.path().join("cache"));
    let limits = Limits::default();
    // Many at once: one flight, one tree.
    let pulls = (0..8).map(|_| cache.ensure(&pinned, &found, &limits));
    for pull in futures_util::future::join_all(pulls).await {
        assert_eq!(pull.unwrap().digest, found);
    }
    let missing = client(&format!("{}/acme/none:1", registry.host), true).unwrap();
    let error = missing.resolve(&Platform::host()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(client("ghcr.io/a/b", true).is_err());
}

#[tokio::test]
async fn the_image_of_a_program_is_pushed_once_and_found_by_others() {
    needs(&["skopeo", "docker-registry", "busybox"]);
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path(), "");
    let program = std::fs::read("/bin/busybox").unwrap();
    let image = program_image("busybox", &program, &Platform::host()).unwrap();
    let name = format!("{}/scar/tool@{}", registry.host, image.digest);
    let Reference::Registry(reference) = Reference::parse(&name).unwrap() else {
        unreachable!("a registry reference");
    };
    let client = Client::new(&reference, Credentials::default(), true).unwrap();
    assert!(client.push(&image, None).await.unwrap());
    assert!(!client.push(&image, None).await.unwrap());
    run(
        "skopeo",
        &[
            "inspect",
            "--raw",
            "--tls-verify=false",
            &format!("docker://{name}"),
        ],
    );
    let cache = Cache::new(folder.path().join("cache"));
    let rootfs = cache
        .ensure(&client, &image.digest, &Limits::default())
        .await
        .unwrap();
    let unpacked = std::fs::read(rootfs.path.join("busybox")).unwrap();
    assert_eq!(unpacked, program);
    let certificates = rootfs.path.join("etc/ssl/certs/ca-certificates.crt");
    assert!(
        std::fs::read_to_string(certificates)
            .unwrap()
            .starts_with("-----BEGIN")
    );
}
