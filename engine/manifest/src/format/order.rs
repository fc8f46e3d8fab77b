//! The order of keys: that of the language's tables; stages, buckets, environments and free names stay as
//! they are.

use super::document::{Collection, Form, Item, Node};
use crate::keys::{Shape, Table};
use crate::language::MANIFEST_TABLE;

/// A stage reads from what it is and takes to what it gives; its settings follow in the table's order.
const STAGE: &[&str] = &[
    "compute", "image", "http", "schedule", "in", "when", "join", "scatter", "after", "out", "run",
    "script", "command",
];

/// Sorts a manifest's keys. One with anchors stays as it is: an alias must come after its anchor.
pub(crate) fn sort(root: &mut Node) {
    if !has_anchor(root) {
        table(root, &MANIFEST_TABLE);
    }
}

/// The rank of a key in its table; keys that the table does not have come last.
pub(crate) fn rank(table: &Table, key: &str) -> usize {
    let first = if table.name == "stage" { STAGE } else { &[] };
    if let Some(rank) = first.iter().position(|name| *name == key) {
        return rank;
    }
    let rank = table.keys.iter().position(|known| known.name == key);
    rank.map_or(usize::MAX, |rank| first.len() + rank)
}

/// The table behind a key, and whether names of the user's own stand between.
pub(crate) fn inner(outer: &'static Table, key: &str) -> Option<(&'static Table, bool)> {
    match outer.key(key)?.shape {
        Shape::Table(table) => Some((table, false)),
        Shape::Named(table, ..) => Some((table, true)),
        _ => None,
    }
}

fn has_anchor(node: &Node) -> bool {
    let inside = |item: &Item| has_anchor(&item.value) || item.key.as_ref().is_some_and(has_anchor);
    node.anchor.is_some()
        || node
            .collection()
            .is_some_and(|all| all.items.iter().any(inside))
}

fn table(node: &mut Node, known: &'static Table) {
    let Form::Map(Collection { items, .. }) = &mut node.form else {
        return;
    };
    items.sort_by_key(|item| item.name().map_or(usize::MAX, |name| rank(known, name)));
    for item in items {
        let below = item.name().and_then(|name| inner(known, name));
        match below {
            Some((below, false)) => table(&mut item.value, below),
            Some((below, true)) => named(&mut item.value, below),
            None => {}
        }
    }
}

fn named(node: &mut Node, known: &'static Table) {
    if let Form::Map(Collection { items, .. }) = &mut node.form {
        items
            .iter_mut()
            .for_each(|item| table(&mut item.value, known));
    }
}
