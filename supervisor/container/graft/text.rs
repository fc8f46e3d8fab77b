//! A path that is being made, on the stack.

use core::mem::MaybeUninit;

use crate::sys::{Answer, ENAMETOOLONG};

/// `PATH_MAX` of Linux, with the zero byte.
pub(crate) const MAX_BYTES: usize = 4096;

/// Not initialised, because most of it is never used and zeroing it would cost more than the rest.
pub(crate) struct Text {
    bytes: [MaybeUninit<u8>; MAX_BYTES],
    length: usize,
}

impl Text {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self {
            bytes: [const { MaybeUninit::uninit() }; MAX_BYTES],
            length: 0,
        }
    }

    /// Appends, and keeps a zero byte behind the end.
    pub(crate) fn push(&mut self, part: &[u8]) -> Answer<()> {
        let end = self.length + part.len();
        if end >= MAX_BYTES {
            return Err(ENAMETOOLONG);
        }
        for (place, &byte) in self.bytes[self.length..end].iter_mut().zip(part) {
            place.write(byte);
        }
        self.bytes[end].write(0);
        self.length = end;
        Ok(())
    }

    pub(crate) fn push_number(&mut self, mut number: usize) -> Answer<()> {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return self.push(&digits[at..]);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.truncate(0);
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        self.bytes[self.length].write(0);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: everything before the length was written.
        unsafe { core::slice::from_raw_parts(self.bytes.as_ptr().cast(), self.length) }
    }

    /// To a string with a zero byte at its end, once something was pushed.
    pub(crate) fn pointer(&self) -> *const u8 {
        self.bytes.as_ptr().cast()
    }

    /// Takes what `fill` writes to the address and the room that it gets; it tells how much it wrote.
    pub(crate) fn fill(&mut self, fill: impl FnOnce(usize, usize) -> Answer<usize>) -> Answer<()> {
        let length = fill(self.bytes.as_mut_ptr() as usize, MAX_BYTES)?;
        self.length = length.min(MAX_BYTES - 1);
        self.bytes[self.length].write(0);
        Ok(())
    }
}
