//! After a failure: why it happened, where results came from, and how to go on.

use scar_tests::Product;

const MANIFEST: &str = "w/workflow.yaml";

fn with_a_failed_task() -> Product {
    let product = Product::new();
    product.stage("echo no good; exit 3", &[]);
    product.write("a.txt", "a");
    product.scar(["run", MANIFEST, "a.txt", "--local"]).exits(8);
    product
}

fn at<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["-f", MANIFEST, "--local"]].concat()
}

#[test]
fn a_failed_task_is_explained_and_started_again_after_it_is_mended() {
    let product = with_a_failed_task();
    let why = product.scar(at(&["why", "work/a"])).exits(0).stdout;
    assert!(why.contains("no good"), "{why}");
    assert!(why.contains("scar redrive"), "{why}");
    product.scar(at(&["redrive", "--dry-run"])).exits(0);
    product.stage("cp \"$SCAR_INPUT\" \"$SCAR_OUT/\"", &[]);
    product.scar(at(&["apply"])).exits(0);
    product.scar(at(&["redrive", "work"])).exits(0);
    let status = product.scar(at(&["status", "--json"])).exits(0).json();
    assert_eq!(status["stages"][0]["failed"], 0, "{status:#}");
    product.scar(["run", MANIFEST, "a.txt", "--local"]).exits(0);
    let trace = product
        .scar(at(&["trace", "out/a.txt", "--json"]))
        .exits(0)
        .json();
    assert_eq!(trace["steps"][0]["made_by"]["stage"], "work", "{trace:#}");
    assert_eq!(trace["steps"][1]["key"], "in/a.txt", "{trace:#}");
}

#[test]
fn what_is_not_there_is_said_with_a_way_out() {
    let product = with_a_failed_task();
    for verb in [
        &["why", "work/b"][..],
        &["trace", "out/b"],
        &["redrive", "other"],
        &["invoke", "other"],
    ] {
        let said = product.scar(at(verb)).exits(1).stderr;
        assert!(said.contains("hint:"), "{verb:?}: {said}");
    }
    let said = product.scar(at(&["reconcile"])).exits(0).stderr;
    assert!(said.contains("nothing waits"), "{said}");
}

#[test]
fn without_keys_the_way_to_them_is_said_instead_of_where_they_were_looked_for() {
    let product = Product::new();
    let list = ["list", "--endpoint-url", "http://127.0.0.1:9"];
    let said = product.scar(list).exits(1).stderr;
    assert!(said.contains("no AWS credentials are configured"), "{said}");
    assert!(said.contains("AWS_ACCESS_KEY_ID"), "{said}");
    assert!(!said.contains("caused by"), "{said}");
}
