//! Finding `syscall` instructions in ELF files and, around each, a window that a jump can replace.
//!
//! Code is not swept from its beginning: the two bytes of the instruction are searched for, and each
//! place is judged by decoding from many starts before it. x86 code falls into step within a few
//! instructions, so the starts agree where there really is an instruction.

use super::decode::decode;
use super::elf::{is_program, number};
use super::numbers::{COUNT, TABLE};
use super::window::{is_target, window};

/// A window of whole instructions with one `syscall` among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Site {
    /// Offset of the window in the file, in bytes.
    pub(crate) offset: u64,
    /// Length of the window in bytes; below [`JUMP_BYTES`] if no jump fits.
    pub(crate) length: u8,
    /// Offset of the `syscall` in the window, in bytes.
    pub(crate) position: u8,
}

impl Site {
    /// In one word: 6 bytes of offset, then length and position.
    pub(crate) fn to_word(self) -> u64 {
        self.offset | u64::from(self.length) << 48 | u64::from(self.position) << 56
    }

    pub(crate) fn from_word(word: u64) -> Self {
        Self {
            offset: word & ((1 << 48) - 1),
            length: (word >> 48) as u8,
            position: (word >> 56) as u8,
        }
    }
}

/// Length of the jump that replaces a window.
pub(crate) const JUMP_BYTES: usize = 5;
/// How far before a place decoding starts at most, and at least.
pub(crate) const FARTHEST_START: usize = 96;
const NEAREST_START: usize = 24;
pub(crate) const SYSCALL: [u8; 2] = [0x0f, 0x05];

/// Finds the sites that may need translation in an x86-64 ELF file; in other files there are none.
pub(crate) fn scan_file(file: &[u8], found: &mut dyn FnMut(Site)) {
    if !is_program(file) {
        return;
    }
    // A hostile table may name the same code again and again.
    let mut left = file.len();
    let mut scan = |code: &[u8], offset| {
        if code.len() <= left {
            left -= code.len();
            scan(code, offset, found);
        }
    };
    if !each_section(file, &mut scan) {
        each_segment(file, &mut scan);
    }
}

/// Finds the sites in a piece of code that begins at `offset` of its file.
pub(crate) fn scan(code: &[u8], offset: u64, found: &mut dyn FnMut(Site)) {
    let mut from = 0;
    while let Some(at) = next_pair(code, from) {
        from = at + 2;
        if let Some((start, length)) = judge(code, at) {
            found(Site {
                offset: offset + start as u64,
                length: length as u8,
                position: (at - start) as u8,
            });
        }
    }
}

/// Scans the sections of code; tells whether there were any. Old linkers put constants into the same
/// segment as code, so sections are the better guide.
fn each_section(file: &[u8], scan: &mut dyn FnMut(&[u8], u64)) -> bool {
    const PROGBITS: usize = 1;
    const EXECUTABLE: usize = 4;
    let (Some(table), Some(size), Some(count)) = (
        number(file, 0x28, 8),
        number(file, 0x3a, 2),
        number(file, 0x3c, 2),
    ) else {
        return false;
    };
    let mut any = false;
    for index in 0..if table == 0 { 0 } else { count } {
        let Some(at) = table.checked_add(index * size) else {
            return any;
        };
        let field = |offset: usize, width| number(file, at.checked_add(offset)?, width);
        let (Some(kind), Some(flags)) = (field(4, 4), field(8, 8)) else {
            return any;
        };
        if kind == PROGBITS && flags & EXECUTABLE != 0 {
            any |= part(file, field(0x18, 8), field(0x20, 8), scan);
        }
    }
    any
}

fn each_segment(file: &[u8], scan: &mut dyn FnMut(&[u8], u64)) {
    const LOAD: usize = 1;
    const EXECUTABLE: usize = 1;
    let (Some(table), Some(size), Some(count)) = (
        number(file, 0x20, 8),
        number(file, 0x36, 2),
        number(file, 0x38, 2),
    ) else {
        return;
    };
    for index in 0..count {
        let Some(at) = table.checked_add(index * size) else {
            return;
        };
        let field = |offset: usize, width| number(file, at.checked_add(offset)?, width);
        if field(0, 4) == Some(LOAD) && field(4, 4).is_some_and(|flags| flags & EXECUTABLE != 0) {
            part(file, field(8, 8), field(0x20, 8), scan);
        }
    }
}

