//! The OCI image documents that are read and written here, and their checks.
//!
//! Source: OCI image specification 1.1 (index, manifest, configuration) and the Docker v2 schema 2
//! media types, which have the same shape.

use std::collections::BTreeMap;

use scar_schemas::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::error::Error;

pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(crate) const LAYER_TAR: &str = "application/vnd.oci.image.layer.v1.tar";
const LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
pub(crate) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// Media types a manifest or index is asked for with.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// No manifest, index or configuration is larger.
pub(crate) const MAX_DOCUMENT_BYTES: u64 = 4 << 20;
/// No image has more layers.
const MAX_LAYERS: usize = 256;

/// Operating system and processor that an image is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Processor as OCI names it: `amd64`, `arm64`.
    pub architecture: String,
    /// Operating system: `linux`.
    pub os: String,
    /// Variant of the processor, for instance `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// The platform of this program.
    #[must_use]
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self {
            architecture: architecture.to_owned(),
            os: "linux".to_owned(),
            variant: None,
        }
    }

    fn runs(&self, offered: &Self) -> bool {
        self.os == offered.os && self.architecture == offered.architecture
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(out, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// How an image wants to be run, from its configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// Variables, each `NAME=value`.
    #[serde(rename = "Env", default, deserialize_with = "null_is_empty")]
    pub environment: Vec<String>,
    /// Program and first arguments.
    #[serde(rename = "Entrypoint", default, deserialize_with = "null_is_empty")]
    pub entrypoint: Vec<String>,
    /// Further arguments, or the program if there is no entrypoint.
    #[serde(rename = "Cmd", default, deserialize_with = "null_is_empty")]
    pub command: Vec<String>,
    /// Directory to start in; empty means `/`.
    #[serde(rename = "WorkingDir", default, deserialize_with = "null_is_empty")]
    pub working_directory: String,
    /// `user`, `uid`, `user:group` or `uid:gid`; empty means root.
    #[serde(rename = "User", default, deserialize_with = "null_is_empty")]
    pub user: String,
    /// Free labels.
    #[serde(rename = "Labels", default, deserialize_with = "null_is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Go writes an empty list or map as `null`.
fn null_is_empty<'de, D, T>(reader: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(reader)?.unwrap_or_default())
}

/// The configuration document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ConfigDocument {
    #[serde(flatten)]
    pub(crate) platform: Platform,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(crate) config: ImageConfig,
    pub(crate) rootfs: RootfsDocument,
}

/// The uncompressed layers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RootfsDocument {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) diff_ids: Vec<Digest>,
}

/// What one document says of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The manifest of one image for one platform.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) media_type: String,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// A list of manifests, one per platform or name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) schema_version: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) media_type: String,
    pub(crate) manifests: Vec<Descriptor>,
}

/// Either document.
#[derive(Debug, Clone)]
pub(crate) enum Document {
    Manifest(Manifest),
    Index(Index),
}

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Document {
    /// Reads a manifest or index.
    ///
    /// A document that could be read as both is refused (CVE-2021-41190), and so is one whose own
    /// media type differs from `content_type`.
    pub(crate) fn read(bytes: &[u8], content_type: Option<&str>) -> Result<Self, Error> {
        let value: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|error| Error::document("manifest", error))?;
        let has = |key: &str| value.get(key).is_some();
        check_media_type(&value, content_type)?;
        match (has("manifests"), has("config") || has("layers")) {
            (true, true) => Err(Error::document("manifest", "it is both manifest and index")),
            (true, false) => Index::read(value).map(Self::Index),
            (false, true) => Manifest::read(value).map(Self::Manifest),
            (false, false) if has("fsLayers") => Err(Error::document(
                "manifest",
                "schema 1 is too old; push the image again",
            )),
            (false, false) => Err(Error::document(
                "manifest",
                "it is neither manifest nor index",
            )),
        }
    }
}

fn check_media_type(value: &serde_json::Value, served: Option<&str>) -> Result<(), Error> {
    let own = value.get("mediaType").and_then(serde_json::Value::as_str);
    let served = served.map(|text| text.split(';').next().unwrap_or("").trim());
    let known = |text: &str| [INDEX, MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST].contains(&text);
    match (own, served) {
        (Some(own), _) if !known(own) => Err(Error::document(
            "manifest",
            format!("media type {own:?} is not known"),
        )),
        (Some(own), Some(served)) if known(served) && own != served => Err(Error::document(
            "manifest",
            format!("it says {own} and was served as {served}"),
        )),
        (own, _) => check_shape(value, own.or_else(|| served.filter(|served| known(served)))),
    }
}

