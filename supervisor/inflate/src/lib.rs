//! Inflating, as fast as the layers of images want it: gzip streams of any number of members, and bare
//! deflate streams.
//!
//! The checksums of gzip are not compared: what needs to know compares SHA-256 of both sides. Everything else
//! is refused that zlib refuses.

mod bits;
mod block;
mod gzip;
mod table;

use std::io::{self, BufRead};
use std::ops::Range;

use bits::Source;
use block::{MARGIN, Output};
use table::{LengthTable, Tables};

/// Inflates a bare deflate stream into memory.
///
/// # Errors
/// What is not valid, and content of more than `limit` bytes.
pub fn inflate(mut stream: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    // The same kind of reader as that of layers, so that the decoder is compiled once.
    let stream: &mut dyn BufRead = &mut stream;
    let mut inflater = Inflater::raw(stream);
    let mut buffer = vec![0; 2 * HISTORY_BYTES];
    let mut content = Vec::new();
    loop {
        let range = inflater.read(&mut buffer)?;
        if range.is_empty() {
            return Ok(content);
        }
        if range.len() > limit - content.len() {
            return Err(invalid("more content than it may have"));
        }
        content.extend_from_slice(&buffer[range]);
    }
}

/// How far back a match reaches, in bytes.
pub const HISTORY_BYTES: usize = 32 << 10;
/// Smallest buffer that [`Inflater::read`] takes, in bytes.
pub const MIN_BUFFER_BYTES: usize = HISTORY_BYTES + 4 * MARGIN;

/// Order in which the lengths of the length code's symbols are stored.
const LENGTH_ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
const MAX_LITERALS: usize = 286;
const MAX_DISTANCES: usize = 30;

/// Where in the stream it is.
enum Place {
    /// Before the header of a gzip member; the first must be there.
    Member {
        is_first: bool,
    },
    /// Before the header of a block.
    Block,
    /// In a block that is not compressed, of which so many bytes are left.
    Stored(usize),
    /// In a compressed block.
    Compressed,
    /// After the last block of a stream.
    Trailer,
    End,
}

/// Inflates what a reader gives.
pub struct Inflater<R> {
    source: Source<R>,
    is_gzip: bool,
    place: Place,
    is_last_block: bool,
    tables: Box<Tables>,
    /// The end of what was given last.
    history: Box<[u8]>,
    /// How much at its end belongs to the current stream.
    known: usize,
    /// Bytes of the current stream, modulo 2^32.
    length: u32,
}

impl<R: BufRead> Inflater<R> {
    /// Of gzip members, one after the other.
    pub fn gzip(reader: R) -> Self {
        Self::new(reader, true)
    }

    /// Of one deflate stream without any header.
    pub fn raw(reader: R) -> Self {
        Self::new(reader, false)
    }

    fn new(reader: R, is_gzip: bool) -> Self {
        Self {
            source: Source {
                reader,
                bits: bits::Bits::default(),
            },
            is_gzip,
            place: match is_gzip {
                true => Place::Member { is_first: true },
                false => Place::Block,
            },
            is_last_block: false,
            tables: Tables::new(),
            history: vec![0; HISTORY_BYTES].into(),
            known: 0,
            length: 0,
        }
    }

    /// Fills a buffer of at least [`MIN_BUFFER_BYTES`] and tells where in it the next bytes are: none at the
    /// end, nearly as many as have room otherwise.
    ///
    /// # Errors
    /// What the reader met, and what is not valid.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Range<usize>> {
        if buffer.len() < MIN_BUFFER_BYTES {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        buffer[..HISTORY_BYTES].copy_from_slice(&self.history);
        let mut output = Output {
            bytes: buffer,
            at: HISTORY_BYTES,
            floor: HISTORY_BYTES - self.known,
        };
        while !output.is_full() && !matches!(self.place, Place::End) {
            let before = output.at;
            self.advance(&mut output)?;
            self.length = self.length.wrapping_add((output.at - before) as u32);
        }
        let end = output.at;
        self.known = (end - output.floor).min(HISTORY_BYTES);
        self.history
            .copy_from_slice(&buffer[end - HISTORY_BYTES..end]);
        Ok(HISTORY_BYTES..end)
    }

