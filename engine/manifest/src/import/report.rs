//! What the conversion says about each field, and where each new value came from.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::place::{Place, Span};
use crate::tree::{Entry, Node, Value};

/// What became of one field of an old file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whether it means the same.
    pub kind: Kind,
    /// Where it stood: `functions.aws.0.lambda.memory`.
    pub from: String,
    /// Byte range of its key and value in the old file.
    pub span: Span,
    /// What it is now: `stages.cowsay.memory`; empty if it is gone.
    pub to: String,
    /// Why, and what to do; empty if there is nothing to say.
    pub note: String,
}

/// Whether a field means the same as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It does.
    Mapped,
    /// It is carried over, but not all is as it was.
    Changed,
    /// It is not carried over, because it is not needed.
    Dropped,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Changed => "changed",
            Self::Dropped => "dropped",
        }
    }
}

/// Everything that is said.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) lines: Vec<Line>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Old place of each new value, by its path in the manifest.
    pub(crate) origins: BTreeMap<String, Place>,
}

/// A field of the old file with its path.
#[derive(Debug, Clone)]
pub(crate) struct Found<'a> {
    pub(crate) path: String,
    pub(crate) place: Place,
    pub(crate) node: &'a Node,
}

impl<'a> Found<'a> {
    pub(crate) fn of(path: String, entry: &'a Entry) -> Self {
        let place = Place {
            key: entry.key_span.clone(),
            value: entry.value.span.clone(),
        };
        Self {
            path,
            place,
            node: &entry.value,
        }
    }

    /// The whole file.
    pub(crate) fn root(node: &'a Node) -> Self {
        Self {
            path: String::new(),
            place: Place {
                key: 0..0,
                value: node.span.clone(),
            },
            node,
        }
    }

    /// An item of a list.
    pub(crate) fn item(&self, index: usize, node: &'a Node) -> Self {
        let place = Place {
            key: node.span.clone(),
            value: node.span.clone(),
        };
        Self {
            path: format!("{}.{index}", self.path),
            place,
            node,
        }
    }

    /// What is at a path below, `container.image`.
    pub(crate) fn get(&self, path: &str) -> Option<Self> {
        path.split('.').try_fold(self.clone(), |found, key| {
            let entry = found.node.entry(key)?;
            Some(Self::of(found.below(key), entry))
        })
    }

    /// All fields of a map.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'a str, Self)> {
        self.node
            .entries()
            .iter()
            .map(|entry| (entry.key.as_str(), Self::of(self.below(&entry.key), entry)))
    }

    fn below(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Where to point: the value, or the key if the value is empty or a block of many lines.
    pub(crate) fn span(&self) -> Span {
        let first = self.node.entries().first();
        match (first, &self.node.value) {
            (Some(first), _) if self.place.key == self.place.value => first.key_span.clone(),
            (None, Value::List(_)) | (Some(_), _) => self.place.key.clone(),
            _ if self.place.value.is_empty() => self.place.key.clone(),
            _ => self.place.value.clone(),
        }
    }
}

impl Report {
    /// A field that means the same.
    pub(crate) fn mapped(&mut self, found: &Found<'_>, to: &str) {
        self.add(Kind::Mapped, found, to, "");
    }

    /// A field that is carried over, with a difference.
    pub(crate) fn changed(&mut self, found: &Found<'_>, to: &str, note: &str) {
        self.add(Kind::Changed, found, to, note);
    }

    /// A field that is not needed.
    pub(crate) fn dropped(&mut self, found: &Found<'_>, note: &str) {
        self.add(Kind::Dropped, found, "", note);
    }

    fn add(&mut self, kind: Kind, found: &Found<'_>, to: &str, note: &str) {
        if !to.is_empty() {
            self.origins.insert(to.to_owned(), found.place.clone());
        }
        self.lines.push(Line {
            kind,
            from: found.path.clone(),
            span: found.place.whole(),
            to: to.to_owned(),
            note: note.to_owned(),
        });
    }

    /// A field that cannot be carried over.
    pub(crate) fn refused(&mut self, found: &Found<'_>, what: &str, help: &str) {
        let summary = format!("`{}` is {what}", found.path);
        let diagnostic = Diagnostic::error("E822", summary).label(found.place.key.clone(), "this");
        self.diagnostics.push(diagnostic.help(help));
    }

    /// A value that cannot be understood.
    pub(crate) fn wrong(&mut self, found: &Found<'_>, what: &str, help: &str) {
        let summary = format!("`{}` {what}", found.path);
        let diagnostic = Diagnostic::error("E823", summary).label(found.span(), "this");
        self.diagnostics.push(diagnostic.help(help));
    }
}
