//! Tasks that are over are run once more: nothing is lost, and results are those of the workflow as it is now.

use std::fs;

use scar_tests::Product;

const MANIFEST: &str = "w/workflow.yaml";
/// Every way in which tasks start each other: an item each, a join of all, a stage after another. Each item
/// leaves a file that nobody waits for.
const FAN: &str = "
scar: 1
name: w
stages:
  split:
    image: oci:../workflows/images/shell
    in: in/*.txt
    scatter: {list: [a, b, c]}
    out: parts/
    script: work.sh
  whole:
    image: oci:../workflows/images/shell
    in: parts/*.part
    join: {by: run}
    out: whole/*.txt
    run: cat \"$SCAR_INPUT_DIR\"/* > \"$SCAR_OUT/$SCAR_STEM.txt\"
  last:
    image: oci:../workflows/images/shell
    after: [split]
    out: last/
    run: echo done > \"$SCAR_OUT/$SCAR_TASK\"
";

fn run<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["run", MANIFEST, "t.txt", "--local"], more].concat()
}

fn result(product: &Product, prefix: &str, name: &str) -> String {
    let to = product.path().join("got");
    fs::remove_dir_all(&to).ok();
    product
        .scar(["get", prefix, "got", "-f", MANIFEST, "--local"])
        .exits(0);
    fs::read_to_string(to.join(name)).unwrap()
}

#[test]
fn a_changed_script_runs_again_on_what_is_done() {
    let product = Product::new();
    product.stage("cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"", &[]);
    product.write("t.txt", "a");
    product.scar(run(&[])).exits(0);
    product.stage("tr a b < \"$SCAR_INPUT\" > \"$SCAR_OUT/t.txt\"", &[]);
    product.scar(run(&[])).exits(0);
    assert_eq!(result(&product, "out/", "t.txt"), "a");
    product.scar(run(&["--again"])).exits(0);
    assert_eq!(result(&product, "out/", "t.txt"), "b");
    // Once more, and as often as one likes.
    product.scar(run(&["--again"])).exits(0);
    let status = ["status", MANIFEST, "--local", "--json"];
    let status = product.scar(status).exits(0).json();
    assert_eq!(status["stages"][0]["done"], 1, "{status:#}");
    assert_eq!(status["stages"][0]["waiting"], 0, "{status:#}");
}

#[test]
fn items_joins_and_later_stages_run_again_too() {
    let product = Product::new();
    product.image("shell");
    product.write(MANIFEST, FAN);
    let script = |word: &str| {
        let name = "$SCAR_OUT/$SCAR_STEM.$SCAR_INDEX";
        let text = format!("#!/bin/sh -e\necho {word} > {name}.part\necho {word} > {name}.log\n");
        product.write("w/work.sh", text);
    };
    script("old");
    product.write("t.txt", "a");
    product.scar(run(&[])).exits(0);
    script("new");
    let again = product.scar(run(&["--again"])).exits(0).stderr;
    assert_eq!(again.matches("✓ split").count(), 3, "{again}");
    assert!(again.matches("✓ last").count() >= 3, "{again}");
    let listed = product.scar(["ls", "whole/", "-f", MANIFEST, "--local", "--json"]);
    let listed = listed.exits(0).json();
    let key = listed[0]["key"].as_str().unwrap();
    let name = key.trim_start_matches("whole/");
    assert_eq!(result(&product, "whole/", name), "new\nnew\nnew\n");
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed:#}");
}

#[test]
fn a_result_stays_until_a_new_one_takes_its_place() {
    let product = Product::new();
    product.stage("cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"", &[]);
    product.write("t.txt", "a");
    product.scar(run(&[])).exits(0);
    product.stage("exit 3", &[]);
    product.scar(run(&["--again"])).exits(8);
    assert_eq!(result(&product, "out/", "t.txt"), "a");
    product.stage("tr a b < \"$SCAR_INPUT\" > \"$SCAR_OUT/t.txt\"", &[]);
    product.scar(run(&["--again"])).exits(0);
    assert_eq!(result(&product, "out/", "t.txt"), "b");
}
