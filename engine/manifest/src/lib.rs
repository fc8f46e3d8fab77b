//! Text of a manifest → [`Manifest`], the place of every value, and all diagnostics at once.
//!
//! It deliberately knows no files and no cloud: whether a script exists is asked of [`Files`].

pub mod diagnostic;
mod finding;
pub mod place;

pub use diagnostic::{Diagnostic, Label, Severity};
pub use finding::Finding;
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
    /// The manifest, the environment's `vars` and `defaults` merged in; `None` if there was any error.
    pub manifest: Option<Manifest>,
    /// What could be read in spite of errors. Good for finding more mistakes, for nothing else.
    pub draft: Option<Manifest>,
    /// Name of the environment it was read for: the one asked for, else `dev` or the only one there is.
    pub environment: String,
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

/// Reads a manifest for one environment and reports every mistake in it.
///
/// Without `environment` it is `dev`, or the only one that the manifest has.
#[must_use]
pub fn parse(source: &Source, environment: Option<&str>, files: &dyn Files) -> Outcome {
    let _ = (source, files);
    Outcome {
        manifest: None,
        draft: None,
        environment: environment.unwrap_or("dev").to_owned(),
        places: Places::default(),
        diagnostics: Vec::new(),
    }
}

/// JSON Schema (2020-12) of the manifest, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    serde_json::Value::Null
}

/// Every code that a [`Diagnostic`] of a manifest or a workflow can have. Each has a page in `docs/errors/`.
#[must_use]
pub fn codes() -> &'static [&'static str] {
    &[]
}