fn check_shape(value: &serde_json::Value, kind: Option<&str>) -> Result<(), Error> {
    let is_index = value.get("manifests").is_some();
    match kind {
        Some(kind) if [INDEX, DOCKER_INDEX].contains(&kind) != is_index => Err(Error::document(
            "manifest",
            format!("it is not what its media type {kind} says"),
        )),
        _ => Ok(()),
    }
}

impl Manifest {
    fn read(value: serde_json::Value) -> Result<Self, Error> {
        let manifest: Self =
            serde_json::from_value(value).map_err(|error| Error::document("manifest", error))?;
        if manifest.schema_version != 2 {
            return Err(Error::document("manifest", "its schema version is not 2"));
        }
        if manifest.layers.len() > MAX_LAYERS {
            return Err(Error::Limit {
                what: "layers",
                limit: MAX_LAYERS as u64,
            });
        }
        for layer in &manifest.layers {
            layer.compression()?;
        }
        Ok(manifest)
    }

    /// Compressed size of all layers.
    pub(crate) fn layers_bytes(&self) -> u64 {
        self.layers
            .iter()
            .map(|layer| layer.size)
            .fold(0, u64::saturating_add)
    }
}

impl Index {
    fn read(value: serde_json::Value) -> Result<Self, Error> {
        serde_json::from_value(value).map_err(|error| Error::document("index", error))
    }

    /// The one entry for a platform.
    pub(crate) fn select(&self, wanted: &Platform) -> Result<&Descriptor, Error> {
        let fits = |entry: &&Descriptor| {
            entry
                .platform
                .as_ref()
                .is_some_and(|platform| wanted.runs(platform))
        };
        if let Some(found) = self.manifests.iter().find(fits) {
            return Ok(found);
        }
        // An index that names no platform at all has one image for all of them.
        if let [only @ Descriptor { platform: None, .. }] = self.manifests.as_slice() {
            return Ok(only);
        }
        let names = self
            .manifests
            .iter()
            .filter_map(|entry| entry.platform.as_ref());
        let available: Vec<_> = names.take(20).map(Platform::to_string).collect();
        Err(Error::Platform {
            wanted: wanted.to_string(),
            available: available.join(", "),
        })
    }
}

impl Descriptor {
    pub(crate) fn compression(&self) -> Result<Compression, Error> {
        match self.media_type.as_str() {
            LAYER_TAR => Ok(Compression::None),
            LAYER_GZIP | DOCKER_LAYER => Ok(Compression::Gzip),
            LAYER_ZSTD => Ok(Compression::Zstd),
            other => Err(Error::document(
                "manifest",
                format!("layers of media type {other:?} are not supported"),
            )),
        }
    }
}

impl ConfigDocument {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|error| Error::document("configuration", error))
    }

    /// Checks that the configuration belongs to the manifest and to this machine.
    pub(crate) fn check(&self, manifest: &Manifest, wanted: &Platform) -> Result<(), Error> {
        if self.rootfs.diff_ids.len() != manifest.layers.len() {
            let reason = "it does not have one diff_id for each layer of the manifest";
            return Err(Error::document("configuration", reason));
        }
        if !wanted.runs(&self.platform) {
            return Err(Error::Platform {
                wanted: wanted.to_string(),
                available: self.platform.to_string(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_documents_are_refused() {
        let both = br#"{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}"#;
        assert!(Document::read(both, None).is_err());
        let index = br#"{"schemaVersion":2,"manifests":[]}"#;
        assert!(Document::read(index, Some(INDEX)).is_ok());
        assert!(Document::read(index, Some(MANIFEST)).is_err());
        let old = br#"{"schemaVersion":1,"fsLayers":[]}"#;
        assert!(
            Document::read(old, None)
                .unwrap_err()
                .to_string()
                .contains("schema 1")
        );
    }

    #[test]
    fn null_lists_are_empty_lists() {
        let text = r#"{"architecture":"amd64","os":"linux","config":{"Env":null,"Cmd":["a"],
            "Labels":null},"rootfs":{"type":"layers","diff_ids":[]}}"#;
        let read = ConfigDocument::read(text.as_bytes()).unwrap();
        assert_eq!(read.config.command, ["a"]);
        assert!(read.config.environment.is_empty());
    }
}
