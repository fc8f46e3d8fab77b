//! Each file in `import/` is one of SCAR 4; beside it stand the manifest that it becomes and what is said about
//! every setting. `UPDATE=1` writes both; the difference is reviewed by eye.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]
#![expect(clippy::disallowed_methods, reason = "the cases are files")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use scar_manifest::import::{Imported, import};
use scar_manifest::{Diagnostic, Files, Format, Source, format, parse};

/// Every script is there.
struct AllScripts;

impl Files for AllScripts {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(b"#!/bin/sh\ntrue\n".to_vec())
    }
}

fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.to_owned(),
        text: text.to_owned(),
        format: Format::Yaml,
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    files.sort();
    assert!(files.len() > 24, "the cases are gone");
    files
}

fn read(path: &Path) -> (Source, Imported) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let source = source(name, &fs::read_to_string(path).unwrap());
    let imported = import(&source, &AllScripts);
    (source, imported)
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Diagnostics and report, one line each.
fn said(source: &Source, imported: &Imported) -> String {
    let mut out = String::new();
    for diagnostic in &imported.diagnostics {
        let at = line_of(&source.text, diagnostic.labels[0].span.start);
        writeln!(out, "{} line {at}: {}", diagnostic.code, diagnostic.summary).unwrap();
        writeln!(out, "    {}", diagnostic.help.as_deref().unwrap_or("")).unwrap();
    }
    for line in &imported.report {
        let at = line_of(&source.text, line.span.start);
        let to = if line.to.is_empty() { "" } else { " -> " };
        let note = if line.note.is_empty() { "" } else { ": " };
        writeln!(
            out,
            "{} line {at} {}{to}{}{note}{}",
            line.kind.word(),
            line.from,
            line.to,
            line.note
        )
        .unwrap();
    }
    out
}

fn check(path: &Path, made: &str, wrong: &mut String) {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, made).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if made != expected {
        writeln!(
            wrong,
            "{}\n--- expected\n{expected}--- made\n{made}",
            path.display()
        )
        .unwrap();
    }
}

