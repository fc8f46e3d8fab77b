//! Extracted images on disk, one per digest, shared by threads and processes.
//!
//! `images/<hex>/` holds `rootfs/` and `config.json` and appears by one rename. It is built as
//! `building/<hex>` under the lock `locks/<hex>`, so whatever a builder that died left there is known
//! to be dead to the next holder of the lock.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use scar_schemas::digest::Digest;

use crate::error::Error;
use crate::oci::{ConfigDocument, ImageConfig};
use crate::rooted::remove_tree;
use crate::source::BlobSource;
use crate::unpack;

const ROOTFS: &str = "rootfs";
const CONFIG: &str = "config.json";

/// A directory of extracted images.
#[derive(Debug, Clone)]
pub struct Cache {
    directory: PathBuf,
}

/// An extracted image. Nobody changes it: runs write elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rootfs {
    /// The root directory.
    pub path: PathBuf,
    /// How the image wants to be run.
    pub config: ImageConfig,
    /// Digest of its manifest.
    pub digest: Digest,
}

/// What an image may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files together.
    pub unpacked_bytes: u64,
    /// Entries of all layers together.
    pub entries: u64,
    /// Unpacked bytes for each compressed byte of a layer, beyond the first 64 MiB.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked_bytes: 32 << 30,
            entries: 2_000_000,
            ratio: 200,
        }
    }
}

impl Cache {
    /// A cache in this directory, which is made when it is needed.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The extracted image with this manifest digest, if it is there already.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Rootfs> {
        let image = self.directory.join("images").join(digest.hex());
        let config = fs::read(image.join(CONFIG)).ok()?;
        let config = ConfigDocument::read(&config).ok()?.config;
        Some(Rootfs {
            path: image.join(ROOTFS),
            config,
            digest: digest.clone(),
        })
    }

    /// The extracted image with this manifest digest; pulls it from `source` if it is not there.
    ///
    /// # Errors
    /// What the source met, damaged or hostile content, an exceeded limit, or a full disk. Nothing
    /// of the image is left then.
    pub async fn ensure(
        &self,
        source: &dyn BlobSource,
        digest: &Digest,
        limits: &Limits,
    ) -> Result<Rootfs, Error> {
        if let Some(rootfs) = self.get(digest) {
            return Ok(rootfs);
        }
        let lock = self.lock(digest).await?;
        // Whoever held the lock before may have built it.
        if let Some(rootfs) = self.get(digest) {
            return Ok(rootfs);
        }
        let building = Building::new(&self.directory, digest, lock)?;
        let rootfs = building.path.join(ROOTFS);
        let config = unpack::build(source, digest, &rootfs, limits, building.clone()).await?;
        building.publish(&config, &self.directory.join("images").join(digest.hex()))?;
        self.get(digest).ok_or_else(|| Error::NotFound {
            what: digest.to_string(),
        })
    }

    async fn lock(&self, digest: &Digest) -> Result<File, Error> {
        for folder in ["images", "building", "locks"] {
            make_private(&self.directory.join(folder))?;
        }
        let path = self.directory.join("locks").join(digest.hex());
        let wait = move || {
            let file = OpenOptions::new().create(true).append(true).open(&path)?;
            rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        };
        let path = self.directory.join("locks");
        let locked = tokio::task::spawn_blocking(wait)
            .await
            .map_err(io::Error::other);
        locked
            .and_then(|result: io::Result<File>| result)
            .map_err(|e| Error::file("lock", &path, e))
    }
}

/// A tree under construction. The last holder removes it, so that a cancelled build removes nothing
/// from under the thread that still writes.
#[derive(Clone)]
pub(crate) struct Building {
    path: PathBuf,
    _guard: std::sync::Arc<Guard>,
}

struct Guard {
    path: PathBuf,
    _lock: Option<File>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // After publishing there is nothing left here; otherwise the next holder tries again.
        let _ = remove_tree(&self.path);
    }
}

impl Building {
    fn new(cache: &Path, digest: &Digest, lock: File) -> Result<Self, Error> {
        let path = cache.join("building").join(digest.hex());
        remove_tree(&path).map_err(|error| Error::file("remove", &path, error))?;
        make_private(&path)?;
        Ok(Self::guard(path, Some(lock)))
    }

    /// A directory that is removed unless it is renamed.
    pub(crate) fn guard(path: PathBuf, lock: Option<File>) -> Self {
        let guard = Guard {
            path: path.clone(),
            _lock: lock,
        };
        Self {
            path,
            _guard: std::sync::Arc::new(guard),
        }
    }

    fn publish(&self, config: &[u8], target: &Path) -> Result<(), Error> {
        let file = self.path.join(CONFIG);
        fs::write(&file, config).map_err(|error| Error::file("write", &file, error))?;
        // What is in the way has no readable configuration, or it would have been used.
        remove_tree(target).map_err(|error| Error::file("remove", target, error))?;
        fs::rename(&self.path, target).map_err(|error| Error::file("rename", target, error))
    }
}

pub(crate) fn make_private(path: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| Error::file("make the directory", path, error))
}
