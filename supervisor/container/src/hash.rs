//! SHA-256 of what comes piece by piece.
//!
//! The hash is the TLS library's, which is part of the program anyway and as fast as the processor can.

use aws_lc_rs::digest::{Context, SHA256};
use scar_schemas::digest::{Digest, hex};

/// A digest under construction.
pub(crate) struct Hasher(Context);

impl Default for Hasher {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn digest(self) -> Digest {
        let text = format!("sha256:{}", hex(self.0.finish().as_ref()));
        text.parse().unwrap_or_else(|_| Digest::of(&[]))
    }
}
