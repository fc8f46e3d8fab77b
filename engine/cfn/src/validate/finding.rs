//! A mistake in a template, said so that a person can mend it.

use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// AWS refuses it, or it cannot work.
    Error,
    /// It is superfluous, or works only with other values than the template has.
    Warning,
}

/// A mistake in a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The resource, parameter, condition, mapping or output; empty if it is the template as a whole.
    pub logical_id: String,
    /// Where, for instance `Resources.Split.Properties.Timeout`.
    pub path: String,
    /// What is wrong, as a lower-case fragment.
    pub message: String,
    /// What to do about it, if one can say.
    pub fix: Option<String>,
}

impl Finding {
    /// Whether the template cannot be deployed with it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.message)?;
        match &self.fix {
            Some(fix) => write!(formatter, " ({fix})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Finding {}

/// Where findings are gathered.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Finding>,
}

impl Findings {
    /// Adds an error; the answer takes the fix.
    pub(super) fn error(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> &mut Finding {
        self.push(Severity::Error, path.into(), message.into())
    }

    /// Adds a warning; the answer takes the fix.
    pub(super) fn warning(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> &mut Finding {
        self.push(Severity::Warning, path.into(), message.into())
    }

    /// All of them, each once, errors first.
    pub(super) fn into_sorted(mut self) -> Vec<Finding> {
        self.found.sort();
        self.found.dedup();
        self.found
    }

    fn push(&mut self, severity: Severity, path: String, message: String) -> &mut Finding {
        let logical_id = path.split('.').nth(1).unwrap_or_default().to_owned();
        self.found.push(Finding {
            severity,
            logical_id,
            path,
            message,
            fix: None,
        });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }
}

impl Finding {
    /// Says what to do about it.
    pub(super) fn fix(&mut self, fix: impl Into<String>) {
        self.fix = Some(fix.into());
    }
}
