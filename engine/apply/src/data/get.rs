//! Objects into a directory.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt};
use scar_schemas::record::ObjectVersion;
use tokio::io::AsyncWriteExt;

use super::{PARALLEL, Transfer, list, unwritable};
use crate::call::failed;
use crate::transfer::bare_etag;
use crate::{Cloud, Error};

/// Attempts to read one object whose stream breaks off.
const ATTEMPTS: usize = 3;

/// What [`get`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// Files that were written, in key order.
    pub files: Vec<(ObjectVersion, PathBuf)>,
    /// Objects whose key cannot be a file below the directory, with the reason.
    pub refused: Vec<(String, String)>,
}

/// Writes all objects below a prefix into a directory. A file is complete or not there, and no key leads
/// out of the directory. Folder markers (keys with a closing slash) are passed over.
///
/// # Errors
/// [`Error::File`], [`Error::Call`].
pub async fn get(
    cloud: &Cloud,
    bucket: &str,
    prefix: &str,
    directory: &Path,
    on_transfer: &mut dyn FnMut(Transfer),
) -> Result<Received, Error> {
    let listed = list(cloud, bucket, prefix).await?;
    let objects: Vec<_> = listed.into_iter().map(|one| one.object).collect();
    // Files are named from the last folder of the prefix on.
    let folder = prefix.rfind('/').map_or("", |slash| &prefix[..=slash]);
    get_objects(cloud, &objects, folder, directory, on_transfer).await
}

/// Writes chosen objects into a directory under their keys without `prefix`.
///
/// # Errors
/// [`Error::File`], [`Error::Call`].
pub async fn get_objects(
    cloud: &Cloud,
    objects: &[ObjectVersion],
    prefix: &str,
    directory: &Path,
    on_transfer: &mut dyn FnMut(Transfer),
) -> Result<Received, Error> {
    let tell = RefCell::new(on_transfer);
    let objects: Vec<_> = objects
        .iter()
        .filter(|object| !object.key.ends_with('/'))
        .collect();
    let keys: BTreeSet<&str> = objects.iter().map(|object| object.key.as_str()).collect();
    let keys = &keys;
    let one = async |object: &ObjectVersion| match is_below_another(&object.key, keys) {
        true => Ok(One::Refused(object.key.clone(), FOLDER_IS_FILE.to_owned())),
        false => get_one(cloud, object, prefix, directory, &tell).await,
    };
    let work: Vec<_> = objects.into_iter().map(one).collect();
    let mut results = stream::iter(work).buffered(PARALLEL);
    let mut received = Received::default();
    while let Some(result) = results.next().await {
        match result? {
            One::Written(object, path) => received.files.push((object, path)),
            One::Refused(key, reason) => received.refused.push((key, reason)),
        }
    }
    Ok(received)
}

/// Keys `a` and `a/b` can both exist, files of these names cannot: the shorter one wins.
fn is_below_another(key: &str, keys: &BTreeSet<&str>) -> bool {
    key.match_indices('/')
        .any(|(slash, _)| keys.contains(&key[..slash]))
}

const FOLDER_IS_FILE: &str = "its folder is a file here";

/// What became of one object.
enum One {
    Written(ObjectVersion, PathBuf),
    Refused(String, String),
}

async fn get_one(
    cloud: &Cloud,
    object: &ObjectVersion,
    prefix: &str,
    directory: &Path,
    tell: &RefCell<&mut dyn FnMut(Transfer)>,
) -> Result<One, Error> {
    let name = object.key.strip_prefix(prefix).unwrap_or(&object.key);
    let path = match safe_path(name) {
        Ok(path) => directory.join(path),
        Err(reason) => return Ok(One::Refused(object.key.clone(), reason.to_owned())),
    };
    let folder = path.parent().unwrap_or(directory);
    if let Err(error) = tokio::fs::create_dir_all(folder).await {
        let is_file = folder
            .ancestors()
            .any(|one| one != directory && one.is_file());
        return match is_file {
            true => Ok(One::Refused(object.key.clone(), FOLDER_IS_FILE.to_owned())),
            false => Err(unwritable(folder)(error)),
        };
    }
    if path.is_dir() {
        return Ok(One::Refused(
            object.key.clone(),
            "it is a folder here".to_owned(),
        ));
    }
    let object = write(cloud, object, &path, tell).await?;
    tell.borrow_mut()(Transfer::Done {
        object: object.clone(),
    });
    Ok(One::Written(object, path))
}

