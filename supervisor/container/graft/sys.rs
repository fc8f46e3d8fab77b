//! System calls of the loader itself, and the memory functions that the compiler asks for.

use core::arch::asm;

use crate::numbers;
use crate::text::Text;

/// Numbers of calls that the loader makes but does not translate.
const READ: usize = 0;
const WRITE: usize = 1;
const CLOSE: usize = 3;
const MUNMAP: usize = 11;
const PREAD: usize = 17;
const MINCORE: usize = 27;
const GETPID: usize = 39;
const RT_SIGPROCMASK: usize = 14;
const DUP: usize = 32;
const SENDFILE: usize = 40;
const SET_TID_ADDRESS: usize = 218;
const EXIT_GROUP: usize = 231;

pub(crate) const AT_FDCWD: i32 = -100;
pub(crate) const O_CLOEXEC: usize = 0o2_000_000;
pub(crate) const O_PATH: usize = 0o10_000_000;
pub(crate) const O_NOFOLLOW: usize = 0o400_000;
pub(crate) const AT_SYMLINK_NOFOLLOW: usize = 0x100;

pub(crate) const EPERM: isize = -1;
pub(crate) const ENOENT: isize = -2;
pub(crate) const ENOEXEC: isize = -8;
pub(crate) const EACCES: isize = -13;
pub(crate) const EFAULT: isize = -14;
pub(crate) const EBUSY: isize = -16;
pub(crate) const EXDEV: isize = -18;
pub(crate) const EROFS: isize = -30;
pub(crate) const ERANGE: isize = -34;
pub(crate) const ENAMETOOLONG: isize = -36;
pub(crate) const ENOSYS: isize = -38;
pub(crate) const ELOOP: isize = -40;
pub(crate) const EOPNOTSUPP: isize = -95;

/// Either what the kernel answered or the error that it answered with.
pub(crate) type Answer<T> = Result<T, isize>;

/// Makes a system call.
///
/// # Safety
/// The call does what it does: pointers must be good for it, and memory that it unmaps or changes must
/// not be in use here. Calls that the guest asked for may do to the guest's memory what it likes.
#[inline(always)]
pub(crate) unsafe fn call(number: usize, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let result;
    // SAFETY: as this function's; the two registers are those that the kernel overwrites.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") a, in("rsi") b,
            in("rdx") c, in("r10") d, in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _,
            options(nostack));
    }
    result
}

pub(crate) fn check(result: isize) -> Answer<usize> {
    if result < 0 {
        Err(result)
    } else {
        Ok(result as usize)
    }
}

/// An open descriptor that is closed in the end.
pub(crate) struct File(pub(crate) i32);

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours, and nothing uses it any more.
        unsafe { call(CLOSE, [self.0 as usize, 0, 0, 0, 0, 0]) };
    }
}

impl File {
    /// Opens a path, which must end with a zero byte, relative to a directory.
    pub(crate) fn open(directory: i32, path: *const u8, flags: usize, mode: usize) -> Answer<Self> {
        let arguments = [
            directory as usize,
            path as usize,
            flags | O_CLOEXEC,
            mode,
            0,
            0,
        ];
        // SAFETY: a path that cannot be read is refused by the kernel.
        let result = unsafe { call(numbers::OPENAT, arguments) };
        check(result).map(|number| Self(number as i32))
    }

    /// The same open file under a number that survives an `execve`.
    pub(crate) fn duplicate(number: i32) -> Answer<Self> {
        // SAFETY: touches no memory.
        let result = unsafe { call(DUP, [number as usize, 0, 0, 0, 0, 0]) };
        check(result).map(|number| Self(number as i32))
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> Answer<usize> {
        let arguments = [
            self.0 as usize,
            buffer.as_mut_ptr() as usize,
            buffer.len(),
            0,
            0,
            0,
        ];
        // SAFETY: the buffer is live and as long as said.
        check(unsafe { call(READ, arguments) })
    }

    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: usize) -> Answer<usize> {
        let arguments = [
            self.0 as usize,
            buffer.as_mut_ptr() as usize,
            buffer.len(),
            offset,
            0,
            0,
        ];
        // SAFETY: the buffer is live and as long as said.
        check(unsafe { call(PREAD, arguments) })
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        let arguments = [
            self.0 as usize,
            bytes.as_ptr() as usize,
            bytes.len(),
            0,
            0,
            0,
        ];
        // SAFETY: the buffer is live and as long as said.
        unsafe { call(WRITE, arguments) };
    }

