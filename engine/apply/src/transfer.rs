//! Bytes into objects: small ones at once, large ones in parts.

use std::io::Read;
use std::path::PathBuf;

use scar_template::Asset;

/// Where the bytes of assets come from.
pub trait Artifacts {
    /// Opens an asset.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn open(&self, asset: &Asset) -> std::io::Result<Body>;
}

/// The bytes of an object to be.
pub enum Body {
    /// Here.
    Bytes(Vec<u8>),
    /// In a file.
    File(PathBuf),
    /// From a reader of known length.
    Reader {
        /// The reader.
        reader: Box<dyn Read + Send>,
        /// How many bytes it gives.
        size_bytes: u64,
    },
}
