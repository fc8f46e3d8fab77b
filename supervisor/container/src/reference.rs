//! Image references as people write them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::registry::token::is_loopback;
use scar_schemas::digest::Digest;

/// Host that a name without a host means.
const DEFAULT_HOST: &str = "docker.io";
/// Tag that a name without a tag means.
const DEFAULT_TAG: &str = "latest";
/// Lengths that the OCI distribution specification and Docker allow.
const MAX_TAG_BYTES: usize = 128;
const MAX_NAME_BYTES: usize = 255;

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// In a registry: `ghcr.io/acme/x:1`, `alpine`, `x@sha256:…`.
    Registry(RegistryReference),
    /// In an OCI layout on disk: `oci:DIR[:ref]`.
    Layout {
        /// The folder as written.
        path: PathBuf,
        /// Value of the annotation `org.opencontainers.image.ref.name`; needed if there are several images.
        name: Option<String>,
    },
    /// In a file made by `docker save` or in an OCI archive: `archive:FILE`.
    Archive {
        /// The file as written.
        path: PathBuf,
    },
}

/// A name in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryReference {
    /// Host with its port, if one was written: `ghcr.io`, `127.0.0.1:5000`.
    pub host: String,
    /// Repository in the registry, for instance `acme/x`.
    pub repository: String,
    /// Tag or digest.
    pub version: Version,
}

/// What selects an image in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// A tag, which may move.
    Tag(String),
    /// A digest, which cannot.
    Digest(Digest),
}

/// The text is not an image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an image reference: {reason}")]
pub struct InvalidReference {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Reference {
    /// Reads a reference as a person writes it.
    ///
    /// # Errors
    /// [`InvalidReference`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        let invalid = |reason| InvalidReference {
            text: text.to_owned(),
            reason,
        };
        if let Some(rest) = text.strip_prefix("oci:") {
            return layout(rest).map_err(invalid);
        }
        if let Some(path) = text.strip_prefix("archive:") {
            return match path {
                "" => Err(invalid("the file name is missing")),
                path => Ok(Self::Archive { path: path.into() }),
            };
        }
        registry(text).map(Self::Registry).map_err(invalid)
    }
}

impl RegistryReference {
    /// Whether the registry is on this machine: only there plain HTTP may be allowed.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// The same repository at a pinned digest.
    #[must_use]
    pub fn at(&self, digest: &Digest) -> Self {
        Self {
            version: Version::Digest(digest.clone()),
            ..self.clone()
        }
    }
}

fn layout(rest: &str) -> Result<Reference, &'static str> {
    // A colon inside a folder name would be ambiguous; one before the last slash belongs to the path.
    let (path, name) = match rest.rsplit_once(':') {
        Some((path, name)) if !name.contains('/') => (path, Some(name)),
        _ => (rest, None),
    };
    match (path, name) {
        ("", _) => Err("the folder is missing"),
        (_, Some("")) => Err("the name after the colon is missing"),
        _ => Ok(Reference::Layout {
            path: path.into(),
            name: name.map(str::to_owned),
        }),
    }
}

fn registry(text: &str) -> Result<RegistryReference, &'static str> {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (
            name,
            Some(
                digest
                    .parse::<Digest>()
                    .map_err(|_| "the digest is not a sha256 digest")?,
            ),
        ),
        None => (text, None),
    };
    let (host, rest) = split_host(name);
    let (repository, tag) = match rest.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (rest, None),
    };
    check_host(&host)?;
    let official = host == DEFAULT_HOST && !repository.is_empty() && !repository.contains('/');
    let repository = if official {
        format!("library/{repository}")
    } else {
        repository.to_owned()
    };
    check_repository(&repository)?;
    if let Some(tag) = tag {
        check_tag(tag)?;
    }
    let version = match digest {
        Some(digest) => Version::Digest(digest),
        None => Version::Tag(tag.unwrap_or(DEFAULT_TAG).to_owned()),
    };
    Ok(RegistryReference {
        host,
        repository,
        version,
    })
}

