//! The harness of the whole-product tests: the built `scar`, its supervisor, a directory of its own.
//!
//! It uses nothing of the product's crates: tests see what a user sees.

use std::path::PathBuf;

pub mod cloud;
pub mod figure;
pub mod generated;
pub mod pairwise;
pub mod product;

pub use cloud::Cloud;
pub use product::{Product, Run};

/// Root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map(PathBuf::from).unwrap_or(manifest)
}
