//! Where a value stands. Most values are right, so the path is written out only for those that are not.

use std::fmt;

/// A way from the top of the template to a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trail<'a> {
    before: Option<&'a Trail<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Trail<'a> {
    /// The way to a part of the template.
    pub(super) fn new(start: &'a str) -> Self {
        Self {
            before: None,
            step: Step::Key(start),
        }
    }

    /// On to the value of a key.
    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self {
            before: Some(self),
            step: Step::Key(key),
        }
    }

    /// On to an item of a list.
    pub(super) fn index(&'a self, index: usize) -> Self {
        Self {
            before: Some(self),
            step: Step::Index(index),
        }
    }
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(before) = self.before {
            write!(formatter, "{before}.")?;
        }
        match self.step {
            Step::Key(key) => formatter.write_str(key),
            Step::Index(index) => write!(formatter, "{index}"),
        }
    }
}

impl From<&Trail<'_>> for String {
    fn from(trail: &Trail<'_>) -> Self {
        trail.to_string()
    }
}
