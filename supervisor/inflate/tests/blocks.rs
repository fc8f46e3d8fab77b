//! Blocks that no compressor writes, bit by bit.
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use flate2::{Decompress, FlushDecompress, Status};

/// Bits in the order of a stream: numbers lowest bit first, codes highest bit first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn number(mut self, value: u32, count: u32) -> Self {
        let bit = |at| value.checked_shr(at).unwrap_or(0) & 1 == 1;
        self.0.extend((0..count).map(bit));
        self
    }

    fn code(mut self, value: u32, count: u32) -> Self {
        let bits = (0..count).rev();
        self.0.extend(bits.map(|bit| value >> bit & 1 == 1));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let bytes = self.0.chunks(8);
        bytes
            .map(|bits| {
                bits.iter()
                    .rev()
                    .fold(0, |byte, &bit| byte << 1 | u8::from(bit))
            })
            .collect()
    }
}

/// The last block, with the codes of the format.
fn fixed() -> Bits {
    Bits::default().number(1, 1).number(1, 2)
}

/// The last block, with codes of its own: lengths of the length code's symbols as they are stored.
fn dynamic(literals: u32, distances: u32, lengths: &[u32]) -> Bits {
    let count = u32::try_from(lengths.len()).unwrap();
    let start = Bits::default()
        .number(1, 1)
        .number(2, 2)
        .number(literals - 257, 5)
        .number(distances - 1, 5)
        .number(count - 4, 4);
    lengths
        .iter()
        .fold(start, |bits, &length| bits.number(length, 3))
}

/// Length code of which 0 is `0`, 1 is `10` and 18 is `11`.
const SPARSE: [u32; 18] = [0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/// So many code lengths of zero.
fn zeros(bits: Bits, count: u32) -> Bits {
    bits.code(3, 2).number(count - 11, 7)
}

/// Only the end of the block has a code, and `distances` are as given.
fn only_end(distances: &[u32]) -> Bits {
    let count = u32::try_from(distances.len()).unwrap();
    let bits = zeros(zeros(dynamic(257, count, &SPARSE), 138), 118).code(2, 2);
    distances.iter().fold(bits, |bits, &length| match length {
        0 => bits.code(0, 1),
        _ => bits.code(2, 2),
    })
}

/// A name, the stream, and whether it is one.
fn cases() -> Vec<(&'static str, Bits, bool)> {
    let a = fixed().code(0x30 + u32::from(b'a'), 8);
    vec![
        ("nothing", fixed().code(0, 7), true),
        ("a literal", a.code(0, 7), true),
        ("no end", fixed().code(0x30, 8), false),
        (
            "a match before the beginning",
            fixed().code(1, 7).code(0, 5).code(0, 7),
            false,
        ),
        (
            "a length that is none",
            fixed().code(0xc6, 8).code(0, 5).code(0, 7),
            false,
        ),
        (
            "a distance that is none",
            fixed().code(0x30, 8).code(1, 7).code(30, 5).code(0, 7),
            false,
        ),
        (
            "a match",
            fixed().code(0x30, 8).code(1, 7).code(0, 5).code(0, 7),
            true,
        ),
        (
            "an unknown type",
            Bits::default().number(7, 3).number(0, 32),
            false,
        ),
        (
            "a stored block",
            Bits::default()
                .number(1, 8)
                .number(1, 16)
                .number(0xfffe, 16)
                .number(65, 8),
            true,
        ),
        (
            "a stored block cut off",
            Bits::default()
                .number(1, 8)
                .number(2, 16)
                .number(0xfffd, 16)
                .number(65, 8),
            false,
        ),
        (
            "two lengths",
            Bits::default()
                .number(1, 8)
                .number(1, 16)
                .number(0xffff, 16)
                .number(65, 8),
            false,
        ),
        ("only an end, one distance", only_end(&[1]).code(0, 1), true),
        ("only an end, no distance", only_end(&[0]).code(0, 1), true),
        (
            "only an end, whose other bit comes",
            only_end(&[1]).code(1, 1).number(0, 20),
            false,
        ),
        (
            "only an end, two distances",
            only_end(&[1, 1]).code(0, 1),
            true,
        ),
        (
            "too many distances of one bit",
            only_end(&[1, 1, 1]).code(0, 1),
            false,
        ),
        (
            "too many symbols",
            dynamic(287, 1, &SPARSE).number(0, 64),
            false,
        ),
        (
            "too many distances",
            dynamic(257, 31, &SPARSE).number(0, 64),
            false,
        ),
        (
            "an empty length code",
            dynamic(257, 1, &[0; 4]).number(0, 300),
            false,
        ),
        (
            "an open length code",
            dynamic(257, 1, &[0, 0, 0, 2]).number(0, 300),
            false,
        ),
        (
            "a full length code",
            dynamic(257, 1, &[1, 1, 1, 0]).number(0, 300),
            false,
        ),
        (
            "a repetition of nothing",
            dynamic(257, 1, &[1, 0, 0, 1]).code(1, 1).number(0, 80),
            false,
        ),
        (
            "no end in the table",
            zeros(zeros(dynamic(257, 1, &SPARSE), 138), 120).number(0, 40),
            false,
        ),
        (
            "more lengths than symbols",
            zeros(zeros(dynamic(257, 1, &SPARSE), 138), 138).number(0, 40),
            false,
        ),
    ]
}

fn zlib(stream: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::with_capacity(1 << 10);
    let mut decompress = Decompress::new(false);
    let end = decompress.decompress_vec(stream, &mut content, FlushDecompress::None);
    matches!(end, Ok(Status::StreamEnd)).then_some(content)
}

#[test]
fn unusual_blocks_are_taken_or_refused_as_by_zlib() {
    for (what, bits, is_good) in cases() {
        let stream = bits.bytes();
        let got = scar_inflate::inflate(&stream, 1 << 10);
        assert_eq!(zlib(&stream).is_some(), is_good, "zlib: {what}");
        assert_eq!(got.as_ref().ok(), zlib(&stream).as_ref(), "{what}: {got:?}");
    }
}

#[test]
fn content_is_limited() {
    let stream = fixed().code(0x30, 8).code(0x31, 8).code(0, 7).bytes();
    assert_eq!(scar_inflate::inflate(&stream, 2).ok(), Some(vec![0, 1]));
    assert!(scar_inflate::inflate(&stream, 1).is_err());
}
