//! Sources that break in the middle.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::*;
use crate::oci::LAYER_TAR;
use crate::source::BlobStream;

/// A source whose every other answer breaks.
struct Shaky {
    blob: Bytes,
    asked: AtomicU32,
    knows_parts: bool,
}

impl BlobSource for Shaky {
    fn manifest<'a>(&'a self, _: &'a Digest) -> BoxFuture<'a, Result<Bytes, Error>> {
        unreachable!("only layers are asked for")
    }

    fn blob<'a>(&'a self, _: &'a Digest) -> BoxFuture<'a, Result<BlobStream, Error>> {
        let blob = self.blob.clone();
        let try_number = self.asked.fetch_add(1, Ordering::Relaxed) as usize;
        async move {
            // Each try gets further than the one before, and only the third to the end.
            let end = blob.len() * (try_number + 1) / 3;
            let start = blob.slice(..end.min(blob.len()));
            let pieces = pieces(start).chain(stream::iter((try_number < 2).then(|| Err(cut()))));
            Ok(pieces.boxed())
        }
        .boxed()
    }

    fn part<'a>(
        &'a self,
        _: &'a Digest,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        async move {
            if !self.knows_parts {
                return Ok(None);
            }
            if self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                return Err(cut());
            }
            let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
            Ok(Some(self.blob.slice(start..end)))
        }
        .boxed()
    }

    fn rest<'a>(
        &'a self,
        _: &'a Digest,
        from: u64,
    ) -> BoxFuture<'a, Result<Option<BlobStream>, Error>> {
        async move {
            if !self.knows_parts {
                return Ok(None);
            }
            if self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                return Err(cut());
            }
            let rest = self.blob.slice(usize::try_from(from).unwrap()..);
            Ok(Some(pieces(rest).boxed()))
        }
        .boxed()
    }
}

fn cut() -> Error {
    let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    Error::source("the network", true, cut)
}

fn described(bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: LAYER_TAR.into(),
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
        platform: None,
        annotations: Default::default(),
    }
}

/// Everything that is sent for a layer of a source that far away: its bytes, and the failure if there is one.
async fn sent(
    source: &Shaky,
    layer: &Descriptor,
    mut distance: Distance,
) -> (Vec<u8>, Option<Error>) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Result<Bytes, Error>>(1);
    let receive = async {
        let (mut bytes, mut failure) = (Vec::new(), None);
        while let Some(piece) = receiver.recv().await {
            match piece {
                Ok(piece) => bytes.extend_from_slice(&piece),
                Err(error) => failure = Some(error),
            }
        }
        (bytes, failure)
    };
    let send = async move {
        send(0, source, layer, &mut distance, &sender).await;
    };
    tokio::join!(send, receive).1
}

#[tokio::test]
async fn broken_parts_are_asked_for_again() {
    let size = 3 * PART_BYTES + 5;
    let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
    let distances = [Distance::Far, Distance::Near, Distance::Unknown];
    for (knows_parts, distance) in [true, false]
        .into_iter()
        .flat_map(|known| distances.map(|distance| (known, distance)))
    {
        let source = Shaky {
            blob: bytes.clone().into(),
            asked: AtomicU32::new(0),
            knows_parts,
        };
        let (got, failure) = sent(&source, &described(&bytes), distance).await;
        assert!(got == bytes && failure.is_none(), "{failure:?}");
    }
}

#[tokio::test]
async fn bytes_with_another_digest_end_in_a_failure() {
    let bytes = vec![7; 1000];
    let others = [vec![8; 1000], vec![7; 1001], vec![7; 999]];
    for other in others {
        let source = Shaky {
            blob: other.into(),
            asked: AtomicU32::new(2),
            knows_parts: false,
        };
        let (_, failure) = sent(&source, &described(&bytes), Distance::Unknown).await;
        assert!(matches!(failure, Some(Error::Digest { .. })), "{failure:?}");
    }
}
