//! What a root file system looks like, one line for each name.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use scar_schemas::digest::Digest;

/// Folders that were changed since then, as seconds since the Unix epoch.
pub(crate) fn folders_since(root: &Path, start_s: i64) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        if path.symlink_metadata().unwrap().mtime() >= start_s {
            found.insert(path.strip_prefix(root).unwrap().to_owned());
        }
        let entries = std::fs::read_dir(path).unwrap().map(Result::unwrap);
        let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
        todo.extend(folders.map(|entry| entry.path()));
    }
    found
}

/// A line per name, in order, without the times of these folders.
pub(crate) fn list(root: &Path, timeless: &BTreeSet<PathBuf>) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let mut names: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        let status = path.symlink_metadata().unwrap();
        let kind = status.file_type();
        let short = path.strip_prefix(root).unwrap();
        let name = short.as_os_str().as_bytes().escape_ascii().to_string();
        let what = if kind.is_symlink() {
            std::fs::read_link(&path).unwrap().display().to_string()
        } else if kind.is_dir() {
            todo.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            "folder".to_owned()
        } else if kind.is_file() {
            names.entry(status.ino()).or_default().push(name.clone());
            Digest::of(&std::fs::read(&path).unwrap()).to_string()
        } else {
            assert!(kind.is_fifo() || kind.is_char_device() || kind.is_block_device());
            continue;
        };
        let time = (!timeless.contains(short)).then(|| status.mtime());
        let mode = status.mode() & 0o171_777;
        let attributes = attributes(&path);
        lines.insert(format!("{name}: {mode:o} {time:?} {what} {attributes:?}"));
    }
    for names in names.into_values().filter(|names| names.len() > 1) {
        let names: BTreeSet<_> = names.into_iter().collect();
        lines.insert(format!("one file: {names:?}"));
    }
    lines
}

/// Of all lines together.
pub(crate) fn digest(lines: &BTreeSet<String>) -> Digest {
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    Digest::of(lines.join("\n").as_bytes())
}

fn attributes(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 4096];
    let length = rustix::fs::llistxattr(path, &mut names).unwrap_or(0);
    let names = names[..length].split(|&byte| byte == 0);
    let names = names.map(|name| String::from_utf8_lossy(name).into_owned());
    names
        // The last one is umoci's own, for the owners that it could not set.
        .filter(|name| name.starts_with("user.") && name != "user.rootlesscontainers")
        .map(|name| {
            let mut value = vec![0; 4096];
            let length = rustix::fs::lgetxattr(path, &name, &mut value).unwrap();
            value.truncate(length);
            (name, value)
        })
        .collect()
}
