//! Reading numbers and recognising programs.

/// Whether these are the first bytes of an x86-64 ELF file.
pub(crate) fn is_program(file: &[u8]) -> bool {
    file.starts_with(b"\x7fELF\x02\x01") && number(file, 18, 2) == Some(62)
}

/// A little-endian number of `width` bytes.
pub(crate) fn number(file: &[u8], at: usize, width: usize) -> Option<usize> {
    let bytes = file.get(at..at.checked_add(width)?)?;
    let digits = bytes.iter().rev();
    Some(digits.fold(0, |sum, &byte| sum << 8 | usize::from(byte)))
}
