//! Paths of the container become paths of the host, and back.
//!
//! Links in the root lead to host paths, so the kernel resolves everything in one call. Only `..` needs
//! care, because it must not climb over the root or out of a mount.

use crate::memory::string;
use crate::numbers;
use crate::state::state;
use crate::sys::{self, AT_FDCWD, Answer, File, O_PATH};
use crate::text::Text;

/// Gives the pointer that the kernel gets instead of `pointer`: itself, or to what is now in `text`.
pub(crate) fn translate(directory: i32, pointer: usize, text: &mut Text) -> Answer<usize> {
    let path = string(pointer);
    if path.is_empty() {
        return Ok(pointer);
    }
    if path[0] == b'/' && !needs_cleaning(path) {
        to_host(path, text)?;
    } else if path[0] == b'/' || has_parent(path) {
        let mut guest = Text::new();
        if !clean(directory, path, &mut guest)? {
            return Ok(pointer);
        }
        to_host(guest.bytes(), text)?;
    } else {
        return Ok(pointer);
    }
    Ok(text.pointer() as usize)
}

/// Whether a path is a mount point (the parent's entry cannot be changed) or in a read-only mount.
pub(crate) fn refusal(directory: i32, pointer: usize, is_entry: bool) -> Answer<()> {
    let path = string(pointer);
    let is_absolute = path.first() == Some(&b'/');
    if path.is_empty() || !(is_absolute || state().has_read_only) {
        return Ok(());
    }
    let mut guest = Text::new();
    if !clean(directory, path, &mut guest)? {
        return Ok(());
    }
    let path = without_slash(guest.bytes());
    for mount in state().plan.mounts() {
        if is_below(path, mount.guest) {
            return match path.len() == mount.guest.len() {
                true if is_entry => Err(sys::EBUSY),
                _ if mount.read_only => Err(sys::EROFS),
                _ => Ok(()),
            };
        }
    }
    Ok(())
}

/// The container's name for a host path, as the kernel gave it.
pub(crate) fn to_guest(host: &[u8], text: &mut Text) -> Answer<()> {
    text.clear();
    let root = state().root;
    if is_below(host, root) {
        let rest = &host[root.len()..];
        return text.push(if rest.is_empty() { b"/" } else { rest });
    }
    let mut mounts = state()
        .plan
        .mounts()
        .filter(|mount| is_below(host, mount.host));
    if let Some(mount) = mounts.next() {
        text.push(mount.guest)?;
        return text.push(&host[mount.host.len()..]);
    }
    text.push(host)
}

/// The host's path for a clean absolute path of the container.
pub(crate) fn to_host(mut guest: &[u8], text: &mut Text) -> Answer<()> {
    text.clear();
    if let Some(rest) = below_own_process(guest) {
        if rest == b"/exe" {
            return text.push(state().executable.bytes());
        }
        if is_below(rest, b"/root") {
            guest = if rest.len() > 5 { &rest[5..] } else { b"/" };
        }
    }
    let root = state().root;
    if is_below(guest, root) {
        return text.push(guest);
    }
    let mut mounts = state()
        .plan
        .mounts()
        .filter(|mount| is_below(guest, mount.guest));
    if let Some(mount) = mounts.next() {
        text.push(mount.host)?;
        return text.push(&guest[mount.guest.len()..]);
    }
    text.push(root)?;
    text.push(guest)
}

/// What follows the directory of this process in `/proc`.
pub(crate) fn below_own_process(path: &[u8]) -> Option<&[u8]> {
    let rest = path.strip_prefix(b"/proc/")?;
    let end = rest.iter().position(|&byte| byte == b'/')?;
    let (name, rest) = rest.split_at(end);
    let is_own = matches!(name, b"self" | b"thread-self") || {
        name.first().is_some_and(u8::is_ascii_digit) && {
            let mut own = Text::new();
            own.push_number(sys::process()).is_ok() && own.bytes() == name
        }
    };
    is_own.then_some(rest)
}

/// Between where a link's target climbed to and the rest of it, once for each step. Nobody writes that.
const STEP: &[u8] = b"//.";

/// Whether the relative `target` of a link in `directory` climbs over the root of its mount, where the kernel
/// would come out on the host. Then `text` gets a target from the root, which [`link_to_guest`] knows.
pub(crate) fn keep_below_root(target: &[u8], directory: &[u8], text: &mut Text) -> Answer<bool> {
    let mut rest = target;
    let mut steps = 0;
    while let Some(after) = rest
        .strip_prefix(b"..")
        .filter(|after| is_below(after, b""))
    {
        steps += 1;
        let slashes = after.iter().take_while(|&&byte| byte == b'/').count();
        rest = &after[slashes..];
    }
    let mut mounts = state().plan.mounts();
    let mount = mounts.find(|mount| is_below(directory, mount.guest));
    let inside = &directory[mount.map_or(0, |mount| mount.guest.len())..];
    let depth = |path: &[u8]| {
        let parts = path.split(|&byte| byte == b'/');
        parts.filter(|part| !part.is_empty()).count()
    };
    if steps <= depth(inside) {
        return Ok(false);
    }
    text.clear();
    text.push(state().root)?;
    let kept = depth(directory).saturating_sub(steps);
    let parts = directory.split(|&byte| byte == b'/');
    for part in parts.filter(|part| !part.is_empty()).take(kept) {
        text.push(b"/")?;
        text.push(part)?;
    }
    for _ in 0..steps {
        text.push(STEP)?;
    }
    text.push(b"/")?;
    text.push(rest)?;
    Ok(true)
}

