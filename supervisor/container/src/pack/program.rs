//! The image of one static program: what a platform needs that starts nothing but images.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use scar_schemas::digest::Digest;

use crate::error::Error;
use crate::oci::{
    CONFIG, ConfigDocument, ImageConfig, LAYER_GZIP, MANIFEST, Manifest, Platform, RootfsDocument,
};
use crate::pack::collect::{Node, Tree};
use crate::pack::{Hashed, archive, descriptor, json};

/// Where programs look for the certificates that they trust.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";
/// Length of a line of PEM (RFC 7468).
const PEM_LINE: usize = 64;

/// An image in memory, ready to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// Digest of the manifest, by which the image is named.
    pub digest: Digest,
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// Configuration and layers.
    pub blobs: Vec<(Digest, Vec<u8>)>,
}

/// An image with a static program at `/<name>`, the certificates of the public authorities that Mozilla
/// trusts, and `/tmp`. It has no entrypoint, so that whoever starts it says the whole command. The same
/// program gives the same bytes on every machine.
///
/// # Errors
/// A document that cannot be written, which does not happen for a valid platform.
pub fn program_image(name: &str, program: &[u8], platform: &Platform) -> Result<BuiltImage, Error> {
    let mut tree = Tree::default();
    tree.insert(Path::new("tmp"), Node::Directory);
    tree.insert(Path::new(CERTIFICATES), Node::Content(certificates()));
    tree.insert(Path::new(name), Node::Program(program.to_vec()));
    let layer = Layer::of(&tree, name)?;
    let config = ConfigDocument {
        platform: platform.clone(),
        config: ImageConfig {
            command: vec![format!("/{name}")],
            ..ImageConfig::default()
        },
        rootfs: RootfsDocument {
            kind: "layers".into(),
            diff_ids: vec![layer.diff_id],
        },
    };
    let config = json(&config)?;
    let blobs = [(Digest::of(&config), config), (layer.digest, layer.bytes)];
    let [described, layer] = [(CONFIG, &blobs[0]), (LAYER_GZIP, &blobs[1])]
        .map(|(kind, (digest, bytes))| descriptor(kind, digest.clone(), bytes.len() as u64));
    let manifest = json(&Manifest {
        schema_version: 2,
        media_type: MANIFEST.into(),
        config: described,
        layers: vec![layer],
    })?;
    Ok(BuiltImage {
        digest: Digest::of(&manifest),
        manifest,
        blobs: blobs.into(),
    })
}

/// A layer in memory.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// Digest of its plain bytes.
    pub(crate) diff_id: Digest,
    /// Digest of its compressed bytes.
    pub(crate) digest: Digest,
    /// Its compressed bytes.
    pub(crate) bytes: Vec<u8>,
}

impl Layer {
    /// A tree as a layer. `name` is what the layer is for, in what is said if it cannot be made.
    pub(crate) fn of(tree: &Tree, name: &str) -> Result<Self, Error> {
        let (diff_id, bytes) = compressed(tree).map_err(|error| Error::Pack {
            name: name.to_owned(),
            reason: error.to_string(),
        })?;
        let digest = Digest::of(&bytes);
        Ok(Self {
            diff_id,
            digest,
            bytes,
        })
    }
}

/// The digest of a tree's plain bytes, and its compressed bytes.
fn compressed(tree: &Tree) -> std::io::Result<(Digest, Vec<u8>)> {
    // No name, no time, no system: the same content is the same bytes.
    let gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), Compression::new(6));
    let mut plain = Hashed::new(gzip);
    archive::write(tree, &mut plain)?;
    let (diff_id, _) = plain.digest();
    Ok((diff_id, plain.inner.finish()?))
}

/// The certificates as one PEM file.
pub(crate) fn certificates() -> Vec<u8> {
    let mut file = Vec::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        file.extend_from_slice(b"-----BEGIN CERTIFICATE-----\n");
        for line in STANDARD.encode(certificate).as_bytes().chunks(PEM_LINE) {
            file.extend_from_slice(line);
            file.push(b'\n');
        }
        file.extend_from_slice(b"-----END CERTIFICATE-----\n");
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_program_is_the_same_image() {
        let build = || program_image("tool", b"\x7fELF", &Platform::host()).unwrap();
        let image = build();
        assert_eq!(image, build());
        assert_eq!(image.digest, Digest::of(&image.manifest));
        for (digest, bytes) in &image.blobs {
            assert_eq!(digest, &Digest::of(bytes));
        }
        assert_ne!(
            image.digest,
            program_image("tool", b"\x7fELG", &Platform::host())
                .unwrap()
                .digest
        );
    }
}
