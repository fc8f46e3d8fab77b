//! What is in a file, and what hangs on it.

use std::fs::File;
use std::io::{self, BufRead, Seek, SeekFrom, Write};
use std::os::fd::BorrowedFd;

use rustix::fs::{Mode, XattrFlags};
use rustix::io::Errno;

use super::refused;
use crate::tar::Entry;

/// Attributes of the user's own; everybody may set them.
const USER: &[u8] = b"user.";
/// Some of them would change what a later overlay shows.
const OVERLAY: &[u8] = b"user.overlay.";
/// Capabilities of a program. Only root may set them, and no program in a container gets them.
const CAPABILITY: &[u8] = b"security.capability";

/// Writes a new file. Holes stay holes.
pub(super) fn write(file: &mut File, entry: &Entry, data: &mut impl BufRead) -> io::Result<()> {
    let Some(extents) = &entry.sparse else {
        return copy(file, entry.size, data);
    };
    for extent in extents {
        file.seek(SeekFrom::Start(extent.offset))?;
        copy(file, extent.length, data)?;
    }
    file.set_len(entry.size)
}

/// Copies that many bytes.
fn copy(file: &mut File, mut length: u64, data: &mut impl BufRead) -> io::Result<()> {
    while length > 0 {
        let ready = data.fill_buf()?;
        if ready.is_empty() {
            return Err(refused("its content is cut off"));
        }
        let count = usize::try_from(length).map_or(ready.len(), |left| left.min(ready.len()));
        file.write_all(&ready[..count])?;
        data.consume(count);
        length -= count as u64;
    }
    Ok(())
}

/// Sets the attributes that may be, as far as file system and rights allow it.
pub(super) fn set_attributes(
    file: BorrowedFd<'_>,
    attributes: &[(Vec<u8>, Vec<u8>)],
) -> io::Result<()> {
    for (name, value) in attributes {
        if !is_taken(name) {
            continue;
        }
        match rustix::fs::fsetxattr(file, name.as_slice(), value, XattrFlags::empty()) {
            Ok(()) | Err(Errno::NOTSUP | Errno::PERM | Errno::INVAL | Errno::RANGE) => {}
            // There is not room for any number of them.
            Err(Errno::NOSPC | Errno::TOOBIG) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn is_taken(name: &[u8]) -> bool {
    let is_users = name.starts_with(USER) && !name.starts_with(OVERLAY);
    is_users || name == CAPABILITY && rustix::process::geteuid().is_root()
}

/// Removes the attributes of a directory that a lower layer made.
pub(super) fn clear_attributes(directory: BorrowedFd<'_>) -> io::Result<()> {
    let mut names = vec![0; 4096];
    let length = match rustix::fs::flistxattr(directory, &mut names) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for name in names[..length].split(|&byte| byte == 0) {
        if is_taken(name) {
            rustix::fs::fremovexattr(directory, name)?;
        }
    }
    Ok(())
}

/// The bits that this process's mask takes from new files; all of them if the system does not tell.
pub(super) fn masked_mode() -> Mode {
    // Asking for it by `umask` would change it for other threads for a moment.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    let bits = line.and_then(|bits| u32::from_str_radix(bits.trim(), 8).ok());
    Mode::from_raw_mode(bits.unwrap_or(0o777))
}
