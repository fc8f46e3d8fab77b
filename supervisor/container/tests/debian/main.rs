//! Root file systems of Debian packages, in several layers, as umoci extracts them and as we do.
//!
//! The packages are those of the machine, so nothing is fetched. What is compared: kinds, modes, times,
//! contents, targets of links, which names are one file, and attributes. Not taken over here, and not
//! compared, are setuid bits and devices. Needs `dpkg`, GNU tar and `umoci`, and root for the devices.
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod layers;
mod tree;

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use scar_container::{Layout, Limits, Platform, unpack};
use scar_schemas::digest::Digest;
use serde_json::{Value, json};

const ROOTS: usize = 20;

#[tokio::test]
async fn trees_of_twenty_root_file_systems_equal_those_of_umoci() {
    let packages = layers::packages();
    for number in 0..ROOTS {
        let folder = tempfile::tempdir().unwrap();
        let start_s = folder.path().metadata().unwrap().mtime();
        let layout = folder.path().join("layout");
        write_image(&layout, &layers::make(folder.path(), &packages, number));
        let ours = folder.path().join("ours");
        let image = Layout::open(&layout, None).unwrap();
        unpack(&image, image.manifest_digest(), &ours, &Limits::default())
            .await
            .unwrap();
        let bundle = folder.path().join("bundle");
        run(Command::new("umoci")
            .args(["--log=error", "unpack", "--rootless", "--image"])
            .arg(format!("{}:it", layout.display()))
            .arg(&bundle));
        let theirs = bundle.join("rootfs");
        // umoci leaves the time of the extraction on folders that it removed something from.
        let timeless = tree::folders_since(&theirs, start_s);
        let (ours, mut theirs) = (tree::list(&ours, &timeless), tree::list(&theirs, &timeless));
        // Without root's rights umoci puts an empty file where a device should be.
        theirs.retain(|line| !line.starts_with(layers::DEVICE));
        let differing: Vec<_> = ours.difference(&theirs).collect();
        let missing: Vec<_> = theirs.difference(&ours).collect();
        assert_eq!(
            tree::digest(&ours),
            tree::digest(&theirs),
            "root {number}: only ours {differing:#?}, only umoci's {missing:#?}"
        );
    }
}

pub(crate) fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}: install it"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    output.stdout
}

/// An OCI layout of these archives; every other layer is compressed.
fn write_image(layout: &Path, archives: &[Vec<u8>]) {
    let mut descriptors = Vec::new();
    for (number, archive) in archives.iter().enumerate() {
        let kind = "application/vnd.oci.image.layer.v1.tar";
        descriptors.push(if number % 2 == 0 {
            blob(layout, &format!("{kind}+gzip"), &gzip(archive))
        } else {
            blob(layout, kind, archive)
        });
    }
    let diff_ids: Vec<_> = archives.iter().map(|bytes| Digest::of(bytes)).collect();
    let diff_ids: Vec<_> = diff_ids.iter().map(Digest::as_str).collect();
    let config = json!({"architecture": Platform::host().architecture, "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = document(layout, "config", &config);
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": descriptors});
    let mut manifest = document(layout, "manifest", &manifest);
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "it"});
    let index = json!({"schemaVersion": 2, "manifests": [manifest]}).to_string();
    std::fs::write(layout.join("index.json"), index).unwrap();
    std::fs::write(
        layout.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
}

fn document(layout: &Path, kind: &str, value: &Value) -> Value {
    let kind = format!("application/vnd.oci.image.{kind}.v1+json");
    blob(layout, &kind, value.to_string().as_bytes())
}

fn blob(layout: &Path, kind: &str, bytes: &[u8]) -> Value {
    let digest = Digest::of(bytes);
    let folder = layout.join("blobs/sha256");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(digest.hex()), bytes).unwrap();
    json!({"mediaType": kind, "digest": digest.as_str(), "size": bytes.len()})
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
