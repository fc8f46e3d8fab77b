//! The image of a job or function: pulled once, then shared.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scar_container::{
    BlobSource, Cache, Client, Credentials, Layout, Limits, Platform, Reference, RegistryReference,
    Rootfs,
};
use scar_schemas::digest::Digest;

use crate::services::Services;

/// Where unpacked images live; functions share them.
pub(crate) fn cache(services: &Services) -> std::io::Result<PathBuf> {
    std::path::absolute(services.settings.directory.join("images"))
}

/// Fetches and unpacks an image. Names of ECR in this account and region mean the local registry.
pub(crate) async fn fetch(
    services: &Services,
    image: &str,
    limits: &Limits,
) -> Result<Rootfs, String> {
    let reference = Reference::parse(image).map_err(|error| error.to_string())?;
    let cache = Cache::new(cache(services).map_err(|error| error.to_string())?);
    let (source, digest) = open(services, reference).await?;
    let ensured = cache.ensure(source.as_ref(), &digest, limits).await;
    ensured.map_err(|error| told(&error))
}

async fn open(
    services: &Services,
    reference: Reference,
) -> Result<(Box<dyn BlobSource>, Digest), String> {
    let (path, name) = match reference {
        Reference::Registry(registry) => return open_registry(services, registry).await,
        Reference::Layout { path, name } => (path, name),
        Reference::Archive { path } => (path, None),
    };
    let layout = Layout::open(&path, name.as_deref()).map_err(|error| told(&error))?;
    let digest = layout.manifest_digest().clone();
    Ok((Box::new(layout), digest))
}

async fn open_registry(
    services: &Services,
    mut reference: RegistryReference,
) -> Result<(Box<dyn BlobSource>, Digest), String> {
    let mut credentials = Credentials::default();
    if reference.host == ecr_host(services) {
        let host = services.endpoint.trim_start_matches("http://");
        host.clone_into(&mut reference.host);
        let login = STANDARD.encode(format!("AWS:{}", services.keys.registry_password()));
        credentials = Credentials::token(host, &login);
    }
    let is_plain = reference.is_loopback();
    let client = Client::new(&reference, credentials, is_plain).map_err(|error| told(&error))?;
    let digest = client.resolve(&Platform::host()).await;
    let digest = digest.map_err(|error| told(&error))?;
    Ok((Box::new(client), digest))
}

/// Host of the registry in this account and region.
pub(crate) fn ecr_host(services: &Services) -> String {
    let settings = &services.settings;
    format!(
        "{}.dkr.ecr.{}.amazonaws.com",
        settings.account, settings.region
    )
}

fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
