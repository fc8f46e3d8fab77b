//! Blobs on their way in.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::random;
use crate::store::{BlobWriter, Blobs, NewBlob};

/// Uploads that were begun and are not being written to. Those of a killed process are lost, as the
/// protocol allows.
#[derive(Default)]
pub(crate) struct Uploads {
    open: Mutex<HashMap<String, Upload>>,
}

/// A blob that comes in piece by piece.
pub(crate) struct Upload {
    /// Repository that it is for.
    pub(crate) repository: String,
    /// Bytes so far.
    pub(crate) size: u64,
    writer: BlobWriter,
    hasher: Sha256,
}

impl Uploads {
    /// Keeps an upload until its next piece comes, and returns its id.
    pub(crate) fn keep(&self, id: Option<String>, upload: Upload) -> String {
        let id = id.unwrap_or_else(random::uuid);
        self.open().insert(id.clone(), upload);
        id
    }

    /// Takes an upload of a repository to go on with it.
    pub(crate) fn take(&self, repository: &str, id: &str) -> Option<Upload> {
        let mut open = self.open();
        match open.get(id) {
            Some(upload) if upload.repository == repository => open.remove(id),
            _ => None,
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Upload>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upload {
    /// An upload without bytes.
    pub(crate) fn begin(blobs: &Blobs, repository: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            size: 0,
            writer: blobs.writer(),
            hasher: Sha256::new(),
        }
    }

    /// Adds bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hasher.update(bytes);
        self.size += u64::try_from(bytes.len()).unwrap_or(0);
        self.writer.write(bytes).await
    }

    /// The whole blob, durable, and its digest.
    pub(crate) async fn finish(self) -> std::io::Result<(NewBlob, String)> {
        let digest = scar_schemas::digest::hex(&self.hasher.finalize());
        Ok((self.writer.finish().await?, format!("sha256:{digest}")))
    }
}
