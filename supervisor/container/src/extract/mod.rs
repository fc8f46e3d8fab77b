//! Applying layers to a root directory, in order, whoever made them.
//!
//! Names are cleaned by their text, parents are resolved inside the root, and the last component is
//! never followed. Ownership, setuid bits and devices are not taken over, and of the extended attributes
//! only those that can do no harm.

mod content;
mod whiteout;

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;

use crate::cache::Limits;
use crate::rooted::{self, Root};
use crate::tar::{Entry, Kind, Reader};
use whiteout::WHITEOUT;

/// Why an entry or a whole layer is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The stream cannot be read as an archive.
    Stream(io::Error),
    /// One entry cannot or must not be applied.
    Entry { entry: String, source: io::Error },
    /// A limit is exceeded.
    Limit { what: &'static str, limit: u64 },
}

/// The open directory that an entry belongs to.
struct Parent {
    /// As the archive names it.
    path: PathBuf,
    /// Where it is, without links: what a link leads to can change while its names are remembered.
    place: PathBuf,
    directory: OwnedFd,
    inode: u64,
}

/// Applies layers to one root.
pub(crate) struct Extractor {
    root: Root,
    limits: Limits,
    entries: u64,
    bytes: u64,
    /// Modes and times that directories get at the end, when nothing changes in them any more.
    directories: BTreeMap<PathBuf, (u32, i64)>,
    /// The last parent, since archives list the files of a directory one after the other.
    parent: Option<Parent>,
    /// What the current layer made, as inode of the parent and name: whiteouts do not hide it.
    made: HashSet<(u64, OsString)>,
    /// Bits of a new file's mode that the process takes away.
    masked: Mode,
}

impl Extractor {
    /// An extractor for an empty root directory.
    pub(crate) fn new(root: &Path, limits: &Limits) -> io::Result<Self> {
        Ok(Self {
            root: Root::open(root)?,
            limits: limits.clone(),
            entries: 0,
            bytes: 0,
            directories: BTreeMap::new(),
            parent: None,
            made: HashSet::new(),
            masked: content::masked_mode(),
        })
    }

    /// Bytes of files written so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Applies one layer on top of what is there.
    pub(crate) fn layer<R: BufRead>(&mut self, archive: &mut Reader<R>) -> Result<(), Refusal> {
        self.made.clear();
        self.parent = None;
        while let Some(entry) = archive.entry().map_err(Refusal::Stream)? {
            self.count(&entry)?;
            self.apply(&entry, archive)
                .map_err(|source| Refusal::Entry {
                    entry: String::from_utf8_lossy(&entry.path).into_owned(),
                    source,
                })?;
        }
        Ok(())
    }

    /// Gives directories their modes and times. The owner keeps the right to read and enter them.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        for (path, (mode, mtime_s)) in std::mem::take(&mut self.directories).into_iter().rev() {
            let directory = match rooted::split(&path) {
                Ok((parent, name)) => self
                    .root
                    .directory(&parent)
                    .and_then(|parent| open_directory(parent.as_fd(), &name)),
                Err(_) => open_directory(self.root.as_fd(), OsStr::new(".")),
            };
            match directory {
                Ok(directory) => {
                    rustix::fs::fchmod(&directory, Mode::from_raw_mode(mode & 0o1777 | 0o500))?;
                    rustix::fs::futimens(&directory, &times(mtime_s))?;
                }
                // A later entry put something else in its place.
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn count(&mut self, entry: &Entry) -> Result<(), Refusal> {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(entry.size);
        if self.entries > self.limits.entries {
            return Err(Refusal::Limit {
                what: "entries",
                limit: self.limits.entries,
            });
        }
        if self.bytes > self.limits.unpacked_bytes {
            return Err(Refusal::Limit {
                what: "bytes",
                limit: self.limits.unpacked_bytes,
            });
        }
        Ok(())
    }

    fn apply(&mut self, entry: &Entry, data: &mut impl BufRead) -> io::Result<()> {
        if entry.path.is_empty() || entry.path.contains(&0) {
            return Err(refused("it has no valid name"));
        }
        let path = rooted::clean(Path::new(OsStr::from_bytes(&entry.path)))
            .ok_or_else(|| refused("it is nested too deeply"))?;
        let Ok((parent, name)) = rooted::split(&path) else {
            return self.apply_root(entry);
        };
        self.open_parent(&parent)?;
        if name.as_bytes().starts_with(WHITEOUT) {
            return self.whiteout(&name);
        }
        match entry.kind {
            Kind::Directory => self.directory(&name, entry)?,
            Kind::File => self.file(&name, entry, data)?,
            Kind::Symlink => self.symlink(&name, entry)?,
            Kind::HardLink => self.hard_link(&path, &name, entry)?,
            Kind::Special => return self.replace(&name),
        }
        let inode = self.parent()?.1;
        self.made.insert((inode, name));
        Ok(())
    }

    fn apply_root(&mut self, entry: &Entry) -> io::Result<()> {
        if entry.kind != Kind::Directory {
            return Err(refused("the root must be a directory"));
        }
        self.directories
            .insert(PathBuf::new(), (entry.mode, entry.mtime_s));
        Ok(())
    }

    fn open_parent(&mut self, path: &Path) -> io::Result<()> {
        if self.parent.as_ref().is_some_and(|open| open.path == path) {
            return Ok(());
        }
        let directory = self.root.make_directory(path)?;
        let place = self.root.place(directory.as_fd());
        let place = place.unwrap_or_else(|| path.to_owned());
        if rooted::is_too_deep(&place) {
            return Err(refused("it is nested too deeply"));
        }
        self.parent = Some(Parent {
            path: path.to_owned(),
            place,
            inode: rustix::fs::fstat(&directory)?.st_ino,
            directory,
        });
        Ok(())
    }

    /// The open parent directory of the current entry and its inode.
    fn parent(&self) -> io::Result<(BorrowedFd<'_>, u64)> {
        let parent = self.parent.as_ref().ok_or(Errno::BADF)?;
        Ok((parent.directory.as_fd(), parent.inode))
    }

    /// Where a name in the parent directory is.
    fn place(&self, name: &OsStr) -> PathBuf {
        let parent = self.parent.as_ref().map(|parent| &parent.place);
        parent.map_or_else(PathBuf::new, |place| place.join(name))
    }

    /// Removes what stands in the way of a new entry.
    fn replace(&mut self, name: &OsStr) -> io::Result<()> {
        rooted::remove_at(self.parent()?.0, name)?;
        self.forget(&self.place(name));
        Ok(())
    }

    /// Drops directory modes at and below a removed path.
    fn forget(&mut self, path: &Path) {
        let below = |(key, _): &(&PathBuf, _)| key.starts_with(path);
        let range = self.directories.range(path.to_owned()..);
        let gone: Vec<_> = range
            .take_while(below)
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.directories.remove(&key);
        }
    }

