//! Mapping a program as the kernel would.

use crate::elf::{is_program, number};
use crate::patch::{self, Mapping};
use crate::sys::{
    self, Answer, ENOEXEC, EXECUTABLE, File, MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE,
    MAP_NORESERVE, MAP_PRIVATE, READABLE, WRITABLE,
};

const PAGE: usize = 4096;
/// Size of a program header.
const HEADER_BYTES: usize = 56;
/// Longest path of a program interpreter, with its zero byte.
const INTERPRETER_BYTES: usize = 256;

/// A program in memory.
pub(crate) struct Program {
    pub(crate) base: usize,
    pub(crate) entry: usize,
    /// Address and number of its program headers.
    pub(crate) headers: usize,
    pub(crate) header_count: usize,
    interpreter: [u8; INTERPRETER_BYTES],
}

impl Program {
    /// Path of the program interpreter with its zero byte.
    pub(crate) fn interpreter(&self) -> Option<&[u8]> {
        (self.interpreter[0] != 0).then_some(&self.interpreter)
    }
}

/// One program header.
#[derive(Clone, Copy)]
struct Segment {
    kind: usize,
    flags: usize,
    offset: usize,
    address: usize,
    file_bytes: usize,
    memory_bytes: usize,
    alignment: usize,
}

impl Segment {
    const LOAD: usize = 1;
    const INTERPRETER: usize = 3;

    fn read(head: &[u8], at: usize) -> Option<Self> {
        Some(Self {
            kind: number(head, at, 4)?,
            flags: number(head, at + 4, 4)?,
            offset: number(head, at + 8, 8)?,
            address: number(head, at + 16, 8)?,
            file_bytes: number(head, at + 32, 8)?,
            memory_bytes: number(head, at + 40, 8)?,
            alignment: number(head, at + 48, 8)?,
        })
    }

    fn protection(&self) -> usize {
        let bit = |flag, right| if self.flags & flag != 0 { right } else { 0 };
        bit(4, READABLE) | bit(2, WRITABLE) | bit(1, EXECUTABLE)
    }
}

/// Maps a program of which `head` is the beginning.
pub(crate) fn load(file: &File, head: &[u8]) -> Answer<Program> {
    let field = |at, width| number(head, at, width).ok_or(ENOEXEC);
    if !is_program(head) {
        return Err(ENOEXEC);
    }
    let (table, count) = (field(32, 8)?, field(56, 2)?);
    let is_movable = field(16, 2)? == 3;
    let segment = |index: usize| Segment::read(head, table.checked_add(index * HEADER_BYTES)?);
    let mut program = Program {
        base: 0,
        entry: field(24, 8)?,
        headers: 0,
        header_count: count,
        interpreter: [0; INTERPRETER_BYTES],
    };
    let (mut low, mut high, mut alignment) = (usize::MAX, 0, PAGE);
    for index in 0..count {
        let segment = segment(index).ok_or(ENOEXEC)?;
        if segment.kind == Segment::INTERPRETER && segment.file_bytes < INTERPRETER_BYTES {
            file.read_at(
                &mut program.interpreter[..segment.file_bytes],
                segment.offset,
            )?;
        }
        if segment.kind == Segment::LOAD {
            low = low.min(segment.address & !(PAGE - 1));
            let end = segment
                .address
                .checked_add(segment.memory_bytes)
                .ok_or(ENOEXEC)?;
            high = high.max(end);
            alignment = alignment.max(segment.alignment);
        }
    }
    if low >= high || !alignment.is_power_of_two() {
        return Err(ENOEXEC);
    }
    let span = (high - low).next_multiple_of(PAGE);
    let place = if is_movable {
        reserve(span, alignment)?
    } else {
        reserve_at(low, span)?
    };
    let bias = place.wrapping_sub(low);
    for segment in (0..count)
        .filter_map(segment)
        .filter(|segment| segment.kind == Segment::LOAD)
    {
        map(file, &segment, bias)?;
        if (segment.offset..segment.offset + segment.file_bytes).contains(&table) {
            program.headers = bias.wrapping_add(segment.address + (table - segment.offset));
        }
    }
    program.base = place;
    program.entry = program.entry.wrapping_add(bias);
    Ok(program)
}

/// Room with an alignment.
fn reserve(span: usize, alignment: usize) -> Answer<usize> {
    let extra = if alignment > PAGE { alignment } else { 0 };
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    // SAFETY: a new place; what is unmapped below is a part of it that nobody knows.
    unsafe {
        let at = sys::map(0, span + extra, 0, flags, None)?;
        let begin = at.next_multiple_of(alignment);
        if begin > at {
            sys::unmap(at, begin - at);
        }
        if at + extra > begin {
            sys::unmap(begin + span, at + extra - begin);
        }
        Ok(begin)
    }
}

fn reserve_at(at: usize, span: usize) -> Answer<usize> {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    // SAFETY: replaces nothing. A kernel that does not know this takes the address as a hint.
    let found = unsafe { sys::map(at, span, 0, flags, None) }?;
    if found == at { Ok(at) } else { Err(ENOEXEC) }
}

fn map(file: &File, segment: &Segment, bias: usize) -> Answer<()> {
    let protection = segment.protection();
    let lead = segment.address % PAGE;
    let begin = bias.wrapping_add(segment.address - lead);
    let file_end = bias.wrapping_add(segment.address + segment.file_bytes);
    let end = bias
        .wrapping_add(segment.address + segment.memory_bytes)
        .next_multiple_of(PAGE);
    let mut zeros = begin;
    if segment.file_bytes > 0 {
        let offset = segment.offset.checked_sub(lead).ok_or(ENOEXEC)?;
        let length = segment.file_bytes + lead;
        let flags = MAP_PRIVATE | MAP_FIXED;
        // SAFETY: within the reserved room.
        unsafe { sys::map(begin, length, protection, flags, Some((file, offset))) }?;
        if protection & EXECUTABLE != 0 {
            let mapping = Mapping {
                at: begin,
                length,
                offset,
                protection,
                is_known: false,
            };
            patch::patch(&mapping, file);
        }
        zeros = file_end.next_multiple_of(PAGE);
        if protection & WRITABLE != 0 {
            // SAFETY: the rest of the last page, which can be written. Loaders use it as memory.
            unsafe { core::ptr::write_bytes(file_end as *mut u8, 0, zeros - file_end) };
        }
    }
    if end > zeros {
        let flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS;
        // SAFETY: within the reserved room.
        unsafe { sys::map(zeros, end - zeros, protection, flags, None) }?;
    }
    Ok(())
}
