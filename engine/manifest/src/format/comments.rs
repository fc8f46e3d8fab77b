//! Comments and blank lines find the values that they belong to.
//!
//! A comment beside a value stays beside it. One on a line of its own belongs to what comes next, unless it
//! is indented like the list or map that just ended: then it stays at that one's end.

use super::document::{Document, Line, Node};
use crate::place::Span;

/// A comment of the source.
pub(crate) struct Comment {
    pub(crate) span: Span,
    /// Characters before it on its line.
    pub(crate) column: usize,
    /// With its `#`.
    pub(crate) text: String,
}

/// Where a value stands, and its items in the same order as the document has them.
#[derive(Default)]
pub(crate) struct Place {
    pub(crate) span: Span,
    /// Characters before its first item.
    column: usize,
    kind: Kind,
    /// Start of each item (dash or key) with the place of its value.
    items: Vec<(usize, Place)>,
}

#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Kind {
    #[default]
    Scalar,
    Flow,
    Block,
}

impl Place {
    pub(crate) fn of(span: Span, column: usize) -> Self {
        Self {
            span,
            column,
            ..Self::default()
        }
    }

    pub(crate) fn push(&mut self, start: usize, value: Self) {
        self.items.push((start, value));
    }

    /// End of the last item, or start of the whole if there is none.
    pub(crate) fn end_of_items(&self) -> usize {
        self.items
            .last()
            .map_or(self.span.start, |(start, value)| value.span.end.max(*start))
    }

    /// The end has been seen.
    pub(crate) fn close(&mut self, is_flow: bool, last: &Span) {
        self.kind = if is_flow { Kind::Flow } else { Kind::Block };
        self.span.end = if is_flow {
            last.end
        } else {
            self.end_of_items()
        };
    }

    /// A list begins at its first dash.
    pub(crate) fn begin_at_dash(&mut self, text: &str) {
        if let Some((start, _)) = self.items.first() {
            self.span.start = *start;
            self.column = start - line_start(text, *start);
        }
    }
}

/// Puts all comments and blank lines into the document.
pub(crate) fn attach(document: &mut Document, place: &Place, comments: &[Comment], text: &str) {
    let mut starts = Vec::new();
    collect_starts(place, &mut starts);
    let mut last: Option<(usize, usize)> = None;
    for comment in comments {
        let line = Line::Comment(comment.text.clone());
        if !is_alone(text, comment) {
            if let Some(line) = put_beside(&mut document.root, place, comment.span.start, line) {
                document.header.push(line);
            }
            continue;
        }
        let gap = starts.partition_point(|start| *start < comment.span.start);
        // A later comment of the same gap never goes deeper than an earlier one, so that they keep their order.
        let column = match last {
            Some((same, column)) if same == gap => column.min(comment.column),
            _ => comment.column,
        };
        last = Some((gap, column));
        let mut lines = vec![line];
        if is_blank_above(text, comment.span.start) {
            lines.insert(0, Line::Blank);
        }
        let own = Own {
            at: comment.span.start,
            column,
        };
        document
            .header
            .extend(put_alone(&mut document.root, place, own, lines));
    }
    add_blanks(&mut document.root, place, text);
    split_header(document);
}

#[derive(Clone, Copy)]
struct Own {
    at: usize,
    column: usize,
}

fn collect_starts(place: &Place, starts: &mut Vec<usize>) {
    for (start, value) in &place.items {
        starts.push(*start);
        collect_starts(value, starts);
    }
}

/// Gives the comment back if nothing stands before it.
fn put_beside(node: &mut Node, place: &Place, at: usize, line: Line) -> Option<Line> {
    let Some(collection) = node.collection_mut() else {
        return Some(line);
    };
    let next = place.items.partition_point(|(start, _)| *start < at);
    let Some(((_, inner), item)) = next
        .checked_sub(1)
        .and_then(|index| Some((place.items.get(index)?, collection.items.get_mut(index)?)))
    else {
        return Some(line);
    };
    let is_inside = match inner.kind {
        Kind::Scalar => false,
        Kind::Flow => at < inner.span.end,
        Kind::Block => inner.items.first().is_some_and(|(start, _)| *start < at),
    };
    let left = match is_inside {
        true => put_beside(&mut item.value, inner, at, line)?,
        false => line,
    };
    match (&item.beside, left) {
        (None, Line::Comment(text)) => item.beside = Some(text),
        (_, left) => item.before.push(left),
    }
    None
}

