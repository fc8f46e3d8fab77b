//! Looking at an image, and extracting it from its source.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

use bytes::Bytes;
use futures_util::StreamExt;
use scar_schemas::digest::Digest;
use tokio::sync::mpsc;

use crate::cache::{Building, Limits, Rootfs, make_private};
use crate::decompress::{self, Content, Pieces};
use crate::error::Error;
use crate::extract::Extractor;
use crate::fetch::{self, Distance};
use crate::layer;
use crate::oci::{ConfigDocument, Document, ImageConfig, MAX_DOCUMENT_BYTES, Manifest, Platform};
use crate::source::BlobSource;

/// Indexes in indexes, beyond which nobody is honest.
const MAX_INDEX_DEPTH: u32 = 2;
/// Pieces of a layer in flight between download and extraction.
const PIECES_IN_FLIGHT: usize = 32;

/// What an image is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Digest of its manifest.
    pub digest: Digest,
    /// The platform it is for.
    pub platform: Platform,
    /// How it wants to be run.
    pub config: ImageConfig,
    /// Layers with their compressed size in bytes, lowest first.
    pub layers: Vec<(Digest, u64)>,
}

/// Reads manifest and configuration of an image.
///
/// # Errors
/// What the source met, or invalid documents.
pub async fn inspect(source: &dyn BlobSource, digest: &Digest) -> Result<Inspection, Error> {
    let (digest, manifest) = manifest(source, digest, &Platform::host()).await?;
    let config = ConfigDocument::read(&document(source, &manifest).await?)?;
    let layers = manifest
        .layers
        .iter()
        .map(|layer| (layer.digest.clone(), layer.size))
        .collect();
    Ok(Inspection {
        digest,
        platform: config.platform,
        config: config.config,
        layers,
    })
}

/// Extracts an image into a directory that does not exist yet.
///
/// # Errors
/// As [`crate::Cache::ensure`], and a directory that exists.
pub async fn unpack(
    source: &dyn BlobSource,
    digest: &Digest,
    directory: &Path,
    limits: &Limits,
) -> Result<Rootfs, Error> {
    if directory.symlink_metadata().is_ok() {
        let exists = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(Error::file("make the directory", directory, exists));
    }
    let mut name = directory.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let building = directory.with_file_name(name);
    make_private(&building)?;
    let guard = Building::guard(building.clone(), None);
    let rootfs = building.join("rootfs");
    let config = build(source, digest, &rootfs, limits, guard.clone()).await?;
    std::fs::rename(&rootfs, directory).map_err(|e| Error::file("rename", directory, e))?;
    let config = ConfigDocument::read(&config)?.config;
    Ok(Rootfs {
        path: directory.to_owned(),
        config,
        digest: digest.clone(),
    })
}

/// Extracts an image into `rootfs`, whose parent exists, and gives the bytes of its configuration.
pub(crate) async fn build(
    source: &dyn BlobSource,
    digest: &Digest,
    rootfs: &Path,
    limits: &Limits,
    building: Building,
) -> Result<Bytes, Error> {
    let platform = Platform::host();
    let (_, manifest) = manifest(source, digest, &platform).await?;
    let bytes = document(source, &manifest).await?;
    let config = ConfigDocument::read(&bytes)?;
    config.check(&manifest, &platform)?;
    let free = free_bytes(rootfs.parent().unwrap_or(rootfs));
    if manifest.layers_bytes() > free {
        return Err(Error::DiskFull {
            needed: manifest.layers_bytes(),
            free,
        });
    }
    let (senders, receivers): (Vec<_>, Vec<_>) = manifest
        .layers
        .iter()
        .map(|_| mpsc::channel(PIECES_IN_FLIGHT))
        .unzip();
    let work = Extraction {
        rootfs: rootfs.to_owned(),
        layers: manifest.clone(),
        diff_ids: config.rootfs.diff_ids,
        limits: limits.clone(),
        free,
        _building: building,
    };
    let extracted = tokio::task::spawn_blocking(move || work.run(receivers));
    let (extracted, ()) = tokio::join!(extracted, forward(source, &manifest, senders));
    extracted.map_err(|error| Error::source("the extracting thread", false, error))??;
    Ok(bytes)
}

