//! What the fuzz targets share: how a manifest is read, and what must hold of whatever comes out.

pub mod archive;
pub mod image;

use scar_manifest::{Diagnostic, Files, Format, Source};

/// Every file is a small script.
pub struct AllScripts;

impl Files for AllScripts {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(b"#!/bin/sh\ntrue\n".to_vec())
    }
}

/// Reads, links and formats a manifest.
///
/// # Panics
/// If a promise is broken: a manifest in spite of an error, a place outside of the text, or a formatted
/// text that formatting would change again.
pub fn manifest(text: &str, format: Format) {
    let source = Source {
        name: "fuzz".to_owned(),
        text: text.to_owned(),
        format,
    };
    let loaded = scar_workflow::load(&source, None, &AllScripts);
    places(text, &loaded.diagnostics);
    let has_error = loaded.diagnostics.iter().any(Diagnostic::is_error);
    assert!(
        loaded.workflow.is_none() || !has_error,
        "{:?}",
        loaded.diagnostics
    );
    if let Ok(formatted) = scar_manifest::format(&source) {
        let again = Source {
            text: formatted.clone(),
            ..source
        };
        assert_eq!(scar_manifest::format(&again), Ok(formatted));
    }
}

/// Every place of a diagnostic is within the text, between characters.
///
/// # Panics
/// If one is not.
pub fn places(text: &str, diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        for label in &diagnostic.labels {
            assert!(text.get(label.span.clone()).is_some(), "{diagnostic:?}");
        }
    }
}
