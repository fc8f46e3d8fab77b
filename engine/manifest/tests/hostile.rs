//! No text makes the reader panic, hang or point outside of the text.

use proptest::prelude::*;
use scar_manifest::{Diagnostic, Files, Format, Source, parse};

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("no such file".to_owned())
    }
}

fn check(text: &str, format: Format) {
    let source = Source {
        name: "hostile".to_owned(),
        text: text.to_owned(),
        format,
    };
    let outcome = parse(&source, None, &NoFiles);
    let has_error = outcome.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(outcome.manifest.is_none(), has_error, "{text}");
    for diagnostic in &outcome.diagnostics {
        assert!(scar_manifest::codes().contains(&diagnostic.code));
        for label in &diagnostic.labels {
            assert!(
                text.get(label.span.clone()).is_some(),
                "{diagnostic:?} in {text:?}"
            );
        }
    }
}

const YAML: &str = include_str!("cases/good.yaml");
const TOML: &str = include_str!("cases/good.toml");

/// The text with one piece replaced.
fn damaged(text: &str, at: usize, length: usize, piece: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = at % characters.len();
    let end = (at + length).min(characters.len());
    characters[..at]
        .iter()
        .copied()
        .chain(piece.chars())
        .chain(characters[end..].iter().copied())
        .collect()
}

proptest! {
    #[test]
    fn damaged_manifests(at in 0..2000_usize, length in 0..9_usize, piece in r#"[ -~\t\n{}\[\]:*&!|>é"']{0,6}"#) {
        check(&damaged(YAML, at, length, &piece), Format::Yaml);
        check(&damaged(TOML, at, length, &piece), Format::Toml);
    }

    #[test]
    fn any_text(text in r#"[ \n:{}\[\],*&!a-c"'#|>%@=.\-\t0-9é]{0,60}"#) {
        check(&text, Format::Yaml);
        check(&text, Format::Toml);
    }
}

#[test]
fn large_texts_are_refused_quickly() {
    let brackets = "[".repeat(250_000);
    let quoted = format!("{{a: \"{}\"}}", "x".repeat(250_000));
    let keys: String = (0..20_000).map(|n| format!("k{n}: 1\n")).collect();
    let variables = format!("scar: 1\nname: \"{}\"\n", "{{ a }}".repeat(30_000));
    for text in [brackets, quoted, keys, variables] {
        check(&text, Format::Yaml);
        check(&text, Format::Toml);
    }
}
