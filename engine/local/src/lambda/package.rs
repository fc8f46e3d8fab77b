//! Packages: zip files of functions and layers, unpacked once into a directory named by their digest. An
//! image takes the place of one.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Cursor, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Most bytes that a package may have unpacked, the limit that Lambda has.
const UNPACKED_LIMIT: u64 = 262_144_000;
/// Most entries of a package.
const ENTRY_LIMIT: usize = 50_000;

/// An unpacked package, or an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Package {
    /// SHA-256 of the zip file, hexadecimal.
    pub(crate) digest: String,
    /// Size of the zip file in bytes.
    pub(crate) size: u64,
    /// Address of the image, if it is one and no zip file; the digest is then that of its manifest.
    #[serde(default)]
    pub(crate) image: Option<String>,
}

/// Why a zip file was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackageError {
    /// Not a zip file, or damaged.
    #[error("Could not unzip uploaded file. Please check your file, then try to upload again.")]
    Zip(#[source] zip::result::ZipError),
    /// An entry whose name would leave the directory.
    #[error("zip entry {0:?} has a name that is not allowed")]
    Name(String),
    /// Too large.
    #[error("Unzipped size must be smaller than {UNPACKED_LIMIT} bytes")]
    Size,
    /// The disk.
    #[error("cannot write {}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Package {
    /// Unpacks a zip file below `packages`, unless that was done before. A directory that is not
    /// complete is never visible.
    pub(crate) fn unpack(packages: &Path, zip: &[u8]) -> Result<Self, PackageError> {
        let digest = scar_schemas::digest::hex(&Sha256::digest(zip));
        let package = Self {
            digest,
            size: zip.len() as u64,
            image: None,
        };
        let target = package.directory(packages);
        if target.is_dir() {
            return Ok(package);
        }
        fs::create_dir_all(packages).map_err(file_error(packages))?;
        let unfinished = tempfile::tempdir_in(packages).map_err(file_error(packages))?;
        extract(zip, unfinished.path())?;
        fs::set_permissions(unfinished.path(), Permissions::from_mode(0o755))
            .map_err(file_error(packages))?;
        match fs::rename(unfinished.path(), &target) {
            // Somebody else was faster with the same bytes.
            Err(_) if target.is_dir() => Ok(package),
            Err(source) => Err(PackageError::File {
                path: target,
                source,
            }),
            Ok(()) => {
                drop(unfinished.keep());
                Ok(package)
            }
        }
    }

    /// Where it is unpacked.
    pub(crate) fn directory(&self, packages: &Path) -> PathBuf {
        packages.join(&self.digest)
    }

    /// The digest as Lambda shows it.
    pub(crate) fn sha256_base64(&self) -> String {
        let digits = self.digest.as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        base64::engine::general_purpose::STANDARD
            .encode(digits.filter_map(byte).collect::<Vec<u8>>())
    }
}

/// Copies a tree; what is there already is overwritten, as later layers overwrite earlier ones.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&source, &target)?;
            continue;
        }
        if target.symlink_metadata().is_ok() {
            fs::remove_file(&target)?;
        }
        if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Removes packages that nothing refers to, and what an unpacking that was killed has left.
pub(crate) fn sweep(packages: &Path, used: &BTreeSet<String>) {
    for entry in fs::read_dir(packages).into_iter().flatten().flatten() {
        if !entry
            .file_name()
            .to_str()
            .is_some_and(|name| used.contains(name))
        {
            // It only costs space; the next sweep comes.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

fn extract(zip: &[u8], directory: &Path) -> Result<(), PackageError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).map_err(PackageError::Zip)?;
    if archive.len() > ENTRY_LIMIT {
        return Err(PackageError::Size);
    }
    let mut left = UNPACKED_LIMIT;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(PackageError::Zip)?;
        let name = entry.name().map_err(PackageError::Zip)?.into_owned();
        let path = directory.join(safe(&name)?);
        let mode = entry.unix_mode().unwrap_or(0o644);
        if entry.is_dir() {
            fs::create_dir_all(&path).map_err(file_error(&path))?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(file_error(&path))?;
        }
        if path.symlink_metadata().is_ok() {
            return Err(PackageError::Name(name));
        }
        if mode & 0o170_000 == 0o120_000 {
            extract_link(&mut entry, &name, &path)?;
        } else {
            left -= extract_file(&mut entry, &path, mode, left)?;
        }
    }
    Ok(())
}

fn extract_file(
    entry: &mut impl Read,
    path: &Path,
    mode: u32,
    left: u64,
) -> Result<u64, PackageError> {
    let mut file = File::create_new(path).map_err(file_error(path))?;
    let written = io::copy(&mut entry.take(left + 1), &mut file).map_err(file_error(path))?;
    if written > left {
        return Err(PackageError::Size);
    }
    // The owner must be able to read everything, and nothing is ever setuid.
    let mode = Permissions::from_mode((mode & 0o777) | 0o600);
    file.set_permissions(mode).map_err(file_error(path))?;
    Ok(written)
}

/// A link must stay where it is harmless: relative, and never upwards.
fn extract_link(entry: &mut impl Read, name: &str, path: &Path) -> Result<(), PackageError> {
    let mut target = String::new();
    entry
        .take(4096)
        .read_to_string(&mut target)
        .map_err(file_error(path))?;
    let target = safe(&target).map_err(|_| PackageError::Name(name.to_owned()))?;
    symlink(target, path).map_err(file_error(path))
}

/// The name as a relative path of normal parts only.
fn safe(name: &str) -> Result<PathBuf, PackageError> {
    let refused = || PackageError::Name(name.to_owned());
    if name.contains(['\0', '\\']) {
        return Err(refused());
    }
    let mut path = PathBuf::new();
    for part in Path::new(name).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            _ => return Err(refused()),
        }
    }
    if path.as_os_str().is_empty() {
        Err(refused())
    } else {
        Ok(path)
    }
}

fn file_error(path: &Path) -> impl Fn(io::Error) -> PackageError + '_ {
    |source| PackageError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::*;

    fn zipped(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in entries {
            writer
                .start_file(*name, SimpleFileOptions::default().unix_permissions(0o755))
                .unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn packages_are_unpacked_once_and_copied() {
        let directory = tempfile::tempdir().unwrap();
        let zip = zipped(&[("bootstrap", "#!/bin/sh\n"), ("lib/a", "x")]);
        let package = Package::unpack(directory.path(), &zip).unwrap();
        assert_eq!(Package::unpack(directory.path(), &zip).unwrap(), package);
        assert_eq!(package.sha256_base64().len(), 44);
        let copy = directory.path().join("copy");
        copy_tree(&package.directory(directory.path()), &copy).unwrap();
        copy_tree(&package.directory(directory.path()), &copy).unwrap();
        let mode = fs::metadata(copy.join("bootstrap"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(fs::read_to_string(copy.join("lib/a")).unwrap(), "x");
    }

    #[test]
    fn hostile_names_are_refused_and_leave_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let packages = directory.path().join("packages");
        for name in ["../x", "/etc/x", "a/../../x", "a\\..\\x"] {
            let result = Package::unpack(&packages, &zipped(&[(name, "x")]));
            assert!(matches!(result, Err(PackageError::Name(_))), "{name}");
        }
        assert!(matches!(
            Package::unpack(&packages, b"no zip"),
            Err(PackageError::Zip(_))
        ));
        assert_eq!(fs::read_dir(&packages).unwrap().count(), 0);
    }
}
