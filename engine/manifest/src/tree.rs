//! YAML and TOML as one tree, every key and value with its place.

use crate::place::Span;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Something that was reported already; no check says more about it.
    Reported,
    Null,
    Boolean(bool),
    /// A number whose text is the one way to write it, so that it can serve as text too.
    Number(String),
    /// Unquoted text that some reader takes for something else.
    Ambiguous(String, Reading),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

/// What other readers may take unquoted text for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    YesOrNo,
    Number,
    Time,
    Date,
}

impl Reading {
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::YesOrNo => "a yes or no",
            Self::Number => "a number, which may be written differently",
            Self::Time => "a time or a number to the base 60",
            Self::Date => "a date",
        }
    }
}

impl Node {
    /// The value of a key; `None` also if this is no map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a map, in file order; none if this is something else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The text of a single value that may stand for text.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            _ => None,
        }
    }

    /// What this is, for people.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.value {
            Value::Reported | Value::Null => "nothing",
            Value::Boolean(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Ambiguous(_, reading) => reading.describe(),
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}
