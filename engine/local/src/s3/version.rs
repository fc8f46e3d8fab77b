//! Versions of objects.
//!
//! The current version of a key stands in `Table::Objects`, so that a bucket without versions is what
//! it always was. All others, and delete markers, stand in `Table::Versions` in such an order that the
//! newest of a key comes first.

use s3s::S3Result;
use serde::{Deserialize, Serialize};

use super::object::{Object, release, row};
use crate::Error;
use crate::clock::now_ms;
use crate::random;
use crate::store::{Store, Table, Transaction};

/// Version id of what was written while versions were not kept.
pub(super) const NULL: &str = "null";

/// What a bucket does with what is replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Versioning {
    /// It never kept versions.
    #[default]
    Off,
    /// It keeps versions.
    Enabled,
    /// It keeps those it has, and replaces the one without an id.
    Suspended,
}

impl Versioning {
    /// Reads the status of a versioning configuration.
    pub(crate) fn from_status(status: &str) -> Option<Self> {
        match status {
            "Enabled" => Some(Self::Enabled),
            "Suspended" => Some(Self::Suspended),
            _ => None,
        }
    }

    /// The status of a versioning configuration, which a bucket that never had one lacks.
    pub(crate) fn status(self) -> Option<&'static str> {
        match self {
            Self::Off => None,
            Self::Enabled => Some("Enabled"),
            Self::Suspended => Some("Suspended"),
        }
    }
}

/// A version that is not the current object, in `Table::Versions`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Version {
    /// Its id.
    pub(super) id: String,
    /// Milliseconds since the Unix epoch.
    pub(super) modified_ms: u64,
    /// The object; a delete marker has none.
    pub(super) object: Option<Object>,
}

/// Identity of a new version: its place among the others, and its id.
pub(super) struct Identity {
    ordinal: String,
    pub(super) id: Option<String>,
}

impl Identity {
    /// The next one of a bucket. Later ones come first in the order of the table.
    pub(super) fn next(
        transaction: &mut Transaction<'_>,
        versioning: Versioning,
    ) -> Result<Self, Error> {
        if versioning == Versioning::Off {
            return Ok(Self {
                ordinal: String::new(),
                id: None,
            });
        }
        let ordinal = format!("{:016x}", u64::MAX - transaction.next_number("version")?);
        let id =
            (versioning == Versioning::Enabled).then(|| format!("{ordinal}{}", random::hex(8)));
        Ok(Self { ordinal, id })
    }

    /// Gives the identity to an object.
    pub(super) fn give(self, object: &mut Object) {
        object.version_id = self.id;
        object.ordinal = self.ordinal;
    }
}

/// All versions of a key but the current object.
fn prefix(bucket: &str, key: &str) -> String {
    format!("{}\0", row(bucket, key))
}

fn version_row(bucket: &str, key: &str, ordinal: &str) -> String {
    // What was written before versions were kept is the oldest.
    let ordinal = if ordinal.is_empty() { "~" } else { ordinal };
    format!("{}{ordinal}", prefix(bucket, key))
}

/// Takes the current object out of its place: into the versions, if they are kept, or away.
pub(super) fn retire(
    transaction: &mut Transaction<'_>,
    bucket: &str,
    key: &str,
    versioning: Versioning,
) -> Result<(), Error> {
    if versioning == Versioning::Suspended {
        drop_null(transaction, bucket, key)?;
    }
    let place = row(bucket, key);
    let Some(current) = transaction.get::<Object>(Table::Objects, &place)? else {
        return Ok(());
    };
    let is_kept = match versioning {
        Versioning::Off => false,
        Versioning::Enabled => true,
        Versioning::Suspended => current.version_id.is_some(),
    };
    if is_kept {
        let version = Version {
            id: id_of(&current),
            modified_ms: current.modified_ms,
            object: Some(current.clone()),
        };
        transaction.put(
            Table::Versions,
            &version_row(bucket, key, &current.ordinal),
            &version,
        )?;
    } else {
        release(transaction, &current);
    }
    transaction.delete(Table::Objects, &place);
    Ok(())
}

/// Version id of an object, as versioned buckets show it.
pub(super) fn id_of(object: &Object) -> String {
    object.version_id.clone().unwrap_or_else(|| NULL.to_owned())
}

fn drop_null(transaction: &mut Transaction<'_>, bucket: &str, key: &str) -> Result<(), Error> {
    for (place, version) in of_key(transaction, bucket, key)? {
        if version.id == NULL {
            remove(transaction, &place, &version);
        }
    }
    Ok(())
}