/// What the container wrote into a link, as far as it can be known.
pub(crate) fn link_to_guest(target: &[u8], text: &mut Text) -> Answer<()> {
    let place = target.windows(STEP.len()).position(|part| part == STEP);
    let Some(place) = place.filter(|_| is_below(target, state().root)) else {
        return to_guest(target, text);
    };
    let mut rest = &target[place..];
    text.clear();
    while let Some(after) = rest.strip_prefix(STEP) {
        text.push(if text.bytes().is_empty() {
            b".."
        } else {
            b"/.."
        })?;
        rest = after;
    }
    text.push(if rest == b"/" { b"" } else { rest })
}

/// The container's path of an open directory, or of the current one.
pub(crate) fn directory_path(directory: i32, guest: &mut Text) -> Answer<()> {
    let mut host = Text::new();
    if directory == AT_FDCWD {
        host.fill(|buffer, bytes| {
            let arguments = [buffer, bytes, 0, 0, 0, 0];
            // SAFETY: the buffer is live and as long as said.
            let length = sys::check(unsafe { sys::call(numbers::GETCWD, arguments) })?;
            Ok(length - 1)
        })?;
    } else {
        file_path(directory, &mut host)?;
    }
    to_guest(host.bytes(), guest)
}

/// The host's path of an open file.
pub(crate) fn file_path(file: i32, host: &mut Text) -> Answer<()> {
    let mut link = Text::new();
    link.push(b"/proc/self/fd/")?;
    link.push_number(file as usize)?;
    sys::read_link(AT_FDCWD, link.pointer(), host)
}

/// Whether `path` is `prefix` or below it.
pub(crate) fn is_below(path: &[u8], prefix: &[u8]) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Makes an absolute path without `.`, `..` and empty parts. `false` if the path is not of the
/// container: then the kernel may have it as it is.
fn clean(directory: i32, path: &[u8], guest: &mut Text) -> Answer<bool> {
    guest.push(b"")?;
    if path[0] != b'/' {
        directory_path(directory, guest)?;
        if guest.bytes() == b"/" {
            guest.clear();
        }
        if !guest.bytes().is_empty() && guest.bytes()[0] != b'/' {
            return Ok(false);
        }
    }
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => go_up(guest)?,
            name => {
                guest.push(b"/")?;
                guest.push(name)?;
            }
        }
    }
    let is_directory = path.ends_with(b"/") || path.ends_with(b"/.");
    if guest.bytes().is_empty() || is_directory {
        guest.push(b"/")?;
    }
    Ok(true)
}

/// Replaces a path by that of its real parent, which the kernel has to tell: it may be a link.
fn go_up(guest: &mut Text) -> Answer<()> {
    const O_DIRECTORY: usize = 0o200_000;
    if guest.bytes().is_empty() {
        return Ok(());
    }
    let mut host = Text::new();
    to_host(guest.bytes(), &mut host)?;
    let directory = File::open(AT_FDCWD, host.pointer(), O_PATH | O_DIRECTORY, 0)?;
    file_path(directory.0, &mut host)?;
    to_guest(host.bytes(), guest)?;
    let end = guest.bytes().iter().rposition(|&byte| byte == b'/');
    guest.truncate(end.unwrap_or(0));
    Ok(())
}

fn without_slash(path: &[u8]) -> &[u8] {
    match path.strip_suffix(b"/") {
        Some(rest) if !rest.is_empty() => rest,
        _ => path,
    }
}

/// Whether an absolute path has `.`, `..` or empty parts that could hide a mount point.
fn needs_cleaning(path: &[u8]) -> bool {
    path.windows(2).any(|pair| pair == b"//" || pair == b"/.") && {
        let mut parts = path.split(|&byte| byte == b'/').skip(1);
        // A slash at the end leaves an empty part, which hides nothing.
        let mut is_before_end = false;
        parts.any(|part| {
            let hides = is_before_end || matches!(part, b"." | b"..");
            is_before_end = part.is_empty();
            hides
        })
    }
}

fn has_parent(path: &[u8]) -> bool {
    path.windows(2).any(|pair| pair == b"..")
        && path.split(|&byte| byte == b'/').any(|part| part == b"..")
}