fn part(
    file: &[u8],
    offset: Option<usize>,
    length: Option<usize>,
    scan: &mut dyn FnMut(&[u8], u64),
) -> bool {
    let range = offset.zip(length).and_then(|(offset, length)| {
        let code = file.get(offset..offset.checked_add(length)?)?;
        Some((code, offset))
    });
    if let Some((code, offset)) = range {
        scan(code, offset as u64);
    }
    range.is_some()
}

/// The next place of the two bytes, eight bytes at a time.
fn next_pair(code: &[u8], mut from: usize) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    while let Some(chunk) = code.get(from..from + 8) {
        let word = u64::from_le_bytes(chunk.try_into().ok()?) ^ (ONES * 0x0f);
        if word.wrapping_sub(ONES) & !word & (ONES << 7) != 0 {
            for at in from..from + 8 {
                if code.get(at..at + 2) == Some(&SYSCALL) {
                    return Some(at);
                }
            }
        }
        from += 8;
    }
    let rest = code.get(from..)?.windows(2);
    rest.into_iter()
        .position(|pair| pair == SYSCALL)
        .map(|at| from + at)
}

/// The window's start and length, if there is an instruction that may need translation.
fn judge(code: &[u8], at: usize) -> Option<(usize, usize)> {
    if let Some(number) = direct_number(code, at) {
        // Nearly all of them are like that, and need no decoding of what is before them.
        if !is_translated(number) {
            return None;
        }
        if !is_target(code, at, at + 1) {
            return Some((at - 5, 7));
        }
    }
    let before = Before::new(code, at)?;
    if before
        .number(code)
        .is_some_and(|number| !is_translated(number))
    {
        return None;
    }
    Some(window(code, at, before.starts()).unwrap_or((at, SYSCALL.len())))
}

fn is_translated(number: u32) -> bool {
    let number = number as usize;
    number < COUNT && TABLE[number] != 0
}

/// The instructions before a `syscall`: where each begins, the last one first.
struct Before {
    at: usize,
    starts: [usize; FARTHEST_START],
    count: usize,
}

impl Before {
    /// `None` if there is no instruction at `at`.
    fn new(code: &[u8], at: usize) -> Option<Self> {
        let nearest = NEAREST_START.min(at);
        let (mut votes, mut against, mut best) = (0, 0, None);
        for back in nearest..=FARTHEST_START.min(at) {
            match reaches(code, at - back, at) {
                Some(true) => {
                    votes += 1;
                    best = Some(at - back);
                }
                Some(false) => against += 1,
                None => {}
            }
        }
        let direct = direct_number(code, at).is_some();
        if !direct && (votes < 4 || votes < 3 * against) {
            return None;
        }
        let mut before = Self {
            at,
            starts: [0; FARTHEST_START],
            count: 0,
        };
        let from = best.unwrap_or(if direct { at - 5 } else { at });
        before.fill(code, from);
        Some(before)
    }

    fn fill(&mut self, code: &[u8], from: usize) {
        let mut at = from;
        while at < self.at && self.count < FARTHEST_START {
            self.starts[self.count] = at;
            self.count += 1;
            at += decode(&code[at..]).map_or(1, |found| found.length);
        }
        self.starts[..self.count].reverse();
    }

    fn starts(&self) -> &[usize] {
        &self.starts[..self.count]
    }

    /// The number in the register, where the code shows it.
    fn number(&self, code: &[u8]) -> Option<u32> {
        for &start in self.starts() {
            let bytes = &code[start..self.at];
            if let [0xb8, a, b, c, d, ..] = *bytes {
                return Some(u32::from_le_bytes([a, b, c, d]));
            }
            if let [0x48, 0xc7, 0xc0, a, b, c, d, ..] = *bytes {
                return Some(u32::from_le_bytes([a, b, c, d]));
            }
            if !keeps_number(bytes) || is_target(code, start, start) {
                return None;
            }
        }
        None
    }
}

/// Whether decoding from `from` comes to `at`; `None` if it meets what is no instruction.
fn reaches(code: &[u8], from: usize, at: usize) -> Option<bool> {
    let mut here = from;
    while here < at {
        here += decode(&code[here..])?.length;
    }
    Some(here == at)
}

