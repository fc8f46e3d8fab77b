//! Tables that tell symbols from the next bits.
//!
//! A code of up to as many bits as the first level has is found by one look: every index that ends in the
//! code has its entry. Longer codes share an entry that leads to a table of the bits beyond. Two literals
//! whose codes fit into one index together have one entry, because literals are most of the symbols.

use std::io;

use crate::invalid;

/// Longest code in bits.
pub(crate) const MAX_BITS: usize = 15;
pub(crate) const LITERAL_ROOT: u32 = 11;
pub(crate) const DISTANCE_ROOT: u32 = 8;
/// Powers of two, so that masked indexes are known to be within. More than any code needs: 2,342 and 592.
const LITERAL_ENTRIES: usize = 4096;
const DISTANCE_ENTRIES: usize = 1024;

/// Symbol that ends a block.
const END: usize = 256;

/// What the next bits mean.
///
/// Bits 0 to 5 are how many bits it takes, with those that follow the code. Bits 8 to 23 are its value: one
/// or two literals, or the base of a length or distance. The bits above are the number of literals, or the
/// bits of the code alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry(u32);

const LITERAL: u32 = 1 << 7;
const RARE: u32 = 1 << 6;
/// In place of the bits of the code, in rare entries that lead to no other table.
const BLOCK_END: u32 = 32;
const NO_CODE: u32 = 33;

impl Entry {
    const INVALID: Self = Self(RARE | NO_CODE << 24);

    #[inline(always)]
    pub(crate) fn bits(self) -> u32 {
        self.0 & 63
    }

    /// The number of bits in its lowest six bits, with anything above.
    #[inline(always)]
    pub(crate) fn raw_bits(self) -> u32 {
        self.0
    }

    #[inline(always)]
    pub(crate) fn is_literal(self) -> bool {
        self.0 & LITERAL != 0
    }

    /// Neither literals nor a number: another table, the end of the block, or no code at all.
    #[inline(always)]
    pub(crate) fn is_rare(self) -> bool {
        self.0 & RARE != 0
    }

    /// Of a rare entry: another table has more.
    #[inline(always)]
    fn leads_on(self) -> bool {
        self.field() < BLOCK_END
    }

    /// No code.
    pub(crate) fn is_invalid(self) -> bool {
        self.is_rare() && self.field() == NO_CODE
    }

    #[inline(always)]
    fn field(self) -> u32 {
        self.0 >> 24
    }

    #[inline(always)]
    fn value(self) -> usize {
        usize::from((self.0 >> 8) as u16)
    }

    /// How many literals it is.
    #[inline(always)]
    pub(crate) fn literals(self) -> usize {
        self.field() as usize
    }

    /// The literals, the first one first; the second is anything if there is only one.
    #[inline(always)]
    pub(crate) fn literal_bytes(self) -> [u8; 2] {
        ((self.0 >> 8) as u16).to_le_bytes()
    }

    /// The length or distance, with the bits after its code out of `buffer`.
    #[inline(always)]
    pub(crate) fn number(self, buffer: u64) -> usize {
        let bits = buffer & ((1 << self.bits()) - 1);
        self.value() + (bits >> self.field()) as usize
    }

    /// With a code of this length.
    fn with_code(self, bits: u32) -> Self {
        match self.is_literal() || self.is_rare() {
            true => Self(self.0 + bits),
            false => Self(self.0 + bits + (bits << 24)),
        }
    }
}

/// The two codes of a block.
pub(crate) struct Tables {
    literals: [Entry; LITERAL_ENTRIES],
    distances: [Entry; DISTANCE_ENTRIES],
}

