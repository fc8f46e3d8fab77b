//! The arrows drawn in `docs/architecture.md` are the arrows in the manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use scar_tests::root;

type Arrows = BTreeMap<String, BTreeSet<String>>;

#[test]
fn crates_depend_only_along_documented_arrows() {
    let text = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    assert_eq!(documented(&text), actual());
}

#[test]
fn pure_crates_carry_the_purity_rules() {
    let rules = fs::read_to_string(root().join("engine/pure.clippy.toml")).unwrap();
    for folder in [
        "schemas",
        "engine/manifest",
        "engine/workflow",
        "engine/cfn",
        "engine/template",
        "engine/plan",
    ] {
        let linked = fs::read_to_string(root().join(folder).join("clippy.toml")).unwrap();
        assert_eq!(linked, rules, "{folder}");
    }
}

/// Rows `| crate | crate, crate |` of the table.
fn documented(text: &str) -> Arrows {
    let rows = text.lines().filter(|line| line.starts_with("| scar"));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let name = cells.next().unwrap().to_owned();
        let arrows = cells.next().unwrap_or_default().split(',').map(str::trim);
        (
            name,
            arrows
                .filter(|arrow| !arrow.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    })
    .collect()
}

fn actual() -> Arrows {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| (text(&package["name"]), arrows(package)))
        .collect()
}

/// Path dependencies that are part of the product, not of its tests.
fn arrows(package: &serde_json::Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    dependencies
        .filter(|dependency| dependency["path"].is_string() && dependency["kind"].is_null())
        .map(|dependency| text(&dependency["name"]))
        .collect()
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap().to_owned()
}
