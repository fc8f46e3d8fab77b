//! What the container sees of files: its own user, its own number of links, links as it made them.

use crate::entry::Registers;
use crate::memory::{is_writable, string};
use crate::numbers;
use crate::path::{below_own_process, link_to_guest, to_guest, translate};
use crate::plan::Mount;
use crate::shared::shared_links;
use crate::state::state;
use crate::sys::{self, AT_FDCWD, AT_SYMLINK_NOFOLLOW, Answer, EFAULT, Status, read_link};
use crate::text::Text;

/// `stat` and `fstat`, whose result is at the second argument.
pub(crate) fn stat(number: usize, registers: &Registers) -> isize {
    let [path, buffer, ..] = registers.arguments();
    match number {
        numbers::STAT => status_at(AT_FDCWD, path, buffer, 0),
        numbers::LSTAT => status_at(AT_FDCWD, path, buffer, AT_SYMLINK_NOFOLLOW),
        _ => {
            // SAFETY: the guest's own call with the guest's own buffer.
            let result = unsafe { sys::call(number, registers.arguments()) };
            if result == 0 {
                // SAFETY: the kernel has just filled it.
                show(unsafe { &mut *(buffer as *mut Status) });
            }
            result
        }
    }
}

/// `newfstatat` with a buffer of the guest's.
pub(crate) fn status_at(directory: i32, path: usize, buffer: usize, flags: usize) -> isize {
    let mut text = Text::new();
    let host = match translate(directory, path, &mut text) {
        Ok(host) => host,
        Err(error) => return error,
    };
    let get = |flags| {
        let arguments = [directory as usize, host, buffer, flags, 0, 0];
        // SAFETY: the guest's own buffer; the path is a string.
        unsafe { sys::call(numbers::NEWFSTATAT, arguments) }
    };
    let mut result = get(flags);
    if result == 0 {
        // SAFETY: the kernel has just filled it.
        let status = unsafe { &mut *(buffer as *mut Status) };
        if status.is_link() && mount_of_link(status.inode()).is_some() {
            result = get(flags & !AT_SYMLINK_NOFOLLOW);
        } else if status.is_link() {
            status.0[6] = link_length(directory, host).unwrap_or(status.0[6]);
        }
        show(status);
    }
    result
}

/// `statx`, whose structure is another one.
pub(crate) fn statx(registers: &Registers) -> isize {
    let [directory, path, flags, mask, buffer, _] = registers.arguments();
    let mut text = Text::new();
    let host = match translate(directory as i32, path, &mut text) {
        Ok(host) => host,
        Err(error) => return error,
    };
    // SAFETY: the guest's own buffer; the path is a string.
    let get =
        |flags| unsafe { sys::call(numbers::STATX, [directory, host, flags, mask, buffer, 0]) };
    let mut result = get(flags);
    if result != 0 {
        return result;
    }
    // SAFETY: the kernel has just filled it.
    let found = unsafe { &mut *(buffer as *mut Statx) };
    let status = found.status();
    if status.is_link() && mount_of_link(status.inode()).is_some() {
        result = get(flags & !AT_SYMLINK_NOFOLLOW);
    } else if status.is_link() {
        found.size = link_length(directory as i32, host).unwrap_or(found.size);
    }
    show_owner(&mut found.user, &mut found.group);
    if let Some(links) = shared_links(&status) {
        found.links = links as u32;
    }
    result
}

/// `struct statx`. Kernels fill in its common part whatever was asked for.
#[repr(C)]
struct Statx {
    mask: u32,
    block_bytes: u32,
    attributes: u64,
    links: u32,
    user: u32,
    group: u32,
    mode: u16,
    spare: u16,
    inode: u64,
    size: u64,
    blocks: u64,
    attributes_mask: u64,
    times: [u64; 8],
    special: [u32; 2],
    device: [u32; 2],
}

impl Statx {
    /// As much of it as files are recognised by.
    fn status(&self) -> Status {
        let [major, minor] = self.device.map(u64::from);
        let mut status = Status::default();
        status.0[0] = minor & 0xff | major << 8 | (minor & !0xff) << 12;
        status.0[1] = self.inode;
        status.0[2] = u64::from(self.links);
        status.0[3] = u64::from(self.mode);
        status
    }
}

/// `readlink`: what the container wrote into the link, as far as it can be known.
pub(crate) fn read(directory: i32, path: usize, buffer: usize, size: usize) -> isize {
    let found = || -> Answer<usize> {
        let mut guest = Text::new();
        if is_own_program(string(path)) {
            // The path given is the host's, and may be a link itself; the kernel would name its end.
            let file = sys::File::open(AT_FDCWD, state().executable.pointer(), sys::O_PATH, 0)?;
            let mut host = Text::new();
            crate::path::file_path(file.0, &mut host)?;
            to_guest(host.bytes(), &mut guest)?;
        } else {
            let mut text = Text::new();
            let host = translate(directory, path, &mut text)?;
            let mut target = Text::new();
            read_link(directory, host as *const u8, &mut target)?;
            link_to_guest(target.bytes(), &mut guest)?;
        }
        let bytes = guest.bytes();
        let length = bytes.len().min(size);
        if !is_writable(buffer, length) {
            return Err(EFAULT);
        }
        // SAFETY: the guest says that its buffer has this size.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer as *mut u8, length) };
        Ok(length)
    };
    found().map_or_else(|error| error, |length| length as isize)
}

/// `getdents64`: links that stand for mounts look like what is mounted.
pub(crate) fn entries(registers: &Registers) -> isize {
    const LINK: u8 = 10;
    const LENGTH: usize = 16;
    const KIND: usize = 18;
    // SAFETY: the guest's own call with the guest's own buffer.
    let result = unsafe { sys::call(numbers::GETDENTS64, registers.arguments()) };
    let mut at = registers.rsi;
    let end = at + result.max(0).unsigned_abs();
    while at < end {
        // SAFETY: the kernel has just filled the buffer with records of the lengths that they name.
        unsafe {
            let kind = (at + KIND) as *mut u8;
            if *kind == LINK
                && let Some(mount) = mount_of_link(*(at as *const u64))
            {
                kind.write(if mount.is_directory { 4 } else { 8 });
            }
            at += usize::from(*((at + LENGTH) as *const u16));
        }
    }
    result
}

/// The mount that a link in the root stands for.
pub(crate) fn mount_of_link(inode: u64) -> Option<Mount<'static>> {
    state().plan.mounts().find(|mount| mount.inode == inode)
}

fn is_own_program(path: &[u8]) -> bool {
    below_own_process(path).is_some_and(|rest| rest == b"/exe")
}

fn link_length(directory: i32, host: usize) -> Option<u64> {
    let (mut target, mut guest) = (Text::new(), Text::new());
    read_link(directory, host as *const u8, &mut target).ok()?;
    link_to_guest(target.bytes(), &mut guest).ok()?;
    Some(guest.bytes().len() as u64)
}

fn show(status: &mut Status) {
    if let Some(links) = shared_links(status) {
        status.0[2] = links;
    }
    let (mut user, mut group) = ((status.0[3] >> 32) as u32, status.0[4] as u32);
    show_owner(&mut user, &mut group);
    status.0[3] = status.0[3] & 0xffff_ffff | u64::from(user) << 32;
    status.0[4] = status.0[4] & !0xffff_ffff | u64::from(group);
}

fn show_owner(user: &mut u32, group: &mut u32) {
    if *user == state().user {
        *user = state().shown_user();
    }
    if *group == state().group {
        *group = state().shown_group();
    }
}
