//! The manifest that is being made, as it will be written.

use crate::format::document::{Collection, Document, Form, Item, Line, Node};

/// A map on lines of its own, or in braces.
#[derive(Debug, Default, Clone)]
pub(crate) struct Draft(Vec<Item>);

impl Draft {
    /// Sets a key, unless it is there already.
    pub(crate) fn set(&mut self, key: &str, value: Node) -> &mut Item {
        let at = self.position(key).unwrap_or_else(|| {
            self.0.push(Item {
                key: Some(text(key)),
                value,
                ..Item::default()
            });
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    /// Sets a key with a comment above it, for what needs a hand.
    pub(crate) fn set_with_comment(&mut self, key: &str, value: Node, comment: &str) {
        let item = self.set(key, value);
        item.before.push(self::comment(comment));
    }

    /// A key with its value.
    pub(crate) fn item(&mut self, key: &str) -> Option<&mut Item> {
        let at = self.position(key)?;
        self.0.get_mut(at)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.0.iter().position(|item| item.name() == Some(key))
    }

    /// On lines of its own; a blank line above each but the first if `is_spaced`.
    pub(crate) fn block(mut self, is_spaced: bool) -> Node {
        if self.0.is_empty() {
            return self.flow();
        }
        for item in self.0.iter_mut().skip(1).filter(|_| is_spaced) {
            item.before.insert(0, Line::Blank);
        }
        map(self.0, false)
    }

    /// In braces.
    pub(crate) fn flow(self) -> Node {
        map(self.0, true)
    }
}

fn map(items: Vec<Item>, is_flow: bool) -> Node {
    Node {
        anchor: None,
        form: Form::Map(Collection {
            is_flow,
            items,
            after: Vec::new(),
        }),
    }
}

/// Text, quoted if it must be.
pub(crate) fn text(value: &str) -> Node {
    Node {
        anchor: None,
        form: Form::Text(value.to_owned()),
    }
}

/// A number or boolean.
pub(crate) fn plain(value: impl ToString) -> Node {
    Node {
        anchor: None,
        form: Form::Plain(value.to_string()),
    }
}

/// A list in brackets.
pub(crate) fn list(values: &[String]) -> Node {
    let item = |value: &String| Item {
        value: text(value),
        ..Item::default()
    };
    Node {
        anchor: None,
        form: Form::List(Collection {
            is_flow: true,
            items: values.iter().map(item).collect(),
            after: Vec::new(),
        }),
    }
}

/// A map of texts in braces, or on lines of its own if it is large.
pub(crate) fn texts(values: &[(String, String)]) -> Node {
    let mut draft = Draft::default();
    for (key, value) in values {
        draft.set(key, text(value));
    }
    let length: usize = values
        .iter()
        .map(|(key, value)| key.len() + value.len() + 4)
        .sum();
    if values.len() > 3 || length > 80 {
        draft.block(false)
    } else {
        draft.flow()
    }
}

/// A whole manifest with comments on top.
pub(crate) fn document(header: &[String], root: Draft) -> Document {
    let mut header: Vec<Line> = header.iter().map(|line| comment(line)).collect();
    header.push(Line::Blank);
    Document {
        header,
        root: root.block(false),
    }
}

/// A comment on one line, whatever the text has in it.
pub(crate) fn comment(text: &str) -> Line {
    let visible = |c: char| {
        if c.is_control() || "\u{2028}\u{2029}\u{85}\u{feff}".contains(c) {
            ' '
        } else {
            c
        }
    };
    let text: String = text.chars().map(visible).collect();
    Line::Comment(format!("# {}", text.trim()))
}
