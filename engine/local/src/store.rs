//! Durable state: JSON values in ACID tables, and bodies of objects as blobs.
//!
//! All changes go through [`Store::transact`]; those of concurrent callers share one commit, so the
//! price of durability is paid per batch. Transactions run one after another: what a closure reads
//! is what its writes are based on.

mod blob;
mod commit;
mod database;
mod table;

pub(crate) use blob::{Blob, BlobReader, BlobWriter, Blobs, NewBlob};
pub(crate) use commit::Transaction;
pub(crate) use table::Table;

use std::path::Path;
use std::sync::Arc;

use database::SharedDatabase;
use redb::ReadableTable;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// The database and the blobs of one cloud. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Store {
    database: Arc<SharedDatabase>,
    commits: commit::Queue,
    blobs: Blobs,
}

impl Store {
    /// Opens or makes the store in a directory that the caller has locked, and sweeps blobs that
    /// nothing refers to.
    pub(crate) fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("state.redb");
        let database = Arc::new(SharedDatabase::open(path)?);
        commit::make_tables(&database)?;
        let blobs = Blobs::open(directory, Arc::clone(&database))?;
        let commits = commit::Queue::start(Arc::clone(&database), blobs.clone())?;
        Ok(Self {
            database,
            commits,
            blobs,
        })
    }

    /// One value, as of the last commit.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        table: Table,
        key: &str,
    ) -> Result<Option<T>, Error> {
        self.database.read(|transaction| {
            let opened = transaction.open_table(table.definition());
            value_in(&opened.map_err(store_error)?, table, key)
        })
    }

    /// All values whose key starts with `prefix`, in byte order of their keys.
    pub(crate) fn list<T: DeserializeOwned>(
        &self,
        table: Table,
        prefix: &str,
    ) -> Result<Vec<(String, T)>, Error> {
        self.list_from(table, prefix, prefix, usize::MAX)
    }

    /// At most `limit` values whose key starts with `prefix`, from the first key at or after `from`.
    pub(crate) fn list_from<T: DeserializeOwned>(
        &self,
        table: Table,
        prefix: &str,
        from: &str,
        limit: usize,
    ) -> Result<Vec<(String, T)>, Error> {
        let mut found = Vec::new();
        self.scan(table, prefix, from, limit, |key, value| {
            found.push((key.to_owned(), decode(table, key, value)?));
            Ok(())
        })?;
        Ok(found)
    }

    /// Number of values whose key starts with `prefix`.
    pub(crate) fn count(&self, table: Table, prefix: &str) -> Result<usize, Error> {
        let mut count = 0;
        self.scan(table, prefix, prefix, usize::MAX, |_, _| {
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }

    /// Shows keys and values to `look`, in byte order of the keys.
    fn scan(
        &self,
        table: Table,
        prefix: &str,
        from: &str,
        limit: usize,
        mut look: impl FnMut(&str, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.database.read(|transaction| {
            let opened = transaction
                .open_table(table.definition())
                .map_err(store_error)?;
            let range = opened.range(from.max(prefix)..).map_err(store_error)?;
            for entry in range.take(limit) {
                let (key, value) = entry.map_err(store_error)?;
                if !key.value().starts_with(prefix) {
                    break;
                }
                look(key.value(), value.value())?;
            }
            Ok(())
        })
    }

    /// Runs `change` and commits all it wrote, or nothing if it returns an error. Durable at return.
    pub(crate) async fn transact<T, E, F>(&self, change: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        self.commits.submit(change).await
    }

    /// Stores one value. Durable at return.
    pub(crate) async fn put<T: Serialize>(
        &self,
        table: Table,
        key: &str,
        value: &T,
    ) -> Result<(), Error> {
        let (key, bytes) = (key.to_owned(), encode(table, key, value)?);
        self.transact(move |transaction| {
            transaction.put_bytes(table, &key, bytes);
            Ok(())
        })
        .await
    }

    /// Removes one value if it is there. Durable at return.
    pub(crate) async fn delete(&self, table: Table, key: &str) -> Result<(), Error> {
        let key = key.to_owned();
        self.transact(move |transaction| {
            transaction.delete(table, &key);
            Ok(())
        })
        .await
    }

    /// The bodies of objects and other large bytes.
    pub(crate) fn blobs(&self) -> &Blobs {
        &self.blobs
    }
}

fn value_in<T: DeserializeOwned>(
    opened: &impl ReadableTable<&'static str, &'static [u8]>,
    table: Table,
    key: &str,
) -> Result<Option<T>, Error> {
    let value = opened.get(key).map_err(store_error)?;
    value
        .map(|value| decode(table, key, value.value()))
        .transpose()
}

pub(crate) fn store_error(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Store(Box::new(source))
}

fn decode<T: DeserializeOwned>(table: Table, key: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| damaged(table, key, source))
}

fn encode<T: Serialize>(table: Table, key: &str, value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|source| damaged(table, key, source))
}

