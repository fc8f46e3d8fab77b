//! Whether the guest's pointers lead somewhere. What cannot be read or written is left to the kernel, whose
//! answer is an error where ours would be the guest's end.

use core::sync::atomic::{AtomicUsize, Ordering};

use crate::sys::{self, EFAULT};

const PAGE: usize = 4096;
const WORD: usize = size_of::<usize>();
/// Pages that were looked at last, each at its number's place. One that is unmapped stays in here, so
/// whoever uses a pointer after he gave its memory back may end as if he had read it himself.
static KNOWN: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];

/// Whether that many bytes can be read.
pub(crate) fn is_readable(pointer: usize, bytes: usize) -> bool {
    let last = pointer.saturating_add(bytes.saturating_sub(1));
    (pointer / PAGE..=last / PAGE).all(is_page_readable)
}

/// Whether there is a buffer; its beginning may be overwritten.
pub(crate) fn is_writable(pointer: usize, bytes: usize) -> bool {
    if bytes < WORD {
        return is_readable(pointer, bytes);
    }
    // SAFETY: the kernel writes the signals that are blocked to the guest's buffer, or refuses to.
    unsafe { sys::signal_mask(0, 0, pointer) != EFAULT }
}

/// The string at a pointer of the guest; empty if it cannot be read up to its end.
pub(crate) fn string<'a>(pointer: usize) -> &'a [u8] {
    let mut at = pointer;
    while is_page_readable(at / PAGE) {
        let end = (at / PAGE + 1) * PAGE;
        // SAFETY: the page can be read, and what is looked at is within it.
        if let Some(found) = unsafe { find_zero(at, end) } {
            // SAFETY: all pages up to the zero byte can be read. The guest may change them meanwhile, as it
            // may while the kernel reads them.
            return unsafe { core::slice::from_raw_parts(pointer as *const u8, found - pointer) };
        }
        at = end;
    }
    b""
}

fn is_page_readable(page: usize) -> bool {
    const NO_CHANGE: usize = 99;
    if page == 0 {
        return false;
    }
    let place = &KNOWN[page % KNOWN.len()];
    if place.load(Ordering::Relaxed) == page {
        return true;
    }
    // SAFETY: the kernel reads a word there before it says that it does not know the change.
    let is_readable = unsafe { sys::signal_mask(NO_CHANGE, page * PAGE, 0) } != EFAULT;
    if is_readable {
        place.store(page, Ordering::Relaxed);
    }
    is_readable
}

/// The place of the first zero byte from `at` on, a word at a time.
///
/// # Safety
/// All that is before `end`, which is a multiple of a word, can be read.
unsafe fn find_zero(mut at: usize, end: usize) -> Option<usize> {
    const ONES: usize = usize::MAX / 255;
    // SAFETY: as this function's; words do not lie across `end`.
    unsafe {
        while !at.is_multiple_of(WORD) {
            if (at as *const u8).read_volatile() == 0 {
                return Some(at);
            }
            at += 1;
        }
        while at < end {
            let word = (at as *const usize).read_volatile();
            let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
            if zeros != 0 {
                return Some(at + zeros.trailing_zeros() as usize / 8);
            }
            at += WORD;
        }
    }
    None
}
