//! Files that the root shares with the image: they get a copy before their first change.

use crate::numbers;
use crate::path::file_path;
use crate::state::state;
use crate::sys::{self, AT_FDCWD, AT_SYMLINK_NOFOLLOW, Answer, File, O_NOFOLLOW, O_PATH, Status};
use crate::text::Text;

/// The number of links that the image has to a file that is shared with it.
pub(crate) fn shared_links(status: &Status) -> Option<u64> {
    if !status.is_file() || status.links() < 2 || status.device() != state().device() {
        return None;
    }
    state().plan.links(status.inode())
}

/// Gives the file at a host path its own data if it is shared. What goes wrong here goes wrong again,
/// and is reported, in the call that follows.
pub(crate) fn separate(directory: i32, path: usize, follow: bool) {
    let flags = if follow { 0 } else { AT_SYMLINK_NOFOLLOW };
    let path = path as *const u8;
    let Ok(status) = Status::of(directory, path, flags) else {
        return;
    };
    if shared_links(&status).is_none() {
        return;
    }
    let flags = if follow { O_PATH } else { O_PATH | O_NOFOLLOW };
    if let Ok(file) = File::open(directory, path, flags, 0) {
        let _ = separate_open(file.0);
    }
}

/// The same for an open file, whose descriptor keeps the old data.
pub(crate) fn separate_open(number: i32) -> Answer<()> {
    const O_WRONLY: usize = 1;
    const O_CREAT: usize = 0o100;
    const O_EXCL: usize = 0o200;
    let status = File::duplicate(number)?.status()?;
    if shared_links(&status).is_none() {
        return Ok(());
    }
    let mut host = Text::new();
    file_path(number, &mut host)?;
    let mut new = Text::new();
    new.push(host.bytes())?;
    new.push(b".graft-")?;
    new.push_number(status.inode() as usize)?;
    let source = File::open(AT_FDCWD, host.pointer(), O_NOFOLLOW, 0)?;
    let target = File::open(AT_FDCWD, new.pointer(), O_WRONLY | O_CREAT | O_EXCL, 0o600)?;
    target.copy_from(&source)?;
    dress(&target, &status)?;
    let paths = [new.pointer() as usize, host.pointer() as usize, 0, 0, 0, 0];
    // SAFETY: both paths are live strings.
    sys::check(unsafe { sys::call(numbers::RENAME, paths) })?;
    Ok(())
}

/// Gives a copy the mode and the times of the original.
fn dress(target: &File, status: &Status) -> Answer<()> {
    // Seconds and nanoseconds of access and change, as they are in `struct stat`.
    let times = &status.0[9..13];
    let times = [target.0 as usize, 0, times.as_ptr() as usize, 0, 0, 0];
    let mode = [
        target.0 as usize,
        (status.mode() & 0o7777) as usize,
        0,
        0,
        0,
        0,
    ];
    // SAFETY: the times are live; the other call touches no memory.
    unsafe {
        sys::check(sys::call(numbers::FCHMOD, mode))?;
        sys::check(sys::call(numbers::UTIMENSAT, times))?;
    }
    Ok(())
}
