//! Files and directories that are made for a run, with exact modes.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use libc::c_ulong;

use crate::error::Error;

const MAX_LINKS: usize = 40;

/// Flags that a user namespace must repeat when it remounts what it got from outside.
pub(crate) fn locked_flags(source: &Path) -> c_ulong {
    use rustix::fs::StatVfsMountFlags as Flags;
    let Ok(status) = rustix::fs::statvfs(source) else {
        return 0;
    };
    let pairs = [
        (Flags::NOSUID, libc::MS_NOSUID),
        (Flags::NODEV, libc::MS_NODEV),
        (Flags::NOEXEC, libc::MS_NOEXEC),
        (Flags::NOATIME, libc::MS_NOATIME),
        (Flags::NODIRATIME, libc::MS_NODIRATIME),
        (Flags::RELATIME, libc::MS_RELATIME),
    ];
    let set = pairs
        .into_iter()
        .filter(|(flag, _)| status.f_flag.contains(*flag));
    set.fold(0, |all, (_, flag)| all | flag)
}

/// The names of a path in reverse order.
pub(crate) fn names(path: &Path) -> Vec<OsString> {
    let kept = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    };
    let mut names: Vec<_> = path.components().filter_map(kept).collect();
    names.reverse();
    names
}

/// A path of the container as it is in the image, without links and relative to the root.
pub(crate) fn canonical(image: &Path, path: &str) -> Result<PathBuf, Error> {
    let mut done = PathBuf::new();
    let mut todo: Vec<OsString> = names(Path::new(path));
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if name == ".." {
            done.pop();
            continue;
        }
        match fs::read_link(image.join(&done).join(&name)) {
            Ok(target) => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Error::Job(format!(
                        "{path:?} leads in circles in the image"
                    )));
                }
                if target.has_root() {
                    done = PathBuf::new();
                }
                todo.extend(names(&target));
            }
            Err(_) => done.push(name),
        }
    }
    Ok(done)
}

pub(crate) fn make_directory(path: &Path, mode: u32) -> Result<(), Error> {
    let made = DirBuilder::new()
        .mode(mode)
        .create(path)
        .or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists if path.is_dir() => Ok(()),
            _ => Err(error),
        });
    // Not only at creation: the process' mask must not decide what the container sees.
    made.and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)))
        .map_err(|error| Error::file("make the directory", path, error))
}

pub(crate) fn make_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    let write = || -> io::Result<()> {
        let mut file = File::create_new(path)?;
        io::Write::write_all(&mut file, content)?;
        file.set_permissions(Permissions::from_mode(0o644))
    };
    write().map_err(|error| Error::file("write", path, error))
}

pub(crate) fn symlink(target: &Path, link: &Path) -> Result<(), Error> {
    std::os::unix::fs::symlink(target, link).map_err(|error| Error::file("link", link, error))
}
