//! The Rust sources of the workspace, and where serialisation and cloud calls may stand in them.

use std::fs;
use std::path::{Path, PathBuf};

use scar_tests::root;

/// A source file: its path below the root, and its text.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All Rust sources of the workspace's crates.
pub(crate) fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    for folder in ["schemas", "engine", "supervisor", "tests"] {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 40, "the sources were not found");
    files
}

fn collect(folder: &Path, files: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .strip_prefix(root())
                .unwrap()
                .to_string_lossy()
                .into_owned();
            files.push(Source {
                path: name,
                text: fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

fn offenders(forbidden: &str, allowed: &[&str]) -> Vec<String> {
    sources()
        .into_iter()
        .filter(|source| !allowed.iter().any(|folder| source.path.starts_with(folder)))
        .filter(|source| source.text.contains(forbidden))
        .map(|source| source.path)
        .collect()
}

#[test]
fn only_formats_are_serialisable() {
    let allowed = [
        "schemas/",
        "engine/cfn/",
        "engine/local/src/",
        "supervisor/container/src/",
        "tests/",
    ];
    assert_eq!(offenders("derive(Serialize", &allowed), [""; 0]);
    assert_eq!(offenders("Deserialize)]", &allowed), [""; 0]);
}

#[test]
fn only_apply_and_the_supervisor_call_the_cloud() {
    let allowed = ["engine/apply/", "supervisor/bootstrap/", "tests/tidy/"];
    assert_eq!(offenders("aws_sdk_", &allowed), [""; 0]);
}

#[test]
fn only_the_command_line_prints() {
    let allowed = ["engine/cli/", "tests/", "supervisor/bootstrap/"];
    let prints = |source: &Source| {
        let product = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        source.path.contains("/src/")
            && !source.path.contains("/src/bin/")
            && product
                .lines()
                .any(|line| !line.trim_start().starts_with("//") && line.contains("println!("))
    };
    let offenders: Vec<String> = sources()
        .into_iter()
        .filter(|source| !allowed.iter().any(|folder| source.path.starts_with(folder)))
        .filter(prints)
        .map(|source| source.path)
        .collect();
    assert_eq!(offenders, [""; 0]);
}
