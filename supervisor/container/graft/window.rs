//! Where a jump can replace a system call: whole instructions that nothing leads into.

use super::decode::{Instruction, Kind, decode};
use super::scan::{FARTHEST_START, JUMP_BYTES, SYSCALL};

/// Reach of a short branch, and how far away long ones are looked for.
const SHORT_REACH: usize = 144;
const LONG_REACH: usize = 4096;

/// A window of at least [`JUMP_BYTES`] around the `syscall` at `at` that nothing jumps into: with what
/// follows, else with what is before. `starts` are the places of the
/// instructions before it, the last one first.
pub(crate) fn window(code: &[u8], at: usize, starts: &[usize]) -> Option<(usize, usize)> {
    let end = at + SYSCALL.len();
    let forward = extend_forward(code, end, at + JUMP_BYTES);
    if let Some(end) = forward.filter(|&end| !is_target(code, at + 1, end - 1)) {
        return Some((at, end - at));
    }
    for &start in starts {
        let instruction = decode(&code[start..at])?;
        if instruction.kind != Kind::Movable {
            return None;
        }
        if end - start >= JUMP_BYTES {
            return (!is_target(code, start + 1, end - 1)).then_some((start, end - start));
        }
    }
    None
}

fn extend_forward(code: &[u8], mut end: usize, wanted: usize) -> Option<usize> {
    while end < wanted {
        let Instruction { length, kind } = decode(code.get(end..)?)?;
        if kind != Kind::Movable {
            return None;
        }
        end += length;
    }
    Some(end)
}

/// Whether a branch nearby leads to a place between `first` and `last`.
pub(crate) fn is_target(code: &[u8], first: usize, last: usize) -> bool {
    is_short_target(code, first, last) || is_long_target(code, first, last)
}

fn is_short_target(code: &[u8], first: usize, last: usize) -> bool {
    // Far enough before that decoding is in step when it comes within reach.
    let mut at = first.saturating_sub(SHORT_REACH + FARTHEST_START);
    let end = (last + SHORT_REACH).min(code.len());
    while at < end {
        let Some(Instruction { length, kind }) = decode(&code[at..]) else {
            at += 1;
            continue;
        };
        at += length;
        if let Kind::Branch(displacement) = kind {
            let target = at as i64 + displacement;
            if (first as i64..=last as i64).contains(&target) {
                return true;
            }
        }
    }
    false
}

/// Long branches are recognised at any byte: four bytes hardly ever lead here by chance.
fn is_long_target(code: &[u8], first: usize, last: usize) -> bool {
    let begin = first.saturating_sub(LONG_REACH);
    let end = (last + LONG_REACH).min(code.len());
    (begin..end.saturating_sub(5)).any(|at| {
        let is_branch = matches!(code[at], 0xe8 | 0xe9)
            || (code[at] & 0xf0 == 0x80 && at > 0 && code[at - 1] == 0x0f);
        is_branch && {
            let bytes = [code[at + 1], code[at + 2], code[at + 3], code[at + 4]];
            let target = at as i64 + 5 + i64::from(i32::from_le_bytes(bytes));
            (first as i64..=last as i64).contains(&target)
        }
    })
}
