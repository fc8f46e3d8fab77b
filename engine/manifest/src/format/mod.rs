//! Formatting: one way to write a manifest, comments kept, the value never changed.

mod comments;
pub(crate) mod document;
mod order;
mod print;
mod read;
mod scalar;
mod toml;

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::tree::{Node, Value};
use crate::{Format, Source};

pub(crate) use order::sort;
pub(crate) use print::print;

/// How often what was written is formatted again until it stays. Blanks beside a key that moves take two.
const ROUNDS: usize = 4;

/// The text of a manifest as scar writes it: keys of a stage in a fixed order, two blanks for each level,
/// quotes only where they are needed. Comments and the order of stages stay. Formatting twice changes nothing.
///
/// # Errors
/// If the text cannot be read, or not be written without changing what it says.
pub fn format(source: &Source) -> Result<String, Vec<Diagnostic>> {
    let mut text = once(source, &source.text)?;
    for _ in 0..ROUNDS {
        let again = once(source, &text)?;
        if again == text {
            return Ok(text);
        }
        text = again;
    }
    Err(vec![refusal("every time it would look different")])
}

fn once(source: &Source, text: &str) -> Result<String, Vec<Diagnostic>> {
    let before = read_tree(source, text)?;
    let formatted = match source.format {
        Format::Yaml => yaml(text),
        Format::Toml => toml::format(text),
    };
    let formatted = formatted.ok_or_else(|| vec![refusal("the formatter cannot follow it")])?;
    let after = read_tree(source, &formatted)
        .map_err(|_| vec![refusal("the formatted text could not be read again")])?;
    if !same(&before, &after) {
        return Err(vec![refusal(
            "the formatted text would mean something else",
        )]);
    }
    Ok(formatted)
}

fn yaml(text: &str) -> Option<String> {
    let mut document = read::read(text)?;
    order::sort(&mut document.root);
    let printed = print(&document);
    // A comment that got lost would be no less a loss than a value.
    (read::count_comments(text)? == read::count_comments(&printed)?).then_some(printed)
}

fn read_tree(source: &Source, text: &str) -> Result<Node, Vec<Diagnostic>> {
    let source = Source {
        text: text.to_owned(),
        ..source.clone()
    };
    let mut report = Vec::new();
    match crate::tree(&source, &mut report) {
        Some(root) if !report.iter().any(Diagnostic::is_error) => Ok(root),
        _ => Err(report),
    }
}

/// Whether two trees mean the same: only the order of keys may differ.
fn same(left: &Node, right: &Node) -> bool {
    match (&left.value, &right.value) {
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| same(a, b))
        }
        (Value::Map(left), Value::Map(right)) => {
            let right: BTreeMap<&str, &Node> = right
                .iter()
                .map(|entry| (entry.key.as_str(), &entry.value))
                .collect();
            left.len() == right.len()
                && left.iter().all(|entry| {
                    right
                        .get(entry.key.as_str())
                        .is_some_and(|value| same(&entry.value, value))
                })
        }
        (left, right) => left == right,
    }
}

fn refusal(why: &str) -> Diagnostic {
    Diagnostic::error("E015", format!("the file cannot be formatted: {why}"))
        .label(0..0, "this file")
        .help("it was left as it is; write it in a simpler form")
}