    /// Writes memory, as far as it can be read and there is room.
    pub(crate) fn write_from(&self, at: usize, bytes: usize) {
        // SAFETY: the kernel only reads it.
        unsafe { call(WRITE, [self.0 as usize, at, bytes, 0, 0, 0]) };
    }

    /// Writes all that `source` has from where it is.
    pub(crate) fn copy_from(&self, source: &Self) -> Answer<()> {
        const AT_A_TIME: usize = 1 << 30;
        let arguments = [self.0 as usize, source.0 as usize, 0, AT_A_TIME, 0, 0];
        // SAFETY: touches no memory.
        while check(unsafe { call(SENDFILE, arguments) })? > 0 {}
        Ok(())
    }

    pub(crate) fn status(&self) -> Answer<Status> {
        let mut status = Status::default();
        let arguments = [self.0 as usize, status.0.as_mut_ptr() as usize, 0, 0, 0, 0];
        // SAFETY: the buffer has the size of the kernel's structure.
        check(unsafe { call(numbers::FSTAT, arguments) })?;
        Ok(status)
    }
}

/// `struct stat` of x86-64.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Status(pub(crate) [u64; 18]);

impl Status {
    /// The status of what a path leads to, or with [`AT_SYMLINK_NOFOLLOW`] of a link itself.
    pub(crate) fn of(directory: i32, path: *const u8, flags: usize) -> Answer<Self> {
        let mut status = Self::default();
        let buffer = status.0.as_mut_ptr() as usize;
        let arguments = [directory as usize, path as usize, buffer, flags, 0, 0];
        // SAFETY: the buffer has the size of the kernel's structure; a bad path is refused.
        check(unsafe { call(numbers::NEWFSTATAT, arguments) })?;
        Ok(status)
    }

    pub(crate) fn device(&self) -> u64 {
        self.0[0]
    }

    pub(crate) fn inode(&self) -> u64 {
        self.0[1]
    }

    pub(crate) fn links(&self) -> u64 {
        self.0[2]
    }

    pub(crate) fn mode(&self) -> u32 {
        self.0[3] as u32
    }

    pub(crate) fn size(&self) -> usize {
        self.0[6] as usize
    }

    pub(crate) fn is_file(&self) -> bool {
        self.mode() & 0o170_000 == 0o100_000
    }

    pub(crate) fn is_link(&self) -> bool {
        self.mode() & 0o170_000 == 0o120_000
    }
}

/// Reads where a link leads.
pub(crate) fn read_link(directory: i32, path: *const u8, text: &mut Text) -> Answer<()> {
    // SAFETY: the buffer is live and as long as said; a bad path is refused.
    text.fill(|buffer, bytes| unsafe {
        let arguments = [directory as usize, path as usize, buffer, bytes, 0, 0];
        check(call(numbers::READLINKAT, arguments))
    })
}

pub(crate) const READABLE: usize = 1;
pub(crate) const WRITABLE: usize = 2;
pub(crate) const EXECUTABLE: usize = 4;
pub(crate) const MAP_SHARED: usize = 0x01;
pub(crate) const MAP_PRIVATE: usize = 0x02;
pub(crate) const MAP_FIXED: usize = 0x10;
pub(crate) const MAP_ANONYMOUS: usize = 0x20;
pub(crate) const MAP_NORESERVE: usize = 0x4000;
pub(crate) const MAP_FIXED_NOREPLACE: usize = 0x10_0000;

/// Maps memory, or a file from an offset on.
///
/// # Safety
/// With [`MAP_FIXED`] nothing that is in use may be at `at`.
pub(crate) unsafe fn map(
    at: usize,
    length: usize,
    protection: usize,
    flags: usize,
    file: Option<(&File, usize)>,
) -> Answer<usize> {
    let (file, offset) = file.map_or((usize::MAX, 0), |(file, offset)| (file.0 as usize, offset));
    // SAFETY: as this function's.
    check(unsafe { call(numbers::MMAP, [at, length, protection, flags, file, offset]) })
}

/// # Safety
/// Nothing there may be in use.
pub(crate) unsafe fn unmap(at: usize, length: usize) {
    // SAFETY: as this function's.
    unsafe { call(MUNMAP, [at, length, 0, 0, 0, 0]) };
}

