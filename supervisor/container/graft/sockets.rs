//! Paths in the addresses of local sockets.

use crate::entry::Registers;
use crate::memory::is_readable;
use crate::numbers;
use crate::path::{to_guest, to_host};
use crate::sys::{self, AT_FDCWD, Answer, ENAMETOOLONG, File, O_PATH};
use crate::text::Text;

const AF_UNIX: [u8; 2] = [1, 0];
/// `struct sockaddr_un`: the family, and 108 bytes of path.
const ADDRESS_BYTES: usize = 110;

/// An address for the kernel.
struct Address {
    bytes: [u8; ADDRESS_BYTES],
    length: usize,
    /// Open as long as the address leads through it.
    _directory: Option<File>,
}

/// `connect`, `bind` and `sendto`: the address is at one argument, its length at the next.
pub(crate) fn send(number: usize, registers: &Registers) -> Answer<Option<isize>> {
    let mut arguments = registers.arguments();
    let place = if number == numbers::SENDTO { 4 } else { 1 };
    let Some(address) = translate(arguments[place], arguments[place + 1])? else {
        return Ok(None);
    };
    arguments[place] = address.bytes.as_ptr() as usize;
    arguments[place + 1] = address.length;
    // SAFETY: the guest's own call, with a live address.
    Ok(Some(unsafe { sys::call(number, arguments) }))
}

/// `sendmsg`: the address is in a structure.
pub(crate) fn send_message(registers: &Registers) -> Answer<Option<isize>> {
    const MESSAGE_WORDS: usize = 7;
    let mut arguments = registers.arguments();
    const MESSAGE_BYTES: usize = MESSAGE_WORDS * size_of::<usize>();
    if !is_readable(arguments[1], MESSAGE_BYTES) {
        return Ok(None);
    }
    // SAFETY: the guest says that this is a `struct msghdr`.
    let mut message = unsafe { *(arguments[1] as *const [usize; MESSAGE_WORDS]) };
    let Some(address) = translate(message[0], message[1] & 0xffff_ffff)? else {
        return Ok(None);
    };
    message[0] = address.bytes.as_ptr() as usize;
    message[1] = address.length;
    arguments[1] = message.as_ptr() as usize;
    // SAFETY: the guest's own call, with live structures.
    Ok(Some(unsafe { sys::call(numbers::SENDMSG, arguments) }))
}

/// `accept`, `getsockname`, `getpeername`: the kernel fills in an address.
pub(crate) fn receive(number: usize, registers: &Registers) -> isize {
    let [_, buffer, length, ..] = registers.arguments();
    let room = match length {
        // SAFETY: just looked at.
        place if is_readable(place, 4) => unsafe { *(place as *const u32) },
        _ => 0,
    };
    // SAFETY: the guest's own call.
    let result = unsafe { sys::call(number, registers.arguments()) };
    if result < 0 || buffer == 0 || length == 0 {
        return result;
    }
    // SAFETY: the kernel has just written both.
    unsafe {
        let used = (*(length as *const u32) as usize).min(room as usize);
        let bytes = core::slice::from_raw_parts_mut(buffer as *mut u8, used);
        if let Some(count) = show(bytes) {
            *(length as *mut u32) = count as u32;
        }
    }
    result
}

/// Replaces a path in place by the container's, which is never longer than one below the root.
fn show(bytes: &mut [u8]) -> Option<usize> {
    let path = bytes.strip_prefix(&AF_UNIX)?;
    let end = path
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(path.len());
    if path.first() != Some(&b'/') {
        return None;
    }
    let mut guest = Text::new();
    to_guest(&path[..end], &mut guest).ok()?;
    let guest = guest.bytes();
    if guest.len() > end {
        return None;
    }
    bytes[2..2 + guest.len()].copy_from_slice(guest);
    if let Some(byte) = bytes.get_mut(2 + guest.len()) {
        *byte = 0;
    }
    Some(2 + guest.len() + 1)
}

/// An address with an absolute path gets another one; others stay.
fn translate(pointer: usize, length: usize) -> Answer<Option<Address>> {
    if length < 4 || length > ADDRESS_BYTES || !is_readable(pointer, length) {
        return Ok(None);
    }
    // SAFETY: the guest says that there is an address of this length.
    let given = unsafe { core::slice::from_raw_parts(pointer as *const u8, length) };
    let Some(path) = given.strip_prefix(&AF_UNIX).filter(|path| path[0] == b'/') else {
        return Ok(None);
    };
    let end = path
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(path.len());
    let mut host = Text::new();
    to_host(&path[..end], &mut host)?;
    if host.bytes().len() + 3 <= ADDRESS_BYTES {
        return address(host.bytes(), None).map(Some);
    }
    // Too long for the structure: through the open directory it is short.
    let at = host
        .bytes()
        .iter()
        .rposition(|&byte| byte == b'/')
        .unwrap_or(0);
    let mut name = Text::new();
    name.push(&host.bytes()[at..])?;
    host.truncate(at);
    let directory = File::open(AT_FDCWD, host.pointer(), O_PATH, 0)?;
    let mut short = Text::new();
    short.push(b"/proc/self/fd/")?;
    short.push_number(directory.0 as usize)?;
    short.push(name.bytes())?;
    address(short.bytes(), Some(directory)).map(Some)
}

fn address(path: &[u8], directory: Option<File>) -> Answer<Address> {
    let mut bytes = [0; ADDRESS_BYTES];
    bytes[..2].copy_from_slice(&AF_UNIX);
    let Some(place) = bytes.get_mut(2..2 + path.len()) else {
        return Err(ENAMETOOLONG);
    };
    place.copy_from_slice(path);
    Ok(Address {
        bytes,
        length: (path.len() + 3).min(ADDRESS_BYTES),
        _directory: directory,
    })
}
