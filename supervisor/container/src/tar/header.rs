//! The fields of a header block.

use std::io;

use super::{Kind, invalid};

pub(super) const BLOCK: usize = 512;

/// A header block whose checksum is right.
pub(super) struct Header([u8; BLOCK]);

impl Header {
    pub(super) fn new(block: [u8; BLOCK]) -> io::Result<Self> {
        check_sum(&block)?;
        Ok(Self(block))
    }

    pub(super) fn block(&self) -> &[u8; BLOCK] {
        &self.0
    }

    pub(super) fn flag(&self) -> u8 {
        self.0[156]
    }

    pub(super) fn path(&self) -> Vec<u8> {
        let name = until_nul(&self.0[..100]);
        // Only POSIX archives have the prefix field; GNU uses its place for times.
        let prefix = if &self.0[257..263] == b"ustar\0" {
            until_nul(&self.0[345..500])
        } else {
            &[][..]
        };
        match prefix {
            [] => name.to_vec(),
            prefix => [prefix, b"/", name].concat(),
        }
    }

    pub(super) fn link(&self) -> Vec<u8> {
        until_nul(&self.0[157..257]).to_vec()
    }

    pub(super) fn size(&self) -> io::Result<u64> {
        unsigned(&self.0[124..136])
    }

    pub(super) fn mode(&self) -> io::Result<u32> {
        let mode = unsigned(&self.0[100..108])? & 0o7777;
        Ok(u32::try_from(mode).unwrap_or(0))
    }

    pub(super) fn mtime_s(&self) -> io::Result<i64> {
        number(&self.0[136..148])
    }

    pub(super) fn kind(&self, path: &[u8]) -> io::Result<Kind> {
        match self.flag() {
            // Before POSIX a directory was a file whose name ends in a slash.
            b'0' | 0 | b'7' if path.ends_with(b"/") => Ok(Kind::Directory),
            b'0' | 0 | b'7' | b'S' => Ok(Kind::File),
            b'1' => Ok(Kind::HardLink),
            b'2' => Ok(Kind::Symlink),
            b'5' => Ok(Kind::Directory),
            b'3' | b'4' | b'6' => Ok(Kind::Special),
            _ => Err(invalid("an entry has an unknown type")),
        }
    }
}

fn check_sum(header: &[u8; BLOCK]) -> io::Result<()> {
    let blanked = (148..156).map(|at| i64::from(b' ') - i64::from(header[at]));
    let unsigned_sum: i64 = header.iter().map(|&byte| i64::from(byte)).sum();
    let unsigned_sum = unsigned_sum + blanked.sum::<i64>();
    let sum = number(&header[148..156])?;
    if sum == unsigned_sum {
        return Ok(());
    }
    // Old programs added signed bytes: each of 128 and more counts 256 less.
    let high = |pair: &(usize, &u8)| *pair.1 >= 128 && !(148..156).contains(&pair.0);
    let high_bytes = header.iter().enumerate().filter(high).count();
    if i64::try_from(high_bytes).is_ok_and(|count| sum == unsigned_sum - 256 * count) {
        return Ok(());
    }
    Err(invalid("a header has a wrong checksum"))
}

pub(super) fn unsigned(field: &[u8]) -> io::Result<u64> {
    u64::try_from(number(field)?).map_err(|_| invalid("a number is negative"))
}

/// A number in octal text or, with the first bit set, in base 256 (two's complement, big endian).
fn number(field: &[u8]) -> io::Result<i64> {
    if field.first().is_some_and(|first| first & 0x80 != 0) {
        return base_256(field);
    }
    let text = until_nul(field).trim_ascii();
    let digit = |sum: i64, &byte: &u8| match byte {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
        _ => None,
    };
    text.iter()
        .try_fold(0, digit)
        .ok_or_else(|| invalid("a number is not octal"))
}

fn base_256(field: &[u8]) -> io::Result<i64> {
    let negative = field[0] & 0x40 != 0;
    let first = if negative {
        i64::from(field[0]) - 256
    } else {
        i64::from(field[0] & 0x7f)
    };
    let step = |sum: i64, &byte: &u8| sum.checked_mul(256)?.checked_add(i64::from(byte));
    field[1..]
        .iter()
        .try_fold(first, step)
        .ok_or_else(|| invalid("a number is out of range"))
}

pub(super) fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or(field)
}
