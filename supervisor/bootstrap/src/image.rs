//! The stage's image as a root file system, and the engine that runs it.

use std::sync::OnceLock;
use std::time::Instant;

use scar_container::{
    self as container, Cache, Client, Credentials, Limits, Reference, Rootfs, Selected,
};
use scar_schemas::contract::Image;

use crate::blob::BucketImage;
use crate::failure;
use crate::setup::Setup;
use crate::step::Reply;
use crate::task::Attempt;
use crate::work::milliseconds;

/// The container engine, chosen once per process. Where the image is the root already there is nothing
/// to choose.
#[expect(
    clippy::result_large_err,
    reason = "made once per attempt; it is the reply itself"
)]
pub(crate) fn engine(setup: &Setup) -> Result<&'static Selected, Reply> {
    static ENGINE: OnceLock<Selected> = OnceLock::new();
    if let Some(selected) = ENGINE.get() {
        return Ok(selected);
    }
    let selected = match &setup.own_image {
        Some(_) => container::native(),
        None => container::select(setup.engine.as_deref())
            .map_err(|error| failure::of_container(&error, setup.config.disk_mib))?,
    };
    Ok(ENGINE.get_or_init(|| selected))
}

/// The root file system, and how many milliseconds it took if it was not cached.
pub(crate) async fn image(attempt: &Attempt<'_>) -> Result<(Rootfs, u64), Reply> {
    let setup = attempt.setup;
    let image = &setup.config.image;
    if let Some(config) = &setup.own_image {
        let rootfs = Rootfs {
            path: "/".into(),
            config: config.clone(),
            digest: image.digest().clone(),
        };
        return Ok((rootfs, 0));
    }
    let cache = Cache::new(&setup.image_cache);
    if let Some(rootfs) = cache.get(image.digest()) {
        return Ok((rootfs, 0));
    }
    let started = Instant::now();
    let limits = Limits::default();
    let pulled = match image {
        Image::Bucket {
            bucket,
            prefix,
            digest,
            ..
        } => {
            let bucket = setup.bucket(bucket);
            let source = BucketImage {
                store: &setup.store,
                bucket,
                prefix,
            };
            cache.ensure(&source, digest, &limits).await
        }
        Image::Registry {
            reference,
            digest,
            plain_http,
        } => match client(reference, *plain_http) {
            Ok(client) => cache.ensure(&client, digest, &limits).await,
            Err(error) => Err(error),
        },
    };
    let rootfs = pulled.map_err(|error| failure::of_container(&error, setup.config.disk_mib))?;
    let took = milliseconds(started.elapsed()).max(1);
    let fields = serde_json::json!({ "image": image.reference(), "image_ms": took });
    attempt.log.info("image is ready", fields);
    Ok((rootfs, took))
}

fn client(reference: &str, plain_http: bool) -> Result<Client, container::Error> {
    match Reference::parse(reference)? {
        Reference::Registry(reference) => {
            Client::new(&reference, Credentials::default(), plain_http)
        }
        other => Err(container::Error::Job(format!(
            "{other} is not an image of a registry"
        ))),
    }
}
