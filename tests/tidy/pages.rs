//! Every error code has a page and every page a code; every design record has a status.

use std::collections::BTreeSet;
use std::fs;

use scar_tests::root;

use crate::sources::sources;

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let pages: BTreeSet<String> = fs::read_dir(root().join("docs/errors"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| is_code(name))
        .collect();
    let used: BTreeSet<String> = sources()
        .iter()
        .filter(|source| source.path.contains("/src/") && !source.path.starts_with("tests/"))
        .flat_map(|source| codes(&source.text))
        .collect();
    assert_eq!(pages, used);
}

#[test]
fn every_design_record_has_a_status() {
    for entry in fs::read_dir(root().join("docs/design")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("\nStatus: "),
            "{} has no status",
            path.display()
        );
    }
}

/// String literals that are exactly a code.
fn codes(text: &str) -> BTreeSet<String> {
    text.split('"')
        .filter(|piece| is_code(piece))
        .map(str::to_owned)
        .collect()
}

/// `E` or `W` and three digits.
fn is_code(text: &str) -> bool {
    text.len() == 4
        && text.starts_with(['E', 'W'])
        && text[1..].bytes().all(|byte| byte.is_ascii_digit())
}