/// Gives the lines back if there is nothing that they can belong to.
fn put_alone(node: &mut Node, place: &Place, own: Own, lines: Vec<Line>) -> Vec<Line> {
    let Some(collection) = node.collection_mut() else {
        return lines;
    };
    let next = place.items.partition_point(|(start, _)| *start < own.at);
    if let Some(index) = next.checked_sub(1)
        && let (Some((_, inner)), Some(item)) =
            (place.items.get(index), collection.items.get_mut(index))
    {
        let is_before_value = inner.kind == Kind::Scalar && own.at < inner.span.start;
        if is_before_value {
            item.before.extend(lines);
            return Vec::new();
        }
        let is_inside = inner.kind != Kind::Scalar && own.at < inner.span.end;
        let is_at_its_end =
            inner.kind == Kind::Block && own.column >= inner.column && own.column > place.column;
        if is_inside || is_at_its_end {
            return put_alone(&mut item.value, inner, own, lines);
        }
    }
    match collection.items.get_mut(next) {
        Some(item) => item.before.extend(lines),
        None => collection.after.extend(lines),
    }
    Vec::new()
}

/// Notes where a blank line stands above an item.
fn add_blanks(node: &mut Node, place: &Place, text: &str) {
    let Some(collection) = node.collection_mut() else {
        return;
    };
    for (item, (start, value)) in collection.items.iter_mut().zip(&place.items) {
        if place.kind == Kind::Block && is_blank_above(text, *start) {
            item.before.push(Line::Blank);
        }
        add_blanks(&mut item.value, value, text);
    }
}

/// Comments at the top with a blank line below belong to the file, not to its first key.
fn split_header(document: &mut Document) {
    let Some(first) = document
        .root
        .collection_mut()
        .and_then(|root| root.items.first_mut())
    else {
        return;
    };
    let first_comment = first.before.iter().position(Line::is_comment);
    let last_blank = first.before.iter().rposition(|line| *line == Line::Blank);
    if let (Some(comment), Some(blank)) = (first_comment, last_blank)
        && comment < blank
    {
        document
            .header
            .extend(first.before.drain(..=blank).skip(comment));
    }
}

/// The dash of a list item whose value starts at `value`.
pub(crate) fn dash(text: &str, list: &Place, comments: &[Comment], value: usize) -> usize {
    let bytes = text.as_bytes();
    let is_dash = |at: usize| {
        bytes.get(at) == Some(&b'-') && bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace)
    };
    if list.items.is_empty() && is_dash(list.span.start) {
        return list.span.start;
    }
    if list.items.is_empty() {
        // A list that is not indented is told to start at its first value: the dash is before that.
        let before = |at: &usize| is_dash(*at) && !is_in(comments, *at);
        return (0..value).rev().find(before).unwrap_or(value);
    }
    let mut at = list.end_of_items();
    while at < value {
        if is_dash(at) && !is_in(comments, at) {
            return at;
        }
        at += 1;
    }
    value
}

fn is_in(comments: &[Comment], at: usize) -> bool {
    let next = comments.partition_point(|comment| comment.span.start <= at);
    next > 0 && at < comments[next - 1].span.end
}

/// Whether nothing but a comment stands on its line.
fn is_alone(text: &str, comment: &Comment) -> bool {
    let start = line_start(text, comment.span.start);
    text.get(start..comment.span.start)
        .is_some_and(|before| before.trim().is_empty())
}

fn is_blank_above(text: &str, at: usize) -> bool {
    let start = line_start(text, at);
    let Some(above) = text.get(..start.saturating_sub(1)) else {
        return false;
    };
    start > 0 && above[line_start(text, above.len())..].trim().is_empty()
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |newline| newline + 1)
}
