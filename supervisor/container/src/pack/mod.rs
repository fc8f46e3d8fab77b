//! Minimal images out of programs of this machine.

mod archive;
mod collect;
mod derived;
mod elf;
mod program;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use scar_schemas::digest::{Digest, hex};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::oci::{
    CONFIG, ConfigDocument, Descriptor, INDEX, ImageConfig, Index, LAYER_GZIP, MANIFEST, Manifest,
    Platform, RootfsDocument,
};
use collect::{Node, Tree};

pub(crate) use derived::IMAGE_CONFIG;
pub use derived::{DerivedImage, ProgramLayer, derived_image};
pub use program::{BuiltImage, program_image};

const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUPS: &str = "root:x:0:\nnogroup:x:65534:\n";
const NAME_SERVICE: &str = "hosts: files dns\n";
const DIRECTORIES: [&str; 6] = ["dev", "proc", "root", "run", "tmp", "var/tmp"];
/// Links of a merged /usr, which programs and scripts rely on.
const MERGED: [(&str, &str); 4] = [
    ("bin", "usr/bin"),
    ("sbin", "usr/sbin"),
    ("lib", "usr/lib"),
    ("lib64", "usr/lib64"),
];

/// What goes into a packed image.
#[derive(Debug, Clone, Default)]
pub struct PackSpec {
    /// Programs by path, or by name in the usual directories.
    pub programs: Vec<PathBuf>,
    /// Further files and directories.
    pub files: Vec<PackedFile>,
    /// How the image wants to be run. Without entrypoint and command the first program is the command.
    pub config: ImageConfig,
    /// Name of the image in the layout; `latest` if there is none.
    pub name: Option<String>,
}

/// A file or directory that is packed with everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedFile {
    /// Path on this machine.
    pub source: PathBuf,
    /// Absolute path in the image.
    pub target: String,
}

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackReport {
    /// Digest of the image's manifest.
    pub digest: Digest,
    /// Paths in the image, sorted.
    pub paths: Vec<String>,
    /// Bytes of the files.
    pub unpacked_bytes: u64,
    /// Bytes of the compressed layer.
    pub layer_bytes: u64,
}

/// Writes an OCI layout with one image of the programs, the shared libraries and interpreters they
/// need, and the files. The same input gives the same bytes. A layout that is there is replaced.
///
/// # Errors
/// [`Error::Pack`] names the program or library that is missing or unsuitable.
pub fn pack(spec: &PackSpec, output: &Path) -> Result<PackReport, Error> {
    let mut config = spec.config.clone();
    let tree = collect(spec, &mut config)?;
    check_output(output)?;
    let building = output.with_file_name(building_name(output));
    crate::remove_tree(&building).map_err(|error| Error::file("remove", &building, error))?;
    let report = write_layout(&tree, &config, spec.name.as_deref(), &building);
    let report = report.and_then(|report| {
        crate::remove_tree(output).map_err(|error| Error::file("remove", output, error))?;
        fs::rename(&building, output).map_err(|error| Error::file("rename", output, error))?;
        Ok(report)
    });
    if report.is_err() {
        let _ = crate::remove_tree(&building);
    }
    report
}

fn collect(spec: &PackSpec, config: &mut ImageConfig) -> Result<Tree, Error> {
    let mut tree = Tree::new();
    for (path, target) in MERGED {
        if fs::symlink_metadata(Path::new("/").join(path)).is_ok_and(|status| status.is_symlink()) {
            tree.insert(Path::new(path), Node::Symlink(target.into()));
            tree.insert(Path::new(target), Node::Directory);
        }
    }
    for path in DIRECTORIES {
        tree.insert(Path::new(path), Node::Directory);
    }
    for (path, text) in [
        ("etc/passwd", USERS),
        ("etc/group", GROUPS),
        ("etc/nsswitch.conf", NAME_SERVICE),
    ] {
        tree.insert(Path::new(path), Node::Content(text.into()));
    }
    for (number, program) in spec.programs.iter().enumerate() {
        let path = tree.program(program)?;
        if number == 0 && config.entrypoint.is_empty() && config.command.is_empty() {
            config.command.push(path.display().to_string());
        }
    }
    for file in &spec.files {
        let target = crate::rooted::clean(Path::new(&file.target));
        let target = target.ok_or_else(|| Error::Pack {
            name: file.target.clone(),
            reason: "it is nested too deeply".into(),
        })?;
        tree.copy(&file.source, &target)?;
    }
    Ok(tree)
}

