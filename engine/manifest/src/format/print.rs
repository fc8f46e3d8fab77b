//! [`Document`] → YAML text.

use super::document::{Block, Collection, Document, Form, Item, Line, Node};
use super::scalar;

/// Lists and maps in brackets that would be longer are broken into lines.
const LINE_WIDTH: usize = 120;

/// The text of a document.
pub(crate) fn print(document: &Document) -> String {
    let mut printer = Printer::default();
    printer.lines(&document.header, 0);
    match &document.root {
        root if root.is_block_collection() => printer.block(root, 0),
        root => {
            let text = printer.inline(root, 0, 0);
            printer.line(0, &text);
        }
    }
    printer.out
}

#[derive(Default)]
struct Printer {
    out: String,
    /// The last value was a block scalar that keeps its trailing lines: a blank line would become part of it.
    is_open: bool,
}

impl Printer {
    fn line(&mut self, indent: usize, text: &str) {
        self.is_open = false;
        if !text.is_empty() {
            self.out.extend(std::iter::repeat_n(' ', indent));
            self.out.push_str(text);
        }
        self.out.push('\n');
    }

    /// Comments and blank lines, never two blank ones together and none at the very top.
    fn lines(&mut self, lines: &[Line], indent: usize) {
        for line in lines {
            match line {
                Line::Comment(text) => self.line(indent, text),
                Line::Blank
                    if self.is_open || self.out.is_empty() || self.out.ends_with("\n\n") => {}
                Line::Blank => self.line(0, ""),
            }
        }
    }

    /// The items of a collection on lines of their own.
    fn block(&mut self, node: &Node, indent: usize) {
        let Some(collection) = node.collection() else {
            return;
        };
        for (number, item) in collection.items.iter().enumerate() {
            let before = match number {
                0 => without_leading_blanks(&item.before),
                _ => &item.before,
            };
            self.lines(before, indent);
            self.item(item, indent, String::new());
        }
        self.lines(without_trailing_blanks(&collection.after), indent);
    }

    /// One item; `lead` is what stands on its line already, such as `- ` of the list around it.
    fn item(&mut self, item: &Item, indent: usize, lead: String) {
        let head = match &item.key {
            Some(key) => format!("{lead}{}", key_text(key, false)),
            None => format!("{lead}-"),
        };
        let column = indent - lead.len();
        match &item.value.form {
            Form::Block(block) => self.block_scalar(item, block, indent, column, &head),
            Form::List(inner) | Form::Map(inner) if !inner.is_flow => {
                self.nested(item, inner, indent, column, head);
            }
            _ => {
                let value = self.inline(&item.value, indent, column + head.len() + 1);
                let gap = if value.is_empty() { "" } else { " " };
                let text = beside(format!("{head}{gap}{value}"), item);
                self.line(column, &text);
            }
        }
    }

    fn nested(
        &mut self,
        item: &Item,
        inner: &Collection,
        indent: usize,
        column: usize,
        head: String,
    ) {
        let is_compact = item.key.is_none() && item.value.anchor.is_none() && item.beside.is_none();
        let [first, others @ ..] = inner.items.as_slice() else {
            return;
        };
        if is_compact && first.before.iter().all(|line| !line.is_comment()) {
            self.item(first, indent + 2, format!("{head} "));
            for other in others {
                self.lines(&other.before, indent + 2);
                self.item(other, indent + 2, String::new());
            }
            self.lines(without_trailing_blanks(&inner.after), indent + 2);
            return;
        }
        let anchor = anchor(&item.value);
        let text = beside(format!("{head} {anchor}").trim_end().to_owned(), item);
        self.line(column, &text);
        self.block(&item.value, indent + 2);
    }

    fn block_scalar(
        &mut self,
        item: &Item,
        block: &Block,
        indent: usize,
        column: usize,
        head: &str,
    ) {
        let first = block.lines.iter().find(|line| !line.is_empty());
        // Where the text itself begins with a blank, readers must be told the indentation.
        let indicator = match first {
            Some(line) if line.starts_with([' ', '\t']) => "2",
            None if !block.lines.is_empty() => "2",
            _ => "",
        };
        let chomping = block.chomping.map(String::from).unwrap_or_default();
        let anchor = anchor(&item.value);
        let text = format!("{head} {anchor}{}{indicator}{chomping}", block.style);
        self.line(column, &beside(text, item));
        for line in &block.lines {
            self.line(indent + 2, line);
        }
        self.is_open = block.chomping == Some('+');
    }

