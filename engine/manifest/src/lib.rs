//! Text of a manifest → [`Manifest`], the place of every value, and all diagnostics at once.
//!
//! It deliberately knows no files and no cloud: whether a script exists is asked of [`Files`].

pub mod diagnostic;
pub mod place;

pub use diagnostic::{Diagnostic, Label, Severity};
pub use place::{Place, Places, Span};
pub use scar_schemas::manifest::Manifest;

/// One manifest as text.
#[derive(Debug, Clone)]
pub struct Source {
    /// Name for people, as the user gave it: `workflows/av/workflow.yaml`.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Its language.
    pub format: Format,
}

/// Language of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2.
    Yaml,
    /// TOML 1.0.
    Toml,
}

/// What reading came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The manifest, variables filled in for one environment; `None` if there was any error.
    pub manifest: Option<Manifest>,
    /// Where each value stands.
    pub places: Places,
    /// All errors and warnings, in file order.
    pub diagnostics: Vec<Diagnostic>,
}

/// Answers questions about files beside the manifest, so that this crate need not know any.
pub trait Files {
    /// Bytes of a file named in the manifest, relative to it, or why not (a fragment for people).
    ///
    /// # Errors
    /// A fragment such as `no such file`.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
}
