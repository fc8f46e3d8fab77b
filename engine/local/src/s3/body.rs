//! Bodies on their way in and out; never whole in memory.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::HeaderMap;
use s3s::dto::StreamingBlob;
use s3s::{Body, S3Error, S3Result, TrailingHeaders, s3_error};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use super::checksum::{self, Algorithm, Checksums, Hasher};
use super::fault::io_fault;
use super::object::Piece;
use crate::store::{BlobReader, Blobs, NewBlob};

/// "Upload an object in a single operation of at most 5 GB" in the S3 user guide.
pub(super) const PUT_LIMIT: u64 = 5 * 1024 * 1024 * 1024;
/// Bytes read from a file at a time.
const READ_SIZE: usize = 256 * 1024;

/// What a client says its body is.
#[derive(Default)]
pub(super) struct Claims {
    /// Checksums in the head of the request.
    pub(super) checksums: Checksums,
    /// Algorithm of a checksum that comes behind the body.
    pub(super) trailing: Option<Algorithm>,
    /// `Content-MD5`, base64.
    pub(super) md5: Option<String>,
    /// `Content-Length`, decoded.
    pub(super) length: Option<u64>,
    /// Algorithm to use if the client gave no checksum at all.
    pub(super) fallback: Option<Algorithm>,
}

/// A received body.
pub(super) struct Received {
    /// Its bytes.
    pub(super) blob: NewBlob,
    /// Their number.
    pub(super) size: u64,
    /// MD5 in hexadecimal.
    pub(super) md5: String,
    /// Checksums to keep with it.
    pub(super) checksums: Checksums,
}

/// The checksum algorithm that the headers announce for the trailer.
pub(super) fn trailing_algorithm(headers: &HeaderMap) -> Option<Algorithm> {
    let names = headers.get("x-amz-trailer")?.to_str().ok()?;
    names.split(',').find_map(Algorithm::from_header)
}

/// Stores a body and checks it against what the client said of it.
pub(super) async fn receive(
    blobs: &Blobs,
    body: Option<StreamingBlob>,
    claims: &Claims,
    trailers: Option<TrailingHeaders>,
) -> S3Result<Received> {
    let mut algorithms: Vec<Algorithm> = claims
        .checksums
        .keys()
        .copied()
        .chain(claims.trailing)
        .collect();
    if algorithms.is_empty() {
        algorithms.extend(claims.fallback);
    }
    let mut hasher = Hasher::new(algorithms);
    let mut writer = blobs.writer();
    let mut size = 0u64;
    let mut body = body;
    while let Some(stream) = &mut body
        && let Some(chunk) = stream.next().await
    {
        let chunk = chunk.map_err(cut_body)?;
        size += chunk.len() as u64;
        hasher.update(&chunk);
        writer.write(&chunk).await.map_err(io_fault)?;
    }
    let (md5, checksums) = hasher.finish();
    check_claims(claims, size, &md5, &checksums, trailers)?;
    let blob = writer.finish().await.map_err(io_fault)?;
    Ok(Received {
        blob,
        size,
        md5: scar_schemas::digest::hex(&md5),
        checksums,
    })
}

/// A body that ends early or is not what was signed: S3 answers both with a client error.
fn cut_body(error: Box<dyn std::error::Error + Send + Sync>) -> S3Error {
    let text = error.to_string();
    let folded = text.to_lowercase();
    if ["signature", "sha256", "checksum"]
        .iter()
        .any(|word| folded.contains(word))
    {
        s3_error!(
            BadDigest,
            "the request body is not the one that was signed: {}",
            text
        )
    } else {
        s3_error!(
            IncompleteBody,
            "the request body could not be read: {}",
            text
        )
    }
}

fn check_claims(
    claims: &Claims,
    size: u64,
    md5: &[u8],
    checksums: &Checksums,
    trailers: Option<TrailingHeaders>,
) -> S3Result<()> {
    if claims.length.is_some_and(|length| length != size) {
        return Err(s3_error!(
            IncompleteBody,
            "the body is not as long as its Content-Length"
        ));
    }
    if let Some(given) = &claims.md5
        && *given != STANDARD.encode(md5)
    {
        return Err(s3_error!(
            BadDigest,
            "The Content-MD5 you specified did not match what we received."
        ));
    }
    checksum::compare(&claims.checksums, checksums)?;
    let Some(algorithm) = claims.trailing else {
        return Ok(());
    };
    let name = format!("x-amz-checksum-{}", algorithm.name().to_lowercase());
    let trailers = trailers
        .and_then(|trailers| trailers.take())
        .unwrap_or_default();
    match trailers.get(&name).and_then(|value| value.to_str().ok()) {
        Some(text) => {
            checksum::compare(&Checksums::from([(algorithm, text.to_owned())]), checksums)
        }
        None => Err(s3_error!(
            InvalidRequest,
            "the announced trailing checksum is missing"
        )),
    }
}

