//! Images on disk: OCI layouts, OCI archives, and the files of `docker save`.

mod store;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use scar_schemas::digest::Digest;
use serde::Deserialize;

use crate::error::Error;
use crate::hash::Hasher;
use crate::oci::{
    CONFIG, ConfigDocument, Descriptor, Document, Index, LAYER_GZIP, LAYER_TAR, MANIFEST,
    MAX_DOCUMENT_BYTES, Manifest, Platform,
};
use crate::source::{BlobSource, BlobStream};
use store::{Blob, Store};

/// Indexes in indexes, beyond which nobody is honest.
const MAX_INDEX_DEPTH: u32 = 2;
const REF_NAME: &str = "org.opencontainers.image.ref.name";
const PIECE_BYTES: usize = 256 << 10;

/// One image on disk, whatever form it has there.
#[derive(Debug, Clone)]
pub struct Layout {
    digest: Digest,
    blobs: BTreeMap<Digest, Blob>,
}

/// `manifest.json` of `docker save`.
#[derive(Deserialize)]
struct Saved {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    names: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

impl Layout {
    /// Opens a folder (OCI layout) or file (OCI archive, or what `docker save` writes) and finds in it
    /// the image for this machine, by its name if there are several.
    ///
    /// # Errors
    /// A missing or invalid file, no image of that name or platform.
    pub fn open(path: &Path, name: Option<&str>) -> Result<Self, Error> {
        let store = Store::open(path)?;
        if store.contains("index.json") {
            return from_index(&store, name);
        }
        if store.contains("manifest.json") {
            return from_saved(&store, name);
        }
        let reason = "there is neither index.json (OCI) nor manifest.json (docker save) in it";
        Err(Error::document(path.display().to_string(), reason))
    }

    /// Digest of the image's manifest.
    #[must_use]
    pub fn manifest_digest(&self) -> &Digest {
        &self.digest
    }

    /// Every blob of the image with its size in bytes: manifest, configuration, layers.
    #[must_use]
    pub fn blobs(&self) -> Vec<(Digest, u64)> {
        self.blobs
            .iter()
            .map(|(digest, blob)| (digest.clone(), blob.len()))
            .collect()
    }

    /// The bytes of one blob.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not one of [`Layout::blobs`].
    pub fn open_blob(&self, digest: &Digest) -> Result<Box<dyn Read + Send>, Error> {
        let blob = self.blobs.get(digest);
        blob.ok_or_else(|| Error::NotFound {
            what: format!("blob {digest}"),
        })?
        .open()
    }
}

fn from_index(store: &Store, name: Option<&str>) -> Result<Layout, Error> {
    let index = match Document::read(&store.read("index.json")?, None)? {
        Document::Index(index) => index,
        Document::Manifest(_) => return Err(Error::document("index.json", "it is not an index")),
    };
    let mut digest = named(&index, name)?.digest.clone();
    for _ in 0..=MAX_INDEX_DEPTH {
        let bytes = store.read(&blob_path(&digest))?;
        let actual = Digest::of(&bytes);
        if actual != digest {
            let what = "manifest".to_owned();
            return Err(Error::Digest {
                what,
                expected: digest,
                actual,
            });
        }
        match Document::read(&bytes, None)? {
            Document::Manifest(manifest) => return with_blobs(store, digest, &bytes, &manifest),
            Document::Index(index) => {
                digest = index.select(&Platform::host())?.digest.clone();
            }
        }
    }
    Err(Error::Limit {
        what: "indexes in indexes",
        limit: MAX_INDEX_DEPTH.into(),
    })
}

/// The entry with that name; without a name the only one, or the one for this machine.
fn named<'a>(index: &'a Index, name: Option<&str>) -> Result<&'a Descriptor, Error> {
    let Some(name) = name else {
        return match index.manifests.as_slice() {
            [] => Err(Error::document("index.json", "there is no image in it")),
            [only] => Ok(only),
            several => index.select(&Platform::host()).map_err(|_| {
                let names = several
                    .iter()
                    .filter_map(|entry| entry.annotations.get(REF_NAME));
                let names: Vec<_> = names.map(String::as_str).collect();
                let reason = format!(
                    "there are several images, name one of: {}",
                    names.join(", ")
                );
                Error::document("index.json", reason)
            }),
        };
    };
    let is_named = |entry: &&Descriptor| {
        entry
            .annotations
            .get(REF_NAME)
            .is_some_and(|found| found == name)
    };
    let found = index.manifests.iter().find(is_named);
    found.ok_or_else(|| Error::NotFound {
        what: format!("image {name:?} in the layout"),
    })
}

