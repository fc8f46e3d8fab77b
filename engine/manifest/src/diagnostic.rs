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

impl Diagnostic {
    /// An error without places yet.
    #[must_use]
    pub fn error(code: &'static str, summary: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            summary: summary.into(),
            labels: Vec::new(),
            help: None,
        }
    }

    /// Advice without places yet.
    #[must_use]
    pub fn warning(code: &'static str, summary: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, summary)
        }
    }

    /// Adds a place.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether the manifest cannot be used.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// What diagnostics are sorted by: the first place, then the code.
    #[must_use]
    pub fn order(&self) -> (usize, &'static str) {
        (
            self.labels.first().map_or(0, |label| label.span.start),
            self.code,
        )
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.summary)
    }
}

impl std::error::Error for Diagnostic {}
