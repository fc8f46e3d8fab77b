//! Prefixes that tasks see as folders: fetched when a task starts, kept for the next one.
//!
//! A folder is a snapshot of one listing and is never changed afterwards, so a task that still uses an
//! older one is not disturbed.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use futures_util::{StreamExt, TryStreamExt, stream};
use scar_schemas::contract::Mount;
use scar_schemas::digest::hash_parts;

use crate::listing::Listed;
use crate::random;
use crate::setup::Setup;
use crate::store::StoreError;

/// Most objects of one mount.
const MAX_OBJECTS: usize = 100_000;
const PARALLEL: usize = 16;
/// How often a prefix that changes meanwhile is listed.
const LISTINGS: u32 = 5;
const FOLDER: &str = "mounts";

/// A mount that cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MountError {
    #[error("mount {path:?} cannot be fetched")]
    Store {
        path: String,
        #[source]
        source: Box<StoreError>,
    },
    #[error("mount {path:?} has {bytes} bytes, more than `disk: {disk_mib}MiB` has room for")]
    TooLarge {
        path: String,
        bytes: u64,
        disk_mib: u32,
    },
    #[error("mount {path:?} changed each time that it was fetched")]
    Changing { path: String },
    #[error("mount {path:?} cannot be stored")]
    File {
        path: String,
        #[source]
        source: io::Error,
    },
}

/// Makes a mount's folder and returns where it is.
pub(crate) async fn fetch(setup: &Setup, mount: &Mount) -> Result<PathBuf, MountError> {
    for _ in 0..LISTINGS {
        if let Some(folder) = try_fetch(setup, mount).await? {
            return Ok(folder);
        }
    }
    Err(MountError::Changing {
        path: mount.path.clone(),
    })
}

/// `None` if an object is not there any more as it was listed: without it the folder would be what the
/// prefix never was.
async fn try_fetch(setup: &Setup, mount: &Mount) -> Result<Option<PathBuf>, MountError> {
    let bucket = setup.bucket(&mount.bucket);
    let listed = setup.list(bucket, &mount.prefix, MAX_OBJECTS).await;
    let store_failed = |source| MountError::Store {
        path: mount.path.clone(),
        source: Box::new(source),
    };
    let file_failed = |source| MountError::File {
        path: mount.path.clone(),
        source,
    };
    let listed = usable(listed.map_err(store_failed)?, &mount.prefix);
    let place = setup
        .work_dir
        .join(FOLDER)
        .join(hash_parts([bucket.as_bytes(), mount.prefix.as_bytes()]));
    let folder = place.join(snapshot(&listed));
    if folder.exists() {
        return Ok(Some(folder));
    }
    check_size(setup, mount, &listed)?;
    let new = place.join(format!("new-{}", random::attempt()));
    fs::create_dir_all(&new).map_err(file_failed)?;
    let fetched = fetch_all(setup, &listed, &mount.prefix, &new).await;
    if !matches!(fetched, Ok(true)) {
        let _ = fs::remove_dir_all(&new);
        return fetched.map(|_| None).map_err(store_failed);
    }
    let renamed = fs::rename(&new, &folder);
    // Another task may have been faster; its snapshot is the same.
    if !folder.exists() {
        renamed.map_err(file_failed)?;
    }
    forget_others(&place, &folder);
    Ok(Some(folder))
}

/// Whether all objects were still what the listing says.
async fn fetch_all(
    setup: &Setup,
    listed: &[Listed],
    prefix: &str,
    folder: &Path,
) -> Result<bool, StoreError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::File { path, source }
    };
    let folders: BTreeSet<PathBuf> = listed
        .iter()
        .filter_map(|one| Some(folder.join(relative(one, prefix)?).parent()?.to_owned()))
        .collect();
    for path in folders {
        fs::create_dir_all(&path).map_err(failed(&path))?;
    }
    let fetches = stream::iter(listed.iter()).map(|one| async move {
        let Some(name) = relative(one, prefix) else {
            return Ok(true);
        };
        let fetched = setup.store.fetch(&one.object, &folder.join(name)).await?;
        Ok::<bool, StoreError>(fetched.is_some())
    });
    let mut fetches = fetches.buffer_unordered(PARALLEL);
    while let Some(is_there) = fetches.try_next().await? {
        if !is_there {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Objects that have a place in a folder.
fn usable(mut listed: Vec<Listed>, prefix: &str) -> Vec<Listed> {
    listed.retain(|one| relative(one, prefix).is_some());
    listed
}

/// The path of an object in the folder. Keys that are no path below it have none.
fn relative<'a>(one: &'a Listed, prefix: &str) -> Option<&'a Path> {
    let name = one.object.key.strip_prefix(prefix)?;
    let path = Path::new(name);
    let is_plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let is_file = !name.is_empty() && !name.ends_with('/') && !name.contains('\0');
    (is_file && is_plain && !name.contains("//")).then_some(path)
}

fn snapshot(listed: &[Listed]) -> String {
    let parts = listed.iter().map(|one| {
        let object = &one.object;
        format!("{}\0{}\0{}", object.key, object.etag, object.size)
    });
    let parts: Vec<String> = parts.collect();
    hash_parts(parts.iter().map(|part| part.as_bytes()))
}

fn check_size(setup: &Setup, mount: &Mount, listed: &[Listed]) -> Result<(), MountError> {
    let bytes = listed.iter().map(|one| one.object.size).sum();
    let disk_mib = setup.config.disk_mib;
    if bytes < u64::from(disk_mib) * 1024 * 1024 {
        return Ok(());
    }
    Err(MountError::TooLarge {
        path: mount.path.clone(),
        bytes,
        disk_mib,
    })
}

/// Removes older snapshots: what nobody mounts any more is only space.
fn forget_others(place: &Path, keep: &Path) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.path() != keep) {
        if !entry.file_name().to_string_lossy().starts_with("new-") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use scar_schemas::record::ObjectVersion;

    use super::*;

    fn listed(key: &str, etag: &str) -> Listed {
        Listed {
            object: ObjectVersion {
                bucket: "b".into(),
                key: key.into(),
                etag: etag.into(),
                size: 1,
                version_id: None,
            },
            written_ms: 0,
        }
    }

    #[test]
    fn no_key_leaves_the_folder() {
        let keys = ["p/", "p/a/", "p/../x", "p/a//b", "p//x", "p/./a", "q/a"];
        for key in keys {
            assert_eq!(relative(&listed(key, "e"), "p/"), None, "{key}");
        }
        assert_eq!(
            relative(&listed("p/a/b", "e"), "p/"),
            Some(Path::new("a/b"))
        );
    }

    #[test]
    fn a_changed_object_makes_another_snapshot() {
        let of = |etag| snapshot(&[listed("p/a", etag)]);
        assert_eq!(of("1"), of("1"));
        assert_ne!(of("1"), of("2"));
    }
}