fn with_blobs(
    store: &Store,
    digest: Digest,
    bytes: &[u8],
    manifest: &Manifest,
) -> Result<Layout, Error> {
    let mut blobs = BTreeMap::from([(digest.clone(), Blob::memory(bytes))]);
    for descriptor in manifest.layers.iter().chain([&manifest.config]) {
        let blob = store.blob(&blob_path(&descriptor.digest))?;
        if blob.len() != descriptor.size {
            let reason = format!(
                "{} has not the size that the manifest says",
                descriptor.digest
            );
            return Err(Error::document("layout", reason));
        }
        blobs.insert(descriptor.digest.clone(), blob);
    }
    Ok(Layout { digest, blobs })
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// Builds in memory the manifest that `docker save` does not write.
fn from_saved(store: &Store, name: Option<&str>) -> Result<Layout, Error> {
    let saved: Vec<Saved> = serde_json::from_slice(&store.read("manifest.json")?)
        .map_err(|error| Error::document("manifest.json", error))?;
    let is_named = |image: &&Saved| {
        let names = image.names.as_deref().unwrap_or_default();
        name.is_none_or(|name| names.iter().any(|found| found == name))
    };
    let image = saved.iter().find(is_named).ok_or_else(|| Error::NotFound {
        what: format!("image {:?} in the archive", name.unwrap_or("")),
    })?;
    let config = store.read(&image.config)?;
    let mut blobs = BTreeMap::from([(Digest::of(&config), Blob::memory(&config))]);
    let mut layers = Vec::new();
    for path in &image.layers {
        let blob = store.blob(path)?;
        let (digest, is_gzip) = identify(path, &blob)?;
        let kind = if is_gzip { LAYER_GZIP } else { LAYER_TAR };
        layers.push(descriptor(kind, &digest, blob.len()));
        blobs.insert(digest, blob);
    }
    let config = descriptor(CONFIG, &Digest::of(&config), config.len() as u64);
    finish_saved(
        Manifest {
            schema_version: 2,
            media_type: MANIFEST.into(),
            config,
            layers,
        },
        blobs,
    )
}

fn finish_saved(manifest: Manifest, mut blobs: BTreeMap<Digest, Blob>) -> Result<Layout, Error> {
    let config = match blobs.get(&manifest.config.digest) {
        Some(Blob::Memory(bytes)) => ConfigDocument::read(bytes)?,
        _ => return Err(Error::document("configuration", "it is missing")),
    };
    config.check(&manifest, &Platform::host())?;
    let bytes =
        serde_json::to_vec(&manifest).map_err(|error| Error::document("manifest", error))?;
    let digest = Digest::of(&bytes);
    blobs.insert(digest.clone(), Blob::memory(&bytes));
    Ok(Layout { digest, blobs })
}

fn descriptor(kind: &str, digest: &Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: kind.to_owned(),
        digest: digest.clone(),
        size,
        platform: None,
        annotations: BTreeMap::new(),
    }
}

/// Digest of a layer, and whether it is compressed.
fn identify(path: &str, blob: &Blob) -> Result<(Digest, bool), Error> {
    let failed = |error| Error::file("read", Path::new(path), error);
    let mut reader = blob.open()?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; PIECE_BYTES];
    let mut is_gzip = None;
    loop {
        let count = reader.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            break;
        }
        is_gzip.get_or_insert_with(|| buffer[..count].starts_with(&[0x1f, 0x8b]));
        hasher.update(&buffer[..count]);
    }
    Ok((hasher.digest(), is_gzip.unwrap_or(false)))
}

impl BlobSource for Layout {
    fn manifest<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Bytes, Error>> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            let mut reader = self.open_blob(digest)?.take(MAX_DOCUMENT_BYTES + 1);
            let read = reader.read_to_end(&mut bytes);
            read.map_err(|error| Error::source(format!("manifest {digest}"), false, error))?;
            Ok(bytes.into())
        })
    }

    fn blob<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<BlobStream, Error>> {
        Box::pin(async move {
            let reader = self.open_blob(digest)?;
            let what = format!("blob {digest}");
            let stream = futures_util::stream::try_unfold(reader, move |reader| {
                let what = what.clone();
                async move {
                    let task = tokio::task::spawn_blocking(move || piece(reader));
                    let read = task
                        .await
                        .unwrap_or_else(|error| Err(io::Error::other(error)));
                    read.map_err(|error| Error::source(what, false, error))
                }
            });
            Ok(Box::pin(stream) as BlobStream)
        })
    }
}

type Reader = Box<dyn Read + Send>;

fn piece(mut reader: Reader) -> io::Result<Option<(Bytes, Reader)>> {
    let mut buffer = vec![0; PIECE_BYTES];
    let count = reader.read(&mut buffer)?;
    buffer.truncate(count);
    Ok((count > 0).then(|| (Bytes::from(buffer), reader)))
}
