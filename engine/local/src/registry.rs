//! ECR: repositories of images. The distribution protocol is in `server/front/registry.rs`, the service
//! API in `wire/ecr.rs`.

mod uploads;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::store::{Blob, Table, Transaction};

pub(crate) use uploads::{Upload, Uploads};

/// A repository, in `Table::Repositories` under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Repository {
    /// Its name.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
    /// Whether a tag names one image for ever.
    pub(crate) is_immutable: bool,
    /// Properties that are only kept.
    pub(crate) properties: Value,
}

/// A stored blob, in `Table::ImageBlobs` under `<repository>\n<digest>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ImageBlob {
    /// Its bytes.
    pub(crate) blob: Blob,
    /// Their number.
    pub(crate) size: u64,
}

/// A manifest, in `Table::Manifests` under `<repository>\n<digest>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Its bytes, which are text.
    pub(crate) text: String,
    /// Its media type.
    pub(crate) media_type: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) pushed_ms: u64,
}

/// Key of something in a repository: a digest or a tag.
pub(crate) fn row(repository: &str, name: &str) -> String {
    format!("{repository}\n{name}")
}

/// Why a manifest was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    /// The text is no manifest.
    #[error("the manifest is not valid: {0}")]
    Invalid(String),
    /// It names a blob or manifest that the repository does not have.
    #[error("the repository does not have {0}")]
    Unknown(String),
    /// The tag names another image, and tags of the repository are for ever.
    #[error("the tag {0} exists already in the repository, whose tags are immutable")]
    Immutable(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Stores a manifest, and its tag if it comes under one, once everything that it names is there.
pub(crate) fn put_manifest(
    transaction: &mut Transaction<'_>,
    repository: &Repository,
    digest: &str,
    tag: Option<&str>,
    manifest: &Manifest,
) -> Result<(), ManifestError> {
    for named in parts_of(&manifest.text)? {
        let row = row(&repository.name, &named);
        let is_there = transaction.contains(Table::ImageBlobs, &row)?
            || transaction.contains(Table::Manifests, &row)?;
        if !is_there {
            return Err(ManifestError::Unknown(named));
        }
    }
    if let Some(tag) = tag {
        let row = row(&repository.name, tag);
        let current = transaction.get::<String>(Table::ImageTags, &row)?;
        if repository.is_immutable && current.is_some_and(|current| current != digest) {
            return Err(ManifestError::Immutable(tag.to_owned()));
        }
        transaction.put(Table::ImageTags, &row, &digest)?;
    }
    transaction.put(Table::Manifests, &row(&repository.name, digest), manifest)?;
    Ok(())
}

/// Digests of the blobs and manifests that a manifest names.
fn parts_of(text: &str) -> Result<Vec<String>, ManifestError> {
    let invalid = |reason: String| ManifestError::Invalid(reason);
    let document: Value = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
    let list = |name: &str| {
        document
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let config = document.get("config").into_iter();
    let parts = config.chain(list("layers")).chain(list("manifests"));
    let digest = |part: &Value| {
        let digest = part.get("digest").and_then(Value::as_str);
        digest
            .map(str::to_owned)
            .ok_or_else(|| invalid("a part has no digest".to_owned()))
    };
    let digests: Result<Vec<String>, ManifestError> = parts.map(digest).collect();
    match digests {
        Ok(digests) if digests.is_empty() => Err(invalid("it names nothing".to_owned())),
        other => other,
    }
}

/// Removes a repository. Without `force` it must have no images; the answer says whether it is gone.
pub(crate) fn delete(
    transaction: &mut Transaction<'_>,
    name: &str,
    force: bool,
) -> Result<bool, Error> {
    let prefix = row(name, "");
    if !force && transaction.has_any(Table::Manifests, &prefix)? {
        return Ok(false);
    }
    for (key, stored) in transaction.list::<ImageBlob>(Table::ImageBlobs, &prefix)? {
        transaction.release(&stored.blob);
        transaction.delete(Table::ImageBlobs, &key);
    }
    for table in [Table::Manifests, Table::ImageTags] {
        for (key, _) in transaction.list::<serde::de::IgnoredAny>(table, &prefix)? {
            transaction.delete(table, &key);
        }
    }
    transaction.delete(Table::Repositories, name);
    Ok(true)
}
