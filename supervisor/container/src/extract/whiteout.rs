//! Whiteouts: what an upper layer removes from the lower ones, whatever its entries' order.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::{Extractor, open_directory, refused};
use crate::rooted;

pub(super) const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Other names that start like this are bookkeeping of an old file system and mean nothing.
const BOOKKEEPING: &[u8] = b".wh..wh.";

impl Extractor {
    /// Does what an entry with such a name says.
    pub(super) fn whiteout(&mut self, name: &OsStr) -> io::Result<()> {
        match name.as_bytes() {
            OPAQUE => {
                for child in rooted::names(self.parent()?.0)? {
                    self.hide_child(&child)?;
                }
            }
            other if other.starts_with(BOOKKEEPING) => return Ok(()),
            other => {
                let hidden = OsStr::from_bytes(&other[WHITEOUT.len()..]);
                if [&b""[..], b".", b".."].contains(&hidden.as_bytes()) {
                    return Err(refused("it hides nothing that can be"));
                }
                self.hide_child(hidden)?;
            }
        }
        // A removed directory may be on the way to the remembered parent of a later entry.
        self.parent = None;
        Ok(())
    }

    fn hide_child(&mut self, name: &OsStr) -> io::Result<()> {
        let (parent, inode) = self.parent()?;
        if !self.hide(parent, inode, name)? {
            self.forget(&self.place(name));
        }
        Ok(())
    }

    /// Removes what lower layers have at a name and below, and tells whether something of the current
    /// layer is kept there.
    fn hide(&self, directory: BorrowedFd<'_>, inode: u64, name: &OsStr) -> io::Result<bool> {
        let status = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => status,
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let mut kept = self.made.contains(&(inode, name.to_owned()));
        if FileType::from_raw_mode(status.st_mode) == FileType::Directory {
            let inner = open_directory(directory, name)?;
            for child in rooted::names(inner.as_fd())? {
                kept |= self.hide(inner.as_fd(), status.st_ino, &child)?;
            }
        }
        if !kept {
            rooted::remove_at(directory, name)?;
        }
        Ok(kept)
    }
}