impl Tables {
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self {
            literals: [Entry::INVALID; LITERAL_ENTRIES],
            distances: [Entry::INVALID; DISTANCE_ENTRIES],
        })
    }

    /// The entry of the next literal, length or end, by one look.
    #[inline(always)]
    pub(crate) fn literal(&self, buffer: u64) -> Entry {
        self.literals[buffer as usize & ((1 << LITERAL_ROOT) - 1)]
    }

    /// The entry that a rare entry of [`Tables::literal`] leads to; itself if it leads nowhere.
    #[inline(always)]
    pub(crate) fn second_literal(&self, entry: Entry, buffer: u64) -> Entry {
        match entry.leads_on() {
            true => self.literals[second(entry, buffer, LITERAL_ROOT) % LITERAL_ENTRIES],
            false => entry,
        }
    }

    /// The entry of the next distance, which is rare only if there is none.
    #[inline(always)]
    pub(crate) fn distance(&self, buffer: u64) -> Entry {
        let entry = self.distances[buffer as usize & ((1 << DISTANCE_ROOT) - 1)];
        match entry.is_rare() && entry.leads_on() {
            true => self.distances[second(entry, buffer, DISTANCE_ROOT) % DISTANCE_ENTRIES],
            false => entry,
        }
    }

    /// Sets both codes from the lengths of their symbols.
    pub(crate) fn set(&mut self, literals: &[u8], distances: &[u8]) -> io::Result<()> {
        if literals.get(END).is_none_or(|&bits| bits == 0) {
            return Err(invalid("a block without an end"));
        }
        build(literals, LITERAL_ROOT, literal_entry, &mut self.literals)?;
        build(
            distances,
            DISTANCE_ROOT,
            distance_entry,
            &mut self.distances,
        )?;
        pair(&mut self.literals[..1 << LITERAL_ROOT]);
        Ok(())
    }

    /// Sets the codes that the format itself defines.
    pub(crate) fn set_fixed(&mut self) -> io::Result<()> {
        let mut literals = [8; 288];
        literals[144..256].fill(9);
        literals[256..280].fill(7);
        self.set(&literals, &[5; 32])
    }
}

/// The code of the code lengths themselves.
pub(crate) struct LengthTable([Entry; 128]);

impl LengthTable {
    pub(crate) fn new(lengths: &[u8; 19]) -> io::Result<Self> {
        let mut entries = [Entry::INVALID; 128];
        if lengths.iter().all(|&bits| bits == 0) || is_open(lengths)? {
            return Err(invalid("a block whose code lengths have no code"));
        }
        build(lengths, 7, length_entry, &mut entries)?;
        Ok(Self(entries))
    }

    /// Bits and value of the next symbol.
    pub(crate) fn find(&self, buffer: u64) -> (u32, usize) {
        let entry = self.0[buffer as usize & 127];
        (entry.bits(), entry.value())
    }
}

/// Index of an entry in the second level.
#[inline(always)]
fn second(entry: Entry, buffer: u64, root: u32) -> usize {
    let bits = buffer >> root & ((1 << entry.field()) - 1);
    entry.value() + bits as usize
}

fn length_entry(symbol: usize) -> Entry {
    Entry((symbol as u32) << 8)
}

const LENGTH_BASES: [u16; 29] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
];
const LENGTH_EXTRA: [u8; 29] = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];

fn literal_entry(symbol: usize) -> Entry {
    if symbol < END {
        return Entry(LITERAL | 1 << 24 | (symbol as u32) << 8);
    }
    if symbol == END {
        return Entry(RARE | BLOCK_END << 24);
    }
    let at = symbol - END - 1;
    let (Some(&base), Some(&extra)) = (LENGTH_BASES.get(at), LENGTH_EXTRA.get(at)) else {
        return Entry::INVALID;
    };
    Entry(u32::from(base) << 8 | u32::from(extra))
}

/// Each power of two is divided into two distances, after the first four.
fn distance_entry(symbol: usize) -> Entry {
    let symbol = symbol as u32;
    let extra = (symbol / 2).saturating_sub(1);
    match symbol {
        0..4 => Entry((symbol + 1) << 8),
        4..30 => Entry((((2 + symbol % 2) << extra) + 1) << 8 | extra),
        _ => Entry::INVALID,
    }
}

/// Joins entries of two literals.
fn pair(entries: &mut [Entry]) {
    // The entry of what follows stands before, so going down finds it as it was.
    for at in (0..entries.len()).rev() {
        let first = entries[at];
        let next = entries[at >> first.bits()];
        let both = first.0 & next.0 & LITERAL != 0;
        let joined = first.0 + next.bits() + (1 << 24) + ((next.0 & 0xff00) << 8);
        let fits = first.bits() + next.bits() <= LITERAL_ROOT;
        entries[at] = Entry(if both & fits { joined } else { first.0 });
    }
}

