//! Places in the converted text → places in the old file.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Label};
use crate::place::{Place, Places, Span};
use crate::tree::Node;

/// Knows where each value of a manifest came from.
pub(crate) struct Remap<'a> {
    origins: &'a BTreeMap<String, Place>,
    /// Places in the converted text.
    converted: &'a Places,
    /// Where to point for what came from nowhere.
    top: Span,
}

impl<'a> Remap<'a> {
    pub(crate) fn new(
        origins: &'a BTreeMap<String, Place>,
        converted: &'a Places,
        root: &Node,
    ) -> Self {
        Self {
            origins,
            converted,
            top: top(root),
        }
    }

    /// All places, as they are in the old file.
    pub(crate) fn places(&self) -> Places {
        let mut places = Places::default();
        for (path, _) in self.converted.iter() {
            places.insert(path, self.origin(path));
        }
        places
    }

    /// All but those of keys that are missing: the conversion has said what is missing in the old file.
    pub(crate) fn diagnostics(&self, all: Vec<Diagnostic>) -> Vec<Diagnostic> {
        all.into_iter()
            .filter(|diagnostic| diagnostic.code != "E011")
            .map(|diagnostic| self.diagnostic(diagnostic))
            .collect()
    }

    fn diagnostic(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        let label = |label: Label| Label {
            span: self.span(&label.span),
            text: label.text,
        };
        diagnostic.labels = diagnostic.labels.into_iter().map(label).collect();
        diagnostic
    }

    /// The innermost value of the converted text that a span is in decides.
    fn span(&self, span: &Span) -> Span {
        let holds = |place: &Place| {
            let whole = place.whole();
            whole.start <= span.start && span.end <= whole.end
        };
        let around = self.converted.iter().filter(|(_, place)| holds(place));
        let Some((path, place)) = around.min_by_key(|(_, place)| place.whole().len()) else {
            return self.top.clone();
        };
        let origin = self.origin(path);
        let is_key = place.key.start <= span.start && span.end <= place.key.end;
        if is_key || origin.value.is_empty() {
            origin.key
        } else {
            origin.value
        }
    }

    /// Where a value came from, or the nearest one around it.
    fn origin(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(place) = self.origins.get(path) {
                return place.clone();
            }
            match path.rfind('.') {
                Some(end) => path = &path[..end],
                None => break,
            }
        }
        Place {
            key: self.top.clone(),
            value: self.top.clone(),
        }
    }
}

/// The key that makes a file an old one.
pub(crate) fn top(root: &Node) -> Span {
    root.entry("functions")
        .map_or(0..0, |entry| entry.key_span.clone())
}
