//! Images of crafted layers, beside a canary.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use scar_container::{Error, Layout, Limits, unpack};
use scar_schemas::digest::Digest;
use serde_json::json;

/// Modes and contents by path.
pub(crate) type Snapshot = BTreeMap<PathBuf, (u32, Vec<u8>)>;

/// A folder with an image in it.
pub(crate) struct Image {
    pub(crate) directory: tempfile::TempDir,
}

impl Image {
    pub(crate) fn new(layers: &[Vec<u8>]) -> Self {
        let plain = "application/vnd.oci.image.layer.v1.tar";
        let layers: Vec<_> = layers
            .iter()
            .map(|bytes| (plain, bytes.clone(), Digest::of(bytes)))
            .collect();
        Self::of(&layers)
    }

    /// Layers as media type, bytes, and the diff_id that the configuration claims.
    pub(crate) fn of(layers: &[(&str, Vec<u8>, Digest)]) -> Self {
        let image = Self::empty();
        image.write(layers);
        image
    }

    /// A folder whose image is not written yet, for layers that name its canary.
    pub(crate) fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn write(&self, layers: &[(&str, Vec<u8>, Digest)]) {
        let descriptors: Vec<_> = layers
            .iter()
            .map(|(kind, bytes, _)| self.blob(kind, bytes))
            .collect();
        let diff_ids: Vec<_> = layers
            .iter()
            .map(|(_, _, diff_id)| diff_id.as_str())
            .collect();
        let config = json!({"architecture": scar_container::Platform::host().architecture, "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": diff_ids}});
        let config = self.blob(
            "application/vnd.oci.image.config.v1+json",
            config.to_string().as_bytes(),
        );
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": descriptors});
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = self.blob(kind, manifest.to_string().as_bytes());
        let index = json!({"schemaVersion": 2, "manifests": [manifest]});
        std::fs::write(self.layout().join("index.json"), index.to_string()).unwrap();
    }

    pub(crate) fn layout(&self) -> PathBuf {
        self.directory.path().join("layout")
    }

    pub(crate) fn blob(&self, kind: &str, bytes: &[u8]) -> serde_json::Value {
        let digest = Digest::of(bytes);
        let folder = self.layout().join("blobs/sha256");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(digest.hex()), bytes).unwrap();
        json!({"mediaType": kind, "digest": digest.as_str(), "size": bytes.len()})
    }

    /// Extracts into `root` beside a canary that nothing may touch.
    pub(crate) async fn unpack(&self, limits: &Limits) -> Result<PathBuf, Error> {
        let before = self.place_canary();
        let layout = Layout::open(&self.layout(), None)?;
        let root = self.root();
        let result = unpack(&layout, layout.manifest_digest(), &root, limits).await;
        self.check(&before);
        assert_eq!(result.is_ok(), root.exists());
        result.map(|rootfs| rootfs.path)
    }

    /// Makes the canary and tells what it looks like.
    pub(crate) fn place_canary(&self) -> Snapshot {
        let canary = self.canary();
        std::fs::create_dir_all(canary.join("folder")).unwrap();
        std::fs::write(canary.join("file"), "untouched").unwrap();
        std::fs::set_permissions(canary.join("folder"), PermissionsExt::from_mode(0o750)).unwrap();
        snapshot(&canary)
    }

    /// Nothing has changed outside the root, and if the image was refused nothing is left of it.
    pub(crate) fn check(&self, before: &Snapshot) {
        assert_eq!(snapshot(&self.canary()), *before, "the canary was touched");
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
        names.sort();
        let expected: &[&str] = if self.root().exists() {
            &["canary", "layout", "root"]
        } else {
            &["canary", "layout"]
        };
        assert_eq!(names, expected, "something was left");
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    pub(crate) fn canary(&self) -> PathBuf {
        self.directory.path().join("canary")
    }
}

pub(crate) fn snapshot(folder: &Path) -> Snapshot {
    let mut list = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = path.symlink_metadata().unwrap().permissions().mode();
        let content = std::fs::read(&path).unwrap_or_default();
        if path.is_dir() {
            list.extend(snapshot(&path));
        }
        list.insert(path, (mode, content));
    }
    list
}

/// Only files, folders and links are there, and none gives rights away.
pub(crate) fn check_modes(root: &Path, name: &str) {
    for (path, (mode, _)) in snapshot_no_follow(root) {
        let kind = mode & 0o170_000;
        assert!(
            [0o100_000, 0o040_000, 0o120_000].contains(&kind),
            "{name}: {}",
            path.display()
        );
        assert_eq!(mode & 0o6000, 0, "{name}: {}", path.display());
    }
}

fn snapshot_no_follow(folder: &Path) -> Vec<(PathBuf, (u32, ()))> {
    let mut list = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let status = path.symlink_metadata().unwrap();
        if status.is_dir() {
            list.extend(snapshot_no_follow(&path));
        }
        list.push((path, (status.permissions().mode(), ())));
    }
    list
}
