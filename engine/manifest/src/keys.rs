//! How the language of the manifest is described: tables of keys with their shapes.
//!
//! Reader, JSON Schema and reference page all come from these types, so they cannot disagree.

use crate::text_rule::TextRule;

/// A map with known keys.
pub(crate) struct Table {
    /// Name in the JSON Schema.
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [Key],
    /// Keys of later versions, with what to do today.
    pub(crate) later: &'static [(&'static str, &'static str)],
}

/// A key of a table.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    /// As people would write it; empty if there is none.
    pub(crate) default: &'static str,
    /// One or two sentences.
    pub(crate) meaning: &'static str,
    /// As YAML, one line.
    pub(crate) example: &'static str,
}

/// What may stand behind a key.
pub(crate) enum Shape {
    /// The number of the manifest language.
    Version,
    Boolean,
    /// A whole number between two, both allowed.
    Integer(u64, u64),
    /// A size between two in MiB, with the code of its error.
    Size(u64, u64, &'static str),
    /// A duration between two in seconds, with the code of its error.
    Duration(u64, u64, &'static str),
    /// A duration of so many days as CloudWatch Logs offers.
    LogDays,
    /// One of these words; the second list comes in later versions.
    Choice(&'static [&'static str], &'static [&'static str]),
    Text(TextRule),
    /// A list of arguments.
    Arguments,
    /// One text or a list of them, each by this rule.
    TextList(TextRule),
    /// One of these words, or a map with known keys.
    WordOr(&'static [&'static str], &'static Table),
    /// A map of free names to text: rule for names, rule for values.
    Texts(TextRule, TextRule),
    /// `in`: a key pattern, a list of them, or `{path, from: outside}`.
    Inputs,
    /// `out`: a prefix or pattern, a list of them, or a map of prefixes to file patterns.
    Outputs,
    /// A map with known keys.
    Table(&'static Table),
    /// A map of names to tables, with the word for one of them and the most that are allowed.
    Named(&'static Table, &'static str, usize),
}

/// A key that need not be there.
pub(crate) const fn key(
    name: &'static str,
    shape: Shape,
    meaning: &'static str,
    example: &'static str,
) -> Key {
    Key {
        name,
        shape,
        required: false,
        default: "",
        meaning,
        example,
    }
}

/// A key that must be there.
pub(crate) const fn required(
    name: &'static str,
    shape: Shape,
    meaning: &'static str,
    example: &'static str,
) -> Key {
    Key {
        required: true,
        ..key(name, shape, meaning, example)
    }
}

/// The same with what holds if it is not there.
pub(crate) const fn with_default(key: Key, default: &'static str) -> Key {
    Key { default, ..key }
}

impl Table {
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}
