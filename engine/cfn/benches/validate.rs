//! How long it takes to check a template of some hundred resources.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark reads the clock and tells the result"
)]

use std::time::{Duration, Instant};

use scar_cfn::{Document, validate};
use serde_json::Value;

const TEMPLATE: &str = include_str!("../tests/mutants/template.yaml");
/// Copies of the template's resources in one template.
const COPIES: usize = 6;
const RUNS: usize = 50;

fn main() {
    let text = large().to_json();
    let first = measure(&text);
    let mut all: Vec<Duration> = (0..RUNS).map(|_| measure(&text)).collect();
    all.sort();
    let resources = large().resources.len();
    println!(
        "{resources} resources, {} kB: first {first:?}, then median {:?}, from {:?} to {:?}",
        text.len() / 1024,
        all[RUNS / 2],
        all[0],
        all[RUNS - 1]
    );
}

fn measure(text: &str) -> Duration {
    let document = Document::parse(text).unwrap();
    let start = Instant::now();
    let findings = validate(&document);
    let took = start.elapsed();
    assert_eq!(
        findings.iter().filter(|one| one.is_error()).count(),
        0,
        "{findings:?}"
    );
    took
}

/// The template with copies of its resources that refer to each other and have names of their own.
fn large() -> Document {
    let text = Document::parse(TEMPLATE).unwrap().to_json();
    let template: Value = serde_json::from_str(&text).unwrap();
    let mut resources = serde_json::Map::new();
    let ids: Vec<&String> = template["Resources"].as_object().unwrap().keys().collect();
    for copy in 0..COPIES {
        let mut part = template["Resources"]
            .to_string()
            .replace("demo-", &format!("demo-{copy}-"));
        part = part.replace("demo/images", &format!("demo/{copy}"));
        for id in &ids {
            for (before, after) in [("\"", "\""), ("${", "."), ("${", "}")] {
                part = part.replace(
                    &format!("{before}{id}{after}"),
                    &format!("{before}{id}Copy{copy}{after}"),
                );
            }
        }
        let Value::Object(part) = serde_json::from_str(&part).unwrap() else {
            continue;
        };
        resources.extend(part);
    }
    let mut whole = template;
    whole["Resources"] = Value::Object(resources);
    whole.as_object_mut().unwrap().remove("Outputs");
    Document::from_value(whole).unwrap()
}
