//! The plan: empty after apply, one line for one change, bound to the world it saw.

use scar_tests::Product;

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
