//! TOML text, formatted. The document is edited in place, so that what is not touched stays.

use toml_edit::{Array, Decor, DocumentMut, InlineTable, Item, KeyMut, RawString, Table, Value};

use super::order;
use crate::keys;
use crate::language::MANIFEST_TABLE;

/// The formatted text; `None` if it cannot be read.
pub(super) fn format(text: &str) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let header = take_header(document.as_table_mut());
    let trailing = tidy(document.trailing().as_str().unwrap_or_default(), false);
    table(document.as_table_mut(), Some(&MANIFEST_TABLE), true);
    position(document.as_table_mut(), Some(&MANIFEST_TABLE), &mut 0);
    document.set_trailing(trailing);
    // The header ends with a blank line; the key that is first now may have one above it.
    let body = document.to_string();
    let formatted = finish(&format!("{header}{}", body.trim_start_matches('\n')));
    // Values keep their spelling, so a comment that got lost would show in the number of these.
    let signs = |text: &str| text.matches('#').count();
    (signs(&formatted) == signs(text)).then_some(formatted)
}

/// Comments at the top with a blank line below belong to the file, not to its first key.
fn take_header(root: &mut Table) -> String {
    let first = root
        .iter()
        .find(|(_, item)| item.is_value())
        .map(|(key, _)| key.to_owned());
    let Some(mut key) = first.and_then(|first| root.key_mut(&first)) else {
        return String::new();
    };
    let above = tidy(&text_of(key.leaf_decor().prefix()), false);
    let Some(end) = above.rfind("\n\n").filter(|_| above.contains('#')) else {
        return String::new();
    };
    key.leaf_decor_mut().set_prefix(&above[end + 2..]);
    above[..end + 2].to_owned()
}

/// No blank line at the start, never two together, one line end at the end.
fn finish(text: &str) -> String {
    let mut out = text.trim_start_matches('\n').trim_end().to_owned();
    out.push('\n');
    out
}

fn table(table: &mut Table, known: Option<&'static keys::Table>, is_root: bool) {
    if !is_root {
        decorate(table.decor_mut(), "");
    }
    table.sort_values_by(|left, _, right, _| by_rank(known, left.get(), right.get()));
    for (mut key, item) in table.iter_mut() {
        let below = below(known, key.get());
        format_item(&mut key, item, below);
    }
}