fn of_key(
    transaction: &Transaction<'_>,
    bucket: &str,
    key: &str,
) -> Result<Vec<(String, Version)>, Error> {
    transaction.list::<Version>(Table::Versions, &prefix(bucket, key))
}

fn remove(transaction: &mut Transaction<'_>, place: &str, version: &Version) {
    if let Some(object) = &version.object {
        release(transaction, object);
    }
    transaction.delete(Table::Versions, place);
}

/// Puts a delete marker before everything else of a key, and returns its id.
pub(super) fn mark_deleted(
    transaction: &mut Transaction<'_>,
    bucket: &str,
    key: &str,
    versioning: Versioning,
) -> Result<String, Error> {
    retire(transaction, bucket, key, versioning)?;
    let identity = Identity::next(transaction, versioning)?;
    let marker = Version {
        id: identity.id.unwrap_or_else(|| NULL.to_owned()),
        modified_ms: now_ms(),
        object: None,
    };
    transaction.put(
        Table::Versions,
        &version_row(bucket, key, &identity.ordinal),
        &marker,
    )?;
    Ok(marker.id)
}

/// Removes one version for good. What comes after it becomes the current one, unless that is a delete
/// marker. Returns whether the removed one was a marker; `None` if there was no such version.
pub(super) fn delete_one(
    transaction: &mut Transaction<'_>,
    bucket: &str,
    key: &str,
    id: &str,
) -> S3Result<Option<bool>> {
    let place = row(bucket, key);
    let current = transaction.get::<Object>(Table::Objects, &place)?;
    let removed = match current {
        Some(current) if id_of(&current) == id => {
            release(transaction, &current);
            transaction.delete(Table::Objects, &place);
            Some(false)
        }
        _ => {
            let versions = of_key(transaction, bucket, key)?;
            let found = versions.into_iter().find(|(_, version)| version.id == id);
            found.map(|(place, version)| {
                remove(transaction, &place, &version);
                version.object.is_none()
            })
        }
    };
    promote(transaction, bucket, key)?;
    Ok(removed)
}

fn promote(transaction: &mut Transaction<'_>, bucket: &str, key: &str) -> Result<(), Error> {
    let place = row(bucket, key);
    if transaction.contains(Table::Objects, &place)? {
        return Ok(());
    }
    let newest = of_key(transaction, bucket, key)?.into_iter().next();
    if let Some((
        version_place,
        Version {
            object: Some(object),
            ..
        },
    )) = newest
    {
        transaction.delete(Table::Versions, &version_place);
        transaction.put(Table::Objects, &place, &object)?;
    }
    Ok(())
}

/// A version that is not the current object.
pub(super) fn find(
    store: &Store,
    bucket: &str,
    key: &str,
    id: &str,
) -> Result<Option<Version>, Error> {
    let versions = store.list::<Version>(Table::Versions, &prefix(bucket, key))?;
    let mut versions = versions.into_iter().map(|(_, version)| version);
    Ok(versions.find(|version| version.id == id))
}

/// The delete marker that hides a key, if one does.
pub(super) fn marker(store: &Store, bucket: &str, key: &str) -> Result<Option<Version>, Error> {
    let prefix = prefix(bucket, key);
    let newest = store.list_from::<Version>(Table::Versions, &prefix, &prefix, 1)?;
    let newest = newest.into_iter().next().map(|(_, version)| version);
    Ok(newest.filter(|version| version.object.is_none()))
}

/// One entry of a listing of versions.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) version: Version,
    pub(super) is_latest: bool,
}

/// All versions of the keys that start with `key_prefix`: keys in byte order, the newest of each first.
pub(super) fn list(store: &Store, bucket: &str, key_prefix: &str) -> Result<Vec<Entry>, Error> {
    let start = row(bucket, key_prefix);
    let key_of = |place: &str| place.get(bucket.len() + 1..).unwrap_or_default().to_owned();
    let mut entries = Vec::new();
    for (place, object) in store.list::<Object>(Table::Objects, &start)? {
        let version = Version {
            id: id_of(&object),
            modified_ms: object.modified_ms,
            object: Some(object),
        };
        entries.push((key_of(&place), String::new(), version));
    }
    for (place, version) in store.list::<Version>(Table::Versions, &start)? {
        let place = key_of(&place);
        if let Some((key, ordinal)) = place.rsplit_once('\0') {
            entries.push((key.to_owned(), ordinal.to_owned(), version));
        }
    }
    entries.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    let mut last = None;
    let entry = |(key, _, version): (String, String, Version)| {
        let is_latest = last.as_ref() != Some(&key);
        last = Some(key.clone());
        Entry {
            key,
            version,
            is_latest,
        }
    };
    Ok(entries.into_iter().map(entry).collect())
}
