//! Bodies of objects. Small ones stand in the database, so that a small object costs one commit;
//! large ones are files named by a random id, never by anything a client says.
//!
//! A blob exists once the change that keeps it is committed. A file that no committed change kept
//! is what a killed process left; it is swept when the store opens.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use redb::{TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;

use super::database::SharedDatabase;
use super::store_error;
use crate::{Error, random};

/// Bodies up to this many bytes stand in the database.
const INLINE_LIMIT: usize = 32 * 1024;
/// Bytes gathered before they are handed to the file system.
const WRITE_SIZE: usize = 512 * 1024;

const TABLE: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("blobs");

/// Refers to stored bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Blob {
    /// No bytes at all.
    Empty,
    /// In the database, by id.
    Inline(String),
    /// A file, by id.
    File(String),
}

/// An opened blob.
pub(crate) enum BlobReader {
    /// All its bytes.
    Bytes(Bytes),
    /// The file, at its beginning.
    File(tokio::fs::File),
}

/// Bytes that were written and are durable or in memory, but belong to nothing yet. Dropped without
/// being kept, a file is removed.
pub(crate) struct NewBlob {
    blob: Blob,
    inline: Bytes,
    unkept: Option<PathBuf>,
}

impl NewBlob {
    pub(super) fn blob(&self) -> Blob {
        self.blob.clone()
    }
}

impl Drop for NewBlob {
    fn drop(&mut self) {
        if let Some(path) = &self.unkept {
            // What cannot be removed now is swept at the next start.
            drop(std::fs::remove_file(path));
        }
    }
}

/// The blobs of one store.
#[derive(Clone)]
pub(crate) struct Blobs {
    directory: Arc<Path>,
    database: Arc<SharedDatabase>,
}

impl Blobs {
    pub(super) fn open(directory: &Path, database: Arc<SharedDatabase>) -> Result<Self, Error> {
        let directory: Arc<Path> = directory.join("objects").into();
        let file_error = |source| Error::File {
            path: directory.to_path_buf(),
            source,
        };
        std::fs::create_dir_all(&directory).map_err(file_error)?;
        let blobs = Self {
            directory: Arc::clone(&directory),
            database,
        };
        blobs.sweep()?.map_err(file_error)?;
        Ok(blobs)
    }

    /// Starts writing a new blob.
    pub(crate) fn writer(&self) -> BlobWriter {
        BlobWriter {
            blobs: self.clone(),
            buffer: BytesMut::new(),
            file: None,
        }
    }

    /// Opens a blob, which fails with `NotFound` if it was released meanwhile.
    pub(crate) async fn open_blob(&self, blob: &Blob) -> io::Result<BlobReader> {
        match blob {
            Blob::Empty => Ok(BlobReader::Bytes(Bytes::new())),
            Blob::Inline(id) => self.inline(id).map(BlobReader::Bytes),
            Blob::File(id) => tokio::fs::File::open(self.path(id))
                .await
                .map(BlobReader::File),
        }
    }

    fn inline(&self, id: &str) -> io::Result<Bytes> {
        let read = self.database.read(|transaction| {
            let table = transaction.open_table(TABLE).map_err(store_error)?;
            let value = table.get(id).map_err(store_error)?;
            Ok::<_, Error>(value.map(|value| Bytes::copy_from_slice(value.value())))
        });
        read.map_err(io::Error::other)?
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn path(&self, id: &str) -> PathBuf {
        self.directory.join(id)
    }

    /// Removes the bytes of a blob whose release was committed.
    pub(super) fn remove(&self, blob: &Blob) {
        if let Blob::File(id) = blob {
            // What cannot be removed now is swept at the next start.
            drop(std::fs::remove_file(self.path(id)));
        }
    }

    fn sweep(&self) -> Result<io::Result<()>, Error> {
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) => return Ok(Err(error)),
        };
        self.database.read(|transaction| {
            let table = transaction.open_table(TABLE).map_err(store_error)?;
            for entry in entries.flatten() {
                let name = entry.file_name();
                let known = match name.to_str() {
                    Some(id) => table.get(id).map_err(store_error)?.is_some(),
                    None => false,
                };
                if !known && let Err(error) = std::fs::remove_file(entry.path()) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        })
    }
}

/// Takes the bytes of a new blob piece by piece.
pub(crate) struct BlobWriter {
    blobs: Blobs,
    buffer: BytesMut,
    file: Option<(tokio::fs::File, NewBlob)>,
}

impl BlobWriter {
    /// Adds bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        let limit = if self.file.is_some() {
            WRITE_SIZE
        } else {
            INLINE_LIMIT
        };
        if self.buffer.len() > limit {
            self.flush().await
        } else {
            Ok(())
        }
    }

    /// Makes what was written durable, except for small bodies, which become so with their change.
    pub(crate) async fn finish(mut self) -> io::Result<NewBlob> {
        if self.file.is_none() {
            return Ok(self.finish_inline());
        }
        self.flush().await?;
        let directory = Arc::clone(&self.blobs.directory);
        let Some((mut file, new)) = self.file else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        file.flush().await?;
        file.sync_data().await?;
        let sync_directory = move || File::open(directory)?.sync_all();
        tokio::task::spawn_blocking(sync_directory)
            .await
            .map_err(io::Error::other)??;
        Ok(new)
    }

    fn finish_inline(self) -> NewBlob {
        let inline = self.buffer.freeze();
        let blob = if inline.is_empty() {
            Blob::Empty
        } else {
            Blob::Inline(random::hex(16))
        };
        NewBlob {
            blob,
            inline,
            unkept: None,
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            let id = random::hex(16);
            let path = self.blobs.path(&id);
            let file = tokio::fs::File::create_new(&path).await?;
            let new = NewBlob {
                blob: Blob::File(id),
                inline: Bytes::new(),
                unkept: Some(path),
            };
            self.file = Some((file, new));
        }
        if let Some((file, _)) = &mut self.file {
            file.write_all(&self.buffer).await?;
            self.buffer.clear();
        }
        Ok(())
    }
}

pub(super) fn make_table(write: &WriteTransaction) -> Result<(), Error> {
    write.open_table(TABLE).map_err(store_error)?;
    Ok(())
}

/// Notes kept and released blobs. A file that was kept is not removed if the commit then fails:
/// whether the commit happened is not known in that case, and the sweep at the next start knows.
pub(super) fn apply(
    write: &WriteTransaction,
    kept: Vec<NewBlob>,
    released: &[Blob],
) -> Result<(), Error> {
    if kept.is_empty() && released.is_empty() {
        return Ok(());
    }
    let mut table = write.open_table(TABLE).map_err(store_error)?;
    for mut new in kept {
        if let Blob::Inline(id) | Blob::File(id) = &new.blob {
            table
                .insert(id.as_str(), new.inline.as_ref())
                .map_err(store_error)?;
        }
        new.unkept = None;
    }
    for blob in released {
        if let Blob::Inline(id) | Blob::File(id) = blob {
            table.remove(id.as_str()).map_err(store_error)?;
        }
    }
    Ok(())
}
