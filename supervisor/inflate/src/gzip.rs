//! The header of a gzip member.

use std::io::{self, BufRead};

use crate::bits::Source;
use crate::invalid;

const MAGIC: u32 = 0x8b1f;
const DEFLATE: u32 = 8;
const HEADER_CHECKSUM: u32 = 2;
const EXTRA: u32 = 4;
const NAME: u32 = 8;
const COMMENT: u32 = 16;
const RESERVED: u32 = 0xe0;

/// Reads over a header.
pub(crate) fn header(source: &mut Source<impl BufRead>) -> io::Result<()> {
    if source.take(16)? != MAGIC || source.take(8)? != DEFLATE {
        return Err(invalid("it is not gzip"));
    }
    let flags = source.take(8)?;
    if flags & RESERVED != 0 {
        return Err(invalid("a gzip header with unknown flags"));
    }
    // Time, compression and system.
    source.take(32)?;
    source.take(16)?;
    if flags & EXTRA != 0 {
        for _ in 0..source.take(16)? {
            source.take(8)?;
        }
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            while source.take(8)? != 0 {}
        }
    }
    if flags & HEADER_CHECKSUM != 0 {
        source.take(16)?;
    }
    Ok(())
}
