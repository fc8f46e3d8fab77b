//! Goes through every field of an old file, so that none is lost: each is read by the converter, or said to be
//! dropped, refused or unknown here.

use super::fields::{FUNCTION, FUNCTIONS, Fate, Field, S3_PROVIDER, STORAGE, TOP};
use super::report::{Found, Report};
use crate::diagnostic::Diagnostic;
use crate::suggest::nearest;
use crate::tree::{Node, Value};
use crate::words::quoted;

/// Fields of files from before SCAR 4, with what it had in their place.
const EARLIER: &[(&str, &str)] = &[
    ("storage", "`storage_provider` in its place"),
    ("storage_name", "`storage_provider` in its place"),
    ("storages", "`storage_providers` in its place"),
    ("files", "`prefix` and `suffix` here, without it"),
    ("time", "`timeout` in its place"),
];

/// Everything but what the converter reads itself.
pub(crate) fn walk(root: &Node, report: &mut Report) {
    let root = Found::root(root);
    fields(&root, TOP, "the file", report);
    for (name, found) in root.fields() {
        match name {
            "functions" => functions(&found, report),
            "storage_providers" => providers(&found, report),
            _ => {}
        }
    }
}

fn functions(found: &Found<'_>, report: &mut Report) {
    map(found, FUNCTIONS, report);
    let Some(aws) = found.get("aws") else {
        return;
    };
    for function in super::value::list(&aws) {
        map(&function, FUNCTION, report);
    }
}

/// `storage_providers`: a map of kinds to maps of ids, in very old files lists of maps with a `name`.
fn providers(found: &Found<'_>, report: &mut Report) {
    if !is_map(found, report) {
        return;
    }
    for (kind, definitions) in found.fields() {
        let lower = kind.to_ascii_lowercase();
        if !STORAGE.contains(&lower.as_str()) {
            unknown(
                &definitions,
                kind,
                STORAGE.iter().copied(),
                "`storage_providers`",
                report,
            );
            continue;
        }
        if lower == "s3" {
            for (_, definition) in super::storage::definitions(&definitions) {
                map(&definition, S3_PROVIDER, report);
            }
            continue;
        }
        let note = "stages cannot use such storage; each use of it is a mistake of its own";
        report.dropped(&definitions, note);
    }
}

fn map(found: &Found<'_>, known: &'static [Field], report: &mut Report) {
    if !is_map(found, report) {
        return;
    }
    fields(found, known, &quoted(&found.path), report);
}

fn is_map(found: &Found<'_>, report: &mut Report) -> bool {
    match found.node.value {
        Value::Map(_) => true,
        Value::Null | Value::Reported => false,
        _ => {
            let what = format!("is {}, not a map", found.node.describe());
            report.wrong(found, &what, "write `key: value` lines below it");
            false
        }
    }
}

fn fields(outer: &Found<'_>, known: &'static [Field], owner: &str, report: &mut Report) {
    for (name, found) in outer.fields() {
        match known
            .iter()
            .find(|field| field.name == name)
            .map(|field| &field.fate)
        {
            Some(Fate::Read) => {}
            Some(Fate::Dropped(note)) => report.dropped(&found, note),
            Some(Fate::Refused(what, help)) => report.refused(&found, what, help),
            Some(Fate::Map(inner)) => map(&found, inner, report),
            None => unknown(
                &found,
                name,
                known.iter().map(|field| field.name),
                owner,
                report,
            ),
        }
    }
}

/// A field that SCAR 4 did not know.
pub(crate) fn unknown<'a>(
    found: &Found<'_>,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    owner: &str,
    report: &mut Report,
) {
    let renamed = EARLIER.iter().find(|(earlier, _)| *earlier == name);
    let label = match (renamed, nearest(name, known.clone())) {
        (Some((_, now)), _) => format!("SCAR 4 has {now}"),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => "SCAR 4 has no such field".to_owned(),
    };
    let help = format!("known here: {}", known.collect::<Vec<_>>().join(", "));
    let summary = format!("{} has an unknown field {}", owner, quoted(name));
    report.diagnostics.push(
        Diagnostic::error("E821", summary)
            .label(found.place.key.clone(), label)
            .help(help),
    );
}
