//! Each file in `format/` is a manifest; beside it stands how scar writes it. `UPDATE=1` writes that; the
//! difference is reviewed by eye.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]
#![expect(clippy::disallowed_methods, reason = "the cases are files")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use scar_manifest::{Format, Source, format};

fn source(name: &str, text: &str) -> Source {
    let is_toml = name.contains(".toml");
    Source {
        name: name.to_owned(),
        text: text.to_owned(),
        format: if is_toml { Format::Toml } else { Format::Yaml },
    }
}

/// The formatted text, after a look at what always holds: it is stable.
fn formatted(name: &str, text: &str) -> Option<String> {
    let once = format(&source(name, text)).ok()?;
    let twice = format(&source(name, &once));
    assert_eq!(
        twice.as_deref(),
        Ok(once.as_str()),
        "{name} formatted again:\n{once}"
    );
    assert!(
        once.ends_with('\n') && !once.contains(" \n") || once.contains("|"),
        "{once}"
    );
    Some(once)
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|it| it == "yaml" || it == "toml")
    });
    files.sort();
    files
}

#[test]
fn what_cannot_be_followed_is_refused() {
    for empty in ["", "---", "---\n"] {
        let report = format(&source("empty.yaml", empty)).unwrap_err();
        assert_eq!(report[0].code, "E015", "{empty:?}: {report:?}");
    }
}

#[test]
fn cases() {
    let mut count = 0;
    for path in files("tests/format") {
        let name = path.display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let written = formatted(&name, &text).unwrap_or_else(|| {
            panic!(
                "{name} cannot be formatted: {:?}",
                format(&source(&name, &text))
            )
        });
        let expected_path = path.with_added_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected_path, &written).unwrap();
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        assert_eq!(written, expected, "{name}");
        count += 1;
    }
    assert!(count >= 6, "the cases are gone");
}

/// Whatever can be read can be formatted, or is refused: never changed.
#[test]
fn cases_of_the_reader() {
    let mut count = 0;
    for folder in ["tests/cases", "../../workflows"] {
        for path in files(folder) {
            let name = path.display().to_string();
            count += usize::from(formatted(&name, &fs::read_to_string(&path).unwrap()).is_some());
        }
    }
    assert!(count > 15, "most cases can be formatted, not {count}");
}

/// A text from pieces that YAML readers are known to disagree on.
fn value() -> impl Strategy<Value = String> {
    let plain = "[ -~é\u{2028}]{0,12}";
    let pieces = prop::sample::select(vec![
        "no",
        "12:30",
        "010",
        "1.0",
        "~",
        "null",
        "{{ vars.x }}",
        "a: b",
        "a #b",
        "#",
        "- a",
        "*a",
        "&a",
        "!t",
        "|",
        ">-",
        "'",
        "\"",
        "\\",
        "a\nb",
        "a\n\nb\n",
        " a ",
        "",
        "[",
        "]",
        "{}",
        ",",
        "?",
        "%",
        "@",
        "`",
        "<<",
        "=",
        "...",
        "---",
    ]);
    prop_oneof![plain.prop_map(String::from), pieces.prop_map(str::to_owned)]
}

/// JSON is YAML, so a quoted JSON text is a YAML scalar. U+2028 and the like are within quotes there.
fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A manifest with comments between its lines and values of every kind.
fn manifest() -> impl Strategy<Value = String> {
    let setting = (
        prop::sample::select(vec![
            "image", "in", "out", "run", "env", "memory", "retry", "unknown",
        ]),
        value(),
        0..6_u8,
        "( #[ -~]{0,8})?",
        "(\n# [a-z]{0,5}|\n|)",
        0..9_usize,
    );
    let stage = prop::collection::vec(setting, 0..6);
    prop::collection::vec(stage, 1..4).prop_map(|stages| {
        let mut text = String::from("name: random\n# a comment\nstages: # beside\n");
        for (number, settings) in stages.iter().enumerate() {
            text.push_str(&format!("   s{number}:\n"));
            let mut seen = std::collections::BTreeSet::new();
            for (key, value, form, beside, above, indent) in settings {
                if !seen.insert(*key) {
                    continue;
                }
                let above = above.replace("\n#", &format!("\n{}#", " ".repeat(*indent)));
                let value = json(value);
                let value = match form {
                    0 => format!("[{value}, b,{beside}\n        c]"),
                    1 => format!("{{a: {value}, b: {beside}\n         [{value}]}}"),
                    2 => format!("\n      - {value}\n{above}\n      - a: {value}\n        b: c"),
                    3 => format!(
                        "|{}{beside}\n         x # {}\n\n          y\n\n",
                        ["", "-", "+"][indent % 3],
                        value.replace("\\u", "")
                    ),
                    4 => format!(">{beside}\n         folded\n         text\n"),
                    _ => value,
                };
                text.push_str(&format!(
                    "{}\n      {key}: {value}{beside}\n",
                    above.trim_start_matches('\n')
                ));
            }
        }
        text.push_str("scar: 1\n  # at the end\n");
        text
    })
}

proptest! {
    #[test]
    fn random_manifests(text in manifest()) {
        formatted("random.yaml", &text);
    }

    #[test]
    fn random_text(text in r#"[ \n:{}\[\],*&!a-c"'#|>%@=.\-\t0-9é]{0,60}"#) {
        formatted("random.yaml", &text);
        formatted("random.toml", &text);
    }
}

/// The property above says nothing if nothing can be formatted.
#[test]
fn random_manifests_can_be_formatted() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let count = (0..200)
        .filter(|_| {
            let text = manifest().new_tree(&mut runner).unwrap().current();
            formatted("random.yaml", &text).is_some()
        })
        .count();
    assert!(count > 150, "{count} of 200");
}