    fn advance(&mut self, output: &mut Output<'_>) -> io::Result<()> {
        self.place = match self.place {
            Place::Member { is_first } => self.member(is_first, output)?,
            Place::Block => self.block()?,
            Place::Stored(left) => self.stored(left, output)?,
            Place::Compressed => match block::decode(&mut self.source, &self.tables, output)? {
                true => self.after_block(),
                false => Place::Compressed,
            },
            Place::Trailer => self.trailer()?,
            Place::End => Place::End,
        };
        Ok(())
    }

    fn member(&mut self, is_first: bool, output: &mut Output<'_>) -> io::Result<Place> {
        if !is_first && self.source.is_at_end()? {
            return Ok(Place::End);
        }
        gzip::header(&mut self.source)?;
        output.floor = output.at;
        self.length = 0;
        Ok(Place::Block)
    }

    fn trailer(&mut self) -> io::Result<Place> {
        self.source.align();
        if !self.is_gzip {
            return Ok(Place::End);
        }
        let _checksum = self.source.take(32)?;
        if self.source.take(32)? != self.length {
            return Err(invalid("another length than it says at its end"));
        }
        Ok(Place::Member { is_first: false })
    }

    fn after_block(&self) -> Place {
        match self.is_last_block {
            true => Place::Trailer,
            false => Place::Block,
        }
    }

    fn block(&mut self) -> io::Result<Place> {
        self.is_last_block = self.source.take(1)? == 1;
        match self.source.take(2)? {
            0 => return self.stored_header(),
            1 => self.tables.set_fixed()?,
            2 => self.dynamic_header()?,
            _ => return Err(invalid("a block of an unknown type")),
        }
        Ok(Place::Compressed)
    }

    fn stored_header(&mut self) -> io::Result<Place> {
        self.source.align();
        let length = self.source.take(16)?;
        match self.source.take(16)? ^ 0xffff == length {
            true => Ok(Place::Stored(length as usize)),
            false => Err(invalid("a stored block with two different lengths")),
        }
    }

    fn stored(&mut self, left: usize, output: &mut Output<'_>) -> io::Result<Place> {
        if left == 0 {
            return Ok(self.after_block());
        }
        if let Some(byte) = self.source.take_ahead() {
            output.bytes[output.at] = byte;
            output.at += 1;
            return Ok(Place::Stored(left - 1));
        }
        let input = self.source.reader.fill_buf()?;
        if input.is_empty() {
            return Err(bits::truncated());
        }
        let room = output.bytes.len() - output.at;
        let count = left.min(input.len()).min(room);
        output.bytes[output.at..output.at + count].copy_from_slice(&input[..count]);
        self.source.reader.consume(count);
        output.at += count;
        Ok(Place::Stored(left - count))
    }

    fn dynamic_header(&mut self) -> io::Result<()> {
        let literals = self.source.take(5)? as usize + 257;
        let distances = self.source.take(5)? as usize + 1;
        let codes = self.source.take(4)? as usize + 4;
        if literals > MAX_LITERALS || distances > MAX_DISTANCES {
            return Err(invalid("too many length or distance symbols"));
        }
        let mut code_lengths = [0; 19];
        for &symbol in &LENGTH_ORDER[..codes] {
            code_lengths[symbol] = self.source.take(3)? as u8;
        }
        let table = LengthTable::new(&code_lengths)?;
        let mut lengths = [0; MAX_LITERALS + MAX_DISTANCES];
        let lengths = &mut lengths[..literals + distances];
        let mut at = 0;
        while at < lengths.len() {
            at = self.code_length(&table, lengths, at)?;
        }
        let (literals, distances) = lengths.split_at(literals);
        self.tables.set(literals, distances)
    }

    /// Reads one symbol of the code lengths, which may be a repetition; gives the next place.
    fn code_length(
        &mut self,
        table: &LengthTable,
        lengths: &mut [u8],
        at: usize,
    ) -> io::Result<usize> {
        self.source.fill()?;
        let (bits, symbol) = table.find(self.source.bits.buffer);
        self.source.skip(bits)?;
        let (value, count) = match symbol {
            0..16 => (symbol as u8, 1),
            16 if at == 0 => return Err(invalid("a repetition of no code length")),
            16 => (lengths[at - 1], 3 + self.source.take(2)?),
            17 => (0, 3 + self.source.take(3)?),
            _ => (0, 11 + self.source.take(7)?),
        };
        let end = at + count as usize;
        let Some(repeated) = lengths.get_mut(at..end) else {
            return Err(invalid("more code lengths than symbols"));
        };
        repeated.fill(value);
        Ok(end)
    }
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
