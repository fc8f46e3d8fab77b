//! What zlib makes of a stream, this makes of it too; what it refuses, this refuses.
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::io::{BufRead, BufReader, Read, Write};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use proptest::prelude::*;
use scar_inflate::{Inflater, MIN_BUFFER_BYTES};

/// Everything, through pieces of input and output of these sizes.
fn ours(mut inflater: Inflater<impl BufRead>, buffer_bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut buffer = vec![0; buffer_bytes];
    loop {
        let range = inflater.read(&mut buffer)?;
        if range.is_empty() {
            return Ok(content);
        }
        content.extend_from_slice(&buffer[range]);
    }
}

fn raw(stream: &[u8], piece_bytes: usize) -> Option<Vec<u8>> {
    let pieces = BufReader::with_capacity(piece_bytes, stream);
    ours(Inflater::raw(pieces), MIN_BUFFER_BYTES + piece_bytes).ok()
}

/// The same by the other implementation, which must come to the end of the stream.
fn theirs(stream: &[u8]) -> Option<Vec<u8>> {
    let mut decompress = Decompress::new(false);
    let mut content = Vec::new();
    loop {
        content.reserve(1 << 16);
        let read = usize::try_from(decompress.total_in()).unwrap();
        let before = (read, content.len());
        let step = decompress.decompress_vec(&stream[read..], &mut content, FlushDecompress::None);
        let after = usize::try_from(decompress.total_in()).unwrap();
        match step {
            Ok(Status::StreamEnd) => return Some(content),
            Ok(_) if (after, content.len()) != before => {}
            _ => return None,
        }
    }
}

fn packed(content: &[u8], level: u32, flush_every: usize) -> Vec<u8> {
    let mut compress = Compress::new(Compression::new(level), false);
    let mut stream = Vec::with_capacity(content.len() * 2 + 4096);
    for piece in content.chunks(flush_every.max(1)) {
        let flush = FlushCompress::Sync;
        stream.reserve(piece.len() * 2 + 1024);
        compress.compress_vec(piece, &mut stream, flush).unwrap();
    }
    stream.reserve(1024);
    compress
        .compress_vec(&[], &mut stream, FlushCompress::Finish)
        .unwrap();
    stream
}

/// Bytes of several kinds, one after the other: text, noise, repetitions of all lengths, zeros.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![
        prop::collection::vec(prop::sample::select(&b"etaoin shrdlu\n"[..]), 0..3000),
        prop::collection::vec(any::<u8>(), 0..600),
        (prop::collection::vec(any::<u8>(), 1..70), 1..900_usize)
            .prop_map(|(unit, times)| unit.repeat(times)),
        (0..70_000_usize).prop_map(|length| vec![0; length]),
    ];
    prop::collection::vec(kind, 0..6).prop_map(|kinds| kinds.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_was_deflated_comes_back(
        content in content(),
        level in 0..10_u32,
        flush_every in 200..100_000_usize,
        piece_bytes in 1..5000_usize,
    ) {
        let stream = packed(&content, level, flush_every);
        prop_assert!(raw(&stream, piece_bytes) == Some(content));
    }

    #[test]
    fn damage_is_judged_alike(
        content in content(),
        level in 0..10_u32,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        piece_bytes in 1..5000_usize,
    ) {
        let mut stream = packed(&content, level, 20_000);
        for (place, byte) in &damage {
            let place = place.index(stream.len().min(400));
            stream[place] ^= byte;
        }
        if let Some(cut) = cut {
            stream.truncate(cut.index(stream.len()));
        }
        prop_assert!(raw(&stream, piece_bytes) == theirs(&stream));
    }

    /// Most of these are refused early; some blocks get far.
    #[test]
    fn noise_is_judged_alike(stream in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(raw(&stream, 64) == theirs(&stream));
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let builder = flate2::GzBuilder::new()
        .extra(vec![7; 300])
        .filename("a name")
        .comment("a comment");
    let mut encoder = builder.write(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn members(stream: &[u8]) -> Option<Vec<u8>> {
    ours(
        Inflater::gzip(BufReader::with_capacity(11, stream)),
        1 << 16,
    )
    .ok()
}

#[test]
fn members_of_gzip_are_one_content() {
    let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut stream = gzip(&content);
    stream.extend(gzip(b""));
    stream.extend(gzip(b"the end"));
    let expected = [&content[..], b"the end"].concat();
    assert!(members(&stream) == Some(expected.clone()));
    let mut all = Vec::new();
    flate2::bufread::MultiGzDecoder::new(&stream[..])
        .read_to_end(&mut all)
        .unwrap();
    assert!(all == expected);
}

#[test]
fn a_member_does_not_refer_to_the_one_before() {
    let unit = b"something that is worth a match, something that is worth a match";
    let mut first = gzip(unit);
    // A member whose only block is a match of three bytes, one byte back.
    first.extend([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0x03, 0x02, 0x00]);
    first.extend([0; 8]);
    assert!(members(&first).is_none());
}

#[test]
fn headers_and_ends_that_are_not_right_are_refused() {
    let good = gzip(b"content");
    assert!(members(&good).is_some());
    for end in 0..good.len() {
        assert!(members(&good[..end]).is_none(), "cut at {end}");
    }
    assert!(members(&[&good[..], b"garbage"].concat()).is_none());
    let changed = |at: usize, byte: u8| {
        let mut stream = good.clone();
        stream[at] = byte;
        members(&stream)
    };
    let length = good.len() - 4;
    for (at, byte) in [(0, 0), (1, 0), (2, 7), (3, 0x20), (3, 0x80), (length, 0)] {
        assert!(changed(at, byte).is_none(), "{byte} at {at}");
    }
}
