//! An image with a program of ours in it, made without any of its layers at hand.
//!
//! Two layers come on top of those of the image: one with the program, which is the same blob in every
//! derived image, and one with the image's own configuration, so that the program knows how the image
//! wants to be run. Files are in the root directory only: AWS Lambda refuses layers whose entries lack
//! their parent directory, and a directory entry could change one of the image's.

use std::path::Path;

use scar_schemas::digest::Digest;
use serde_json::{Value, json};

use crate::error::Error;
use crate::oci::{
    CONFIG, Compression, ConfigDocument, Descriptor, LAYER_GZIP, MANIFEST, Manifest, Platform,
};
use crate::pack::collect::{Node, Tree};
use crate::pack::program::{Layer, certificates};
use crate::pack::{BuiltImage, descriptor, json};
use crate::source::BlobSource;
use crate::unpack;

/// Where the configuration of the image is that a derived image was made of.
pub(crate) const IMAGE_CONFIG: &str = "scar-image.json";
/// Where the program of a derived image finds the certificates that it trusts.
const CERTIFICATES: &str = "scar-certificates.pem";
/// Most bytes of an image, unpacked ("Lambda quotas": container image code package size).
const MAX_BYTES: u64 = 10 << 30;

/// A program as a layer; making it takes a while, so that it is made once for all images.
#[derive(Debug, Clone)]
pub struct ProgramLayer {
    name: String,
    layer: Layer,
}

/// An image on top of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedImage {
    /// Its manifest, its configuration, and the layers that the image below does not have.
    pub image: BuiltImage,
    /// Layers of the image below with their size in bytes, lowest first.
    pub layers: Vec<(Digest, u64)>,
}

impl ProgramLayer {
    /// A static program that will be at `/<name>`, and the certificates of the public authorities that
    /// Mozilla trusts. The same program gives the same bytes on every machine.
    ///
    /// # Errors
    /// [`Error::Pack`] if it cannot be compressed.
    pub fn new(name: &str, program: &[u8]) -> Result<Self, Error> {
        let mut tree = Tree::default();
        tree.insert(Path::new(CERTIFICATES), Node::Content(certificates()));
        tree.insert(Path::new(name), Node::Program(program.to_vec()));
        Ok(Self {
            name: name.to_owned(),
            layer: Layer::of(&tree, name)?,
        })
    }
}

/// The image that starts the program instead of what the image below would start. Manifest and
/// configuration of that are read from `source`, no layer is.
///
/// The result is what AWS Lambda takes: one manifest for one platform, OCI media types throughout, layers
/// compressed with gzip, a history with an entry for every layer.
///
/// # Errors
/// What the source met; [`Error::Platform`]; [`Error::Document`] names a layer that is not compressed
/// with gzip; [`Error::Limit`] if the compressed layers alone are more than Lambda takes unpacked.
pub async fn derived_image(
    source: &dyn BlobSource,
    digest: &Digest,
    program: &ProgramLayer,
    platform: &Platform,
) -> Result<DerivedImage, Error> {
    let (_, below) = unpack::manifest(source, digest, platform).await?;
    let document = unpack::document(source, &below).await?;
    ConfigDocument::read(&document)?.check(&below, platform)?;
    let borrowed = borrowed(&below)?;
    let mut tree = Tree::default();
    tree.insert(Path::new(IMAGE_CONFIG), Node::Content(document.to_vec()));
    let own = [program.layer.clone(), Layer::of(&tree, IMAGE_CONFIG)?];
    let config = configuration(&document, below.layers.len(), program, &own)?;
    let described = |layer: &Layer| {
        let size = layer.bytes.len() as u64;
        descriptor(LAYER_GZIP, layer.digest.clone(), size)
    };
    let layers: Vec<Descriptor> = borrowed
        .into_iter()
        .chain(own.iter().map(described))
        .collect();
    let manifest = json(&Manifest {
        schema_version: 2,
        media_type: MANIFEST.into(),
        config: descriptor(CONFIG, Digest::of(&config), config.len() as u64),
        layers,
    })?;
    let blobs = own.map(|layer| (layer.digest, layer.bytes));
    let image = BuiltImage {
        digest: Digest::of(&manifest),
        manifest,
        blobs: std::iter::once((Digest::of(&config), config))
            .chain(blobs)
            .collect(),
    };
    let layers = below.layers.into_iter();
    Ok(DerivedImage {
        image,
        layers: layers.map(|layer| (layer.digest, layer.size)).collect(),
    })
}

/// The layers of the image below, under the media types of one family.
fn borrowed(below: &Manifest) -> Result<Vec<Descriptor>, Error> {
    if below.layers_bytes() > MAX_BYTES {
        return Err(Error::Limit {
            what: "bytes that Lambda takes",
            limit: MAX_BYTES,
        });
    }
    let borrow = |layer: &Descriptor| match layer.compression()? {
        Compression::Gzip => Ok(descriptor(LAYER_GZIP, layer.digest.clone(), layer.size)),
        other => {
            let how = match other {
                Compression::Zstd => "is compressed with zstd",
                _ => "is not compressed",
            };
            let reason = format!(
                "layer {} {how}, and Lambda takes gzip only; \
                 `skopeo copy --dest-compress-format gzip` makes a copy that it takes",
                layer.digest
            );
            Err(Error::document("manifest", reason))
        }
    };
    below.layers.iter().map(borrow).collect()
}

/// The image's configuration, except that the program is started, without the image's variables: they
/// are for what the program starts.
fn configuration(
    document: &[u8],
    layers: usize,
    program: &ProgramLayer,
    own: &[Layer],
) -> Result<Vec<u8>, Error> {
    let invalid = |error| Error::document("configuration", error);
    let mut config: Value = serde_json::from_slice(document).map_err(invalid)?;
    let labels = config["config"]["Labels"].take();
    let history = history(&config["history"], layers, own.len());
    let added = own.iter().map(|layer| json!(layer.diff_id.as_str()));
    if let Some(diff_ids) = config["rootfs"]["diff_ids"].as_array_mut() {
        diff_ids.extend(added);
    }
    config["config"] = json!({
        "Entrypoint": [format!("/{}", program.name)],
        "Env": [format!("SSL_CERT_FILE=/{CERTIFICATES}")],
        "Labels": labels,
        "WorkingDir": "/",
    });
    config["history"] = history;
    json(&config)
}

/// An entry for every layer: the image's own if it has them all, else empty ones.
fn history(below: &Value, layers: usize, added: usize) -> Value {
    let entries = below.as_array().map_or(&[][..], Vec::as_slice);
    let filled = entries.iter().filter(|entry| entry["empty_layer"] != true);
    let mut entries = match filled.count() == layers {
        true => entries.to_vec(),
        false => vec![json!({ "created_by": "unknown" }); layers],
    };
    entries.resize(entries.len() + added, json!({ "created_by": "scar" }));
    Value::Array(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_are_complete() {
        let full = json!([{ "created_by": "a" }, { "empty_layer": true }]);
        assert_eq!(
            history(&full, 1, 1),
            json!([{ "created_by": "a" }, { "empty_layer": true }, { "created_by": "scar" }])
        );
        for incomplete in [Value::Null, json!([{ "empty_layer": true }])] {
            let made = history(&incomplete, 2, 1);
            assert_eq!(made.as_array().map(Vec::len), Some(3), "{made}");
        }
    }
}
