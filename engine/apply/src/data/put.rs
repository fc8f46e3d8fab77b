//! Files into a bucket.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use scar_schemas::record::ObjectVersion;

use super::{PARALLEL, Transfer, unreadable};
use crate::transfer::{self, Body, Target};
use crate::{Cloud, Error};

/// A file to put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The file.
    pub path: PathBuf,
    /// Key it gets.
    pub key: String,
}

/// The uploads for files and, recursively, directories: a file's key is the prefix and its name, that of
/// a file in a directory the prefix and its path from the directory on.
///
/// # Errors
/// [`Error::File`] if something is not there, [`Error::Name`].
pub fn uploads(paths: &[PathBuf], prefix: &str) -> Result<Vec<Upload>, Error> {
    let mut found = Vec::new();
    for path in paths {
        // `.` and `..` have no name of their own; what they are called does.
        let real = fs::canonicalize(path).map_err(unreadable(path))?;
        let name = path
            .file_name()
            .or_else(|| real.file_name())
            .unwrap_or_default();
        collect(path, &format!("{prefix}{}", text(path, name)?), &mut found)?;
    }
    Ok(found)
}

fn collect(path: &Path, key: &str, found: &mut Vec<Upload>) -> Result<(), Error> {
    if !path.is_dir() {
        found.push(Upload {
            path: path.to_owned(),
            key: key.to_owned(),
        });
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(unreadable(path))?;
    let mut names = entries
        .map(|entry| {
            entry
                .map(|entry| entry.file_name())
                .map_err(unreadable(path))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    names.sort();
    for name in names {
        let inner = path.join(&name);
        // A link may lead back to where it is; directories behind links are not entered.
        let is_link = inner.is_symlink() && inner.is_dir();
        if !is_link {
            collect(&inner, &format!("{key}/{}", text(&inner, &name)?), found)?;
        }
    }
    Ok(())
}

fn text<'a>(path: &Path, name: &'a std::ffi::OsStr) -> Result<&'a str, Error> {
    name.to_str().ok_or_else(|| Error::Name {
        path: path.to_owned(),
    })
}

/// Size of the parts in which [`put`] sends an object of this size, in bytes: with it the `ETag` of a file can be
/// told without sending it.
#[must_use]
pub fn part_bytes(size: u64) -> u64 {
    crate::transfer::part_bytes(size)
}

/// Puts files into a bucket, eight at a time, large ones in parts. The answer is in the order of `uploads`.
///
/// # Errors
/// [`Error::File`], [`Error::Call`]: the first that happens; objects complete by then stay.
pub async fn put(
    cloud: &Cloud,
    bucket: &str,
    uploads: &[Upload],
    on_transfer: &mut dyn FnMut(Transfer),
) -> Result<Vec<ObjectVersion>, Error> {
    let tell = RefCell::new(on_transfer);
    let work: Vec<_> = uploads
        .iter()
        .map(|upload| put_one(cloud, bucket, upload, &tell))
        .collect();
    stream::iter(work).buffered(PARALLEL).try_collect().await
}

async fn put_one(
    cloud: &Cloud,
    bucket: &str,
    upload: &Upload,
    tell: &RefCell<&mut dyn FnMut(Transfer)>,
) -> Result<ObjectVersion, Error> {
    let key = &upload.key;
    let on_bytes = |bytes| {
        tell.borrow_mut()(Transfer::Bytes {
            key: key.clone(),
            bytes,
        })
    };
    let target = Target {
        bucket,
        key,
        digest: None,
    };
    let body = Body::File(upload.path.clone());
    let object = transfer::upload(cloud, &target, body, &on_bytes)
        .await
        .map_err(|error| match error {
            Error::Artifact { source, .. } => unreadable(&upload.path)(source),
            other => other,
        })?;
    tell.borrow_mut()(Transfer::Done {
        object: object.clone(),
    });
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_keep_their_shape() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("photos/2026");
        fs::create_dir_all(&inner).unwrap();
        fs::write(inner.join("a b+ü.jpg"), "x").unwrap();
        std::os::unix::fs::symlink(directory.path(), inner.join("loop")).unwrap();
        let found = uploads(&[directory.path().join("photos")], "in/").unwrap();
        let keys: Vec<_> = found.iter().map(|upload| upload.key.as_str()).collect();
        assert_eq!(keys, ["in/photos/2026/a b+ü.jpg"]);
        assert!(uploads(&[directory.path().join("nothing")], "").is_err());
    }
}