/// A first part with a dot or a colon, or `localhost`, is a host; anything else is in Docker's registry.
fn split_host(name: &str) -> (String, &str) {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            (first.to_owned(), rest)
        }
        _ => (DEFAULT_HOST.to_owned(), name),
    }
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("the host is not valid")?,
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    let port_is_valid = port.is_empty()
        || port
            .strip_prefix(':')
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .is_some_and(|digits| digits.parse::<u16>().is_ok());
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_host) || !port_is_valid {
        return Err("the host is not valid");
    }
    Ok(())
}

fn check_repository(repository: &str) -> Result<(), &'static str> {
    if repository.len() > MAX_NAME_BYTES {
        return Err("the name is longer than 255 bytes");
    }
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let part_is_valid = |part: &str| {
        let bytes = part.as_bytes();
        bytes.first().copied().is_some_and(inner)
            && bytes.last().copied().is_some_and(inner)
            && bytes
                .iter()
                .all(|&byte| inner(byte) || b"._-".contains(&byte))
            && !part.contains("..")
    };
    match repository {
        "" => Err("the name is missing"),
        name if name.split('/').all(part_is_valid) => Ok(()),
        _ => Err("names have lower-case letters, digits, and single separators . _ - between them"),
    }
}

fn check_tag(tag: &str) -> Result<(), &'static str> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if tag.is_empty() || tag.len() > MAX_TAG_BYTES || tag.starts_with(['.', '-']) {
        return Err("the tag is not valid");
    }
    if tag.bytes().all(valid) {
        Ok(())
    } else {
        Err("the tag is not valid")
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => reference.fmt(out),
            Self::Layout { path, name: None } => write!(out, "oci:{}", path.display()),
            Self::Layout {
                path,
                name: Some(name),
            } => {
                write!(out, "oci:{}:{name}", path.display())
            }
            Self::Archive { path } => write!(out, "archive:{}", path.display()),
        }
    }
}

impl fmt::Display for RegistryReference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Version::Tag(tag) => write!(out, "{}/{}:{tag}", self.host, self.repository),
            Version::Digest(digest) => write!(out, "{}/{}@{digest}", self.host, self.repository),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_docker_means() {
        let full = |text: &str| Reference::parse(text).unwrap().to_string();
        assert_eq!(full("alpine"), "docker.io/library/alpine:latest");
        assert_eq!(full("acme/x:1"), "docker.io/acme/x:1");
        assert_eq!(full("ghcr.io/acme/x:1"), "ghcr.io/acme/x:1");
        assert_eq!(full("localhost/x"), "localhost/x:latest");
        assert_eq!(full("127.0.0.1:5000/a/b"), "127.0.0.1:5000/a/b:latest");
        let digest = Digest::of(b"");
        assert_eq!(
            full(&format!("x:1@{digest}")),
            format!("docker.io/library/x@{digest}")
        );
    }

    #[test]
    fn places_on_disk() {
        let layout = |path: &str, name: Option<&str>| Reference::Layout {
            path: path.into(),
            name: name.map(str::to_owned),
        };
        assert_eq!(
            Reference::parse("oci:images/x"),
            Ok(layout("images/x", None))
        );
        assert_eq!(
            Reference::parse("oci:images/x:v1"),
            Ok(layout("images/x", Some("v1")))
        );
        assert_eq!(Reference::parse("oci:a:b/x"), Ok(layout("a:b/x", None)));
        let archive = Reference::Archive {
            path: "a.tar".into(),
        };
        assert_eq!(Reference::parse("archive:a.tar"), Ok(archive));
    }

    #[test]
    fn mistakes_are_refused() {
        // With the folder that the default registry has for such names.
        let long = "a".repeat(250);
        for bad in [
            "",
            "A",
            "a//b",
            "a/../b",
            "x:",
            "x:.a",
            "x@sha256:12",
            "oci:",
            "oci:a:",
            "h.io:99999/x",
            "h.io:+80/x",
            "h.io:99999/x",
            "-a.io/",
            "a b",
            "x@sha512:00",
            "a/b:c/d",
            &long,
        ] {
            assert!(Reference::parse(bad).is_err(), "{bad}");
        }
    }
}