    /// A value on the line of its key; collections in brackets may take several lines.
    fn inline(&self, node: &Node, indent: usize, column: usize) -> String {
        if !node.has_comments() {
            let line = flat(node, false);
            let is_collection = node.collection().is_some_and(|it| !it.items.is_empty());
            if !is_collection || column + line.chars().count() <= LINE_WIDTH {
                return line;
            }
        }
        broken(node, indent + 2)
    }
}

fn beside(text: String, item: &Item) -> String {
    match &item.beside {
        Some(comment) => format!("{text} {comment}"),
        None => text,
    }
}

fn anchor(node: &Node) -> String {
    node.anchor
        .as_ref()
        .map_or(String::new(), |name| format!("&{name} "))
}

/// A value on one line.
fn flat(node: &Node, in_flow: bool) -> String {
    let text = match &node.form {
        Form::Empty if in_flow => "null".to_owned(),
        Form::Empty => String::new(),
        Form::Plain(text) => text.clone(),
        Form::Text(text) => scalar::text(text, in_flow),
        Form::Block(block) => scalar::text(&block.lines.join("\n"), in_flow),
        Form::Alias(name) => format!("*{name}"),
        Form::List(list) => format!("[{}]", flat_items(list)),
        Form::Map(map) => format!("{{{}}}", flat_items(map)),
    };
    format!("{}{text}", anchor(node)).trim_end().to_owned()
}

/// A key with its colon, which must not become part of an alias.
fn key_text(key: &Node, in_flow: bool) -> String {
    let gap = if matches!(key.form, Form::Alias(_)) {
        " "
    } else {
        ""
    };
    format!("{}{gap}:", flat(key, in_flow))
}

fn flat_items(collection: &Collection) -> String {
    let items: Vec<String> = collection.items.iter().map(flat_item).collect();
    items.join(", ")
}

fn flat_item(item: &Item) -> String {
    let value = flat(&item.value, true);
    match &item.key {
        Some(key) => format!("{} {value}", key_text(key, true)),
        None => value,
    }
}

/// A collection in brackets, one item to a line. Its lines are indented deeper than the key, the closing
/// bracket too, as YAML demands.
fn broken(node: &Node, indent: usize) -> String {
    let (open, close, collection) = match &node.form {
        Form::List(list) => ('[', ']', list),
        Form::Map(map) => ('{', '}', map),
        _ => return flat(node, true),
    };
    let margin = " ".repeat(indent);
    let mut out = format!("{}{open}", anchor(node));
    for (number, item) in collection.items.iter().enumerate() {
        for line in item.before.iter().filter(|line| line.is_comment()) {
            out.push_str(&comment_line(line, &margin));
        }
        let comma = if number + 1 < collection.items.len() {
            ","
        } else {
            ""
        };
        let text = broken_item(item, indent);
        let text = beside(format!("{text}{comma}"), item);
        out.push_str(&format!("\n{margin}{text}"));
    }
    for line in collection.after.iter().filter(|line| line.is_comment()) {
        out.push_str(&comment_line(line, &margin));
    }
    format!("{out}\n{margin}{close}")
}

fn comment_line(line: &Line, margin: &str) -> String {
    match line {
        Line::Comment(text) => format!("\n{margin}{text}"),
        Line::Blank => String::new(),
    }
}

fn broken_item(item: &Item, indent: usize) -> String {
    let column = indent + item.name().map_or(0, |name| name.len() + 2);
    let is_short = |text: &str| column + text.chars().count() <= LINE_WIDTH;
    let line = flat(&item.value, true);
    let is_collection = item
        .value
        .collection()
        .is_some_and(|it| !it.items.is_empty());
    let value = if is_collection && (item.value.has_comments() || !is_short(&line)) {
        broken(&item.value, indent + 2)
    } else {
        line
    };
    match &item.key {
        Some(key) => format!("{} {value}", key_text(key, true)),
        None => value,
    }
}

fn without_leading_blanks(lines: &[Line]) -> &[Line] {
    let blanks = lines.iter().take_while(|line| !line.is_comment()).count();
    &lines[blanks..]
}

fn without_trailing_blanks(lines: &[Line]) -> &[Line] {
    let kept = lines
        .iter()
        .rposition(Line::is_comment)
        .map_or(0, |last| last + 1);
    &lines[..kept]
}