    /// Runs `make`; if something is in the way, removes that and runs it again.
    fn make<T>(
        &mut self,
        name: &OsStr,
        make: impl Fn(BorrowedFd<'_>) -> rustix::io::Result<T>,
    ) -> io::Result<T> {
        match make(self.parent()?.0) {
            Err(Errno::EXIST) => {
                self.replace(name)?;
                Ok(make(self.parent()?.0)?)
            }
            result => Ok(result?),
        }
    }

    fn directory(&mut self, name: &OsStr, entry: &Entry) -> io::Result<()> {
        let (parent, _) = self.parent()?;
        let mode = Mode::from_raw_mode(0o700);
        match rustix::fs::mkdirat(parent, name, mode) {
            Err(Errno::EXIST) => self.keep_directory(name)?,
            result => result?,
        }
        if !entry.attributes.is_empty() {
            let directory = open_directory(self.parent()?.0, name)?;
            content::set_attributes(directory.as_fd(), &entry.attributes)?;
        }
        self.directories
            .insert(self.place(name), (entry.mode, entry.mtime_s));
        Ok(())
    }

    /// Keeps what is there if it is a directory, without its attributes; else puts one in its place.
    fn keep_directory(&mut self, name: &OsStr) -> io::Result<()> {
        match open_directory(self.parent()?.0, name) {
            Ok(directory) => content::clear_attributes(directory.as_fd()),
            Err(error) if is_gone(&error) => {
                self.replace(name)?;
                let mode = Mode::from_raw_mode(0o700);
                Ok(rustix::fs::mkdirat(self.parent()?.0, name, mode)?)
            }
            Err(error) => Err(error),
        }
    }

    fn file(&mut self, name: &OsStr, entry: &Entry, data: &mut impl BufRead) -> io::Result<()> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW;
        let mode = Mode::from_raw_mode(entry.mode & 0o777);
        let file = self.make(name, |parent| {
            rustix::fs::openat(parent, name, flags | OFlags::CLOEXEC, mode)
        })?;
        let mut file = File::from(file);
        content::write(&mut file, entry, data)?;
        if mode.intersects(self.masked) {
            rustix::fs::fchmod(&file, mode)?;
        }
        content::set_attributes(file.as_fd(), &entry.attributes)?;
        Ok(rustix::fs::futimens(&file, &times(entry.mtime_s))?)
    }

    fn symlink(&mut self, name: &OsStr, entry: &Entry) -> io::Result<()> {
        let target = OsStr::from_bytes(&entry.link);
        if target.is_empty() || entry.link.contains(&0) {
            return Err(refused("its target is not valid"));
        }
        self.make(name, |parent| rustix::fs::symlinkat(target, parent, name))?;
        let (parent, _) = self.parent()?;
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        Ok(rustix::fs::utimensat(
            parent,
            name,
            &times(entry.mtime_s),
            flags,
        )?)
    }

    fn hard_link(&mut self, path: &Path, name: &OsStr, entry: &Entry) -> io::Result<()> {
        let target = rooted::clean(Path::new(OsStr::from_bytes(&entry.link)))
            .ok_or_else(|| refused("its target is nested too deeply"))?;
        if target == path || entry.link.contains(&0) {
            return Err(refused("its target is not valid"));
        }
        let (directory, old_name) = rooted::split(&target)?;
        let directory = self.root.directory(&directory)?;
        self.make(name, |parent| {
            rustix::fs::linkat(&directory, &old_name, parent, name, AtFlags::empty())
        })
    }
}

fn open_directory(directory: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, name, flags, Mode::empty())?)
}

fn is_gone(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP))
}

fn times(seconds: i64) -> Timestamps {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn refused(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