fn damaged(table: Table, key: &str, source: serde_json::Error) -> Error {
    Error::Damaged {
        table: table.name(),
        key: key.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn write(store: &Store, bytes: &[u8]) -> Blob {
        let mut writer = store.blobs().writer();
        writer.write(bytes).await.unwrap();
        let new = writer.finish().await.unwrap();
        store
            .transact(|transaction| Ok::<_, Error>(transaction.keep(new)))
            .await
            .unwrap()
    }

    async fn read(store: &Store, blob: &Blob) -> std::io::Result<usize> {
        match store.blobs().open_blob(blob).await? {
            BlobReader::Bytes(bytes) => Ok(bytes.len()),
            BlobReader::File(file) => Ok(file.metadata().await?.len() as usize),
        }
    }

    fn files(directory: &Path) -> usize {
        std::fs::read_dir(directory.join("objects"))
            .unwrap()
            .count()
    }

    #[tokio::test]
    async fn a_failed_change_leaves_nothing_and_others_in_its_batch_stand() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let changes = (0..20u32).map(|number| {
            store.transact(move |transaction| {
                transaction.put(Table::Meta, &format!("test/{number}"), &number)?;
                if number % 2 == 1 {
                    Err(Error::Store("odd".into()))
                } else {
                    Ok(())
                }
            })
        });
        let results = futures_util::future::join_all(changes).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 10);
        let stored = store.list::<u32>(Table::Meta, "test/").unwrap();
        assert!(stored.len() == 10 && stored.iter().all(|(_, number)| number % 2 == 0));
    }

    #[tokio::test]
    async fn a_transaction_sees_its_own_writes() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.put(Table::Meta, "t/a", &1).await.unwrap();
        let seen = store.transact(|transaction| {
            transaction.delete(Table::Meta, "t/a");
            let emptied = !transaction.has_any(Table::Meta, "t/")?;
            transaction.put(Table::Meta, "t/b", &2)?;
            let first = transaction.append(Table::Events, "", &"x")?;
            let second = transaction.append(Table::Events, "", &"y")?;
            Ok::<_, Error>((
                emptied,
                transaction.list::<u32>(Table::Meta, "t/")?,
                first < second,
            ))
        });
        assert_eq!(
            seen.await.unwrap(),
            (true, vec![("t/b".to_owned(), 2)], true)
        );
    }

    #[tokio::test]
    async fn a_panicking_change_does_not_close_the_store() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let broken = store
            .transact(|_| -> Result<(), Error> { panic!("a defect") })
            .await;
        assert!(broken.is_err());
        store.put(Table::Meta, "t", &1).await.unwrap();
    }

    #[tokio::test]
    async fn blobs_live_as_long_as_they_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        for size in [0, 10, 100_000, 2_000_000] {
            let blob = write(&store, &vec![7; size]).await;
            assert_eq!(read(&store, &blob).await.unwrap(), size);
            let released = blob.clone();
            let release = move |transaction: &mut Transaction<'_>| {
                transaction.release(&released);
                Ok::<_, Error>(())
            };
            store.transact(release).await.unwrap();
            assert!(size == 0 || read(&store, &blob).await.is_err(), "{size}");
        }
        assert_eq!(files(directory.path()), 0);
    }

    #[tokio::test]
    async fn what_nothing_refers_to_is_swept_at_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let kept = write(&store, &vec![1; 100_000]).await;
        let mut abandoned = store.blobs().writer();
        abandoned.write(&vec![2; 100_000]).await.unwrap();
        drop(abandoned.finish().await.unwrap());
        assert_eq!(files(directory.path()), 1);
        std::fs::write(
            directory.path().join("objects/left-by-a-killed-process"),
            b"x",
        )
        .unwrap();
        drop(store);
        let store = Store::open(directory.path()).unwrap();
        assert_eq!(files(directory.path()), 1);
        assert_eq!(read(&store, &kept).await.unwrap(), 100_000);
    }

    /// Set in the process that has a limit.
    const LIMITED: &str = "SCAR_LOCAL_TEST_FILE_SIZE";

    fn limit_files(bytes: Option<u64>) {
        let limit = rustix::process::Rlimit {
            current: bytes,
            maximum: None,
        };
        rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).unwrap();
    }

    /// A limit of the system on the size of files stands for a full disk, in a process of its own.
    #[tokio::test]
    async fn a_store_that_found_no_room_goes_on_when_there_is_some() {
        if std::env::var_os(LIMITED).is_some() {
            return fill_and_go_on().await;
        }
        let name = "store::tests::a_store_that_found_no_room_goes_on_when_there_is_some";
        let script = "trap '' XFSZ; exec \"$0\" --exact \"$1\"";
        let status = std::process::Command::new("sh")
            .args(["-c", script])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env(LIMITED, "1")
            .status();
        assert!(status.unwrap().success());
    }

    async fn fill_and_go_on() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let key = |number: u32| format!("t/{number:05}");
        for round in 0..3 {
            let file = std::fs::metadata(directory.path().join("state.redb"));
            limit_files(Some(file.unwrap().len()));
            let before = store.count(Table::Meta, "t/").unwrap() as u32;
            let mut number = before;
            let value = "x".repeat(20_000);
            while store.put(Table::Meta, &key(number), &value).await.is_ok() {
                number += 1;
                assert!(number < before + 10_000, "the limit was never met");
            }
            assert!(store.put(Table::Meta, &key(number), &value).await.is_err());
            assert_eq!(
                store.count(Table::Meta, "t/").unwrap() as u32,
                number,
                "{round}"
            );
            limit_files(None);
            for number in number..number + 200 {
                store.put(Table::Meta, &key(number), &value).await.unwrap();
            }
            assert_eq!(
                store.list::<String>(Table::Meta, "t/").unwrap().len() as u32,
                number + 200
            );
        }
        let stored = store.count(Table::Meta, "t/").unwrap();
        drop(store);
        let store = Store::open(directory.path()).unwrap();
        assert_eq!(store.count(Table::Meta, "t/").unwrap(), stored);
    }
}
