//! SARIF 2.1.0: what code scanning shows beside the lines of a pull request.

use scar_plan::{CheckOutcome, Place, Plan};
use serde_json::{Value, json};

use crate::plan_set::PlanSet;

/// A log of one run of this program.
pub(crate) fn log(codes: &[&str], results: Vec<Value>) -> Value {
    let mut codes = codes.to_vec();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().map(|code| json!({ "id": code })).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "scar", "version": env!("CARGO_PKG_VERSION"), "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// Checks that did not pass, and what blocks plans.
pub(crate) fn plans(set: &PlanSet) -> Value {
    let (mut codes, mut results) = (Vec::new(), Vec::new());
    for one in &set.plans {
        for check in &one.plan.checks {
            let level = match check.outcome {
                CheckOutcome::Passed => continue,
                CheckOutcome::Warning => "warning",
                CheckOutcome::Failed => "error",
            };
            codes.push(check.code.as_str());
            let place = check.place.as_ref();
            results.push(result(
                &check.code,
                level,
                &check.summary,
                place,
                &one.manifest,
            ));
        }
        for block in &one.plan.blocks {
            let code = block.code.name();
            codes.push(code);
            let place = place_of(&one.plan, &block.subject);
            results.push(result(code, "error", &block.reason, place, &one.manifest));
        }
    }
    log(&codes, results)
}

/// The stage that a block is about, if it is about one.
fn place_of<'a>(plan: &'a Plan, subject: &str) -> Option<&'a Place> {
    let stage = plan.stages.iter().find(|stage| stage.name == subject)?;
    stage.place.as_ref()
}

fn result(code: &str, level: &str, text: &str, place: Option<&Place>, manifest: &str) -> Value {
    let file = place.map_or(manifest, |place| place.file.as_str());
    let (line, column) = place.map_or((1, 1), |place| (place.line, place.column));
    json!({
        "ruleId": code,
        "level": level,
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": file },
            "region": { "startLine": line, "startColumn": column },
        }}],
    })
}