/// A key as a relative path that cannot leave the directory, or why it cannot be one.
fn safe_path(name: &str) -> Result<PathBuf, &'static str> {
    if name.contains('\0') {
        return Err("it contains a zero byte");
    }
    for part in name.split('/') {
        match part {
            "" => return Err("it has an empty folder name"),
            "." | ".." => return Err("it has a folder named `.` or `..`"),
            long if long.len() > 255 => return Err("a name in it is longer than 255 bytes"),
            _ => {}
        }
    }
    Ok(PathBuf::from(name))
}

/// Writes the object beside its place and moves it there when it is complete.
async fn write(
    cloud: &Cloud,
    object: &ObjectVersion,
    path: &Path,
    tell: &RefCell<&mut dyn FnMut(Transfer)>,
) -> Result<ObjectVersion, Error> {
    let folder = path.parent().unwrap_or(path);
    let part = tempfile::Builder::new()
        .prefix(".scar-")
        .suffix(".part")
        .tempfile_in(folder);
    let part = part.map_err(unwritable(path))?;
    let mut attempt = 1;
    let written = loop {
        match fetch(cloud, object, part.path(), tell).await {
            Err(error) if error.is_temporary() && attempt < ATTEMPTS => attempt += 1,
            done => break done?,
        }
    };
    let kept = part
        .persist(path)
        .map_err(|error| unwritable(path)(error.error))?;
    // Temporary files are for nobody else; this one is an ordinary file from now on.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    kept.set_permissions(mode).map_err(unwritable(path))?;
    Ok(written)
}

async fn fetch(
    cloud: &Cloud,
    object: &ObjectVersion,
    part: &Path,
    tell: &RefCell<&mut dyn FnMut(Transfer)>,
) -> Result<ObjectVersion, Error> {
    let subject = format!("{}/{}", object.bucket, object.key);
    let request = cloud
        .s3
        .get_object()
        .bucket(&object.bucket)
        .key(&object.key);
    let request = request.set_version_id(object.version_id.clone());
    let answer = request
        .send()
        .await
        .map_err(failed("GetObject", &subject))?;
    let etag = bare_etag(answer.e_tag);
    let expected = answer
        .content_length
        .and_then(|length| u64::try_from(length).ok());
    let mut body = answer.body;
    let mut file = tokio::fs::File::create(part)
        .await
        .map_err(unwritable(part))?;
    let mut size = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| broken_off(&subject, error))?;
        size += chunk.len() as u64;
        file.write_all(&chunk).await.map_err(unwritable(part))?;
        let bytes = chunk.len() as u64;
        tell.borrow_mut()(Transfer::Bytes {
            key: object.key.clone(),
            bytes,
        });
    }
    file.flush().await.map_err(unwritable(part))?;
    match expected {
        Some(expected) if expected != size => Err(broken_off(
            &subject,
            format!("{size} of {expected} bytes came"),
        )),
        _ => Ok(ObjectVersion {
            etag,
            size,
            ..object.clone()
        }),
    }
}

fn broken_off(subject: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Call {
        operation: "GetObject",
        subject: subject.to_owned(),
        code: None,
        message: None,
        source: Some(source.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_leaves_the_directory() {
        let hostile = [
            "/etc/passwd",
            "..",
            "a/../b",
            "../x",
            "a//b",
            "a/./b",
            "",
            "a\0b",
            "x/",
        ];
        for key in hostile {
            assert!(safe_path(key).is_err(), "{key:?}");
        }
        assert!(safe_path(&"x".repeat(256)).is_err());
        assert_eq!(safe_path("a b/ü\n.jpg").unwrap(), Path::new("a b/ü\n.jpg"));
    }
}
