//! The content of compressed blocks.

use std::io::{self, BufRead};

use crate::bits::{Bits, Source};
use crate::invalid;
use crate::table::{Entry, Tables};

/// Longest match in bytes.
const MAX_MATCH: usize = 258;
/// Bytes written at once; up to as many beyond the end of a match are written over.
const STEP: usize = 16;
/// Room that one turn of the fast loop may use: literals and a match.
pub(crate) const MARGIN: usize = 16 + MAX_MATCH + 2 * STEP;
/// Entries of literals whose codes are surely in a filled buffer.
const LITERALS_IN_A_TURN: u32 = 4;

/// Where output goes.
pub(crate) struct Output<'a> {
    pub(crate) bytes: &'a mut [u8],
    /// First byte that is not written yet.
    pub(crate) at: usize,
    /// First byte that a match may refer to.
    pub(crate) floor: usize,
}

impl Output<'_> {
    pub(crate) fn is_full(&self) -> bool {
        self.at + MARGIN > self.bytes.len()
    }

    #[inline(always)]
    fn put(&mut self, entry: Entry) {
        let place = &mut self.bytes[self.at..self.at + 2];
        place.copy_from_slice(&entry.literal_bytes());
        self.at += entry.literals();
    }

    #[inline(always)]
    fn copy(&mut self, distance: usize, length: usize) {
        let (from, to) = (self.at - distance, self.at);
        self.at += length;
        if distance >= STEP {
            step(self.bytes, from, to);
            step(self.bytes, from + STEP, to + STEP);
            let mut done = 2 * STEP;
            while done < length {
                step(self.bytes, from + done, to + done);
                done += STEP;
            }
        } else {
            repeat(self.bytes, from, to, length);
        }
    }
}

#[inline(always)]
fn step(bytes: &mut [u8], from: usize, to: usize) {
    let mut piece = [0; STEP];
    piece.copy_from_slice(&bytes[from..from + STEP]);
    bytes[to..to + STEP].copy_from_slice(&piece);
}

/// Bytes of whole repetitions in a step, for each distance.
const AHEAD: [u8; STEP] = [
    16, 16, 16, 15, 16, 15, 12, 14, 16, 9, 10, 11, 12, 13, 14, 15,
];

/// A match that overlaps itself within a step.
#[inline(never)]
fn repeat(bytes: &mut [u8], from: usize, to: usize, length: usize) {
    let distance = to - from;
    let mut piece = [0; STEP];
    piece.copy_from_slice(&bytes[from..from + STEP]);
    let mut bits = 8 * distance;
    let mut pattern = u128::from_le_bytes(piece) & ((1 << bits) - 1);
    while bits < 128 {
        pattern |= pattern << bits;
        bits *= 2;
    }
    let ahead = usize::from(AHEAD[distance % STEP]);
    for place in (to..to + length).step_by(ahead) {
        bytes[place..place + STEP].copy_from_slice(&pattern.to_le_bytes());
    }
}

/// Decodes until the block ends, which is told by `true`, or the output is full.
pub(crate) fn decode(
    source: &mut Source<impl BufRead>,
    tables: &Tables,
    output: &mut Output<'_>,
) -> io::Result<bool> {
    while !output.is_full() {
        let input = source.reader.fill_buf()?;
        let used = fast(input, &mut source.bits, tables, output);
        source.reader.consume(used);
        if !output.is_full() && slow(source, tables, output)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Decodes as long as input and output have room for a turn without looking, and nothing rare comes. Gives
/// the bytes used.
fn fast(input: &[u8], source: &mut Bits, tables: &Tables, output: &mut Output<'_>) -> usize {
    let mut bits = *source;
    let mut at = 0;
    let mut out = Output {
        bytes: &mut *output.bytes,
        at: output.at,
        floor: output.floor,
    };
    let last = out.bytes.len() - MARGIN;
    'turn: while let Some(input) = input.get(at..).and_then(|rest| rest.first_chunk()) {
        if out.at > last {
            break;
        }
        let mut used = bits.refill(input, 0);
        let mut entry = tables.literal(bits.buffer);
        let mut turns = LITERALS_IN_A_TURN;
        while entry.is_literal() {
            bits.skip(entry.raw_bits());
            out.put(entry);
            turns -= 1;
            if turns == 0 {
                at += used;
                continue 'turn;
            }
            entry = tables.literal(bits.buffer);
        }
        used += bits.refill(input, used);
        at += used;
        if entry.is_rare() {
            entry = tables.second_literal(entry, bits.buffer);
            if entry.is_literal() {
                bits.skip(entry.raw_bits());
                out.put(entry);
                continue;
            }
            if entry.is_rare() {
                break;
            }
        }
        let length = entry.number(bits.buffer);
        let after = bits.buffer >> entry.bits();
        let second = tables.distance(after);
        let distance = second.number(after);
        if second.is_rare() || distance > out.at - out.floor {
            break;
        }
        bits.skip(entry.bits() + second.bits());
        out.copy(distance, length);
    }
    output.at = out.at;
    bits.trim();
    *source = bits;
    at
}

/// Decodes one symbol, over the end of a piece of input. Gives whether it ended the block.
fn slow(
    source: &mut Source<impl BufRead>,
    tables: &Tables,
    output: &mut Output<'_>,
) -> io::Result<bool> {
    source.fill()?;
    let mut entry = tables.literal(source.bits.buffer);
    if entry.is_rare() {
        entry = tables.second_literal(entry, source.bits.buffer);
    }
    if entry.is_invalid() {
        return Err(invalid("a code that is not in the block's table"));
    }
    let length = entry.number(source.bits.buffer);
    source.skip(entry.bits())?;
    if entry.is_literal() {
        output.put(entry);
        return Ok(false);
    }
    if entry.is_rare() {
        return Ok(true);
    }
    let entry = tables.distance(source.bits.buffer);
    if entry.is_invalid() {
        return Err(invalid("a distance that is not in the block's table"));
    }
    let distance = entry.number(source.bits.buffer);
    source.skip(entry.bits())?;
    if distance > output.at - output.floor {
        return Err(invalid("a distance beyond the beginning"));
    }
    output.copy(distance, length);
    Ok(false)
}
