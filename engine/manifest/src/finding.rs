//! A diagnostic together with its source text, as `miette` wants it.

use std::fmt;
use std::sync::Arc;

use miette::{LabeledSpan, NamedSource, SourceCode};

use crate::{Diagnostic, Severity, Source};

/// A [`Diagnostic`] that carries its source, ready to be rendered: `miette::Report::new(finding)`.
#[derive(Debug, Clone)]
pub struct Finding {
    diagnostic: Diagnostic,
    source: NamedSource<Arc<str>>,
}

impl Finding {
    /// Joins diagnostics with the source they are about; all share one copy of the text.
    #[must_use]
    pub fn all(diagnostics: &[Diagnostic], source: &Source) -> Vec<Self> {
        let named = NamedSource::new(&source.name, Arc::from(source.text.as_str()));
        let join = |diagnostic: &Diagnostic| Self {
            diagnostic: diagnostic.clone(),
            source: named.clone(),
        };
        diagnostics.iter().map(join).collect()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostic.fmt(out)
    }
}

impl std::error::Error for Finding {}

impl miette::Diagnostic for Finding {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("scar::{}", self.diagnostic.code)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.diagnostic.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.diagnostic.labels.iter().enumerate();
        Some(Box::new(labels.map(|(number, label)| {
            let (text, span) = (Some(label.text.clone()), label.span.clone());
            // The first place is the one that the heading names.
            if number == 0 {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        })))
    }
}
