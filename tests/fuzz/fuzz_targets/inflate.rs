//! Bare deflate streams, in pieces of a size that the first byte tells: what zlib makes of them or refuses.
#![no_main]

use std::io::{BufRead, BufReader};

use flate2::{Decompress, FlushDecompress, Status};
use libfuzzer_sys::fuzz_target;
use scar_inflate::{Inflater, MIN_BUFFER_BYTES};

/// Content of which both have had enough.
const ENOUGH_BYTES: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let Some((&size, stream)) = input.split_first() else {
        return;
    };
    let pieces = BufReader::with_capacity(usize::from(size) + 1, stream);
    let (ours, is_ours_valid) = ours(pieces, MIN_BUFFER_BYTES + usize::from(size));
    let (theirs, is_theirs_valid) = theirs(stream);
    if ours.len().max(theirs.len()) < ENOUGH_BYTES {
        assert_eq!(is_ours_valid, is_theirs_valid);
        assert!(!is_ours_valid || ours == theirs);
    }
});

/// The content as far as it goes, and whether it ended as it should.
fn ours(pieces: impl BufRead, buffer_bytes: usize) -> (Vec<u8>, bool) {
    let mut inflater = Inflater::raw(pieces);
    let mut buffer = vec![0; buffer_bytes];
    let mut content = Vec::new();
    while content.len() < ENOUGH_BYTES {
        match inflater.read(&mut buffer) {
            Ok(range) if range.is_empty() => return (content, true),
            Ok(range) => content.extend_from_slice(&buffer[range]),
            Err(_) => return (content, false),
        }
    }
    (content, false)
}

fn theirs(stream: &[u8]) -> (Vec<u8>, bool) {
    let mut decompress = Decompress::new(false);
    let mut content = Vec::new();
    let mut read = 0;
    while content.len() < ENOUGH_BYTES {
        content.reserve(1 << 16);
        let before = (read, content.len());
        let step = decompress.decompress_vec(&stream[read..], &mut content, FlushDecompress::None);
        read = usize::try_from(decompress.total_in()).unwrap_or(usize::MAX);
        match step {
            Ok(Status::StreamEnd) => return (content, true),
            Ok(_) if (read, content.len()) != before => {}
            _ => return (content, false),
        }
    }
    (content, false)
}
