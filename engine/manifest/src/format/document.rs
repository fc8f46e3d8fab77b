//! A manifest as it is written: values, how they are written, and the comments between them.

/// A whole file.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// Comments at the top that a blank line divides from the first key.
    pub(crate) header: Vec<Line>,
    pub(crate) root: Node,
}

/// A value as it is written.
#[derive(Debug, Default, Clone)]
pub(crate) struct Node {
    /// Name of an anchor (`&name`) in front of it.
    pub(crate) anchor: Option<String>,
    pub(crate) form: Form,
}

/// The ways of writing a value.
#[derive(Debug, Default, Clone)]
pub(crate) enum Form {
    /// Nothing, which means null.
    #[default]
    Empty,
    /// Unquoted, kept to the letter.
    Plain(String),
    /// Text that needs quotes unless it is safe without.
    Text(String),
    /// `|` or `>` with its lines, indentation taken off.
    Block(Block),
    /// `*name`.
    Alias(String),
    List(Collection),
    Map(Collection),
}

/// A block scalar.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// `|` or `>`.
    pub(crate) style: char,
    /// `-`, `+` or nothing.
    pub(crate) chomping: Option<char>,
    pub(crate) lines: Vec<String>,
}

/// The entries of a list or a map.
#[derive(Debug, Default, Clone)]
pub(crate) struct Collection {
    /// In brackets or braces.
    pub(crate) is_flow: bool,
    pub(crate) items: Vec<Item>,
    /// Comments after the last one.
    pub(crate) after: Vec<Line>,
}

/// An item of a list, or a key with its value.
#[derive(Debug, Default, Clone)]
pub(crate) struct Item {
    /// What stands above it.
    pub(crate) before: Vec<Line>,
    /// Empty form in a list.
    pub(crate) key: Option<Node>,
    pub(crate) value: Node,
    /// The comment on its line.
    pub(crate) beside: Option<String>,
}

/// A line without values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Blank,
    /// With its `#`.
    Comment(String),
}

impl Item {
    /// The text of its key.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.key.as_ref()?.form {
            Form::Plain(text) | Form::Text(text) => Some(text),
            _ => None,
        }
    }

    fn has_comments(&self) -> bool {
        self.beside.is_some()
            || self.before.iter().any(Line::is_comment)
            || self.value.has_comments()
    }
}

impl Node {
    pub(crate) fn collection(&self) -> Option<&Collection> {
        match &self.form {
            Form::List(collection) | Form::Map(collection) => Some(collection),
            _ => None,
        }
    }

    pub(crate) fn collection_mut(&mut self) -> Option<&mut Collection> {
        match &mut self.form {
            Form::List(collection) | Form::Map(collection) => Some(collection),
            _ => None,
        }
    }

    /// A list or map on lines of its own.
    pub(crate) fn is_block_collection(&self) -> bool {
        self.collection()
            .is_some_and(|collection| !collection.is_flow)
    }

    /// Whether a comment stands inside.
    pub(crate) fn has_comments(&self) -> bool {
        self.collection().is_some_and(|collection| {
            collection.after.iter().any(Line::is_comment)
                || collection.items.iter().any(Item::has_comments)
        })
    }
}

impl Line {
    pub(crate) fn is_comment(&self) -> bool {
        matches!(self, Self::Comment(_))
    }
}
