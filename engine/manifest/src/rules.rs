//! Rules over several keys, and over files beside the manifest.

use crate::Files;
use crate::check::At;
use crate::diagnostic::Diagnostic;
use crate::keys::Table;
use crate::limits;
use crate::words::part;

/// Groups of keys of which one table may have one, with what to do.
const EXCLUSIVE: &[(&[&str], &str)] = &[
    (&["cron", "every"], "keep one of the two"),
    (&["lines", "list"], "keep one of the two"),
    (&["run", "script", "command"], "keep the one that shall run"),
    (
        &["bucket", "buckets"],
        "name the bucket in `buckets`: `data: {existing: NAME}`",
    ),
];

/// Reports keys that exclude each other.
pub(crate) fn exclusive(at: At<'_>, report: &mut Vec<Diagnostic>) {
    let (node, path) = (at.node, at.path);
    for (keys, help) in EXCLUSIVE {
        let mut there: Vec<_> = keys.iter().filter_map(|key| node.entry(key)).collect();
        there.sort_by_key(|entry| entry.key_span.start);
        if there.len() < 2 {
            continue;
        }
        let names: Vec<String> = there
            .iter()
            .map(|entry| format!("`{}`", entry.key))
            .collect();
        let summary = format!("{} has {} together", part(path), names.join(" and "));
        let mut diagnostic = Diagnostic::error("E013", summary).help(*help);
        for entry in there {
            diagnostic = diagnostic.label(entry.key_span.clone(), "only one of these");
        }
        report.push(diagnostic);
    }
}

/// Groups of keys of which a table must have one, by the table's name.
const ONE_OF: &[(&str, &[&str], &str)] = &[
    (
        "schedule",
        &["cron", "every"],
        "for instance: `cron: \"0 6 * * MON\"` or `every: 15m`",
    ),
    (
        "scatter",
        &["lines", "list"],
        "for instance: `list: [chr1, chr2]`",
    ),
    (
        "stage",
        &["in", "after", "http", "schedule"],
        "a stage starts on objects (`in: uploads/*.jpg`), on other stages, on calls or at times",
    ),
    (
        "when",
        &["size", "suffix"],
        "for instance: `size: \"<64MiB\"`",
    ),
];

/// Reports a table that has none of the keys of which it must have one.
pub(crate) fn one_of(at: At<'_>, table: &Table, meant: &[&str], report: &mut Vec<Diagnostic>) {
    let groups = ONE_OF.iter().filter(|(name, ..)| *name == table.name);
    for (_, keys, help) in groups {
        let is_there = |key: &&str| at.node.get(key).is_some() || meant.contains(key);
        if keys.iter().any(is_there) {
            continue;
        }
        let summary = format!("{} has neither `{}`", part(at.path), keys.join("` nor `"));
        report.push(
            Diagnostic::error("E011", summary)
                .label(at.key_span.clone(), "one of them is missing here")
                .help(*help),
        );
    }
}

/// What is wrong with a file of items: code, what, help.
pub(crate) fn lines_problem(
    files: &dyn Files,
    path: &str,
) -> Option<(&'static str, String, &'static str)> {
    let bytes = match files.read(path) {
        Ok(bytes) => bytes,
        Err(reason) => {
            let help = "the path is taken from the manifest's folder";
            return Some(("E502", format!("cannot be read: {reason}"), help));
        }
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return Some(("E506", "is no text".to_owned(), "save it as UTF-8"));
    };
    let items = items(&text);
    if items.len() > limits::ITEMS {
        let what = format!("has {} items, {} are possible", items.len(), limits::ITEMS);
        return Some((
            "E212",
            what,
            "scatter in two stages, or put several into one item",
        ));
    }
    if items.iter().any(|item| item.len() > limits::ITEM_BYTES) {
        let what = format!("has an item of more than {} bytes", limits::ITEM_BYTES);
        return Some((
            "E212",
            what,
            "let an item name an object, and fetch it in the script",
        ));
    }
    items
        .is_empty()
        .then(|| ("E505", "is empty".to_owned(), "write one item on each line"))
}

/// The lines of a file of items that are not empty.
pub(crate) fn items(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.trim_end_matches('\r'))
        .filter(|line| !line.trim().is_empty())
        .map(str::to_owned)
        .collect()
}

/// What is wrong with a script file: code, what, help.
pub(crate) fn script_problem(
    files: &dyn Files,
    path: &str,
) -> Option<(&'static str, String, &'static str)> {
    let bytes = match files.read(path) {
        Ok(bytes) => bytes,
        Err(reason) => {
            let help = "the path is taken from the manifest's folder";
            return Some(("E502", format!("cannot be read: {reason}"), help));
        }
    };
    let first_line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    if first_line.starts_with(b"#!") && first_line.ends_with(b"\r") {
        let help = "save the file with Unix line ends: Linux would look for a program whose name ends in a carriage return";
        return Some((
            "E503",
            "has a carriage return in its `#!` line".to_owned(),
            help,
        ));
    }
    let is_empty = bytes.iter().all(u8::is_ascii_whitespace);
    is_empty.then(|| ("E505", "is empty".to_owned(), "write the commands"))
}
