//! One layer into a root: verify, decompress, verify, apply.
//!
//! The bytes are applied while they arrive, before the digest is known to be right. That is safe
//! because applying is safe for any bytes, and the tree is thrown away if the digest is wrong.

use std::io;

use scar_schemas::digest::Digest;

use crate::decompress::Content;
use crate::error::Error;
use crate::extract::{Extractor, Refusal};
use crate::oci::Descriptor;
use crate::tar::Reader;

/// Expansion is not judged before this many bytes.
const RATIO_FREE_BYTES: u64 = 64 << 20;

/// Applies one layer. Blocks until its last byte was seen.
pub(crate) fn apply(
    number: usize,
    layer: &Descriptor,
    diff_id: &Digest,
    mut content: Content,
    ratio: u64,
    extractor: &mut Extractor,
) -> Result<(), Error> {
    content.limit(RATIO_FREE_BYTES.saturating_add(layer.size.saturating_mul(ratio)));
    let mut archive = Reader::new(content);
    let applied = extractor
        .layer(&mut archive)
        .and_then(|()| archive.skip_all().map_err(Refusal::Stream));
    let (blob, plain) = archive.into_inner().finish();
    // A damaged blob explains most other failures, so it is looked at first.
    blob?;
    applied.map_err(|refusal| refused(layer, refusal))?;
    if plain == *diff_id {
        return Ok(());
    }
    Err(Error::Digest {
        what: format!("content of layer {} ({diff_id})", number + 1),
        expected: diff_id.clone(),
        actual: plain,
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
