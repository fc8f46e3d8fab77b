//! Mistakes in a template that need no cloud to be seen.

mod finding;

pub use finding::{Finding, Severity};

use finding::Findings;

use crate::{Document, problems};

/// All mistakes of a document, errors first. Those without an error are deployable as far as one can say
/// without the account.
#[must_use]
pub fn validate(document: &Document) -> Vec<Finding> {
    let mut findings = Findings::default();
    for problem in problems(document) {
        findings.error("", problem.to_string());
    }
    findings.into_sorted()
}