/// # Safety
/// What is in use there must not need the rights that it loses.
pub(crate) unsafe fn protect(at: usize, length: usize, protection: usize) -> Answer<usize> {
    // SAFETY: as this function's.
    check(unsafe { call(numbers::MPROTECT, [at, length, protection, 0, 0, 0]) })
}

/// Changes or tells the signals that are blocked, as far as pointers are given.
///
/// # Safety
/// What is written must be the guest's, and signals must not come where they cannot be handled.
pub(crate) unsafe fn signal_mask(change: usize, new: usize, old: usize) -> isize {
    // SAFETY: as this function's.
    unsafe { call(RT_SIGPROCMASK, [change, new, old, 8, 0, 0]) }
}

/// Lets the kernel set this word to zero when the thread leaves the memory that it shares with others.
pub(crate) fn clear_when_gone(word: *mut u32) {
    // SAFETY: the word is a slot of ours, which lives as long as the process.
    unsafe { call(SET_TID_ADDRESS, [word as usize, 0, 0, 0, 0, 0]) };
}

/// Tells for each page of a range whether it is in memory: one byte of `pages` for each.
pub(crate) fn resident(at: usize, length: usize, pages: &mut [u8]) -> Answer<usize> {
    let length = length.min(pages.len() * 4096);
    // SAFETY: there is a byte for each page.
    check(unsafe { call(MINCORE, [at, length, pages.as_mut_ptr() as usize, 0, 0, 0]) })
}

/// Gives the thread a name, of which 15 bytes are taken.
pub(crate) fn name_thread(name: *const u8) -> isize {
    const SET_NAME: usize = 15;
    // SAFETY: the name is a string.
    unsafe { call(numbers::PRCTL, [SET_NAME, name as usize, 0, 0, 0, 0]) }
}

/// The number of this process.
pub(crate) fn process() -> usize {
    // SAFETY: touches no memory.
    unsafe { call(GETPID, [0; 6]) as usize }
}

/// Says why on standard error and ends the process as a shell does when it cannot execute a file.
pub(crate) fn fail(reason: &[u8], path: &[u8]) -> ! {
    let stderr = core::mem::ManuallyDrop::new(File(2));
    for part in [b"graft: ".as_slice(), path, b": ", reason, b"\n"] {
        stderr.write(part);
    }
    loop {
        // SAFETY: ends the process.
        unsafe { call(EXIT_GROUP, [126, 0, 0, 0, 0, 0]) };
    }
}

/// The bytes of a string up to its zero byte.
///
/// # Safety
/// The pointer must lead to a string that stays as it is while the result is used.
pub(crate) unsafe fn string<'a>(pointer: *const u8) -> &'a [u8] {
    // SAFETY: as this function's.
    unsafe { core::slice::from_raw_parts(pointer, strlen(pointer)) }
}

/// As in C, here and below.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: up to the zero byte everything can be read. Volatile, or this becomes a call of itself.
    while unsafe { text.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(target: *mut u8, source: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller says that both ranges are good.
    unsafe {
        asm!("rep movsb", inout("rcx") count => _, inout("rdi") target => _,
            inout("rsi") source => _, options(nostack, preserves_flags));
    }
    target
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(target: *mut u8, source: *const u8, count: usize) -> *mut u8 {
    if target.addr().wrapping_sub(source.addr()) >= count {
        // SAFETY: going forward never reads what was already written.
        return unsafe { memcpy(target, source, count) };
    }
    for at in (0..count).rev() {
        // SAFETY: within both ranges. Volatile, or this becomes a call of itself.
        unsafe {
            target
                .add(at)
                .write_volatile(source.add(at).read_volatile())
        };
    }
    target
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(target: *mut u8, byte: i32, count: usize) -> *mut u8 {
    // SAFETY: the caller says that the range is good.
    unsafe {
        asm!("rep stosb", inout("rcx") count => _, inout("rdi") target => _, in("al") byte as u8,
            options(nostack, preserves_flags));
    }
    target
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    for at in 0..count {
        // SAFETY: within both ranges. Volatile, or this becomes a call of itself.
        let (a, b) = unsafe { (left.add(at).read_volatile(), right.add(at).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(left, right, count) }
}
