//! Where each value of the manifest stands in its text.

use std::collections::BTreeMap;

/// A byte range in the source.
pub type Span = std::ops::Range<usize>;

/// Where one value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The key, or the value itself for items of a list.
    pub key: Span,
    /// The value.
    pub value: Span,
}

impl Place {
    /// Key and value together.
    #[must_use]
    pub fn whole(&self) -> Span {
        self.key.start.min(self.value.start)..self.key.end.max(self.value.end)
    }
}

/// Places by path: `stages.resize.in`, list items by number: `stages.burn.in.0`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(BTreeMap<String, Place>);

impl Places {
    /// Adds or replaces the place of a path.
    pub fn insert(&mut self, path: impl Into<String>, place: Place) {
        self.0.insert(path.into(), place);
    }

    /// All paths with their places.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.0.iter().map(|(path, place)| (path.as_str(), place))
    }

    /// The place of a path, if it was written.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Place> {
        self.0.get(path)
    }

    /// The place of a path, or of its nearest parent that has one.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.0.get(path) {
                return Some(place);
            }
            path = &path[..path.rfind('.')?];
        }
    }
}
