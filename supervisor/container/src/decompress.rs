//! Decompressing layers on a thread of its own, ahead of the thread that extracts them.
//!
//! Inflating takes about as long as hashing and writing what comes out, so that the two together take
//! little more than one of them. A few chunks are between them, and they go round: no more is allocated.

use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use bytes::{Buf, Bytes};
use scar_inflate::{HISTORY_BYTES, Inflater};
use scar_schemas::digest::Digest;
use tokio::sync::mpsc;

use crate::error::Error;
use crate::hash::Hasher;
use crate::oci::{Compression, Descriptor};

/// Bytes of content in one chunk: larger ones leave the processor's cache before they are used.
const CHUNK_BYTES: usize = 128 << 10;
/// Chunks on their way.
const CHUNKS_AHEAD: usize = 12;
/// Larger windows, which only `zstd --ultra --long` makes, would cost as much memory.
const ZSTD_WINDOW_LOG: u32 = 27;

/// The verified pieces of a layer; a failure is the last of them.
pub(crate) type Pieces = mpsc::Receiver<Result<Bytes, Error>>;

/// A buffer, and where in it is what was not read yet.
#[derive(Default)]
struct Chunk {
    buffer: Vec<u8>,
    range: Range<usize>,
}

/// What the decompressing thread gives for one layer.
pub(crate) struct Content {
    chunks: Receiver<io::Result<Chunk>>,
    spent: Sender<Vec<u8>>,
    blob: Receiver<Result<(), Error>>,
    chunk: Chunk,
    hasher: Hasher,
    bytes: u64,
    limit: u64,
}

impl Content {
    /// Refuses to yield more than this.
    pub(crate) fn limit(&mut self, bytes: u64) {
        self.limit = bytes;
    }

    /// Lets go of what was not read. Gives what the source met until the end of the blob, and the digest
    /// of what was read.
    pub(crate) fn finish(self) -> (Result<(), Error>, Digest) {
        drop(self.chunks);
        let ended = |error| Error::source("the decompressing thread", false, error);
        let blob = self.blob.recv().map_err(ended).flatten();
        (blob, self.hasher.digest())
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        let next = match self.chunks.recv() {
            Ok(chunk) => chunk?,
            Err(_) => Chunk::default(),
        };
        self.bytes += next.range.len() as u64;
        if self.bytes > self.limit {
            return Err(io::Error::other(
                "it expands too much to be an honest layer",
            ));
        }
        self.hasher.update(&next.buffer[next.range.clone()]);
        let spent = std::mem::replace(&mut self.chunk, next);
        // At the end of the layer nobody needs it.
        let _ = self.spent.send(spent.buffer);
        Ok(())
    }
}

impl BufRead for Content {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.chunk.range.is_empty() {
            self.next_chunk()?;
        }
        Ok(&self.chunk.buffer[self.chunk.range.clone()])
    }

    fn consume(&mut self, count: usize) {
        self.chunk.range.start += count;
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let count = ready.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ready[..count]);
        self.consume(count);
        Ok(count)
    }
}

/// Decompresses layers in order. Blocks; those who send the pieces and take the contents must run
/// elsewhere. Ends early when nobody takes them any more or `is_abandoned`.
pub(crate) fn run(
    layers: &[Descriptor],
    pieces: Vec<Pieces>,
    contents: &SyncSender<Content>,
    is_abandoned: &AtomicBool,
) {
    for (layer, pieces) in layers.iter().zip(pieces) {
        let (chunks, taken) = sync_channel(CHUNKS_AHEAD);
        let (spent, empty) = channel();
        let (verdict, blob) = channel();
        let content = Content {
            chunks: taken,
            spent,
            blob,
            chunk: Chunk::default(),
            hasher: Hasher::default(),
            bytes: 0,
            limit: u64::MAX,
        };
        if contents.send(content).is_err() {
            return;
        }
        let mut input = Blob::new(pieces, is_abandoned);
        if let Err(error) = decompress(layer, &mut input, &chunks, &empty) {
            let _ = chunks.send(Err(error));
        }
        drop(chunks);
        let _ = verdict.send(input.finish());
    }
}

fn decompress(
    layer: &Descriptor,
    blob: &mut Blob<'_>,
    chunks: &SyncSender<io::Result<Chunk>>,
    empty: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    let mut plain = Plain::new(layer.compression().map_err(io::Error::other)?, blob)?;
    loop {
        let mut buffer = empty.try_recv().unwrap_or_default();
        buffer.resize(HISTORY_BYTES + CHUNK_BYTES, 0);
        let range = plain.fill(&mut buffer)?;
        if range.is_empty() || chunks.send(Ok(Chunk { buffer, range })).is_err() {
            return Ok(());
        }
    }
}

/// A layer without its compression.
enum Plain<'a> {
    Gzip(Inflater<&'a mut dyn BufRead>),
    Other(Box<dyn Read + 'a>),
}

impl<'a> Plain<'a> {
    fn new(kind: Compression, blob: &'a mut Blob<'_>) -> io::Result<Self> {
        Ok(match kind {
            Compression::None => Self::Other(Box::new(blob)),
            Compression::Gzip => Self::Gzip(Inflater::gzip(blob)),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(blob)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Self::Other(Box::new(decoder))
            }
        })
    }

    /// The next bytes, and where in the buffer they are.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<Range<usize>> {
        match self {
            Self::Gzip(inflater) => inflater.read(buffer),
            Self::Other(reader) => Ok(0..fill(reader, &mut buffer[..CHUNK_BYTES])?),
        }
    }
}

/// Reads until the buffer is full or there is no more.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// The compressed bytes, which their sender verifies.
struct Blob<'a> {
    pieces: Pieces,
    piece: Bytes,
    failure: Option<Error>,
    is_abandoned: &'a AtomicBool,
}

impl<'a> Blob<'a> {
    fn new(pieces: Pieces, is_abandoned: &'a AtomicBool) -> Self {
        Self {
            pieces,
            piece: Bytes::new(),
            failure: None,
            is_abandoned,
        }
    }

    /// Reads what is left, because only the end tells whether all of it was right.
    fn finish(mut self) -> Result<(), Error> {
        while self.failure.is_none() && matches!(self.next_piece(), Ok(true)) {}
        self.failure.map_or(Ok(()), Err)
    }

    fn next_piece(&mut self) -> io::Result<bool> {
        if self.is_abandoned.load(Ordering::Relaxed) {
            return Ok(false);
        }
        match self.pieces.blocking_recv() {
            None => Ok(false),
            Some(Err(failure)) => {
                self.failure = Some(failure);
                Err(io::Error::other("the source failed"))
            }
            Some(Ok(piece)) => {
                self.piece = piece;
                Ok(true)
            }
        }
    }
}

impl BufRead for Blob<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty() {
            if !self.next_piece()? {
                break;
            }
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, count: usize) {
        self.piece.advance(count);
    }
}

impl Read for Blob<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let count = ready.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ready[..count]);
        self.consume(count);
        Ok(count)
    }
}