/// Only a layout, or nothing, may be where the layout goes.
fn check_output(output: &Path) -> Result<(), Error> {
    if output.symlink_metadata().is_err() || output.join("oci-layout").is_file() {
        return Ok(());
    }
    let reason = "there is something else than an OCI layout at that path".to_owned();
    Err(Error::Pack {
        name: output.display().to_string(),
        reason,
    })
}

fn building_name(output: &Path) -> std::ffi::OsString {
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(".building");
    name
}

fn write_layout(
    tree: &Tree,
    config: &ImageConfig,
    name: Option<&str>,
    directory: &Path,
) -> Result<PackReport, Error> {
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(|error| Error::file("make the directory", &blobs, error))?;
    let (diff_id, layer, unpacked_bytes) =
        write_layer(tree, &blobs).map_err(|error| Error::file("write", &blobs, error))?;
    let layer_bytes = layer.size;
    let config = ConfigDocument {
        platform: Platform::host(),
        config: config.clone(),
        rootfs: RootfsDocument {
            kind: "layers".into(),
            diff_ids: vec![diff_id],
        },
    };
    let config = write_document(&blobs, CONFIG, &config)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST.into(),
        config,
        layers: vec![layer],
    };
    let mut manifest = write_document(&blobs, MANIFEST, &manifest)?;
    let digest = manifest.digest.clone();
    manifest.platform = Some(Platform::host());
    let name = name.unwrap_or("latest").to_owned();
    manifest
        .annotations
        .insert("org.opencontainers.image.ref.name".into(), name);
    let index = Index {
        schema_version: 2,
        media_type: INDEX.into(),
        manifests: vec![manifest],
    };
    write_file(&directory.join("index.json"), &json(&index)?)?;
    write_file(
        &directory.join("oci-layout"),
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    )?;
    let paths = tree
        .nodes
        .keys()
        .map(|path| format!("/{}", path.display()))
        .collect();
    Ok(PackReport {
        digest,
        paths,
        unpacked_bytes,
        layer_bytes,
    })
}

fn write_layer(tree: &Tree, blobs: &Path) -> io::Result<(Digest, Descriptor, u64)> {
    let building = blobs.join("layer");
    let file = Hashed::new(io::BufWriter::new(fs::File::create(&building)?));
    // No name, no time, no system: the same content is the same bytes.
    let gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(file, Compression::new(6));
    let mut plain = Hashed::new(gzip);
    let unpacked_bytes = archive::write(tree, &mut plain)?;
    let (diff_id, _) = plain.digest();
    let mut file = plain.inner.finish()?;
    file.flush()?;
    let (digest, size) = file.digest();
    fs::rename(&building, blobs.join(digest.hex()))?;
    let descriptor = descriptor(LAYER_GZIP, digest, size);
    Ok((diff_id, descriptor, unpacked_bytes))
}

fn descriptor(kind: &str, digest: Digest, size: u64) -> Descriptor {
    let media_type = kind.to_owned();
    Descriptor {
        media_type,
        digest,
        size,
        platform: None,
        annotations: BTreeMap::new(),
    }
}

fn write_document(blobs: &Path, kind: &str, value: &impl Serialize) -> Result<Descriptor, Error> {
    let bytes = json(value)?;
    let digest = Digest::of(&bytes);
    write_file(&blobs.join(digest.hex()), &bytes)?;
    Ok(descriptor(kind, digest, bytes.len() as u64))
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::document("layout", error))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    fs::write(path, bytes).map_err(|error| Error::file("write", path, error))
}

/// Hashes and counts what passes.
struct Hashed<W> {
    inner: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W> Hashed<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            bytes: 0,
        }
    }

    fn digest(&self) -> (Digest, u64) {
        let text = format!("sha256:{}", hex(&self.hasher.clone().finalize()));
        (text.parse().unwrap_or_else(|_| Digest::of(&[])), self.bytes)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
