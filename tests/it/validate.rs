//! Mistakes: all of them in one run, each at its place.

use scar_tests::Product;

const FOUR_MISTAKES: &str = "\
scar: 1
name: broken
stages:
  first:
    image: oci:none
    in: in/*.txt
    out: out/
    memroy: 1GiB
    run: cat
  second:
    image: oci:none
    in: out/*.txt
    out: last/
    timeout: 30m
    run: cat
  third:
    image: oci:none
    in: last/*.txt
    out: end/
    script: missing.sh
  fourth:
    image: oci:none
    in: end/*.txt
    out: final/
    memory: 12 parsecs
    run: cat
";

#[test]
fn four_mistakes_are_four_reports_with_their_lines() {
    let product = Product::new();
    product.write("workflow.yaml", FOUR_MISTAKES);
    let run = product.scar(["validate", "workflow.yaml"]).exits(3);
    for place in [
        "workflow.yaml:8:5",
        "workflow.yaml:14:",
        "workflow.yaml:20:",
        "workflow.yaml:25:",
    ] {
        assert!(
            run.stderr.contains(place),
            "{place} is not in\n{}",
            run.stderr
        );
    }
    let json = product
        .scar(["validate", "workflow.yaml", "--json"])
        .exits(3)
        .json();
    assert_eq!(json["diagnostics"].as_array().unwrap().len(), 4, "{json:#}");
}

#[test]
fn the_examples_are_valid() {
    let product = Product::new();
    for name in ["quickstart", "imagemagick", "video", "av"] {
        product
            .scar(["validate", &format!("workflows/{name}/workflow.yaml")])
            .exits(0);
    }
}

#[test]
fn a_starter_is_valid() {
    let product = Product::new();
    product.scar(["init", "fresh"]).exits(0);
    product.scar(["validate", "fresh/workflow.yaml"]).exits(0);
}

#[test]
fn every_code_is_explained() {
    let product = Product::new();
    for entry in std::fs::read_dir(scar_tests::root().join("docs/errors")).unwrap() {
        let path = entry.unwrap().path();
        let code = path.file_stem().unwrap().to_string_lossy().into_owned();
        product.scar(["explain", &code]).exits(0);
    }
    product.scar(["explain", "E999"]).exits(1);
}
