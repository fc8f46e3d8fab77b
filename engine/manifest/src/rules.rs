//! Rules over several keys, and over files beside the manifest.

use crate::Files;
use crate::diagnostic::Diagnostic;
use crate::tree::{Node, Value};
use crate::words::owner;

/// Groups of keys of which one table may have one, with what to do.
const EXCLUSIVE: &[(&[&str], &str)] = &[
    (&["run", "script", "command"], "keep the one that shall run"),
    (
        &["bucket", "buckets"],
        "name the bucket in `buckets`: `data: {existing: NAME}`",
    ),
];

/// Whether this is no manifest at all but something else that people give.
pub(crate) fn foreign(root: &Node) -> Option<Diagnostic> {
    if let (Some(old), None) = (root.entry("functions"), root.entry("scar")) {
        let help = "write it as a manifest: each function becomes a stage with `image`, `in`, `out` and `script`; \
                    docs/errors/E007.md shows how";
        return Some(
            Diagnostic::error("E007", "this is a file of SCAR 4 or older")
                .label(old.key_span.clone(), "functions were its stages")
                .help(help),
        );
    }
    let is_empty = match &root.value {
        Value::Null => true,
        Value::Map(entries) => entries.is_empty(),
        _ => false,
    };
    is_empty.then(|| {
        Diagnostic::error("E014", "the file is empty")
            .label(0..0, "here")
            .help("begin with `scar: 1`, `name` and `stages`; see docs/reference/manifest.md")
    })
}

/// Reports keys that exclude each other.
pub(crate) fn exclusive(node: &Node, path: &str, report: &mut Vec<Diagnostic>) {
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
        let summary = format!("{} has {} together", owner(path), names.join(" and "));
        let mut diagnostic = Diagnostic::error("E013", summary).help(*help);
        for entry in there {
            diagnostic = diagnostic.label(entry.key_span.clone(), "only one of these");
        }
        report.push(diagnostic);
    }
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
