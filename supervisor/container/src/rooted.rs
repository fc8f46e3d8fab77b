//! Path operations that cannot leave a root directory, whatever links lie on the way.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Links followed in one path, as the kernel has it.
const MAX_LINKS: u32 = 40;
/// Directories below each other. Bounds the recursion of [`remove_at`] and its open files.
const MAX_DEPTH: usize = 256;

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A directory that is taken for `/`.
pub(crate) struct Root {
    directory: OwnedFd,
    /// Its path from the host's root on; empty if the system does not tell.
    path: PathBuf,
}

impl Root {
    /// Opens the directory.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let directory = rustix::fs::open(path, DIRECTORY, Mode::empty())?;
        let path = real_path(directory.as_fd()).unwrap_or_default();
        Ok(Self { directory, path })
    }

    /// The path of an open directory below the root, without links; `None` if the system does not tell.
    pub(crate) fn place(&self, directory: BorrowedFd<'_>) -> Option<PathBuf> {
        let path = real_path(directory)?;
        let place = path.strip_prefix(&self.path).ok()?;
        Some(place.to_owned())
    }

    /// The root directory itself.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Opens a directory below the root. Absolute links and `..` mean what they mean after chroot.
    pub(crate) fn directory(&self, path: &Path) -> io::Result<OwnedFd> {
        match self.resolve(path, DIRECTORY) {
            Err(error) if is_unavailable(&error) => self.walk(path, false),
            result => result,
        }
    }

    /// As [`Root::directory`], and makes what is missing on the way.
    pub(crate) fn make_directory(&self, path: &Path) -> io::Result<OwnedFd> {
        match self.resolve(path, DIRECTORY) {
            Err(error) if is_unavailable(&error) || error.kind() == io::ErrorKind::NotFound => {
                self.walk(path, true)
            }
            result => result,
        }
    }

    /// Opens a file below the root for reading.
    pub(crate) fn file(&self, path: &Path) -> io::Result<OwnedFd> {
        // Without NONBLOCK, opening a FIFO would wait for ever.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match self.resolve(path, flags) {
            Err(error) if is_unavailable(&error) => {
                let (parent, name) = split(path)?;
                let parent = self.walk(&parent, false)?;
                Ok(rustix::fs::openat(
                    parent,
                    name,
                    flags | OFlags::NOFOLLOW,
                    Mode::empty(),
                )?)
            }
            result => result,
        }
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let how = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        Ok(rustix::fs::openat2(
            &self.directory,
            path,
            flags,
            Mode::empty(),
            how,
        )?)
    }

    /// Component by component: for kernels without `openat2`, and to make missing directories.
    fn walk(&self, path: &Path, create: bool) -> io::Result<OwnedFd> {
        let mut open = vec![self.directory.try_clone()?];
        let mut todo = components(path);
        let mut links = 0;
        while let Some(name) = todo.pop() {
            if name == ".." {
                open.truncate((open.len() - 1).max(1));
                continue;
            }
            let here = &open[open.len() - 1];
            match rustix::fs::openat(here, &name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
                Ok(directory) => open.push(directory),
                Err(Errno::NOENT) if create => {
                    rustix::fs::mkdirat(here, &name, Mode::from_raw_mode(0o755))?;
                    todo.push(name);
                }
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    let target = read_link(here.as_fd(), &name)?;
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    if target.has_root() {
                        open.truncate(1);
                    }
                    todo.extend(components(&target));
                }
                Err(error) => return Err(error.into()),
            }
            if open.len() > MAX_DEPTH {
                return Err(Errno::NAMETOOLONG.into());
            }
        }
        open.pop().ok_or_else(|| Errno::INVAL.into())
    }
}

/// The components of a path in reverse order, so that the next one is the last.
fn components(path: &Path) -> Vec<OsString> {
    let kept = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    };
    let mut list: Vec<_> = path.components().filter_map(kept).collect();
    list.reverse();
    list
}

fn read_link(directory: BorrowedFd<'_>, name: &OsStr) -> io::Result<PathBuf> {
    match rustix::fs::readlinkat(directory, name, Vec::new()) {
        Ok(target) => Ok(PathBuf::from(OsStr::from_bytes(target.as_bytes()))),
        Err(Errno::INVAL) => Err(Errno::NOTDIR.into()),
        Err(error) => Err(error.into()),
    }
}

/// Old kernels lack `openat2`; old container filters answer `EPERM` for it.
fn is_unavailable(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NOSYS | Errno::PERM)
    )
}

/// Resolves `.` and `..` by the text alone and drops the root: the name of an archive entry.
/// `None` if it is nested too deeply.
pub(crate) fn clean(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            _ => {}
        }
    }
    (clean.components().count() <= MAX_DEPTH).then_some(clean)
}

/// Parent and last name of a clean path.
pub(crate) fn split(path: &Path) -> io::Result<(PathBuf, OsString)> {
    let name = path.file_name().ok_or(Errno::INVAL)?;
    Ok((
        path.parent().unwrap_or_else(|| Path::new("")).to_owned(),
        name.to_owned(),
    ))
}

/// The path of an open directory from the host's root on.
fn real_path(directory: BorrowedFd<'_>) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    std::fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd())).ok()
}

/// Whether a place is too deep to put anything into it.
pub(crate) fn is_too_deep(place: &Path) -> bool {
    place.components().count() > MAX_DEPTH
}

/// Removes what a name stands for, with everything below, following no link. It is no error if there
/// is nothing.
pub(crate) fn remove_at(directory: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    let inner = open_to_change(directory, name)?;
    for entry in names(inner.as_fd())? {
        remove_at(inner.as_fd(), &entry)?;
    }
    Ok(rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)?)
}

/// Removes a directory tree that belongs to this user, even where its modes forbid that. It is no
/// error if there is nothing.
///
/// # Errors
/// What the system answers, for instance for files of other users.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let (parent, name) = split(path)?;
    let parent = if parent.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        parent
    };
    match rustix::fs::open(&parent, DIRECTORY, Mode::empty()) {
        Ok(parent) => remove_at(parent.as_fd(), &name),
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Opens a directory whose entries are to be changed; gives its owner the right to do so first.
fn open_to_change(directory: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let all = Mode::from_raw_mode(0o700);
    let status = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let is_directory = FileType::from_raw_mode(status.st_mode) == FileType::Directory;
    if is_directory && status.st_mode & 0o700 != 0o700 {
        rustix::fs::chmodat(directory, name, all, AtFlags::empty())?;
    }
    Ok(rustix::fs::openat(directory, name, flags, Mode::empty())?)
}

/// The names in an open directory.
pub(crate) fn names(directory: BorrowedFd<'_>) -> io::Result<Vec<OsString>> {
    let mut list = Vec::new();
    // Opened anew, because the descriptor may be one that can only be used as a path.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let readable = rustix::fs::openat(directory, ".", flags, Mode::empty())?;
    for entry in Dir::new(readable)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            list.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(list)
}