/// A range of an object's pieces as a body. The first piece is opened at once: `NotFound` means the
/// object was replaced after its metadata was read, and the caller looks again.
pub(super) async fn send(
    blobs: &Blobs,
    pieces: &[Piece],
    range: Range<u64>,
) -> io::Result<StreamingBlob> {
    let mut wanted = cut(pieces, range);
    let Some((piece, part)) = wanted.pop_front() else {
        return Ok(whole(Bytes::new()));
    };
    let first = match blobs.open_blob(&piece.blob).await? {
        BlobReader::Bytes(bytes) if wanted.is_empty() => return Ok(whole(slice(&bytes, &part)?)),
        first => first,
    };
    let (sender, mut receiver) = mpsc::channel(2);
    let blobs = blobs.clone();
    tokio::spawn(async move {
        if let Err(error) = pump(&blobs, first, part, wanted, &sender).await {
            // The client sees a cut body; it may have gone away itself.
            drop(sender.send(Err(error)).await);
        }
    });
    Ok(StreamingBlob::wrap(stream::poll_fn(move |context| {
        receiver.poll_recv(context)
    })))
}

fn whole(bytes: Bytes) -> StreamingBlob {
    StreamingBlob::from(Body::from(bytes))
}

fn slice(bytes: &Bytes, range: &Range<u64>) -> io::Result<Bytes> {
    let position = |at: u64| usize::try_from(at).ok().filter(|at| *at <= bytes.len());
    match (position(range.start), position(range.end)) {
        (Some(start), Some(end)) if start <= end => Ok(bytes.slice(start..end)),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The pieces that a range touches, each with the range inside it.
fn cut(pieces: &[Piece], range: Range<u64>) -> VecDeque<(Piece, Range<u64>)> {
    let mut wanted = VecDeque::new();
    let mut position = 0;
    for piece in pieces {
        let end = position + piece.size;
        let (from, to) = (range.start.max(position), range.end.min(end));
        if from < to {
            wanted.push_back((piece.clone(), from - position..to - position));
        }
        position = end;
    }
    wanted
}

type Chunks = mpsc::Sender<io::Result<Bytes>>;

async fn pump(
    blobs: &Blobs,
    first: BlobReader,
    part: Range<u64>,
    rest: VecDeque<(Piece, Range<u64>)>,
    sender: &Chunks,
) -> io::Result<()> {
    pump_piece(first, part, sender).await?;
    for (piece, part) in rest {
        let reader = blobs.open_blob(&piece.blob).await?;
        pump_piece(reader, part, sender).await?;
    }
    Ok(())
}

async fn pump_piece(reader: BlobReader, part: Range<u64>, sender: &Chunks) -> io::Result<()> {
    let closed = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    let mut file = match reader {
        BlobReader::Bytes(bytes) => return sender.send(slice(&bytes, &part)).await.map_err(closed),
        BlobReader::File(file) => file,
    };
    file.seek(io::SeekFrom::Start(part.start)).await?;
    file.set_max_buf_size(READ_SIZE);
    let mut chunks = ReaderStream::with_capacity(file.take(part.end - part.start), READ_SIZE);
    while let Some(chunk) = chunks.next().await {
        sender.send(Ok(chunk?)).await.map_err(closed)?;
    }
    Ok(())
}

/// The length that a request says its body has, if it is one that S3 takes in a single request.
pub(super) fn declared_length(content_length: Option<i64>) -> S3Result<Option<u64>> {
    let length = content_length.and_then(|length| u64::try_from(length).ok());
    if length.is_some_and(|length| length > PUT_LIMIT) {
        return Err(s3_error!(
            EntityTooLarge,
            "Your proposed upload exceeds the maximum allowed size"
        ));
    }
    Ok(length)
}
