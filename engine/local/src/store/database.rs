//! The database file, which is opened again after it failed.
//!
//! redb refuses everything after a failed write, since it cannot know what reached the file. Opening it
//! again finds out: the last commit that is whole stands. So a disk that was full for a while, for
//! instance, costs the changes that found no room and nothing else.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase};

use super::store_error;
use crate::Error;

/// How long a former user of the database in this process may take to close it.
const CLOSING: Duration = Duration::from_secs(5);

/// The database of one store.
pub(super) struct SharedDatabase {
    path: PathBuf,
    opened: RwLock<Option<Database>>,
}

impl SharedDatabase {
    /// Opens or makes the database.
    pub(super) fn open(path: PathBuf) -> Result<Self, Error> {
        let opened = RwLock::new(Some(open_database(&path)?));
        Ok(Self { path, opened })
    }

    /// Lets `act` use the database, which is opened first if it was given up.
    pub(super) fn with<T, E: From<Error>>(
        &self,
        act: impl FnOnce(&Database) -> Result<T, E>,
    ) -> Result<T, E> {
        loop {
            let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(database) = opened.as_ref() {
                return act(database);
            }
            drop(opened);
            let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
            if opened.is_none() {
                *opened = Some(open_database(&self.path)?);
            }
        }
    }

    /// Lets `act` read what was committed last.
    pub(super) fn read<T, E: From<Error>>(
        &self,
        act: impl FnOnce(&ReadTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        self.with(|database| act(&database.begin_read().map_err(store_error)?))
    }

    /// Gives the database up after a failure; the next use opens it again.
    pub(super) fn give_up(&self) {
        let mut opened = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        *opened = None;
    }
}

/// Opens the database. A cloud that was closed in this very process a moment ago may still hold it:
/// its committing thread ends after its last user has gone.
fn open_database(path: &Path) -> Result<Database, Error> {
    let deadline = Instant::now() + CLOSING;
    loop {
        match Database::create(path) {
            Err(DatabaseError::DatabaseAlreadyOpen) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            opened => {
                let opened = opened.map_err(store_error)?;
                // It holds secrets.
                let owner_only = std::fs::Permissions::from_mode(0o600);
                std::fs::set_permissions(path, owner_only).map_err(store_error)?;
                return Ok(opened);
            }
        }
    }
}
