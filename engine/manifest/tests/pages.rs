//! Files that are made of the reader's tables are up to date, and every code has its page. `UPDATE=1`
//! writes what is made.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]
#![expect(clippy::disallowed_methods, reason = "the tests compare with files")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn check(path: &str, made: &str) {
    let path = root().join(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, made).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == made,
        "{} is out of date: run with UPDATE=1",
        path.display()
    );
}

#[test]
fn json_schema() {
    let schema = serde_json::to_string_pretty(&scar_manifest::schema()).unwrap();
    check("schemas/workflow.schema.json", &(schema + "\n"));
}

#[test]
fn reference_page() {
    check("docs/reference/manifest.md", &scar_manifest::reference());
}

#[test]
fn every_code_has_its_page() {
    for code in scar_manifest::codes() {
        let page = root().join(format!("docs/errors/{code}.md"));
        let text = fs::read_to_string(&page).unwrap_or_default();
        assert!(
            text.starts_with(&format!("# {code}: ")),
            "{} is missing",
            page.display()
        );
    }
}