/// The small number that is loaded just before, the form in which nearly all system calls come.
fn direct_number(code: &[u8], at: usize) -> Option<u32> {
    let bytes = &code[at.checked_sub(6)?..at];
    let is_extended = bytes[0] & 0xf1 == 0x41 || bytes[0] & 0xf8 == 0x48;
    let is_direct = bytes[1] == 0xb8 && bytes[3] < 2 && bytes[4] == 0 && bytes[5] == 0;
    (is_direct && !is_extended).then(|| u32::from(bytes[2]) | u32::from(bytes[3]) << 8)
}

/// Whether an instruction certainly leaves the register of the number alone.
fn keeps_number(bytes: &[u8]) -> bool {
    let (rex, rest) = match bytes {
        [rex @ 0x40..=0x4f, rest @ ..] => (*rex, rest),
        rest => (0, rest),
    };
    let [opcode, modrm, ..] = *rest else {
        return matches!(rest, [0x90 | 0x50..=0x57]);
    };
    let register = (modrm >> 3 & 7) | (rex & 4) << 1;
    let operand = if modrm >> 6 == 3 {
        (modrm & 7) | (rex & 1) << 3
    } else {
        1
    };
    match opcode {
        0x03 | 0x0b | 0x23 | 0x2b | 0x33 | 0x63 | 0x8b | 0x8d => register != 0,
        0x01 | 0x09 | 0x21 | 0x29 | 0x31 | 0x81 | 0x83 | 0x89 | 0xc7 => operand != 0,
        0xb8..=0xbf => (opcode & 7) | (rex & 1) << 3 != 0,
        0x50..=0x57 | 0x84 | 0x85 | 0x38..=0x3b | 0x90 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(code: &[u8]) -> Vec<Site> {
        let mut sites = Vec::new();
        scan(code, 0, &mut |site| sites.push(site));
        sites
    }

    /// Code that falls into step, with `body` in its middle.
    fn padded(body: &[u8]) -> Vec<u8> {
        [&[0x90; 120], body, &[0x90; 40]].concat()
    }

    #[test]
    fn a_number_before_the_call_makes_the_window() {
        let found = sites(&padded(&[0xb8, 2, 0, 0, 0, 0x0f, 0x05, 0xc3]));
        assert_eq!(
            found,
            [Site {
                offset: 120,
                length: 7,
                position: 5
            }]
        );
    }

    #[test]
    fn calls_without_paths_are_left_alone() {
        assert_eq!(sites(&padded(&[0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3])), []);
        assert_eq!(
            sites(&padded(&[0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05])),
            []
        );
    }

    #[test]
    fn a_branch_to_the_call_moves_the_window_behind_it() {
        let body = [
            0xb8, 2, 0, 0, 0, 0x0f, 0x05, 0x48, 0x89, 0xc3, 0xeb, 0xf9, 0xc3,
        ];
        assert_eq!(
            sites(&padded(&body)),
            [Site {
                offset: 125,
                length: 5,
                position: 0
            }]
        );
    }

    #[test]
    fn bytes_inside_another_instruction_are_no_call() {
        assert_eq!(
            sites(&padded(&[0x48, 0xb8, 1, 0x0f, 0x05, 4, 5, 6, 7, 8])),
            []
        );
        assert_eq!(sites(&padded(&[0xe8, 0x0f, 0x05, 0, 0])), []);
    }

    #[test]
    fn sites_survive_packing() {
        let site = Site {
            offset: 0x1234_5678,
            length: 7,
            position: 5,
        };
        assert_eq!(Site::from_word(site.to_word()), site);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut state = 1_u32;
        let code: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            [0x0f, 0x05, 0xb8, 0, 0xeb, (state >> 24) as u8][(state >> 13) as usize % 6]
        })
        .take(20_000)
        .collect();
        for end in 0..64 {
            sites(&code[..end]);
        }
        sites(&code);
        let mut file = b"\x7fELF\x02\x01".to_vec();
        file.extend(&code);
        file[18] = 62;
        file[19] = 0;
        scan_file(&file, &mut |_| {});
    }
}
