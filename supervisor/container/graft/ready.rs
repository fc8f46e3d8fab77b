//! Code as it is after its calls were replaced, in files of this run: the next process that maps the same
//! code maps such a file, shares its pages with all others, and changes nothing.
//!
//! A file is written by the second process that could use it: most code of short jobs runs once.
//! It has the code, then its trampolines, which lie at the same distance from it in every process. It is
//! empty if there is nothing to replace.

use crate::entry;
use crate::numbers;
use crate::patch::Mapping;
use crate::sites;
use crate::sys::{
    self, AT_FDCWD, Answer, EXECUTABLE, File, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_PRIVATE,
    READABLE, Status, WRITABLE,
};
use crate::text::Text;

const PAGE: usize = 4096;
/// Larger pieces of code are changed in place by each process: the disk may be small.
const MAX_BYTES: usize = 4 << 20;
/// From code to its trampolines, in bytes: further away than what is loaded together, and within reach.
const DISTANCE: usize = 0x2000_0000;

/// The file for a piece of code.
pub(crate) struct Ready {
    path: Text,
    bytes: usize,
}

/// Where the trampolines of code at an address should be.
pub(crate) fn place(at: usize) -> usize {
    if is_high(at) {
        at - DISTANCE
    } else {
        at + DISTANCE
    }
}

fn is_high(at: usize) -> bool {
    at > 4 * DISTANCE
}

impl Ready {
    /// What the file for a part of an open file is called.
    pub(crate) fn of(mapping: &Mapping, status: &Status) -> Answer<Self> {
        let bytes = mapping.length.next_multiple_of(PAGE);
        let is_whole = mapping.offset + bytes <= status.size().next_multiple_of(PAGE);
        if !status.is_file() || !is_whole || bytes > MAX_BYTES {
            return Err(sys::ENOEXEC);
        }
        let mut path = Text::new();
        sites::name(status, &mut path)?;
        path.push(if is_high(mapping.at) { b"-" } else { b"+" })?;
        path.push_number(mapping.offset)?;
        path.push(b"-")?;
        path.push_number(bytes)?;
        Ok(Self { path, bytes })
    }

    /// Maps the file in place of the code, if it was written before and its trampolines have room.
    pub(crate) fn map(&self, mapping: &Mapping) -> Answer<()> {
        let file = File::open(AT_FDCWD, self.path.pointer(), 0, 0)?;
        let size = file.status()?.size();
        if size == 0 {
            return Ok(());
        }
        let (wanted, bytes) = (place(mapping.at), size - self.bytes);
        let rights = READABLE | WRITABLE;
        let flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE;
        // SAFETY: nothing that was there before is replaced, but the code, which was mapped by the call that we
        // are in, by the same code.
        unsafe {
            let at = sys::map(wanted, bytes, rights, flags, Some((&file, self.bytes)))?;
            if at != wanted {
                sys::unmap(at, bytes);
                return Err(sys::ENOEXEC);
            }
            (at as *mut usize).write(entry::address());
            sys::protect(at, bytes, READABLE | EXECUTABLE)?;
            let flags = MAP_PRIVATE | MAP_FIXED;
            let rights = mapping.protection;
            sys::map(mapping.at, self.bytes, rights, flags, Some((&file, 0)))?;
        }
        Ok(())
    }

    /// Writes the file, under another name first. `arena` is the place and the size of the trampolines.
    pub(crate) fn keep(&self, mapping: &Mapping, arena: Option<(usize, usize)>) -> Answer<()> {
        const O_WRONLY: usize = 1;
        const O_CREAT: usize = 0o100;
        const O_EXCL: usize = 0o200;
        let mut parts = [(mapping.at, 0), (0, 0)];
        if let Some((at, bytes)) = arena {
            if at != place(mapping.at) {
                return Ok(());
            }
            parts = [(mapping.at, self.bytes), (at, bytes)];
        }
        let create = |suffix: &[u8], name: &mut Text| {
            name.push(self.path.bytes())?;
            name.push(suffix)?;
            File::open(AT_FDCWD, name.pointer(), O_WRONLY | O_CREAT | O_EXCL, 0o600)
        };
        if create(b".once", &mut Text::new()).is_ok() {
            return Ok(());
        }
        let mut new = Text::new();
        let file = create(b".new", &mut new)?;
        for (at, bytes) in parts {
            file.write_from(at, bytes);
        }
        let is_whole = file.status()?.size() == parts[0].1 + parts[1].1;
        let paths = [new.pointer(), self.path.pointer()].map(|path| path as usize);
        let (number, paths) = if is_whole {
            (numbers::RENAME, [paths[0], paths[1], 0, 0, 0, 0])
        } else {
            (numbers::UNLINK, [paths[0], 0, 0, 0, 0, 0])
        };
        // SAFETY: both paths are live strings.
        sys::check(unsafe { sys::call(number, paths) })?;
        Ok(())
    }
}