/// The table behind a key; its second part says that names of the user's own come first.
type Below = Option<(&'static keys::Table, bool)>;

fn below(known: Option<&'static keys::Table>, key: &str) -> Below {
    order::inner(known?, key)
}

fn by_rank(known: Option<&'static keys::Table>, left: &str, right: &str) -> std::cmp::Ordering {
    known.map_or(std::cmp::Ordering::Equal, |known| {
        order::rank(known, left).cmp(&order::rank(known, right))
    })
}

fn format_item(key: &mut KeyMut<'_>, item: &mut Item, below: Below) {
    match item {
        Item::Value(value) => {
            format_key(key, true);
            format_value(value, below, true);
        }
        Item::Table(inner) if inner.is_dotted() => dotted(key, inner, below),
        Item::Table(inner) => match below {
            Some((known, true)) => names(inner, known),
            Some((known, false)) => table(inner, Some(known), false),
            None => table(inner, None, false),
        },
        Item::ArrayOfTables(tables) => tables
            .iter_mut()
            .for_each(|inner| table(inner, None, false)),
        Item::None => {}
    }
}

/// `a.b = 1`: the comment above stands at the innermost key, whose parts are written without blanks.
fn dotted(key: &mut KeyMut<'_>, inner: &mut Table, below: Below) {
    plain_dotted(key);
    for (mut key, item) in inner.iter_mut() {
        let (known, is_named) = match below {
            Some((known, is_named)) => (Some(known), is_named),
            None => (None, false),
        };
        let below = match (known, is_named) {
            (Some(known), true) => Some((known, false)),
            (known, _) => self::below(known, key.get()),
        };
        format_item(&mut key, item, below);
    }
}

fn plain_dotted(key: &mut KeyMut<'_>) {
    let decor = key.dotted_decor_mut();
    decor.set_prefix("");
    decor.set_suffix("");
}

/// A table of the user's own names: the names stay in order, what is behind each is sorted.
fn names(outer: &mut Table, known: &'static keys::Table) {
    decorate(outer.decor_mut(), "");
    for (mut key, item) in outer.iter_mut() {
        format_item(&mut key, item, Some((known, false)));
    }
}

fn format_key(key: &mut KeyMut<'_>, has_lines_above: bool) {
    let prefix = text_of(key.leaf_decor().prefix());
    let decor = key.leaf_decor_mut();
    decor.set_prefix(if has_lines_above {
        tidy(&prefix, false)
    } else {
        String::new()
    });
    decor.set_suffix(" ");
}

fn format_value(value: &mut Value, below: Below, is_last_on_line: bool) {
    let suffix = text_of(value.decor().suffix());
    value.decor_mut().set_prefix(" ");
    let comment = suffix.trim();
    let beside = if is_last_on_line && comment.starts_with('#') {
        format!(" {comment}")
    } else {
        String::new()
    };
    value.decor_mut().set_suffix(beside);
    if is_broken(value) {
        return;
    }
    match value {
        Value::InlineTable(inline) => format_inline(inline, below),
        Value::Array(array) => format_array(array),
        _ => {}
    }
}

/// Whether line ends or comments stand between the values of a value. What stands in text does not count.
fn is_broken(value: &Value) -> bool {
    let has_lines = |raw: Option<&RawString>| text_of(raw).contains(['\n', '#']);
    let is_broken = |inner: &Value| {
        has_lines(inner.decor().prefix()) || has_lines(inner.decor().suffix()) || is_broken(inner)
    };
    match value {
        Value::Array(array) => array.iter().any(is_broken) || has_lines(Some(array.trailing())),
        Value::InlineTable(inline) => {
            let key = |name: &str| {
                let decor = inline.key(name).map(toml_edit::Key::leaf_decor);
                decor.is_some_and(|it| has_lines(it.prefix()) || has_lines(it.suffix()))
            };
            has_lines(Some(inline.trailing()))
                || inline
                    .iter()
                    .any(|(name, inner)| key(name) || is_broken(inner))
        }
        _ => false,
    }
}

/// `{ a = 1, b = 2 }`.
fn format_inline(inline: &mut InlineTable, below: Below) {
    let (known, is_named) =
        below.map_or((None, false), |(known, is_named)| (Some(known), is_named));
    if !is_named {
        inline.sort_values_by(|left, _, right, _| by_rank(known, left.get(), right.get()));
    }
    inline.set_trailing_comma(false);
    inline.set_trailing("");
    let last = inline.len().saturating_sub(1);
    for (number, (mut key, value)) in inline.iter_mut().enumerate() {
        let inner = match (known, is_named) {
            (Some(known), true) => Some((known, false)),
            (known, _) => self::below(known, key.get()),
        };
        format_value(value, inner, false);
        value
            .decor_mut()
            .set_suffix(if number == last { " " } else { "" });
        key.leaf_decor_mut().set_prefix(" ");
        key.leaf_decor_mut().set_suffix(" ");
    }
}

/// `[1, 2]`.
fn format_array(array: &mut Array) {
    array.set_trailing("");
    array.set_trailing_comma(false);
    for (number, value) in array.iter_mut().enumerate() {
        format_value(value, None, false);
        value
            .decor_mut()
            .set_prefix(if number == 0 { "" } else { " " });
    }
}

/// Sets the order in which tables are written: that of the language, then that of the file.
fn position(outer: &mut Table, known: Option<&'static keys::Table>, next: &mut isize) {
    let mut tables: Vec<(usize, isize, &mut Table, Below)> = Vec::new();
    for (key, item) in outer.iter_mut() {
        let below = below(known, key.get());
        let rank = known.map_or(0, |known| order::rank(known, key.get()));
        match item {
            Item::Table(table) => {
                let at = first_position(table);
                tables.push((rank, at, table, below));
            }
            Item::ArrayOfTables(all) => {
                for table in all.iter_mut() {
                    let at = first_position(table);
                    tables.push((rank, at, table, below));
                }
            }
            _ => {}
        }
    }
    tables.sort_by_key(|(rank, at, ..)| (*rank, *at));
    for (_, _, table, below) in tables {
        *next += 1;
        table.set_position(Some(*next));
        match below {
            Some((known, true)) => position_names(table, known, next),
            Some((known, false)) => position(table, Some(known), next),
            None => position(table, None, next),
        }
    }
}

fn position_names(outer: &mut Table, known: &'static keys::Table, next: &mut isize) {
    let mut tables: Vec<&mut Table> = outer
        .iter_mut()
        .filter_map(|(_, item)| item.as_table_mut())
        .collect();
    tables.sort_by_key(|table| first_position(table));
    for table in tables {
        *next += 1;
        table.set_position(Some(*next));
        position(table, Some(known), next);
    }
}

/// Where a table or the first one in it stands in the file.
fn first_position(table: &Table) -> isize {
    let own = table.position();
    let inside = table.iter().filter_map(|(_, item)| match item {
        Item::Table(inner) => Some(first_position(inner)),
        _ => None,
    });
    own.into_iter().chain(inside).min().unwrap_or(isize::MAX)
}

/// Comment lines above a header stay, indentation goes.
fn decorate(decor: &mut Decor, suffix: &str) {
    let prefix = tidy(&text_of(decor.prefix()), true);
    let beside = text_of(decor.suffix());
    let comment = beside.trim();
    decor.set_prefix(prefix);
    decor.set_suffix(if comment.is_empty() {
        suffix.to_owned()
    } else {
        format!(" {comment}")
    });
}

fn text_of(raw: Option<&RawString>) -> String {
    raw.and_then(RawString::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Lines above something: comments without indentation, at most one blank line in a row. A header always has
/// one before it.
fn tidy(lines: &str, is_header: bool) -> String {
    let mut out = String::new();
    if is_header {
        out.push('\n');
    }
    // What follows the last line end is the indentation of what stands below.
    let lines = lines.rfind('\n').map_or("", |last| &lines[..=last]);
    for line in lines.lines().map(str::trim) {
        if line.is_empty() && (out == "\n" || out.ends_with("\n\n")) {
            continue;
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}
