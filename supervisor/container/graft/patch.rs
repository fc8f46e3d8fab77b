//! Replacing system calls in code that was just mapped.
//!
//! Each window becomes a jump to a trampoline nearby:
//!
//! ```text
//! what was before the call; rcx = after; jump to the entry; syscall; after: what was behind; jump back
//! ```
//!
//! `rcx` and `r11` are free, because the system call instruction overwrites them. The entry goes to
//! `after`, having done the call, or two bytes before it, to let the guest do it itself: so processes
//! and threads begin, and signal handlers return, as if we were not there.

use core::sync::atomic::{AtomicUsize, Ordering};

use crate::entry;
use crate::ready::{self, Ready};
use crate::scan::{JUMP_BYTES, Site, scan};
use crate::sites::Sites;
use crate::sys::{self, Answer, EXECUTABLE, File, MAP_ANONYMOUS, MAP_PRIVATE, READABLE, WRITABLE};

const PAGE: usize = 4096;
/// Largest trampoline: a window of 5 to 19 bytes, 15 bytes of the way to the entry and 5 of that back.
const TRAMPOLINE_BYTES: usize = 48;
/// The address of the entry, and padding.
const HEADER_BYTES: usize = 16;
/// As much memory as a process has searched in: programs that unpack themselves do that once, compilers at run
/// time, in whose code there is nothing to find, may change the rights of all of it for each function.
static SEARCHED: AtomicUsize = AtomicUsize::new(0);
const MAX_SEARCHED_BYTES: usize = 64 << 20;
/// Less than what a 32-bit displacement reaches.
const REACH: isize = 0x7000_0000;

/// A part of a file in memory.
pub(crate) struct Mapping {
    pub(crate) at: usize,
    pub(crate) length: usize,
    /// Where in the file it begins.
    pub(crate) offset: usize,
    /// The rights that it has and shall have again.
    pub(crate) protection: usize,
    /// Whether other threads may run what is in it.
    pub(crate) is_known: bool,
}

impl Mapping {
    /// Address of a site that lies within.
    fn address(&self, site: Site) -> Option<usize> {
        let from = (site.offset as usize).checked_sub(self.offset)?;
        let is_inside = from + usize::from(site.length) <= self.length;
        (is_inside && usize::from(site.length) >= JUMP_BYTES).then_some(self.at + from)
    }

    /// How many sites lie within.
    fn count(&self, sites: &Sites) -> usize {
        sites.iter().filter_map(|site| self.address(site)).count()
    }
}

/// Replaces what has to be replaced in a part of a file. If that is impossible, the code stays as it is.
pub(crate) fn patch(mapping: &Mapping, file: &File) {
    let Ok(status) = file.status() else {
        return;
    };
    let known = Sites::known(&status);
    if known
        .as_ref()
        .is_some_and(|sites| mapping.count(sites) == 0)
    {
        return;
    }
    let ready = Ready::of(mapping, &status);
    if ready.as_ref().is_ok_and(|ready| ready.map(mapping).is_ok()) {
        return;
    }
    let sites = known.map_or_else(|| Sites::of(file, &status), Ok);
    let replaced = sites.and_then(|sites| replace(mapping, &sites));
    if let (Ok(ready), Ok(arena)) = (ready, replaced) {
        // Without room on the disk every process does it for itself.
        let _ = ready.keep(mapping, arena);
    }
}

/// The same in memory that just became executable, as far as there is anything in it.
pub(crate) fn patch_memory(at: usize, length: usize, protection: usize) {
    const PAGES: usize = 2048;
    let end = at.saturating_add(length).next_multiple_of(PAGE);
    let mut at = at;
    while at < end && SEARCHED.load(Ordering::Relaxed) <= MAX_SEARCHED_BYTES {
        let count = ((end - at) / PAGE).min(PAGES);
        let mut pages = [1; PAGES];
        // Where the kernel does not tell, all of it is looked at.
        let _ = sys::resident(at, count * PAGE, &mut pages);
        for run in pages[..count].chunk_by(|left, right| left & 1 == right & 1) {
            let length = run.len() * PAGE;
            if run[0] & 1 != 0 {
                patch_run(at, length, protection);
            }
            at += length;
        }
    }
}

