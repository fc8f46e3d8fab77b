//! An image in memory, whose documents and layers may be anything.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use futures_util::stream::{self, StreamExt};
use scar_container::{BlobSource, BlobStream, Error};
use scar_schemas::digest::Digest;
use serde_json::json;

/// Blobs by their digests.
#[derive(Debug, Default)]
pub struct Blobs(BTreeMap<Digest, Bytes>);

impl Blobs {
    /// Adds a blob.
    pub fn add(&mut self, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.0.insert(digest.clone(), bytes);
        digest
    }

    /// Adds the manifest of these layers, and a configuration if none is given.
    pub fn add_manifest(&mut self, layers: &[Digest], config: Option<&str>) -> Digest {
        let plain = json!({
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": { "type": "layers", "diff_ids": layers },
        });
        let config = config.map_or_else(|| plain.to_string(), str::to_owned);
        let size = config.len();
        let config = self.add(config);
        let layer = |digest: &Digest| {
            json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": digest, "size": self.0.get(digest).map_or(0, Bytes::len),
            })
        };
        let layers: Vec<_> = layers.iter().map(layer).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config, "size": size,
            },
            "layers": layers,
        });
        self.add(manifest.to_string())
    }

    fn find(&self, digest: &Digest) -> Result<Bytes, Error> {
        let found = self.0.get(digest).cloned();
        found.ok_or_else(|| Error::NotFound {
            what: digest.to_string(),
        })
    }
}

impl BlobSource for Blobs {
    fn manifest<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Bytes, Error>> {
        Box::pin(ready(self.find(digest)))
    }

    fn blob<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<BlobStream, Error>> {
        let found = self.find(digest);
        let stream = found.map(|bytes| stream::iter([Ok(bytes)]).boxed());
        Box::pin(ready(stream))
    }
}
