//! Lengths and flow of x86-64 instructions: as much of a decoder as finding a place for a jump needs.
//!
//! Opcode maps and encodings are those of the Intel 64 Software Developer's Manual, volume 2, appendix A.

/// What is known of one instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// In bytes.
    pub(crate) length: usize,
    pub(crate) kind: Kind,
}

/// Where an instruction leads, and whether it can be copied elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Goes on to the next one and means the same anywhere.
    Movable,
    /// Goes on to the next one, but its operand is relative to its own address.
    Fixed,
    /// Goes to the next one plus this displacement, perhaps conditionally, perhaps to return.
    Branch(i64),
    /// The system call instruction.
    Syscall,
    /// Leads away to where the code does not say.
    Away,
}

/// Prefixes that change lengths or registers.
#[derive(Default)]
struct Prefixes {
    operand_16: bool,
    address_32: bool,
    rex: u8,
}

/// What follows an opcode.
struct Shape {
    modrm: bool,
    immediate: usize,
}

/// Decodes the instruction at the beginning of `code`; `None` if it is none or goes on behind the end.
pub(crate) fn decode(code: &[u8]) -> Option<Instruction> {
    let (prefixes, at) = prefixes(code)?;
    let opcode = *code.get(at)?;
    let instruction = match opcode {
        0x0f => two_byte(code, at + 1, &prefixes)?,
        0xc5 => vector(code, at + 2, 1)?,
        0xc4 => vector(code, at + 3, *code.get(at + 1)? & 0x1f)?,
        0x62 => vector(code, at + 4, *code.get(at + 1)? & 0x07)?,
        0x8f if *code.get(at + 1)? & 0x1f >= 8 => vector(code, at + 3, *code.get(at + 1)? & 0x1f)?,
        _ => one_byte(code, at, opcode, &prefixes)?,
    };
    (instruction.length <= 15 && instruction.length <= code.len()).then_some(instruction)
}

fn prefixes(code: &[u8]) -> Option<(Prefixes, usize)> {
    let mut prefixes = Prefixes::default();
    let mut at = 0;
    loop {
        match *code.get(at)? {
            0x66 => prefixes.operand_16 = true,
            0x67 => prefixes.address_32 = true,
            0xf0 | 0xf2 | 0xf3 | 0x2e | 0x36 | 0x3e | 0x26 | 0x64 | 0x65 => {}
            rex @ 0x40..=0x4f => {
                prefixes.rex = rex;
                return Some((prefixes, at + 1));
            }
            _ => return Some((prefixes, at)),
        }
        at += 1;
    }
}

fn one_byte(code: &[u8], at: usize, opcode: u8, prefixes: &Prefixes) -> Option<Instruction> {
    let wide = if prefixes.operand_16 { 2 } else { 4 };
    let next = at + 1;
    let digit = code.get(next).map_or(0, |modrm| modrm >> 3 & 7);
    let (modrm, immediate) = match opcode {
        0x06 | 0x07 | 0x0e | 0x16 | 0x17 | 0x1e | 0x1f | 0x27 | 0x2f | 0x37 | 0x3f => return None,
        0x60 | 0x61 | 0x82 | 0x9a | 0xce | 0xd4..=0xd6 | 0xea => return None,
        0x00..=0x3f => match opcode & 7 {
            0..=3 => (true, 0),
            4 => (false, 1),
            _ => (false, wide),
        },
        0x68 => (false, wide),
        0x69 | 0x81 => (true, wide),
        0x6a => (false, 1),
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 => (true, 1),
        0x70..=0x7f | 0xe0..=0xe3 | 0xeb => return branch(code, next, 1),
        0xe8 | 0xe9 => return branch(code, next, 4),
        0x63 | 0x84..=0x8f | 0xd0..=0xd3 | 0xd8..=0xdf | 0xfe => (true, 0),
        0xa0..=0xa3 => (false, if prefixes.address_32 { 4 } else { 8 }),
        0xa8 | 0xb0..=0xb7 | 0xcd | 0xe4..=0xe7 => (false, 1),
        0xa9 => (false, wide),
        0xb8..=0xbf => (false, if prefixes.rex & 8 != 0 { 8 } else { wide }),
        0xc2 | 0xca => return away(next + 2),
        0xc3 | 0xcb | 0xcf | 0xf4 => return away(next),
        0xc6 | 0xc7 if digit != 0 && code.get(next) != Some(&0xf8) => return None,
        0xc6 => (true, 1),
        0xc7 => (true, wide),
        0xc8 => (false, 3),
        0xf6 => (true, usize::from(digit < 2)),
        0xf7 => (true, if digit < 2 { wide } else { 0 }),
        0xff if digit == 7 => return None,
        0xff if matches!(digit, 4 | 5) => return away(next + operand(code, next)?.0),
        0xff => (true, 0),
        _ => (false, 0),
    };
    shaped(code, next, &Shape { modrm, immediate })
}

