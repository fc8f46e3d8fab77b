//! The plan: empty after apply, one line for one change, bound to the world it saw.

use std::fs;
use std::path::Path;

use scar_tests::{Cloud, Product, root};

const MANIFEST: &str = "w/workflow.yaml";

fn applied() -> Product {
    let product = Product::new();
    product.stage("cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"", &["memory: 256MiB"]);
    product.scar(["apply", MANIFEST, "--local"]).exits(0);
    product
}

fn change_memory(product: &Product) {
    product.stage("cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"", &["memory: 512MiB"]);
}

#[test]
fn a_plan_right_after_apply_is_empty() {
    let product = applied();
    let plan = product
        .scar(["plan", MANIFEST, "--local", "--exit-code"])
        .exits(0);
    assert!(
        plan.stdout.to_lowercase().contains("no changes"),
        "{plan:?}"
    );
    let plan = product
        .scar(["plan", MANIFEST, "--local", "--json"])
        .exits(0)
        .json();
    for kind in ["add", "change", "replace", "delete"] {
        assert_eq!(plan["summary"][kind], 0, "{kind}");
    }
}

#[test]
fn a_changed_memory_is_one_change_in_place() {
    let product = applied();
    change_memory(&product);
    product
        .scar(["plan", MANIFEST, "--local", "--exit-code"])
        .exits(2);
    let plan = product
        .scar(["plan", MANIFEST, "--local", "--json"])
        .exits(0)
        .json();
    assert_eq!(plan["summary"]["change"], 1);
    assert_eq!(plan["summary"]["add"], 0);
    assert_eq!(plan["summary"]["replace"], 0);
    assert_eq!(plan["summary"]["delete"], 0);
    product.scar(["apply", MANIFEST, "--local"]).exits(0);
    product
        .scar(["plan", MANIFEST, "--local", "--exit-code"])
        .exits(0);
}

#[test]
fn a_saved_plan_applies_once_and_only_to_the_world_it_saw() {
    let product = applied();
    change_memory(&product);
    product
        .scar(["plan", MANIFEST, "--local", "--out", "saved.plan"])
        .exits(0);
    product
        .scar(["plan", MANIFEST, "--local", "--out", "stale.plan"])
        .exits(0);
    product.scar(["apply", "saved.plan", "--local"]).exits(0);
    product
        .scar(["plan", MANIFEST, "--local", "--exit-code"])
        .exits(0);
    product.scar(["apply", "stale.plan", "--local"]).exits(5);
}

#[test]
fn an_edited_plan_is_refused() {
    let product = applied();
    change_memory(&product);
    product
        .scar(["plan", MANIFEST, "--local", "--out", "saved.plan"])
        .exits(0);
    let text = std::fs::read_to_string(product.path().join("saved.plan")).unwrap();
    assert!(text.contains("512"));
    product.write("saved.plan", text.replace("512", "513"));
    product.scar(["apply", "saved.plan", "--local"]).exits(5);
}

#[test]
fn destroy_takes_the_stack_and_keeps_the_data() {
    let product = applied();
    product.write("a.txt", "a");
    product.scar(["run", MANIFEST, "a.txt", "--local"]).exits(0);
    product
        .scar(["destroy", MANIFEST, "--local", "--auto-approve"])
        .exits(0);
    let plan = product
        .scar(["plan", MANIFEST, "--local", "--json"])
        .exits(0)
        .json();
    assert_ne!(plan["summary"]["add"], 0);
}

#[test]
fn rendering_is_the_same_every_time() {
    let product = Product::new();
    product.image("shell");
    let render = || {
        product
            .scar(["render", "workflows/quickstart/workflow.yaml", "--json"])
            .exits(0)
            .stdout
    };
    assert_eq!(render(), render());
}

/// Every example, with an image that is at hand in the place of those of foreign registries.
#[test]
fn a_plan_right_after_apply_is_empty_for_every_example() {
    let product = Product::new();
    product.image("shell");
    let cloud = Cloud::up(&product);
    let made = cloud.python("make_buckets.py", &["acme-archive", "lab-sequencer-drop"]);
    made.exits(0);
    let mut count = 0;
    for entry in fs::read_dir(root().join("workflows")).unwrap() {
        let folder = entry.unwrap().path();
        for manifest in ["workflow.yaml", "workflow.toml"].map(|name| folder.join(name)) {
            if manifest.is_file() {
                settles(&product, &manifest);
                count += 1;
            }
        }
    }
    assert!(count >= 8, "{count} examples");
}

fn settles(product: &Product, manifest: &Path) {
    let below = manifest.strip_prefix(root()).unwrap().to_str().unwrap();
    let text = fs::read_to_string(manifest).unwrap();
    product.write(below, at_hand(&text));
    product
        .scar(["apply", below, "-e", "dev", "--auto-approve"])
        .exits(0);
    product
        .scar(["plan", below, "-e", "dev", "--exit-code"])
        .exits(0);
}

/// The manifest with the image `shell`, and without another processor, for which there is no supervisor here.
fn at_hand(text: &str) -> String {
    let line = |line: &str| match line.trim_start().split([':', ' ', '=']).next() {
        Some("image") if line.contains(':') && !line.contains('=') => {
            let indent = line.len() - line.trim_start().len();
            format!("{}image: oci:../images/shell\n", " ".repeat(indent))
        }
        Some("image") => "image = \"oci:../images/shell\"\n".to_owned(),
        Some("arch") => String::new(),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}
