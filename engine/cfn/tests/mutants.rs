//! Templates with one mistake each: the validator finds every one, and nothing in the template without.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use scar_cfn::{Document, Finding, validate};
use serde_json::Value;

const TEMPLATE: &str = include_str!("mutants/template.yaml");
const MUTANTS: &str = include_str!("mutants/mutants.jsonl");
/// What cfn-lint says of mutants, as far as it has been asked; written by `mutants/judge.py`.
const LINTED: &str = include_str!("mutants/cfn-lint.tsv");

#[test]
fn the_template_is_clean() {
    assert_eq!(validate(&Document::parse(TEMPLATE).unwrap()), []);
}

#[test]
fn every_mutant_is_found() {
    let template: Value =
        serde_json::from_str(&Document::parse(TEMPLATE).unwrap().to_json()).unwrap();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut missed = Vec::new();
    for line in MUTANTS.lines() {
        let mutant: Value = serde_json::from_str(line).unwrap();
        *kinds.entry(text(&mutant, "kind").to_owned()).or_default() += 1;
        let mut changed = template.clone();
        for change in mutant["patch"].as_array().unwrap() {
            patch(&mut changed, change);
        }
        if !is_found(changed) {
            missed.push(text(&mutant, "name").to_owned());
        }
    }
    assert_eq!(missed, [""; 0], "missed of {kinds:?}");
    assert!(MUTANTS.lines().count() > 600);
}

/// Every mutant is found, so those that cfn-lint finds are; here only that the table is about them.
#[test]
fn the_table_of_the_linter_is_about_these_mutants() {
    let names: Vec<String> = MUTANTS
        .lines()
        .map(|line| text(&serde_json::from_str(line).unwrap(), "name").to_owned())
        .collect();
    for line in LINTED.lines() {
        let (name, verdict) = line.split_once('\t').unwrap();
        assert!(names.iter().any(|one| one == name), "{name}");
        assert!(matches!(verdict, "error" | "nothing"), "{verdict}");
    }
}

fn is_found(template: Value) -> bool {
    match Document::from_value(template) {
        Err(_) => true,
        Ok(document) => validate(&document).iter().any(Finding::is_error),
    }
}

/// One operation of a JSON patch.
fn patch(template: &mut Value, change: &Value) {
    let path = text(change, "path");
    match text(change, "op") {
        "remove" => {
            take(template, path);
        }
        "move" => {
            let value = take(template, text(change, "from"));
            put(template, path, value);
        }
        _ => put(template, path, change["value"].clone()),
    }
}

fn take(template: &mut Value, path: &str) -> Value {
    let (parent, key) = split(path);
    match template.pointer_mut(parent).unwrap() {
        Value::Array(items) => items.remove(key.parse().unwrap()),
        map => map.as_object_mut().unwrap().remove(&key).unwrap(),
    }
}

fn put(template: &mut Value, path: &str, value: Value) {
    let (parent, key) = split(path);
    let Some(parent) = template.pointer_mut(parent) else {
        panic!("{path}");
    };
    match parent {
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        map => {
            map.as_object_mut().unwrap().insert(key, value);
        }
    }
}

fn split(path: &str) -> (&str, String) {
    let (parent, key) = path.rsplit_once('/').unwrap();
    (parent, key.replace("~1", "/").replace("~0", "~"))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}