fn two_byte(code: &[u8], at: usize, prefixes: &Prefixes) -> Option<Instruction> {
    let opcode = *code.get(at)?;
    let next = at + 1;
    let (modrm, immediate) = match opcode {
        0x05 => return instruction(next, Kind::Syscall),
        0x07 | 0x0b | 0x35 => return away(next),
        0x04 | 0x0a | 0x0c | 0x24..=0x27 | 0x36 | 0x39 | 0x3b..=0x3f => return None,
        0x38 => {
            return shaped(
                code,
                next + 1,
                &Shape {
                    modrm: true,
                    immediate: 0,
                },
            );
        }
        0x3a => {
            return shaped(
                code,
                next + 1,
                &Shape {
                    modrm: true,
                    immediate: 1,
                },
            );
        }
        0x80..=0x8f => return branch(code, next, 4),
        0x06 | 0x08 | 0x09 | 0x0e | 0x30..=0x37 | 0x77 | 0xa0..=0xa2 | 0xa8..=0xaa => (false, 0),
        0xc8..=0xcf => (false, 0),
        0x0f | 0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6 => (true, 1),
        0x78 if prefixes.operand_16 => (true, 2),
        _ => (true, 0),
    };
    shaped(code, next, &Shape { modrm, immediate })
}

/// Instructions with a VEX, EVEX or XOP prefix; `at` is the opcode's place.
fn vector(code: &[u8], at: usize, map: u8) -> Option<Instruction> {
    let opcode = *code.get(at)?;
    let (modrm, immediate) = match (map, opcode) {
        (1, 0x77) => (false, 0),
        (1, 0x70..=0x73 | 0xc2 | 0xc4..=0xc6) | (3 | 8, _) => (true, 1),
        (1 | 2 | 5 | 6 | 9, _) => (true, 0),
        (10, _) => (true, 4),
        _ => return None,
    };
    shaped(code, at + 1, &Shape { modrm, immediate })
}

fn shaped(code: &[u8], at: usize, shape: &Shape) -> Option<Instruction> {
    let (operand, relative) = if shape.modrm {
        operand(code, at)?
    } else {
        (0, false)
    };
    let kind = if relative { Kind::Fixed } else { Kind::Movable };
    instruction(at + operand + shape.immediate, kind)
}

/// Length of ModRM byte, SIB byte and displacement, and whether the operand is relative to the address.
fn operand(code: &[u8], at: usize) -> Option<(usize, bool)> {
    let modrm = *code.get(at)?;
    let (mode, register) = (modrm >> 6, modrm & 7);
    if mode == 3 {
        return Some((1, false));
    }
    let base = if register == 4 {
        *code.get(at + 1)? & 7
    } else {
        register
    };
    let index = usize::from(register == 4);
    let displacement = match mode {
        0 if base == 5 => 4,
        0 => 0,
        1 => 1,
        _ => 4,
    };
    Some((1 + index + displacement, mode == 0 && register == 5))
}

fn branch(code: &[u8], at: usize, width: usize) -> Option<Instruction> {
    let bytes = code.get(at..at + width)?;
    let displacement = match *bytes {
        [byte] => i64::from(byte.cast_signed()),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        _ => return None,
    };
    instruction(at + width, Kind::Branch(displacement))
}

fn away(length: usize) -> Option<Instruction> {
    instruction(length, Kind::Away)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "ends functions that may find no instruction"
)]
fn instruction(length: usize, kind: Kind) -> Option<Instruction> {
    Some(Instruction { length, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_kinds() {
        let cases: [(&[u8], usize, Kind); 14] = [
            (&[0x0f, 0x05], 2, Kind::Syscall),
            (&[0xb8, 1, 1, 0, 0], 5, Kind::Movable),
            (&[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8], 10, Kind::Movable),
            (&[0x66, 0xb8, 1, 2], 4, Kind::Movable),
            (&[0x48, 0x8b, 0x05, 1, 2, 3, 4], 7, Kind::Fixed),
            (&[0x48, 0x8b, 0x84, 0x24, 1, 2, 3, 4], 8, Kind::Movable),
            (&[0xf6, 0x44, 0x24, 0x08, 0x01], 5, Kind::Movable),
            (&[0xf7, 0xd8], 2, Kind::Movable),
            (&[0x74, 0xfe], 2, Kind::Branch(-2)),
            (&[0x0f, 0x84, 1, 0, 0, 0], 6, Kind::Branch(1)),
            (&[0xc3], 1, Kind::Away),
            (&[0xff, 0x25, 1, 2, 3, 4], 6, Kind::Away),
            (&[0xc5, 0xf8, 0x77], 3, Kind::Movable),
            (
                &[0x62, 0xf1, 0x7c, 0x48, 0x10, 0x44, 0x24, 1],
                8,
                Kind::Movable,
            ),
        ];
        for (code, length, kind) in cases {
            assert_eq!(
                decode(code),
                Some(Instruction { length, kind }),
                "{code:x?}"
            );
            assert_eq!(decode(&code[..code.len() - 1]), None, "{code:x?}");
        }
        assert_eq!(decode(&[0x06]), None);
    }
}
