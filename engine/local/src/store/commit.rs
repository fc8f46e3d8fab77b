//! Changes: one thread runs them in order and commits those that wait together as one batch.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

use redb::{Database, ReadableTable, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::blob::{self, Blob, Blobs, NewBlob};
use super::database::SharedDatabase;
use super::{Table, decode, encode, store_error, value_in};
use crate::Error;

/// Changes that share one commit at most, so that no caller waits long for others.
const BATCH_LIMIT: usize = 256;

/// A view of the store that sees its own writes. What it writes is kept aside until the closure has
/// succeeded, so that one failed change does not spoil the batch it runs in.
pub(crate) struct Transaction<'a> {
    write: &'a WriteTransaction,
    changes: BTreeMap<(Table, String), Option<Vec<u8>>>,
    kept: Vec<NewBlob>,
    released: Vec<Blob>,
}

impl Transaction<'_> {
    /// One value.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        table: Table,
        key: &str,
    ) -> Result<Option<T>, Error> {
        if let Some(changed) = self.changes.get(&(table, key.to_owned())) {
            return changed
                .as_ref()
                .map(|bytes| decode(table, key, bytes))
                .transpose();
        }
        let opened = self.write.open_table(table.definition());
        value_in(&opened.map_err(store_error)?, table, key)
    }

    /// Whether the key has a value.
    pub(crate) fn contains(&self, table: Table, key: &str) -> Result<bool, Error> {
        Ok(self.get::<serde::de::IgnoredAny>(table, key)?.is_some())
    }

    /// Whether any key starts with `prefix`.
    pub(crate) fn has_any(&self, table: Table, prefix: &str) -> Result<bool, Error> {
        let start = Bound::Included((table, prefix.to_owned()));
        let inside = |(other, key): &(Table, String)| *other == table && key.starts_with(prefix);
        let changed = self
            .changes
            .range((start, Bound::Unbounded))
            .take_while(|(key, _)| inside(key));
        let added = changed.clone().any(|(_, value)| value.is_some());
        if added || changed.count() > 0 {
            // Rare: this very transaction wrote here, so both sides must be merged.
            return Ok(added
                || !self
                    .list::<serde::de::IgnoredAny>(table, prefix)?
                    .is_empty());
        }
        let opened = self
            .write
            .open_table(table.definition())
            .map_err(store_error)?;
        let first = opened
            .range(prefix..)
            .map_err(store_error)?
            .next()
            .transpose()
            .map_err(store_error)?;
        Ok(first.is_some_and(|(key, _)| key.value().starts_with(prefix)))
    }

    /// Stores one value.
    pub(crate) fn put<T: Serialize>(
        &mut self,
        table: Table,
        key: &str,
        value: &T,
    ) -> Result<(), Error> {
        let bytes = encode(table, key, value)?;
        self.put_bytes(table, key, bytes);
        Ok(())
    }

    pub(super) fn put_bytes(&mut self, table: Table, key: &str, bytes: Vec<u8>) {
        self.changes.insert((table, key.to_owned()), Some(bytes));
    }

    /// Removes one value if it is there.
    pub(crate) fn delete(&mut self, table: Table, key: &str) {
        self.changes.insert((table, key.to_owned()), None);
    }

    /// All values whose key starts with `prefix`, in byte order of their keys.
    pub(crate) fn list<T: DeserializeOwned>(
        &self,
        table: Table,
        prefix: &str,
    ) -> Result<Vec<(String, T)>, Error> {
        let mut bytes = self.stored(table, prefix)?;
        let start = Bound::Included((table, prefix.to_owned()));
        for ((changed, key), value) in self.changes.range((start, Bound::Unbounded)) {
            if *changed != table || !key.starts_with(prefix) {
                break;
            }
            match value {
                Some(value) => bytes.insert(key.clone(), value.clone()),
                None => bytes.remove(key),
            };
        }
        let decoded =
            |(key, value): (String, Vec<u8>)| Ok((key.clone(), decode(table, &key, &value)?));
        bytes.into_iter().map(decoded).collect()
    }

    fn stored(&self, table: Table, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let opened = self
            .write
            .open_table(table.definition())
            .map_err(store_error)?;
        let mut found = BTreeMap::new();
        for entry in opened.range(prefix..).map_err(store_error)? {
            let (key, value) = entry.map_err(store_error)?;
            if !key.value().starts_with(prefix) {
                break;
            }
            found.insert(key.value().to_owned(), value.value().to_vec());
        }
        Ok(found)
    }

    /// The next number of a named sequence, from 1. Numbers are never given twice.
    pub(crate) fn next_number(&mut self, sequence: &str) -> Result<u64, Error> {
        let key = format!("sequence/{sequence}");
        let number = self.get::<u64>(Table::Meta, &key)?.unwrap_or(0) + 1;
        self.put(Table::Meta, &key, &number)?;
        Ok(number)
    }

    /// Stores a value after all others that were appended to this table under this prefix, and
    /// returns its key: the prefix and a number of 20 digits.
    pub(crate) fn append<T: Serialize>(
        &mut self,
        table: Table,
        prefix: &str,
        value: &T,
    ) -> Result<String, Error> {
        let number = self.next_number(table.name())?;
        let key = format!("{prefix}{number:020}");
        self.put(table, &key, value)?;
        Ok(key)
    }

    /// Makes a written blob part of this change. The caller stores what is returned.
    pub(crate) fn keep(&mut self, new: NewBlob) -> Blob {
        let blob = new.blob();
        self.kept.push(new);
        blob
    }

    /// Drops a blob with this change.
    pub(crate) fn release(&mut self, blob: &Blob) {
        self.released.push(blob.clone());
    }

    fn apply(self, batch: &mut Batch) -> Result<(), Error> {
        batch.changed |=
            !(self.changes.is_empty() && self.kept.is_empty() && self.released.is_empty());
        for ((table, key), value) in self.changes {
            let mut opened = self
                .write
                .open_table(table.definition())
                .map_err(store_error)?;
            match value {
                Some(value) => opened
                    .insert(key.as_str(), value.as_slice())
                    .map_err(store_error)?,
                None => opened.remove(key.as_str()).map_err(store_error)?,
            };
        }
        blob::apply(self.write, self.kept, &self.released)?;
        batch.released.extend(self.released);
        Ok(())
    }
}

