//! `scar image pull`

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use scar_container::BlobSource;
use scar_schemas::digest::{Digest, hex};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::source;
use crate::args::Global;
use crate::error::CliError;
use crate::session::{block_on, unless_interrupted};
use crate::view::Screen;
use crate::view::text::bytes;

/// Copy an image into an OCI layout on this disk, for `image: oci:DIR`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar image pull alpine:3 --output images/alpine
  scar image pull 127.0.0.1:5000/x:1 --plain-http --output images/x
  scar image pull archive:saved.tar --output images/saved")]
pub(super) struct Arguments {
    /// Registry reference, `oci:DIR[:ref]` or `archive:FILE`.
    reference: String,
    /// Directory of the layout, which must not exist yet.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// A blob that the manifest names.
struct Blob {
    digest: Digest,
    size: u64,
}

pub(super) fn pull(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let output = &arguments.output;
    if output.symlink_metadata().is_ok() {
        return Err(CliError::failure(format!(
            "{} is there already",
            output.display()
        )));
    }
    let parent = output
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
    // A layout is there whole or not at all.
    let partial = tempfile::tempdir_in(parent).map_err(|error| unwritable(parent, &error))?;
    let work = async {
        let (source, digest) = source(&arguments.reference, global).await?;
        copy(source.as_ref(), &digest, partial.path())
            .await
            .map(|size| (digest, size))
    };
    let (digest, size) = block_on(unless_interrupted(work, "nothing is left of it"))?;
    fs::rename(partial.keep(), output).map_err(|error| unwritable(output, &error))?;
    open_for_others(output).map_err(|error| unwritable(output, &error))?;
    if screen.json {
        return screen.document(&json!({
            "digest": digest.as_str(), "bytes": size, "directory": output.display().to_string(),
        }));
    }
    screen.note(&format!("{} in {}", bytes(size), output.display()));
    screen.line(digest.as_str())
}

/// Writes the layout; the answer is the size of all blobs in bytes.
async fn copy(source: &dyn BlobSource, digest: &Digest, folder: &Path) -> Result<u64, CliError> {
    let manifest = source.manifest(digest).await?;
    if Digest::of(&manifest) != *digest {
        return Err(CliError::failure(format!(
            "the manifest is damaged: it is not {digest}"
        )));
    }
    let document: Value = serde_json::from_slice(&manifest)
        .map_err(|error| CliError::caused("the manifest is not valid", &error))?;
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(|error| unwritable(&blobs, &error))?;
    write(&blobs.join(digest.hex()), &manifest)?;
    let mut total = manifest.len() as u64;
    for blob in blobs_of(&document)? {
        fetch(source, &blob, &blobs.join(blob.digest.hex())).await?;
        total += blob.size;
    }
    write(
        &folder.join("oci-layout"),
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    )?;
    let media_type = &document["mediaType"];
    let media_type = media_type
        .as_str()
        .unwrap_or("application/vnd.oci.image.manifest.v1+json");
    let index = json!({
        "schemaVersion": 2,
        "manifests": [{ "mediaType": media_type, "digest": digest.as_str(), "size": manifest.len() }],
    });
    write(&folder.join("index.json"), index.to_string().as_bytes())?;
    Ok(total)
}

/// Configuration and layers, each once.
fn blobs_of(manifest: &Value) -> Result<Vec<Blob>, CliError> {
    let invalid = || CliError::failure("the manifest is not that of an image");
    let layers = manifest["layers"].as_array().ok_or_else(invalid)?;
    let mut blobs: Vec<Blob> = Vec::new();
    for descriptor in std::iter::once(&manifest["config"]).chain(layers) {
        let digest: Digest = descriptor["digest"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(invalid)?;
        let size = descriptor["size"].as_u64().ok_or_else(invalid)?;
        if !blobs.iter().any(|blob| blob.digest == digest) {
            blobs.push(Blob { digest, size });
        }
    }
    Ok(blobs)
}

async fn fetch(source: &dyn BlobSource, blob: &Blob, path: &Path) -> Result<(), CliError> {
    let mut stream = source.blob(&blob.digest).await?;
    let mut file = File::create(path).map_err(|error| unwritable(path, &error))?;
    let mut hasher = Sha256::new();
    let mut received = 0;
    while let Some(part) = stream.next().await {
        let part = part?;
        received += part.len() as u64;
        if received > blob.size {
            break;
        }
        hasher.update(&part);
        file.write_all(&part)
            .map_err(|error| unwritable(path, &error))?;
    }
    if received != blob.size || hex(&hasher.finalize()) != blob.digest.hex() {
        return Err(
            CliError::failure(format!("blob {} is damaged", blob.digest)).hint("try again"),
        );
    }
    Ok(())
}

fn write(path: &Path, content: &[u8]) -> Result<(), CliError> {
    fs::write(path, content).map_err(|error| unwritable(path, &error))
}

/// A temporary directory is for its owner alone; a layout is an ordinary one.
fn open_for_others(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

fn unwritable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::caused(format!("cannot write {}", path.display()), error)
}
