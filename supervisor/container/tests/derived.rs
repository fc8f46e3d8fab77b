//! Derived images: what they are made of, how they get into a registry, and what others think of them.
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::path::Path;
use std::sync::Mutex;

use scar_container::{
    BlobSource, Client, Credentials, DerivedImage, ImageConfig, Layout, Limits, Origin, PackSpec,
    Platform, ProgramLayer, Reference, RegistryReference, Sent, derived_image, pack, unpack,
};
use serde_json::Value;

mod partner;

use partner::{needs, registry, run};

const PROGRAM: &str = "scar-supervisor";

fn packed(folder: &Path) -> Layout {
    let spec = PackSpec {
        programs: vec!["sh".into(), "cat".into()],
        config: ImageConfig {
            environment: vec!["COLOUR=red".into()],
            entrypoint: vec!["/bin/sh".into(), "-c".into()],
            working_directory: "/usr".into(),
            user: "nobody".into(),
            ..ImageConfig::default()
        },
        ..PackSpec::default()
    };
    pack(&spec, folder).unwrap();
    Layout::open(folder, None).unwrap()
}

async fn derived(layout: &Layout) -> DerivedImage {
    let program = ProgramLayer::new(PROGRAM, b"\x7fELF of ours").unwrap();
    let digest = layout.manifest_digest();
    let image = derived_image(layout, digest, &program, &Platform::host()).await;
    image.unwrap()
}

fn reference(name: &str) -> RegistryReference {
    match Reference::parse(name).unwrap() {
        Reference::Registry(reference) => reference,
        other => panic!("{other} is of no registry"),
    }
}

fn client(name: &str) -> Client {
    Client::new(&reference(name), Credentials::default(), true).unwrap()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[tokio::test]
async fn a_derived_image_starts_the_program_and_keeps_what_the_image_wants() {
    let folder = tempfile::tempdir().unwrap();
    let layout = packed(&folder.path().join("image"));
    let image = derived(&layout).await;
    assert_eq!(image, derived(&layout).await);
    let manifest = json(&image.image.manifest);
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), image.layers.len() + 2);
    assert_eq!(layers[0]["digest"], image.layers[0].0.as_str());
    let config = json(&image.image.blobs[0].1);
    assert_eq!(config["config"]["Entrypoint"][0], "/scar-supervisor");
    assert_eq!(config["config"]["WorkingDir"], "/");
    for list in [&config["history"], &config["rootfs"]["diff_ids"]] {
        assert_eq!(
            list.as_array().map(Vec::len),
            Some(layers.len()),
            "{config}"
        );
    }
    let text = config.to_string();
    assert!(
        !text.contains("COLOUR") && !text.contains("nobody"),
        "{text}"
    );
}

#[tokio::test]
async fn layers_are_sent_mounted_or_found_and_others_can_read_the_result() {
    needs(&["skopeo", "docker-registry"]);
    let folder = tempfile::tempdir().unwrap();
    let layout = packed(&folder.path().join("image"));
    let image = derived(&layout).await;
    let registry = registry(folder.path(), "");
    let below = reference(&format!("{}/acme/tools:1", registry.host));
    run(
        "skopeo",
        &[
            "--insecure-policy",
            "copy",
            "-q",
            "--dest-tls-verify=false",
            &format!("oci:{}:latest", folder.path().join("image").display()),
            &format!("docker://{}/acme/tools:1", registry.host),
        ],
    );
    let source = client(&format!("{}/acme/tools:1", registry.host));
    let bytes: u64 = image.layers.iter().map(|(_, bytes)| bytes).sum();
    let cases: [(&str, &dyn BlobSource, Option<&RegistryReference>, Sent); 4] = [
        ("scar/copied", &layout, None, Sent::Copied(bytes)),
        ("scar/copied", &layout, None, Sent::Present),
        ("scar/mounted", &source, Some(&below), Sent::Mounted),
        ("scar/streamed", &source, None, Sent::Copied(bytes)),
    ];
    for (repository, blobs, below, expected) in cases {
        let target = client(&format!("{}/{repository}:t", registry.host));
        let origin = Origin {
            blobs,
            repository: below,
        };
        let heard = Mutex::new(Vec::new());
        let on_layer = |sent| heard.lock().unwrap().push(sent);
        let pushed = target.push_derived(&image, &origin, "t", &on_layer).await;
        pushed.unwrap();
        let heard = heard.into_inner().unwrap();
        assert_eq!((heard[0], heard.len()), (expected, 4), "{repository}");
        let is_again = expected == Sent::Present;
        assert_eq!(heard[3] == Sent::Present, is_again, "{repository}");
    }
    let pulled = folder.path().join("pulled");
    run(
        "skopeo",
        &[
            "--insecure-policy",
            "copy",
            "-q",
            "--src-tls-verify=false",
            &format!("docker://{}/scar/mounted:t", registry.host),
            &format!("oci:{}:latest", pulled.display()),
        ],
    );
    let pulled = Layout::open(&pulled, None).unwrap();
    assert_eq!(pulled.manifest_digest(), &image.image.digest);
    let root = folder.path().join("root");
    let limits = Limits::default();
    let rootfs = unpack(&pulled, &image.image.digest, &root, &limits).await;
    assert_eq!(rootfs.unwrap().config.entrypoint, ["/scar-supervisor"]);
    let own = std::fs::read(root.join("scar-image.json")).unwrap();
    assert_eq!(json(&own)["config"]["Env"][0], "COLOUR=red");
    assert_eq!(
        std::fs::read(root.join(PROGRAM)).unwrap(),
        b"\x7fELF of ours"
    );
    assert!(root.join("scar-certificates.pem").is_file() && root.join("bin/sh").exists());
}

#[tokio::test]
async fn layers_that_lambda_does_not_take_are_told_with_a_way_out() {
    needs(&["skopeo"]);
    let folder = tempfile::tempdir().unwrap();
    packed(&folder.path().join("image"));
    let from = format!("oci:{}:latest", folder.path().join("image").display());
    let path = |name: &str| folder.path().join(name).display().to_string();
    // What `docker save` writes is not compressed.
    let copies = [
        (path("zstd"), format!("oci:{}:latest", path("zstd"))),
        (path("saved"), format!("docker-archive:{}", path("saved"))),
    ];
    for (copy, to) in copies {
        let words = [
            "--insecure-policy",
            "copy",
            "-q",
            "--dest-compress-format=zstd",
            from.as_str(),
            to.as_str(),
        ];
        run("skopeo", &words);
        let layout = Layout::open(Path::new(&copy), None).unwrap();
        let program = ProgramLayer::new(PROGRAM, b"\x7fELF").unwrap();
        let digest = layout.manifest_digest();
        let error = derived_image(&layout, digest, &program, &Platform::host()).await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("gzip only") && error.contains("skopeo"),
            "{error}"
        );
    }
}