/// The manifest for a platform, through at most two indexes, with its own digest.
pub(crate) async fn manifest(
    source: &dyn BlobSource,
    digest: &Digest,
    platform: &Platform,
) -> Result<(Digest, Manifest), Error> {
    let mut digest = digest.clone();
    for _ in 0..=MAX_INDEX_DEPTH {
        let bytes = source.manifest(&digest).await?;
        match Document::read(&verified("manifest", bytes, &digest)?, None)? {
            Document::Manifest(manifest) => return Ok((digest, manifest)),
            Document::Index(index) => digest = index.select(platform)?.digest.clone(),
        }
    }
    Err(Error::Limit {
        what: "indexes in indexes",
        limit: MAX_INDEX_DEPTH.into(),
    })
}

fn verified(what: &str, bytes: Bytes, expected: &Digest) -> Result<Bytes, Error> {
    if bytes.len() as u64 > MAX_DOCUMENT_BYTES {
        return Err(Error::Limit {
            what: "bytes of one document",
            limit: MAX_DOCUMENT_BYTES,
        });
    }
    let actual = Digest::of(&bytes);
    if actual == *expected {
        return Ok(bytes);
    }
    Err(Error::Digest {
        what: what.to_owned(),
        expected: expected.clone(),
        actual,
    })
}

/// The configuration document of a manifest.
pub(crate) async fn document(source: &dyn BlobSource, manifest: &Manifest) -> Result<Bytes, Error> {
    let mut stream = source.blob(&manifest.config.digest).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
        if bytes.len() as u64 > MAX_DOCUMENT_BYTES {
            return Err(Error::Limit {
                what: "bytes of one document",
                limit: MAX_DOCUMENT_BYTES,
            });
        }
    }
    verified("configuration", bytes.into(), &manifest.config.digest)
}

/// Hands the layers' bytes to the extracting thread, in order. While that works on one layer, the
/// next is on its way already. Ends early when nobody listens any more.
async fn forward(
    source: &dyn BlobSource,
    manifest: &Manifest,
    senders: Vec<mpsc::Sender<Result<Bytes, Error>>>,
) {
    let mut distance = Distance::Unknown;
    for (number, (layer, sender)) in manifest.layers.iter().zip(senders).enumerate() {
        if !fetch::send(number, source, layer, &mut distance, &sender).await {
            return;
        }
    }
}

/// The blocking half of [`build`].
struct Extraction {
    rootfs: PathBuf,
    layers: Manifest,
    diff_ids: Vec<Digest>,
    limits: Limits,
    free: u64,
    _building: Building,
}

impl Extraction {
    fn run(self, pieces: Vec<Pieces>) -> Result<(), Error> {
        let at_root = |error| Error::file("extract to", &self.rootfs, error);
        std::fs::create_dir(&self.rootfs).map_err(at_root)?;
        let mut extractor = Extractor::new(&self.rootfs, &self.limits).map_err(at_root)?;
        let is_abandoned = AtomicBool::new(false);
        let (sender, contents) = sync_channel(1);
        let layers = &self.layers.layers;
        let applied = std::thread::scope(|scope| {
            let is_abandoned = &is_abandoned;
            // The thread owns the sender, so that the contents end with it.
            let decompressing = move || decompress::run(layers, pieces, &sender, is_abandoned);
            std::thread::Builder::new()
                .spawn_scoped(scope, decompressing)
                .map_err(at_root)?;
            let applied = self.apply(&contents, &mut extractor);
            is_abandoned.store(applied.is_err(), Ordering::Relaxed);
            drop(contents);
            applied
        });
        applied.map_err(|error| self.explain(error, &extractor))?;
        extractor.finish().map_err(at_root)
    }

    fn apply(&self, contents: &Receiver<Content>, extractor: &mut Extractor) -> Result<(), Error> {
        let layers = self.layers.layers.iter().zip(&self.diff_ids);
        for (number, (layer, diff_id)) in layers.enumerate() {
            let ended = |error| Error::source("the decompressing thread", false, error);
            let content = contents.recv().map_err(ended)?;
            layer::apply(
                number,
                layer,
                diff_id,
                content,
                self.limits.ratio,
                extractor,
            )?;
        }
        Ok(())
    }

    /// Adds to a full disk what was free and what was needed so far.
    fn explain(&self, error: Error, extractor: &Extractor) -> Error {
        match error {
            Error::DiskFull { .. } => Error::DiskFull {
                needed: extractor.bytes().max(self.layers.layers_bytes()),
                free: self.free,
            },
            other => other,
        }
    }
}

/// Free bytes for this user; all there can be if the system does not tell.
fn free_bytes(directory: &Path) -> u64 {
    rustix::fs::statvfs(directory).map_or(u64::MAX, |disk| disk.f_bavail * disk.f_frsize)
}