fn patch_run(at: usize, length: usize, protection: usize) {
    if SEARCHED.fetch_add(length, Ordering::Relaxed) > MAX_SEARCHED_BYTES {
        return;
    }
    // SAFETY: the guest has just got the right to read it.
    let code = unsafe { core::slice::from_raw_parts(at as *const u8, length) };
    let mut any = false;
    scan(code, 0, &mut |_| any = true);
    if !any {
        return;
    }
    let mapping = Mapping {
        at,
        length,
        offset: 0,
        protection,
        is_known: true,
    };
    if let Ok(sites) = Sites::find(code, scan_memory) {
        let _ = replace(&mapping, &sites);
    }
}

fn scan_memory(code: &[u8], found: &mut dyn FnMut(Site)) {
    scan(code, 0, found);
}

/// Gives the place and the size of the trampolines, if any were needed.
fn replace(mapping: &Mapping, sites: &Sites) -> Answer<Option<(usize, usize)>> {
    let count = mapping.count(sites);
    if count == 0 {
        return Ok(None);
    }
    let size = (HEADER_BYTES + count * TRAMPOLINE_BYTES).next_multiple_of(PAGE);
    let arena = arena(mapping, size)?;
    let length = mapping.length.next_multiple_of(PAGE);
    let rights = READABLE | WRITABLE | if mapping.is_known { EXECUTABLE } else { 0 };
    // SAFETY: who may run this code meanwhile keeps the right to.
    unsafe { sys::protect(mapping.at, length, rights) }?;
    let mut writer = Writer { arena, at: arena };
    writer.put(&(entry::address()).to_le_bytes());
    writer.at = arena + HEADER_BYTES;
    for site in sites.iter() {
        if let Some(address) = mapping.address(site) {
            writer.redirect(address, site);
        }
    }
    // SAFETY: as above; the arena is ours and complete.
    unsafe {
        sys::protect(mapping.at, length, mapping.protection)?;
        sys::protect(arena, size, READABLE | EXECUTABLE)?;
    }
    Ok(Some((arena, size)))
}

/// Memory that jumps from the mapping reach.
fn arena(mapping: &Mapping, size: usize) -> Answer<usize> {
    let end = (mapping.at + mapping.length).next_multiple_of(PAGE);
    let hints = [
        ready::place(mapping.at),
        mapping.at.wrapping_sub(size + 0x1_0000),
        end + 0x400_0000,
        mapping.at + 0x2000_0000,
        mapping.at + 0x4000_0000,
        0,
    ];
    for hint in hints.into_iter().filter(|hint| hint >> 47 == 0) {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        // SAFETY: a hint that is taken is not used.
        let at = unsafe { sys::map(hint, size, READABLE | WRITABLE, flags, None) }?;
        if (at as isize - mapping.at as isize).abs() < REACH {
            return Ok(at);
        }
        // SAFETY: just mapped, and useless.
        unsafe { sys::unmap(at, size) };
    }
    Err(sys::ENOEXEC)
}

struct Writer {
    arena: usize,
    at: usize,
}

impl Writer {
    /// Makes one trampoline and the jump to it.
    fn redirect(&mut self, address: usize, site: Site) {
        let (length, position) = (usize::from(site.length), usize::from(site.position));
        let mut window = [0; 32];
        let Some(window) = window.get_mut(..length) else {
            return;
        };
        // SAFETY: the site lies within the mapping, which can be read.
        unsafe {
            core::ptr::copy_nonoverlapping(address as *const u8, window.as_mut_ptr(), length)
        };
        if window.get(position..position + 2) != Some(&[0x0f, 0x05]) {
            return;
        }
        let trampoline = self.at;
        self.put(&window[..position]);
        // lea rcx, [rip + 8]; jmp [rip + entry]; syscall
        self.put(&[0x48, 0x8d, 0x0d, 8, 0, 0, 0, 0xff, 0x25]);
        self.put_displacement(self.arena);
        self.put(&[0x0f, 0x05]);
        self.put(&window[position + 2..]);
        self.put(&[0xe9]);
        self.put_displacement(address + length);
        let next = self.at;
        self.at = address;
        self.put(&[0xe9]);
        self.put_displacement(trampoline);
        while self.at < address + length {
            self.put(&[0x90]);
        }
        self.at = next;
    }

    fn put(&mut self, bytes: &[u8]) {
        // SAFETY: within the arena, which has room for all trampolines, or within a window.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.at as *mut u8, bytes.len()) };
        self.at += bytes.len();
    }

    /// The distance from behind these four bytes to a target.
    fn put_displacement(&mut self, target: usize) {
        let displacement = target.wrapping_sub(self.at + 4) as u32;
        self.put(&displacement.to_le_bytes());
    }
}
