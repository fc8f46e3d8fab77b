//! `scar.lock`: which content each image tag meant when it was pinned, one digest for each platform.
//!
//! It stands beside the manifest and is meant to be committed. Only references to registries are in it:
//! images on disk are pinned by their own digests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Name of the file, beside the manifest.
pub const FILE: &str = "scar.lock";

/// Version of the format.
pub const VERSION: u64 = 1;

/// Longest file in bytes that is read.
pub const MAX_BYTES: usize = 1024 * 1024;

/// A whole lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u64,
    /// Reference as the manifest has it, then platform as OCI writes it (`linux/amd64`), to digest.
    images: BTreeMap<String, BTreeMap<String, Digest>>,
}

/// Why a lock file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidLock {
    /// It is longer than any real one.
    #[error("longer than {MAX_BYTES} bytes")]
    TooLong,
    /// It is no JSON of this form.
    #[error("not a lock file")]
    Form(#[source] serde_json::Error),
    /// A later version wrote it.
    #[error("written in version {0} of the format, this program knows version {VERSION}")]
    Version(u64),
}

impl Default for Lock {
    fn default() -> Self {
        Self {
            version: VERSION,
            images: BTreeMap::new(),
        }
    }
}

impl Lock {
    /// Reads the text of a lock file.
    ///
    /// # Errors
    /// If it is no lock file of this version.
    pub fn parse(text: &str) -> Result<Self, InvalidLock> {
        /// What is the same in all versions.
        #[derive(Deserialize)]
        struct AnyVersion {
            version: u64,
        }
        if text.len() > MAX_BYTES {
            return Err(InvalidLock::TooLong);
        }
        let any: AnyVersion = serde_json::from_str(text).map_err(InvalidLock::Form)?;
        if any.version != VERSION {
            return Err(InvalidLock::Version(any.version));
        }
        serde_json::from_str(text).map_err(InvalidLock::Form)
    }

    /// The text: sorted, one digest to a line, so that merges and reviews are easy.
    ///
    /// # Errors
    /// None that a lock can cause: all its keys are text.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The digest that a reference meant on a platform.
    #[must_use]
    pub fn digest(&self, reference: &str, platform: &str) -> Option<&Digest> {
        self.images.get(reference)?.get(platform)
    }

    /// Pins a reference on a platform; says what it was pinned to before.
    pub fn pin(&mut self, reference: &str, platform: &str, digest: Digest) -> Option<Digest> {
        let platforms = self.images.entry(reference.to_owned()).or_default();
        platforms.insert(platform.to_owned(), digest)
    }

    /// Forgets every reference but these.
    pub fn keep<'a>(&mut self, references: impl IntoIterator<Item = &'a str>) {
        let kept: std::collections::BTreeSet<&str> = references.into_iter().collect();
        self.images
            .retain(|reference, _| kept.contains(reference.as_str()));
    }

    /// All pins: reference, platform and digest, sorted.
    pub fn pins(&self) -> impl Iterator<Item = (&str, &str, &Digest)> {
        self.images.iter().flat_map(|(reference, platforms)| {
            platforms
                .iter()
                .map(|(platform, digest)| (reference.as_str(), platform.as_str(), digest))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_again() {
        let mut lock = Lock::default();
        let digest = Digest::of(b"an image");
        assert_eq!(lock.pin("debian:13", "linux/amd64", digest.clone()), None);
        lock.pin("alpine:3", "linux/arm64", Digest::of(b"another"));
        let text = lock.to_text().unwrap();
        assert_eq!(Lock::parse(&text).unwrap(), lock);
        assert!(text.find("alpine") < text.find("debian"));
        assert_eq!(lock.digest("debian:13", "linux/amd64"), Some(&digest));
        assert_eq!(lock.digest("debian:13", "linux/arm64"), None);
        lock.keep(["debian:13"]);
        assert_eq!(lock.pins().count(), 1);
    }

    #[test]
    fn other_texts_are_refused() {
        let later = r#"{"version": 2, "pictures": []}"#;
        assert!(matches!(Lock::parse(later), Err(InvalidLock::Version(2))));
        for text in [
            "",
            "[]",
            r#"{"version": 1}"#,
            r#"{"version": 1, "images": {"a": {"linux/amd64": "sha256:12"}}}"#,
            r#"{"version": 1, "images": {}, "more": 1}"#,
        ] {
            assert!(
                matches!(Lock::parse(text), Err(InvalidLock::Form(_))),
                "{text}"
            );
        }
    }
}
