//! One layer from its stream of bytes into a root: verify, decompress, verify, apply.
//!
//! The bytes are applied while they arrive, before the digest is known to be right. That is safe
//! because applying is safe for any bytes, and the tree is thrown away if the digest is wrong.

use std::io::{self, BufReader, Read};

use bytes::{Buf, Bytes};
use scar_schemas::digest::{Digest, hex};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::extract::{Extractor, Refusal};
use crate::oci::{Compression, Descriptor};
use crate::tar::Reader;

/// Expansion is not judged before this many bytes.
const RATIO_FREE_BYTES: u64 = 64 << 20;
/// Larger windows, which only `zstd --ultra --long` makes, would cost as much memory.
const ZSTD_WINDOW_LOG: u32 = 27;

/// The pieces of a layer as they come from a source.
pub(crate) type Pieces = mpsc::Receiver<Result<Bytes, Error>>;

/// Applies one layer. Blocks; its sender must run elsewhere.
pub(crate) fn apply(
    number: usize,
    layer: &Descriptor,
    diff_id: &Digest,
    pieces: Pieces,
    ratio: u64,
    extractor: &mut Extractor,
) -> Result<(), Error> {
    let mut blob = Blob::new(pieces, layer.size);
    let limit = RATIO_FREE_BYTES.saturating_add(layer.size.saturating_mul(ratio));
    let applied = decompress(layer.compression()?, &mut blob)
        .map_err(Refusal::Stream)
        .and_then(|plain| apply_plain(plain, limit, extractor));
    // The digest of the blob explains most other failures, so it is looked at first.
    let actual = blob.finish()?;
    check(number, "layer", &layer.digest, actual)?;
    let actual = applied.map_err(|refusal| refused(layer, refusal))?;
    check(number, "content of layer", diff_id, actual)
}

fn apply_plain(
    plain: Box<dyn Read + '_>,
    limit: u64,
    extractor: &mut Extractor,
) -> Result<Digest, Refusal> {
    let hashed = Hashed {
        inner: plain,
        hasher: Sha256::new(),
        bytes: 0,
        limit,
    };
    // Headers are small reads; without a buffer each would pass through the decompressor alone.
    let mut archive = Reader::new(BufReader::with_capacity(64 << 10, hashed));
    extractor.layer(&mut archive)?;
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(Refusal::Stream)?;
    Ok(digest(rest.into_inner().hasher))
}

fn decompress<'a>(kind: Compression, blob: &'a mut Blob) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match kind {
        Compression::None => Box::new(blob),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(blob))),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(blob)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}

fn check(number: usize, what: &str, expected: &Digest, actual: Digest) -> Result<(), Error> {
    if *expected == actual {
        return Ok(());
    }
    let what = format!("{what} {} ({expected})", number + 1);
    Err(Error::Digest {
        what,
        expected: expected.clone(),
        actual,
    })
}

fn refused(layer: &Descriptor, refusal: Refusal) -> Error {
    let layer = layer.digest.clone();
    match refusal {
        Refusal::Limit { what, limit } => Error::Limit { what, limit },
        Refusal::Stream(source) if is_full(&source) => Error::DiskFull { needed: 0, free: 0 },
        Refusal::Entry { source, .. } if is_full(&source) => Error::DiskFull { needed: 0, free: 0 },
        Refusal::Stream(source) => Error::Layer {
            layer,
            reason: source.to_string(),
        },
        Refusal::Entry { entry, source } => Error::Entry {
            layer,
            entry,
            reason: source.to_string(),
        },
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn digest(hasher: Sha256) -> Digest {
    let text = format!("sha256:{}", hex(&hasher.finalize()));
    text.parse().unwrap_or_else(|_| Digest::of(&[]))
}

/// The compressed bytes, hashed and counted as they pass.
struct Blob {
    pieces: Pieces,
    piece: Bytes,
    hasher: Sha256,
    left: u64,
    failure: Option<Error>,
}

impl Blob {
    fn new(pieces: Pieces, size: u64) -> Self {
        Self {
            pieces,
            piece: Bytes::new(),
            hasher: Sha256::new(),
            left: size,
            failure: None,
        }
    }

    /// Reads what is left and gives the digest of the whole blob.
    fn finish(mut self) -> Result<Digest, Error> {
        let drained = io::copy(&mut self, &mut io::sink());
        match (self.failure, drained) {
            (Some(failure), _) => Err(failure),
            _ => Ok(digest(self.hasher)),
        }
    }

    fn next_piece(&mut self) -> io::Result<bool> {
        match self.pieces.blocking_recv() {
            None => Ok(false),
            Some(Err(failure)) => {
                self.failure = Some(failure);
                Err(io::Error::other("the source failed"))
            }
            Some(Ok(piece)) if piece.len() as u64 > self.left => {
                // Longer than the manifest says: the digest cannot fit, and more need not be read.
                self.hasher.update(&piece);
                self.pieces.close();
                Err(io::Error::other("it is longer than the manifest says"))
            }
            Some(Ok(piece)) => {
                self.left -= piece.len() as u64;
                self.hasher.update(&piece);
                self.piece = piece;
                Ok(true)
            }
        }
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            if !self.next_piece()? {
                return Ok(0);
            }
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// The uncompressed bytes, hashed and limited as they pass.
struct Hashed<R> {
    inner: R,
    hasher: Sha256,
    bytes: u64,
    limit: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        if self.bytes > self.limit {
            return Err(io::Error::other(
                "it expands too much to be an honest layer",
            ));
        }
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