/// What a batch has gathered so far.
#[derive(Default)]
struct Batch {
    changed: bool,
    released: Vec<Blob>,
    /// A write to the database failed half-way: nothing of this batch may be committed.
    failed: Option<String>,
}

type Reply = Box<dyn FnOnce(Result<(), String>) + Send>;
type Job = Box<dyn FnOnce(&WriteTransaction, &mut Batch) -> Reply + Send>;

/// The way to the committing thread.
#[derive(Clone)]
pub(super) struct Queue {
    jobs: mpsc::Sender<Job>,
}

impl Queue {
    pub(super) fn start(database: Arc<SharedDatabase>, blobs: Blobs) -> Result<Self, Error> {
        let (jobs, received) = mpsc::channel();
        let run = move || run_batches(&database, &blobs, &received);
        std::thread::Builder::new()
            .name("scar-local-commit".to_owned())
            .spawn(run)
            .map_err(store_error)?;
        Ok(Self { jobs })
    }

    pub(super) async fn submit<T, E, F>(&self, change: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |write, batch| {
            // A panic is a defect of one change; the others in the batch are not to suffer.
            let result = catch_unwind(AssertUnwindSafe(|| run_change(change, write, batch)));
            Box::new(move |committed| {
                let Ok(result) = result else { return };
                let result = result.and_then(|value| match committed {
                    Ok(()) => Ok(value),
                    Err(reason) => Err(E::from(Error::Store(reason.into()))),
                });
                // The caller may have gone away; the change stands all the same.
                drop(sender.send(result));
            })
        });
        let closed = || {
            E::from(Error::Store(
                "the store is closed, or cannot be written".into(),
            ))
        };
        self.jobs.send(job).map_err(|_| closed())?;
        receiver.await.unwrap_or_else(|_| Err(closed()))
    }
}

fn run_change<T, E, F>(change: F, write: &WriteTransaction, batch: &mut Batch) -> Result<T, E>
where
    E: From<Error>,
    F: FnOnce(&mut Transaction<'_>) -> Result<T, E>,
{
    let mut transaction = Transaction {
        write,
        changes: BTreeMap::new(),
        kept: Vec::new(),
        released: Vec::new(),
    };
    let value = change(&mut transaction)?;
    transaction
        .apply(batch)
        .inspect_err(|error| batch.failed = Some(error.to_string()))?;
    Ok(value)
}

fn run_batches(database: &SharedDatabase, blobs: &Blobs, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        // A database that cannot be used drops the job, which tells its caller.
        let ran = database.with(|opened| run_batch(opened, first, jobs));
        let Ok((batch, replies, committed)) = ran else {
            database.give_up();
            continue;
        };
        match committed {
            Ok(()) => batch.released.iter().for_each(|blob| blobs.remove(blob)),
            Err(_) => database.give_up(),
        }
        for reply in replies {
            reply(committed.clone());
        }
    }
}

type Ran = (Batch, Vec<Reply>, Result<(), String>);

fn run_batch(database: &Database, first: Job, jobs: &mpsc::Receiver<Job>) -> Result<Ran, Error> {
    let write = database.begin_write().map_err(store_error)?;
    let mut batch = Batch::default();
    let mut replies = vec![first(&write, &mut batch)];
    while replies.len() < BATCH_LIMIT
        && batch.failed.is_none()
        && let Ok(next) = jobs.try_recv()
    {
        replies.push(next(&write, &mut batch));
    }
    let committed = finish(write, &batch);
    Ok((batch, replies, committed))
}

fn finish(write: WriteTransaction, batch: &Batch) -> Result<(), String> {
    match &batch.failed {
        Some(reason) => {
            drop(write);
            Err(reason.clone())
        }
        None if batch.changed => write.commit().map_err(|error| error.to_string()),
        None => write.abort().map_err(|error| error.to_string()),
    }
}

/// Makes every table, so that readers never meet a missing one.
pub(super) fn make_tables(database: &SharedDatabase) -> Result<(), Error> {
    database.with(|opened| {
        let write = opened.begin_write().map_err(store_error)?;
        for table in Table::ALL {
            write.open_table(table.definition()).map_err(store_error)?;
        }
        blob::make_table(&write)?;
        write.commit().map_err(store_error)
    })
}
