//! The examples in docs/errors: what is called wrong is reported as in `codes/`, what is called right has
//! nothing to be said about it. `UPDATE=1` writes the reports; the difference is reviewed by eye.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise")]
#![expect(clippy::disallowed_methods, reason = "the cases are files")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use scar_manifest::{Files, Format, Source};
use scar_workflow::{Loaded, load};

/// The files that examples name.
struct Beside;

impl Files for Beside {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match path {
            "regions.txt" => Ok(b"chr1\n\nchr2\n".to_vec()),
            "many.txt" => Ok("item\n".repeat(10_001).into_bytes()),
            "picture.png" => Ok(vec![0x89, b'P', 0xff]),
            _ => Err("no such file".to_owned()),
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(text: &str) -> Loaded {
    let source = Source {
        name: "workflow.yaml".to_owned(),
        text: text.to_owned(),
        format: Format::Yaml,
    };
    load(&source, None, &Beside)
}

fn report(text: &str, loaded: &Loaded) -> String {
    let mut out = String::new();
    for diagnostic in &loaded.diagnostics {
        writeln!(out, "{} {}", diagnostic.code, diagnostic.summary).unwrap();
        for label in &diagnostic.labels {
            let words: String = text[label.span.clone()].chars().take(60).collect();
            let line = text[..label.span.start].matches('\n').count() + 1;
            writeln!(out, "  {line}: {words}  <- {}", label.text).unwrap();
        }
        let help = diagnostic.help.as_deref().unwrap_or("none");
        writeln!(out, "  help: {help}").unwrap();
    }
    out
}

/// The block behind a heading, if it is a whole manifest.
fn block<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let rest = page.split_once(&format!("{heading}:\n\n```yaml\n"))?.1;
    let text = rest.split_once("```")?.0;
    text.starts_with("scar: 1").then_some(text)
}

fn pages() -> impl Iterator<Item = (&'static str, String)> {
    let codes = scar_manifest::codes().iter().copied();
    codes.map(|code| {
        let path = root().join(format!("docs/errors/{code}.md"));
        (code, fs::read_to_string(path).unwrap())
    })
}

/// What the report of a wrong manifest should have been; empty if it is as expected.
fn differs(code: &str, bad: &str) -> String {
    let said = report(bad, &read(bad));
    let path = format!("{}/tests/codes/{code}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &said).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let has_code = said.lines().any(|line| line.starts_with(code));
    if said == expected && has_code {
        return String::new();
    }
    format!("{code}: wrong\n--- expected\n{expected}--- said\n{said}\n")
}

/// An example that nobody would read.
fn more_rules_than_a_bus_has() -> String {
    let stage = |number: usize| format!("  s{number}: {{image: \"a:1\", in: s{number}/*}}\n");
    let stages: String = (0..301).map(stage).collect();
    let text = format!("scar: 1\nname: many\nstages:\n{stages}");
    differs("W915", &text)
}

/// Another one: every output may feed every input, and all of them write in one place.
fn everything_meets_everything() -> String {
    let stage = |number: usize| {
        format!("  s{number}: {{image: \"a:1\", in: \"**\", out: \"{number}/\"}}\n")
    };
    let stages: String = (0..600).map(stage).collect();
    let text = format!("scar: 1\nname: many\nstages:\n{stages}");
    differs("E321", &text)
}

#[test]
fn examples_of_the_pages() {
    let mut wrong = more_rules_than_a_bus_has() + &everything_meets_everything();
    let mut count = 0;
    for (code, page) in pages() {
        let (Some(bad), Some(good)) = (block(&page, "Wrong"), block(&page, "Right")) else {
            continue;
        };
        count += 1;
        wrong += &differs(code, bad);
        let said = report(good, &read(good));
        if !said.is_empty() {
            writeln!(wrong, "{code}: right\n{said}").unwrap();
        }
    }
    assert!(count > 75, "the examples are gone");
    assert!(wrong.is_empty(), "{wrong}");
    every_code_has_a_case();
}

/// Codes that neither reading nor linking a manifest gives.
const ELSEWHERE: &[&str] = &["E007", "E015"];

/// Every code is in the expected report of some case.
fn every_code_has_a_case() {
    let mut seen = BTreeSet::new();
    for folder in ["engine/manifest/tests", "engine/workflow/tests"] {
        codes_below(&root().join(folder), &mut seen);
    }
    let missing: Vec<&&str> = scar_manifest::codes()
        .iter()
        .filter(|code| !seen.contains(**code) && !ELSEWHERE.contains(code))
        .collect();
    assert!(missing.is_empty(), "no case: {missing:?}");
}

fn codes_below(folder: &Path, seen: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            codes_below(&path, seen);
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            let text = fs::read_to_string(path).unwrap();
            let first = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
            seen.extend(text.lines().map(first));
        }
    }
}
