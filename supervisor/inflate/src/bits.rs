//! The bits of a stream, lowest first, and the bytes they come from.

use std::io::{self, BufRead};

/// Bits in a full buffer, at least: enough for any length with its distance, which have 48 at most.
const FULL: u32 = 56;

/// Bits that were read and not used yet. Those above `count` are zero.
#[derive(Default, Clone, Copy)]
pub(crate) struct Bits {
    pub(crate) buffer: u64,
    pub(crate) count: u32,
}

impl Bits {
    /// Adds as many of the next bytes as there is room for, and gives how many. What is above `count`
    /// afterwards are bits that come again.
    #[inline(always)]
    pub(crate) fn refill(&mut self, input: &[u8; 16], at: usize) -> usize {
        let mut next = [0; 8];
        let at = at & 7;
        next.copy_from_slice(&input[at..at + 8]);
        self.buffer |= u64::from_le_bytes(next) << (self.count & 63);
        let used = (self.count & 63 ^ 63) >> 3;
        self.count |= FULL;
        used as usize
    }

    /// Uses up bits that are known to be there.
    #[inline(always)]
    pub(crate) fn skip(&mut self, count: u32) {
        self.buffer >>= count & 63;
        self.count = self.count.wrapping_sub(count);
    }

    /// Forgets what [`Bits::refill`] left above `count`.
    pub(crate) fn trim(&mut self) {
        self.count &= 63;
        self.buffer &= (1 << self.count) - 1;
    }
}

/// Bits out of a reader, for everything that need not be fast.
pub(crate) struct Source<R> {
    pub(crate) reader: R,
    pub(crate) bits: Bits,
}

impl<R: BufRead> Source<R> {
    /// Reads ahead until the buffer is full or there is no more.
    pub(crate) fn fill(&mut self) -> io::Result<()> {
        while self.bits.count < FULL {
            let Some(&byte) = self.reader.fill_buf()?.first() else {
                return Ok(());
            };
            self.reader.consume(1);
            self.bits.buffer |= u64::from(byte) << self.bits.count;
            self.bits.count += 8;
        }
        Ok(())
    }

    /// Uses up bits of a filled buffer.
    pub(crate) fn skip(&mut self, count: u32) -> io::Result<()> {
        if count > self.bits.count {
            return Err(truncated());
        }
        self.bits.skip(count);
        Ok(())
    }

    /// The next bits, 32 at most.
    pub(crate) fn take(&mut self, count: u32) -> io::Result<u32> {
        self.fill()?;
        let value = self.bits.buffer & ((1 << count) - 1);
        self.skip(count)?;
        Ok(value as u32)
    }

    /// The next byte that was read ahead. The bits must be aligned.
    pub(crate) fn take_ahead(&mut self) -> Option<u8> {
        let byte = self.bits.buffer as u8;
        let is_there = self.bits.count > 0;
        self.bits.skip(if is_there { 8 } else { 0 });
        is_there.then_some(byte)
    }

    /// Drops bits up to the next whole byte.
    pub(crate) fn align(&mut self) {
        self.bits.skip(self.bits.count % 8);
    }

    /// Whether nothing is left. The bits must be aligned.
    pub(crate) fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.bits.count == 0 && self.reader.fill_buf()?.is_empty())
    }
}

pub(crate) fn truncated() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the compressed data ends too early",
    )
}