/// Counts the symbols of each length.
fn count(lengths: &[u8]) -> [u16; MAX_BITS + 1] {
    let mut counts = [0; MAX_BITS + 1];
    for &bits in lengths {
        counts[usize::from(bits & 15)] += 1;
    }
    counts
}

/// Whether bits exist that no symbol has. It is refused if one bit string is two symbols.
fn is_open(lengths: &[u8]) -> io::Result<bool> {
    let mut left = 1;
    for &symbols in &count(lengths)[1..] {
        left = left * 2 - i32::from(symbols);
        if left < 0 {
            return Err(invalid("a code with too many symbols"));
        }
    }
    Ok(left > 0)
}

/// Fills a table with a code. A code that is open is refused, but for one with a single symbol of one bit,
/// or none.
fn build(
    lengths: &[u8],
    root: u32,
    entry: fn(usize) -> Entry,
    table: &mut [Entry],
) -> io::Result<()> {
    let longest = lengths.iter().copied().max().unwrap_or(0);
    if is_open(lengths)? {
        if longest > 1 {
            return Err(invalid("a code with too few symbols"));
        }
        table[..1 << root].fill(Entry::INVALID);
    }
    let mut left = count(lengths);
    let mut order = [0; 320];
    let symbols = sort(lengths, &left, &mut order);
    let mut code = 0;
    let mut level = Level {
        start: 0,
        root,
        next: 1 << root,
    };
    for &symbol in symbols {
        let bits = u32::from(lengths[usize::from(symbol)]);
        let entry = entry(usize::from(symbol)).with_code(bits);
        if bits <= root {
            spread(&mut table[..1 << root], code, bits, entry);
        } else {
            level.enter(code, bits, &left, table);
            let table = &mut table[level.start..level.next];
            spread(table, code >> root, bits - root, entry);
        }
        left[bits as usize] -= 1;
        code = following(code, bits);
    }
    Ok(())
}

/// The symbols that have a code, shortest first.
fn sort<'a>(lengths: &[u8], counts: &[u16; 16], order: &'a mut [u16; 320]) -> &'a [u16] {
    let mut places = [0; MAX_BITS + 2];
    for bits in 1..=MAX_BITS {
        places[bits + 1] = places[bits] + usize::from(counts[bits]);
    }
    for (symbol, &bits) in lengths.iter().enumerate() {
        if bits != 0 {
            let place = &mut places[usize::from(bits)];
            order[*place] = symbol as u16;
            *place += 1;
        }
    }
    &order[..places[MAX_BITS]]
}

/// A second-level table that is being filled.
struct Level {
    start: usize,
    root: u32,
    /// Where the next one goes.
    next: usize,
}

impl Level {
    /// Begins the next table, if the code is the first with its root.
    fn enter(&mut self, code: u32, bits: u32, left: &[u16; 16], table: &mut [Entry]) {
        let first = (code & ((1 << self.root) - 1)) as usize;
        // Codes come in order, so one with only zeros beyond the root is the first.
        if code >> self.root != 0 {
            return;
        }
        let mut extra = bits - self.root;
        let mut room = 1 << extra;
        while (extra + self.root) < MAX_BITS as u32 {
            room -= i32::from(left[(extra + self.root) as usize]);
            if room <= 0 {
                break;
            }
            extra += 1;
            room <<= 1;
        }
        self.start = self.next;
        self.next += 1 << extra;
        table[first] = Entry(RARE | extra << 24 | (self.start as u32) << 8);
    }
}

/// Puts an entry wherever the lower bits are the code.
fn spread(table: &mut [Entry], code: u32, bits: u32, entry: Entry) {
    for place in table.iter_mut().skip(code as usize).step_by(1 << bits) {
        *place = entry;
    }
}

/// The next code of this length; codes are written with their first bit lowest.
fn following(code: u32, bits: u32) -> u32 {
    let mut bit = 1 << (bits - 1);
    while code & bit != 0 {
        bit >>= 1;
    }
    match bit {
        0 => 0,
        _ => code & (bit - 1) | bit,
    }
}
