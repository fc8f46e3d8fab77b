//! SHA-256 of what comes piece by piece.

use scar_schemas::digest::{Digest, hex};
use sha2::{Digest as _, Sha256};

/// A digest under construction.
#[derive(Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn digest(self) -> Digest {
        let text = format!("sha256:{}", hex(&self.0.finalize()));
        text.parse().unwrap_or_else(|_| Digest::of(&[]))
    }
}
