//! Files of SCAR 4 (`functions:` at the top) → manifests. Nothing is lost silently: of every field it is
//! said whether it means the same, is changed, is not needed, or cannot be carried over.

mod compute;
mod convert;
mod data;
mod door;
mod draft;
mod fields;
mod function;
mod names;
mod remap;
mod report;
mod storage;
mod value;
mod walk;
mod work;

use crate::diagnostic::Diagnostic;
use crate::foreign;
use crate::tree::{Node, Value};
use crate::{Files, Format, Outcome, Source};

pub use report::{Kind, Line};

/// What an old file became.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The manifest as YAML, also if there are errors; empty if the file could not be read at all.
    pub text: String,
    /// What became of each field, in file order.
    pub report: Vec<Line>,
    /// All errors and warnings; places are in the old file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Converts a file of SCAR 4 and checks what comes out. The workflow gets the name of the file.
///
/// Whether scripts exist is asked of `files`, as [`parse`](crate::parse) does.
#[must_use]
pub fn import(source: &Source, files: &dyn Files) -> Imported {
    let mut diagnostics = Vec::new();
    let root = crate::tree(source, &mut diagnostics);
    let Some(root) = root.filter(|_| !diagnostics.iter().any(Diagnostic::is_error)) else {
        return Imported {
            text: String::new(),
            report: Vec::new(),
            diagnostics,
        };
    };
    if let Some(diagnostic) = unreadable(&root) {
        diagnostics.push(diagnostic);
        return Imported {
            text: String::new(),
            report: Vec::new(),
            diagnostics,
        };
    }
    let (text, report) = convert::convert(&root, &source.name);
    let mut outcome = crate::parse(&native(source, text.clone()), None, files);
    drop_follow_ups(&mut outcome.diagnostics, &report);
    diagnostics.extend(report.diagnostics);
    let map = remap::Remap::new(&report.origins, &outcome.places, &root);
    diagnostics.extend(map.diagnostics(outcome.diagnostics));
    diagnostics.sort_by_key(Diagnostic::order);
    Imported {
        text,
        report: report.lines,
        diagnostics,
    }
}

/// Why the file as a whole cannot be imported.
fn unreadable(root: &Node) -> Option<Diagnostic> {
    if is_old(root) {
        return foreign::early(root);
    }
    let not_old = || {
        Diagnostic::error("E007", "this is no file of SCAR 4")
            .label(0..0, "`functions` is missing at the top")
            .help("a manifest needs no import: check it with `scar validate`")
    };
    Some(foreign::foreign(root).unwrap_or_else(not_old))
}

/// Whether this is a file of SCAR 4 rather than a manifest.
pub(crate) fn is_old(root: &Node) -> bool {
    let version = root.get("scar").map(|node| &node.value);
    root.entry("functions").is_some()
        && root.entry("stages").is_none()
        && matches!(version, None | Some(Value::Map(_) | Value::Null))
}

/// Reads an old file as if it had been imported; places and diagnostics are those of the old file.
pub(crate) fn read(
    source: &Source,
    root: &Node,
    environment: Option<&str>,
    files: &dyn Files,
    outcome: &mut Outcome,
) {
    let (text, report) = convert::convert(root, &source.name);
    let mut converted = crate::parse(&native(source, text), environment, files);
    let map = remap::Remap::new(&report.origins, &converted.places, root);
    drop_follow_ups(&mut converted.diagnostics, &report);
    let found = std::mem::take(&mut converted.diagnostics);
    let places = map.places();
    outcome.diagnostics.extend(map.diagnostics(found));
    outcome.diagnostics.push(note(root, &report));
    outcome.diagnostics.extend(report.diagnostics);
    outcome.places = places;
    outcome.environment = converted.environment;
    outcome.draft = converted.draft;
    if !outcome.diagnostics.iter().any(Diagnostic::is_error) {
        outcome.manifest = converted.manifest;
    }
}

/// That there is no stage needs no words where it was said why no function became one.
fn drop_follow_ups(found: &mut Vec<Diagnostic>, report: &report::Report) {
    if report.diagnostics.iter().any(Diagnostic::is_error) {
        found.retain(|diagnostic| diagnostic.code != "E014");
    }
}

fn native(source: &Source, text: String) -> Source {
    Source {
        name: format!("{} (converted)", source.name),
        text,
        format: Format::Yaml,
    }
}

/// One remark that the file was converted.
fn note(root: &Node, report: &report::Report) -> Diagnostic {
    let count = |kind: Kind| report.lines.iter().filter(|line| line.kind == kind).count();
    let [mapped, changed, dropped] = [Kind::Mapped, Kind::Changed, Kind::Dropped].map(count);
    let summary = "this file of SCAR 4 is read as if `scar import` had converted it";
    let label = format!("{mapped} settings mapped, {changed} changed, {dropped} dropped");
    Diagnostic::warning("W981", summary)
        .label(remap::top(root), label)
        .help("`scar import` writes it as a manifest and lists every setting")
}
