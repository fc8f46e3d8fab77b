//! `scar init`, which asks if somebody is there.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use scar_tests::{Product, Run, product::scar};

/// `scar init NAME` on a terminal of its own, with these keys typed.
fn asked(product: &Product, name: &str, keys: &str) -> Run {
    let command = format!("{} init {name}", scar().display());
    let mut child = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(product.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Keys that are typed before the question is there wait for it, but Ctrl-C does not.
    std::thread::sleep(std::time::Duration::from_millis(700));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(keys.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap().into()
}

fn manifest(product: &Product, name: &str) -> String {
    let path = product.path().join(name).join("workflow.yaml");
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_person_chooses_by_number_or_name_or_just_agrees() {
    let product = Product::new();
    for (name, keys, starter) in [
        ("agreed", "\n", "quickstart"),
        ("number", "2\n", "chain"),
        ("name", "fan\n", "fan"),
    ] {
        let run = asked(&product, name, keys).exits(0);
        assert!(run.stdout.contains("Number or name (1):"), "{}", run.stdout);
        let text = manifest(&product, name);
        assert!(text.contains(&format!("name: {starter}")), "{text}");
    }
}

#[test]
fn an_answer_that_means_nothing_and_an_interruption_write_nothing() {
    let product = Product::new();
    for (name, keys, code, words) in [
        ("wrong", "99\n", 1, "there are: quickstart, chain"),
        ("word", "nothing\n", 1, "there are: quickstart, chain"),
        ("interrupted", "\u{3}", 130, "nothing was written"),
    ] {
        let run = asked(&product, name, keys).exits(code);
        assert!(run.stdout.contains(words), "{}", run.stdout);
        assert!(!product.path().join(name).exists(), "{name}");
    }
}

#[test]
fn nobody_to_ask_gets_the_quickstart_and_nothing_is_overwritten() {
    let product = Product::new();
    let run = product.scar(["init", "demo"]).exits(0);
    assert!(run.stderr.contains("quickstart"), "{}", run.stderr);
    product.write("demo/workflow.yaml", "mine");
    let said = product.scar(["init", "demo", "--from", "chain"]).exits(1);
    assert!(said.stderr.contains("there already"), "{}", said.stderr);
    assert_eq!(manifest(&product, "demo"), "mine");
    let unknown = product
        .scar(["init", "other", "--from", "nothing"])
        .exits(1);
    assert!(unknown.stderr.contains("quickstart"), "{}", unknown.stderr);
}
