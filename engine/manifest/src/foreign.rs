//! Files that are no manifest at all: one sentence about the file instead of one for each of its keys.

use crate::diagnostic::Diagnostic;
use crate::tree::{Entry, Node, Value};
use crate::words::quoted;

/// Keys at the top that only a manifest has.
const MANIFEST: &[&str] = &["scar", "stages", "envs", "defaults", "vars", "buckets"];

/// Keys at the top of other files that people give, and what they are. The first that is there decides.
const OTHERS: &[(&str, &str)] = &[
    ("Resources", "a CloudFormation template"),
    ("AWSTemplateFormatVersion", "a CloudFormation template"),
    ("apiVersion", "a file of Kubernetes"),
    ("services", "a file of Docker Compose"),
    ("provider", "a file of the Serverless Framework"),
    ("jobs", "a file of GitHub Actions"),
    ("StartAt", "a state machine"),
];

/// Keys of the settings that the old program stored with a function it had deployed.
const STORED: &[&str] = &["handler", "execution_mode", "supervisor"];

/// What else the file is, if it is no manifest.
pub(crate) fn foreign(root: &Node) -> Option<Diagnostic> {
    if is_empty(root) {
        let diagnostic = Diagnostic::error("E014", "the file is empty").label(0..0, "here");
        let help = "begin with `scar: 1`, `name` and `stages`; see docs/reference/manifest.md";
        return Some(diagnostic.help(help));
    }
    if MANIFEST.iter().any(|key| root.get(key).is_some()) {
        return None;
    }
    if STORED.iter().all(|key| root.get(key).is_some()) {
        return Some(stored(root));
    }
    let (key, what) = OTHERS.iter().find(|(key, _)| root.get(key).is_some())?;
    let diagnostic = Diagnostic::error("E016", format!("this is {what}, not a manifest"))
        .label(root.entry(key)?.key_span.clone(), "such a file has this");
    let help = "give the manifest, which has `scar`, `name` and `stages` at the top; `scar init` writes one";
    Some(diagnostic.help(help))
}

fn is_empty(root: &Node) -> bool {
    match &root.value {
        Value::Null => true,
        Value::Map(entries) => entries.is_empty(),
        _ => false,
    }
}

fn stored(root: &Node) -> Diagnostic {
    let summary =
        "these are the settings that SCAR stored with a function, not the file it was made from";
    Diagnostic::error("E016", summary)
        .label(first_key(root), "settings of one function")
        .help("give the file with `functions` at the top, or write a manifest: `scar init` begins one")
}

/// Layouts of the old program from before its version 4: `functions` holds them by name, or is itself the list.
pub(crate) fn early(root: &Node) -> Option<Diagnostic> {
    let functions = root.entry("functions")?;
    let (span, example) = match &functions.value.value {
        Value::Map(entries) => {
            let first = by_name(entries)?;
            (first.key_span.clone(), first.key.as_str())
        }
        Value::List(items) => {
            let name = items.first()?.get("name")?;
            (functions.key_span.clone(), name.text()?)
        }
        _ => return None,
    };
    let summary = "this file is older than SCAR 4, whose files are the oldest that can be read";
    let help = format!(
        "write functions as {}; `scar explain E824` has the other fields",
        quoted(&format!(
            "functions: {{aws: [{{lambda: {{name: {example}, …}}}}]}}"
        ))
    );
    let label = "functions did not stand below `aws` yet";
    Some(
        Diagnostic::error("E824", summary)
            .label(span, label)
            .help(help),
    )
}

/// The first function, if they all stand by their names.
fn by_name(entries: &[Entry]) -> Option<&Entry> {
    let is_named = |entry: &Entry| {
        let fields = ["image", "image_file", "init_script", "run_script", "s3"];
        fields.iter().any(|field| entry.value.get(field).is_some())
    };
    let is_early = !entries.is_empty() && entries.iter().all(is_named);
    is_early.then(|| entries.first())?
}

fn first_key(root: &Node) -> crate::place::Span {
    root.entries()
        .first()
        .map_or(0..0, |entry| entry.key_span.clone())
}
