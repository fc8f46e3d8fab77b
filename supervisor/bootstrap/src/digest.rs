//! Digest of a file.

use std::path::Path;

use scar_schemas::digest::Digest;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt;

use crate::store::StoreError;

const BUFFER_BYTES: usize = 256 * 1024;

/// Reads a file through SHA-256.
pub(crate) async fn of_file(path: &Path) -> Result<Digest, StoreError> {
    let failed = |source| StoreError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let length = file.read(&mut buffer).await.map_err(failed)?;
        if length == 0 {
            break;
        }
        hasher.update(&buffer[..length]);
    }
    let text = format!("sha256:{}", scar_schemas::digest::hex(&hasher.finalize()));
    text.parse()
        .map_err(|error| failed(std::io::Error::other(error)))
}
