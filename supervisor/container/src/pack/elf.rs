//! What an ELF program needs: its interpreter and shared libraries.
//!
//! Source: System V ABI, chapters "Object Files" and "Dynamic Linking"; 64-bit little endian only,
//! since images are packed for the machine that packs them.

/// What the headers of a program or library say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) machine: u16,
    pub(crate) interpreter: Option<String>,
    pub(crate) libraries: Vec<String>,
    /// `DT_RUNPATH`, or `DT_RPATH` without one, in parts.
    pub(crate) search: Vec<String>,
}

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;
const PROGRAM_HEADER_BYTES: usize = 56;

/// Whether the bytes begin like an ELF file.
pub(crate) fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

/// Reads the headers. `None` if they are malformed or for another word size or byte order.
pub(crate) fn read(bytes: &[u8]) -> Option<Needs> {
    if !is_elf(bytes) || bytes.get(4..6)? != [2, 1] {
        return None;
    }
    let segments = segments(bytes)?;
    let mut needs = Needs {
        machine: u16_at(bytes, 18)?,
        ..Needs::default()
    };
    for segment in &segments {
        match segment.kind {
            PT_INTERP => needs.interpreter = Some(text_at(bytes, segment.offset)?),
            PT_DYNAMIC => dynamic(bytes, segment, &segments, &mut needs)?,
            _ => {}
        }
    }
    Some(needs)
}

struct Segment {
    kind: u32,
    offset: usize,
    address: u64,
    size: usize,
}

fn segments(bytes: &[u8]) -> Option<Vec<Segment>> {
    let table = usize::try_from(u64_at(bytes, 32)?).ok()?;
    let size = usize::from(u16_at(bytes, 54)?);
    if size < PROGRAM_HEADER_BYTES {
        return None;
    }
    let segment = |index: u16| {
        let at = table.checked_add(usize::from(index).checked_mul(size)?)?;
        Some(Segment {
            kind: u32_at(bytes, at)?,
            offset: usize::try_from(u64_at(bytes, at.checked_add(8)?)?).ok()?,
            address: u64_at(bytes, at.checked_add(16)?)?,
            size: usize::try_from(u64_at(bytes, at.checked_add(32)?)?).ok()?,
        })
    };
    (0..u16_at(bytes, 56)?).map(segment).collect()
}

fn dynamic(bytes: &[u8], table: &Segment, all: &[Segment], needs: &mut Needs) -> Option<()> {
    let end = table.offset.checked_add(table.size)?;
    let entries: Vec<(u64, u64)> = bytes
        .get(table.offset..end)?
        .chunks_exact(16)
        .map_while(|entry| Some((u64_at(entry, 0)?, u64_at(entry, 8)?)))
        .take_while(|(tag, _)| *tag != 0)
        .collect();
    let find = |wanted| {
        entries
            .iter()
            .find(|(tag, _)| *tag == wanted)
            .map(|(_, value)| *value)
    };
    let strings = file_offset(find(DT_STRTAB).unwrap_or(0), all)?;
    let text = |value: u64| text_at(bytes, strings.checked_add(usize::try_from(value).ok()?)?);
    for (_, value) in entries.iter().filter(|(tag, _)| *tag == DT_NEEDED) {
        needs.libraries.push(text(*value)?);
    }
    if let Some(value) = find(DT_RUNPATH).or_else(|| find(DT_RPATH)) {
        needs.search = text(value)?.split(':').map(str::to_owned).collect();
    }
    Some(())
}

fn file_offset(address: u64, segments: &[Segment]) -> Option<usize> {
    segments
        .iter()
        .filter(|segment| segment.kind == PT_LOAD)
        .find_map(|segment| {
            let inside = usize::try_from(address.checked_sub(segment.address)?).ok()?;
            (inside < segment.size).then(|| segment.offset.checked_add(inside))?
        })
}

fn text_at(bytes: &[u8], at: usize) -> Option<String> {
    let text = bytes.get(at..)?.split(|&byte| byte == 0).next()?;
    std::str::from_utf8(text).ok().map(str::to_owned)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(
        bytes.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_headers_never_panic() {
        let mut bytes = vec![0_u8; 200];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        for at in 0..bytes.len() {
            for value in [0x01, 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at.max(6)] = value;
                let _ = read(&damaged);
                let _ = read(&damaged[..at]);
            }
        }
    }

    #[test]
    fn this_program_is_read() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let needs = read(&bytes).unwrap();
        assert_eq!(needs.interpreter.is_some(), !needs.libraries.is_empty());
    }
}
