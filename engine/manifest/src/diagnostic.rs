//! A mistake with its places, and what to do about it. Rendering is the command line's job.

use std::fmt;

use crate::place::Span;

/// Something to say about a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, for instance `E010`. Its page is `docs/errors/E010.md`.
    pub code: &'static str,
    /// Error or advice.
    pub severity: Severity,
    /// What is wrong, one line.
    pub summary: String,
    /// The places, the most important first.
    pub labels: Vec<Label>,
    /// What to do.
    pub help: Option<String>,
}

/// Error or advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The manifest cannot be used.
    Error,
    /// It can, but somebody may be surprised.
    Warning,
}

/// A place with a few words under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Byte range in the source.
    pub span: Span,
    /// A few words, for instance "did you mean `memory`?".
    pub text: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.summary)
    }
}

impl std::error::Error for Diagnostic {}
