//! TOML text → tree.

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use crate::diagnostic::Diagnostic;
use crate::place::Span;
use crate::scalar;
use crate::syntax::help_with_toml;
use crate::text::MAX_DEPTH;
use crate::tree::{Entry, Node, Reading, Value};

/// Reads the tree, or reports every mistake of syntax.
pub(crate) fn read(text: &str, report: &mut Vec<Diagnostic>) -> Option<Node> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let span = 0..text.len();
    let root = convert(&span, DeValue::Table(table.into_inner()), MAX_DEPTH);
    let firsts = firsts_of_lines(&errors, text);
    report.extend(firsts.map(|error| syntax(error, text, root.as_ref())));
    if root.is_none() && errors.is_empty() {
        let summary = format!("nested deeper than {MAX_DEPTH} levels");
        report.push(Diagnostic::error("E002", summary).label(0..0, "in this file"));
    }
    root.filter(|_| errors.is_empty())
}

fn convert(span: &Span, value: DeValue<'_>, depth: usize) -> Option<Node> {
    let deeper = depth.checked_sub(1)?;
    let value = match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Integer(number) if number.radix() == 10 => number_or_else(number.as_str()),
        DeValue::Integer(number) => Value::Ambiguous(number.to_string(), Reading::Number),
        DeValue::Float(number) => number_or_else(number.as_str()),
        DeValue::Datetime(time) => Value::Ambiguous(time.to_string(), Reading::Date),
        DeValue::Array(items) => {
            let convert =
                |item: Spanned<DeValue<'_>>| convert(&item.span(), item.into_inner(), deeper);
            Value::List(items.into_iter().map(convert).collect::<Option<_>>()?)
        }
        DeValue::Table(table) => Value::Map(entries(table, deeper)?),
    };
    Some(Node {
        span: span.clone(),
        value,
    })
}

fn number_or_else(text: &str) -> Value {
    if scalar::is_canonical_number(text) {
        Value::Number(text.to_owned())
    } else {
        Value::Ambiguous(text.to_owned(), Reading::Number)
    }
}

fn entries(table: DeTable<'_>, depth: usize) -> Option<Vec<Entry>> {
    let entry = |(key, value): (Spanned<std::borrow::Cow<'_, str>>, Spanned<DeValue<'_>>)| {
        let key_span = key.span();
        let value = convert(&value.span(), value.into_inner(), depth)?;
        Some(Entry {
            key: key.into_inner().into_owned(),
            key_span,
            value,
        })
    };
    let mut entries = table
        .into_iter()
        .map(entry)
        .collect::<Option<Vec<Entry>>>()?;
    // The table is sorted by key; people think in file order.
    entries.sort_by_key(|entry| entry.key_span.start);
    Some(entries)
}

fn syntax(error: &Error, text: &str, root: Option<&Node>) -> Diagnostic {
    let span = error.span().unwrap_or(0..0);
    if error.message().contains("duplicate key") {
        let key = text
            .get(span.clone())
            .unwrap_or_default()
            .trim_matches(['"', '\'']);
        let diagnostic = Diagnostic::error("E003", format!("`{key}` is there twice"))
            .label(span.clone(), "again here")
            .help("keep one of the two");
        return match root.and_then(|root| last_before(root, key, span.start)) {
            Some(first) => diagnostic.label(first, "first here"),
            None => diagnostic,
        };
    }
    let help = help_with_toml(error.message());
    let summary = format!("this is not valid TOML: {}", error.message());
    let diagnostic = Diagnostic::error("E001", summary).label(span, "the reader stopped here");
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// The reader stumbles several times over one mistake; what it says first of a line is right.
fn firsts_of_lines<'e>(errors: &'e [Error], text: &'e str) -> impl Iterator<Item = &'e Error> {
    let place = |error: &Error| error.span().map_or(0, |span| span.start).min(text.len());
    let mut in_order: Vec<&Error> = errors.iter().collect();
    in_order.sort_by_key(|error| place(error));
    let mut line_end = 0;
    in_order.into_iter().filter(move |error| {
        let at = place(error);
        let is_first = at >= line_end;
        if is_first {
            let rest = text.as_bytes()[at..].iter();
            line_end = at + rest.take_while(|byte| **byte != b'\n').count() + 1;
        }
        is_first
    })
}

/// The nearest key of this name before a place.
fn last_before(node: &Node, key: &str, limit: usize) -> Option<Span> {
    let here = node.entries().iter().flat_map(|entry| {
        let own =
            (entry.key == key && entry.key_span.start < limit).then(|| entry.key_span.clone());
        own.into_iter().chain(last_before(&entry.value, key, limit))
    });
    here.max_by_key(|span| span.start)
}
