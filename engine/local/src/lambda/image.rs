//! Images of functions: what Lambda takes, and their root file systems.

use scar_container::{Limits, Rootfs};
use serde_json::Value;

use super::Package;
use crate::batch;
use crate::registry::{Manifest, row};
use crate::services::Services;
use crate::store::Table;

/// Most bytes of an unpacked image ("Lambda quotas": 10 GB).
const MAX_UNPACKED_BYTES: u64 = 10 << 30;
/// Media types that Lambda takes: of manifests, configurations and layers, the two families.
const FAMILIES: [[&str; 3]; 2] = [
    [
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar+gzip",
    ],
    [
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ],
];

/// Checks an image as Lambda does when a function is made, and unpacks it.
pub(crate) async fn prepare(services: &Services, uri: &str) -> Result<Package, String> {
    let manifest = stored(services, uri)?;
    check(&manifest, uri)?;
    let rootfs = fetch(services, uri).await.map_err(|reason| {
        format!("Source image {uri} is not valid. Provide a valid source image. ({reason})")
    })?;
    let document = document(&manifest);
    let sizes = document["layers"].as_array().into_iter().flatten();
    Ok(Package {
        digest: rootfs.digest.hex().to_owned(),
        size: sizes.filter_map(|layer| layer["size"].as_u64()).sum(),
        image: Some(uri.to_owned()),
    })
}

/// The root file system of a function's image, fetched if it is not there any more.
pub(crate) async fn fetch(services: &Services, uri: &str) -> Result<Rootfs, String> {
    let limits = Limits {
        unpacked_bytes: MAX_UNPACKED_BYTES,
        ..Limits::default()
    };
    batch::fetch_image(services, uri, &limits).await
}

/// The manifest that an address in the own registry names.
fn stored(services: &Services, uri: &str) -> Result<Manifest, String> {
    let host = format!("{}/", batch::ecr_host(services));
    let invalid = || format!("Source image {uri} is not valid. Provide a valid source image.");
    let missing = || format!("Source image {uri} does not exist. Provide a valid source image.");
    let name = uri.strip_prefix(&host).ok_or_else(invalid)?;
    let failed = |error: crate::Error| error.to_string();
    let store = &services.store;
    let (repository, digest) = match name.split_once('@') {
        Some((repository, digest)) => (repository, Some(digest.to_owned())),
        None => {
            let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
            let row = row(repository, tag);
            let digest = store
                .get::<String>(Table::ImageTags, &row)
                .map_err(failed)?;
            (repository, digest)
        }
    };
    let row = row(repository, &digest.ok_or_else(missing)?);
    let found = store
        .get::<Manifest>(Table::Manifests, &row)
        .map_err(failed)?;
    found.ok_or_else(missing)
}

/// Whether manifest, configuration and layers are of one family. Indexes are of none.
fn check(manifest: &Manifest, uri: &str) -> Result<(), String> {
    let document = document(manifest);
    let kind = |part: &Value| part["mediaType"].as_str().unwrap_or_default().to_owned();
    let layers = document["layers"].as_array().map_or(&[][..], Vec::as_slice);
    let is_of = |[own, config, layer]: &&[&str; 3]| {
        manifest.media_type == *own
            && kind(&document["config"]) == *config
            && layers.iter().all(|part| kind(part) == *layer)
    };
    match FAMILIES.iter().find(is_of) {
        Some(_) => Ok(()),
        None => Err(format!(
            "The image manifest, config or layer media type for the source image {uri} is not supported."
        )),
    }
}

fn document(manifest: &Manifest) -> Value {
    serde_json::from_str(&manifest.text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_family_is_taken() {
        let taken = |own: &str, config: &str, layer: &str| {
            let text = serde_json::json!({
                "config": { "mediaType": config }, "layers": [{ "mediaType": layer }],
            });
            let manifest = Manifest {
                text: text.to_string(),
                media_type: own.to_owned(),
                pushed_ms: 0,
            };
            check(&manifest, "uri").is_ok()
        };
        let [[own, config, layer], docker] = FAMILIES;
        assert!(taken(own, config, layer) && taken(docker[0], docker[1], docker[2]));
        assert!(!taken(own, config, docker[2]) && !taken(docker[0], config, layer));
        assert!(!taken(
            own,
            config,
            "application/vnd.oci.image.layer.v1.tar+zstd"
        ));
        assert!(!taken(
            own,
            config,
            "application/vnd.oci.image.layer.v1.tar"
        ));
        assert!(!taken(
            "application/vnd.oci.image.index.v1+json",
            config,
            layer
        ));
    }
}