#[test]
fn goldens() {
    let mut wrong = String::new();
    for path in cases() {
        let (source, imported) = read(&path);
        check(
            &path.with_extension("native.txt"),
            &imported.text,
            &mut wrong,
        );
        check(
            &path.with_extension("report.txt"),
            &said(&source, &imported),
            &mut wrong,
        );
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What is accepted is a manifest without a mistake, and is written as `scar fmt` writes it.
#[test]
fn what_is_accepted_is_valid_and_formatted() {
    let mut accepted = 0;
    for path in cases() {
        let (_, imported) = read(&path);
        if imported.diagnostics.iter().any(Diagnostic::is_error) {
            continue;
        }
        accepted += 1;
        let native = source("workflow.yaml", &imported.text);
        let outcome = parse(&native, None, &AllScripts);
        let errors: Vec<_> = outcome
            .diagnostics
            .iter()
            .filter(|it| it.is_error())
            .collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        assert_eq!(
            format(&native).as_ref(),
            Ok(&imported.text),
            "{}",
            path.display()
        );
    }
    assert!(accepted > 15, "most cases are accepted, not {accepted}");
}

/// A file from before SCAR 4 is refused in one sentence.
fn is_refused_whole(imported: &Imported) -> bool {
    imported.diagnostics.iter().any(|it| it.code == "E824")
}

/// An old file is read like the manifest that it becomes, with places of its own.
#[test]
fn an_old_file_is_read_as_it_is() {
    for path in cases() {
        let (source, imported) = read(&path);
        let outcome = parse(&source, None, &AllScripts);
        for diagnostic in &outcome.diagnostics {
            for label in &diagnostic.labels {
                assert!(
                    source.text.get(label.span.clone()).is_some(),
                    "{diagnostic:?}"
                );
            }
        }
        for (path, place) in outcome.places.iter() {
            assert!(source.text.get(place.whole()).is_some(), "{path}");
        }
        let has_error = imported.diagnostics.iter().any(Diagnostic::is_error);
        assert_eq!(outcome.manifest.is_none(), has_error, "{}", path.display());
        let notes = outcome.diagnostics.iter().filter(|it| it.code == "W981");
        let expected = usize::from(!is_refused_whole(&imported));
        assert_eq!(notes.count(), expected, "{}", path.display());
    }
}

/// Leaves of an old file: paths as the report writes them.
fn leaves(value: &serde_json::Value, path: &str, out: &mut Vec<String>) {
    let below = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    match value {
        serde_json::Value::Object(map) if !map.is_empty() => {
            map.iter()
                .for_each(|(key, value)| leaves(value, &below(key), out));
        }
        serde_json::Value::Array(items) if !items.is_empty() => {
            let items = items.iter().enumerate();
            items.for_each(|(index, value)| leaves(value, &below(&index.to_string()), out));
        }
        _ => out.push(path.to_owned()),
    }
}

/// Nothing is dropped silently: each value of a file is in the report, or is what a diagnostic is about.
#[test]
fn every_value_is_accounted_for() {
    let mut count = 0;
    for path in cases() {
        let (source, imported) = read(&path);
        if is_refused_whole(&imported) {
            continue;
        }
        let value: serde_json::Value = serde_yaml::from_str(&source.text).unwrap();
        let mut all = Vec::new();
        leaves(&value, "", &mut all);
        for leaf in all {
            let is_about = |from: &str| leaf == from || leaf.starts_with(&format!("{from}."));
            let is_told = imported.report.iter().any(|line| is_about(&line.from));
            let is_refused = imported.diagnostics.iter().any(|it| {
                it.summary.contains(&format!("`{leaf}`"))
                    || it
                        .summary
                        .split('`')
                        .any(|part| part.contains('.') && is_about(part))
                    || it.labels.iter().any(|label| {
                        leaf.split('.')
                            .any(|key| source.text[label.span.clone()] == *key)
                    })
            });
            assert!(is_told || is_refused, "{}: {leaf}", path.display());
            count += 1;
        }
    }
    assert!(count > 250, "{count}");
}

/// The text with one piece replaced.
fn damaged(text: &str, at: usize, length: usize, piece: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = at % characters.len();
    let end = (at + length).min(characters.len());
    let (before, after) = (&characters[..at], &characters[end..]);
    before
        .iter()
        .copied()
        .chain(piece.chars())
        .chain(after.iter().copied())
        .collect()
}

/// What always holds: no panic, places within the file, and what is accepted is a valid, formatted manifest.
fn check_any(text: &str) {
    let source = source("any.yaml", text);
    let imported = import(&source, &AllScripts);
    for diagnostic in &imported.diagnostics {
        for label in &diagnostic.labels {
            assert!(
                text.get(label.span.clone()).is_some(),
                "{diagnostic:?} in {text}"
            );
        }
    }
    let has_error = imported.diagnostics.iter().any(Diagnostic::is_error);
    if !has_error {
        let native = Source {
            text: imported.text.clone(),
            ..source.clone()
        };
        let outcome = parse(&native, None, &AllScripts);
        assert!(
            outcome.manifest.is_some(),
            "{text}\n{}\n{:?}",
            imported.text,
            outcome.diagnostics
        );
        assert_eq!(format(&native).as_ref(), Ok(&imported.text), "{text}");
    }
    if text.contains("functions:") {
        let outcome = parse(&source, None, &AllScripts);
        let has_error = outcome.diagnostics.iter().any(Diagnostic::is_error);
        assert_eq!(outcome.manifest.is_none(), has_error, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_files(
        case in 0..100_usize, at in 0..9000_usize, length in 0..9_usize,
        piece in r#"[ -~\t\n{}\[\]:*&!|>é"']{0,6}"#,
    ) {
        let cases = cases();
        let text = fs::read_to_string(&cases[case % cases.len()]).unwrap();
        check_any(&damaged(&text, at, length, &piece));
    }

    /// Values of every kind in fields that are read.
    #[test]
    fn odd_values(
        field in prop::sample::select(vec![
            "lambda.name", "lambda.memory", "lambda.init_script", "lambda.description", "lambda.region",
            "lambda.container.image", "lambda.container.environment.Variables.A", "lambda.tags.a", "lambda.input.0.path",
            "lambda.output.0.path", "lambda.output.0.suffix", "lambda.output.0.prefix", "api_gateway.name",
            "lambda.execution_mode", "batch.vcpus", "batch.memory", "lambda.architectures",
            "cloudwatch.log_retention_policy_in_days", "batch.multi_node_parallel.number_nodes",
        ]),
        value in prop_oneof![
            "[ -~é]{0,12}".prop_map(serde_json::Value::from),
            (0..100_000_i64).prop_map(serde_json::Value::from),
            prop::sample::select(vec![
                serde_json::json!(null), serde_json::json!(true), serde_json::json!([]), serde_json::json!(["a", "b/c"]),
                serde_json::json!({"a": 1}), serde_json::json!("no"), serde_json::json!("a\nb"), serde_json::json!("{{ vars.x }}"),
                serde_json::json!("\u{2028}# x"), serde_json::json!("lambda-batch"), serde_json::json!("batch"),
            ]),
        ],
    ) {
        let mut file = serde_json::json!({"functions": {"aws": [{
            "lambda": {
                "name": "a", "container": {"image": "debian:12", "environment": {"Variables": {}}}, "tags": {},
                "execution_mode": "batch",
                "input": [{"storage_provider": "s3", "path": "acme-in/in"}],
                "output": [{"storage_provider": "s3", "path": "acme-out/out"}],
            },
            "batch": {"multi_node_parallel": {"enabled": true}},
            "api_gateway": {}, "cloudwatch": {},
        }]}});
        let pointer = field.replace('.', "/");
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = file.pointer_mut(&format!("/functions/aws/0/{parent}")).unwrap();
        parent[key] = value;
        check_any(&file.to_string().replacen('{', "{\"scar\": {},", 1));
    }
}

#[test]
fn a_manifest_needs_no_import() {
    let source = source("workflow.yaml", "scar: 1\nname: w\nstages: {}\n");
    let imported = import(&source, &AllScripts);
    assert_eq!(
        said(&source, &imported),
        "E007 line 1: this is no file of SCAR 4\n    a manifest needs no import: check it with `scar validate`\n"
    );
    assert_eq!(imported.text, "");
}
