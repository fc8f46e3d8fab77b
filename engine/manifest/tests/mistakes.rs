//! `mistakes/*.txt` hold manifests as people get them wrong, one mistake each: `=== NAME.yaml`, the manifest, `---`,
//! what is said about it with the advice. `UPDATE=1` writes the latter; the difference is reviewed by eye.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]
#![expect(clippy::disallowed_methods, reason = "the cases are files")]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use scar_manifest::{Diagnostic, Files, Format, Source, parse};

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("no such file".to_owned())
    }
}

#[test]
fn one_mistake_is_told_once() {
    for language in ["yaml", "toml"] {
        let path = format!("tests/mistakes/{language}.txt");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let text = fs::read_to_string(&path).unwrap();
        let said: String = text.split("=== ").skip(1).map(case).collect();
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &said).unwrap();
        } else {
            assert_eq!(said, text, "{}", path.display());
        }
    }
}

/// The case as it should stand in the file.
fn case(section: &str) -> String {
    let (name, rest) = section.split_once('\n').unwrap();
    let (manifest, _) = rest.split_once("\n---\n").unwrap();
    let manifest = format!("{manifest}\n");
    let source = Source {
        name: name.to_owned(),
        text: manifest.clone(),
        format: if name.ends_with("toml") {
            Format::Toml
        } else {
            Format::Yaml
        },
    };
    let found = parse(&source, None, &NoFiles).diagnostics;
    let errors = found.iter().filter(|it| it.is_error()).count();
    assert_eq!(errors, 1, "one error for one mistake: {name} {found:#?}");
    let said: String = found.iter().map(|it| lines(&manifest, it)).collect();
    format!("=== {name}\n{manifest}---\n{said}")
}

fn lines(text: &str, diagnostic: &Diagnostic) -> String {
    let first = &diagnostic.labels[0];
    let line = text[..first.span.start].matches('\n').count() + 1;
    let mut out = format!("{} line {line}: {}\n", diagnostic.code, diagnostic.summary);
    for label in &diagnostic.labels {
        let at = text.get(label.span.clone()).unwrap();
        writeln!(out, "    {at:?} {}", label.text).unwrap();
    }
    if let Some(help) = &diagnostic.help {
        writeln!(out, "    help: {help}").unwrap();
    }
    out
}
