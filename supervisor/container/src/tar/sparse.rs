//! Files with holes, in the four forms that GNU tar has written over the years.
//!
//! Source: the chapter "Storing Sparse Files" of GNU tar's manual.

use std::io::{self, BufRead, Read};

use super::header::{BLOCK, Header, unsigned};
use super::pax::{Overrides, decimal};
use super::{Reader, invalid};

/// No honest file has more pieces.
const MAX_EXTENTS: usize = 1 << 16;
/// Bytes of an offset and a length in the oldest form.
const PAIR_BYTES: usize = 24;

/// A piece of a sparse file that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

impl<R: BufRead> Reader<R> {
    /// The size and the map of a sparse file, if the entry is one. What is stored follows.
    pub(super) fn sparse(
        &mut self,
        header: &Header,
        over: &mut Overrides,
    ) -> io::Result<Option<(u64, Vec<Extent>)>> {
        let (size, numbers) = if header.flag() == b'S' {
            (unsigned(&header.block()[483..495])?, self.old_map(header)?)
        } else {
            let Some(size) = over.sparse.real_size else {
                return Ok(None);
            };
            let numbers = if over.sparse.is_version_1 {
                self.leading_map()?
            } else {
                std::mem::take(&mut over.sparse.map)
            };
            (size, numbers)
        };
        checked(size, self.left, &numbers).map(|map| Some((size, map)))
    }

    /// Pairs in the header and in blocks after it, of GNU's own format.
    fn old_map(&mut self, header: &Header) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        let mut has_more = pairs(&header.block()[386..483], &mut numbers)?;
        while has_more {
            // These blocks come before the bytes that the size counts.
            let block = self.block()?.ok_or_else(super::truncated)?;
            has_more = pairs(&block[..505], &mut numbers)?;
        }
        Ok(numbers)
    }

    /// Lines of decimal text before the bytes, filled up to a block: version 1.0.
    fn leading_map(&mut self) -> io::Result<Vec<u64>> {
        let before = self.left;
        let count = self.line()?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > MAX_EXTENTS {
            return Err(invalid("a sparse file has too many pieces"));
        }
        let numbers: Vec<_> = (0..2 * count)
            .map(|_| self.line())
            .collect::<io::Result<_>>()?;
        let over = (before - self.left) % BLOCK as u64;
        let padding = (BLOCK as u64 - over) % BLOCK as u64;
        let skipped = io::copy(&mut self.by_ref().take(padding), &mut io::sink())?;
        if skipped < padding {
            return Err(invalid("the map of a sparse file is cut off"));
        }
        Ok(numbers)
    }

    fn line(&mut self) -> io::Result<u64> {
        let mut text = Vec::new();
        self.by_ref().take(21).read_until(b'\n', &mut text)?;
        match text.split_last() {
            Some((b'\n', digits)) => decimal(digits),
            _ => Err(invalid("the map of a sparse file is malformed")),
        }
    }
}

/// Reads pairs up to the first empty one; the last byte tells whether more follow.
fn pairs(area: &[u8], numbers: &mut Vec<u64>) -> io::Result<bool> {
    let (more, area) = area.split_last().unwrap_or((&0, &[]));
    for pair in area.chunks_exact(PAIR_BYTES) {
        if pair[0] == 0 {
            return Ok(false);
        }
        let (offset, length) = pair.split_at(PAIR_BYTES / 2);
        numbers.extend([unsigned(offset)?, unsigned(length)?]);
    }
    if numbers.len() > 2 * MAX_EXTENTS {
        return Err(invalid("a sparse file has too many pieces"));
    }
    Ok(*more != 0)
}

/// Pieces in order, inside the file, and as long together as what is stored.
fn checked(size: u64, stored: u64, numbers: &[u64]) -> io::Result<Vec<Extent>> {
    let malformed = || invalid("the map of a sparse file is malformed");
    let (pairs, []) = numbers.as_chunks::<2>() else {
        return Err(malformed());
    };
    let (mut end, mut total) = (0_u64, 0_u64);
    for &[offset, length] in pairs {
        if offset < end {
            return Err(malformed());
        }
        end = offset.checked_add(length).ok_or_else(malformed)?;
        total += length;
    }
    if end > size || total != stored || size > i64::MAX as u64 || pairs.len() > MAX_EXTENTS {
        return Err(malformed());
    }
    let extent = |&[offset, length]: &[u64; 2]| Extent { offset, length };
    Ok(pairs.iter().map(extent).collect())
}
