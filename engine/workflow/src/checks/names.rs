//! Names of stages that other stages use.

use std::collections::BTreeMap;

use scar_manifest::{Diagnostic, nearest, quoted};

use super::Look;
use crate::resolve::span;

/// Reports names that mean nothing, or two things.
pub(crate) fn check(look: &Look<'_>, report: &mut Vec<Diagnostic>) {
    for (name, stage) in &look.manifest.stages {
        for (index, earlier) in stage.after.iter().enumerate() {
            if !look.manifest.stages.contains_key(earlier) {
                report.push(unknown(look, name, index, earlier));
            }
            if earlier == name {
                let place = span(look.places, &format!("stages.{name}.after.{index}"));
                report.push(
                    Diagnostic::error("E311", format!("stage `{name}` waits for itself"))
                        .label(place, "its own name")
                        .help("remove it"),
                );
            }
        }
    }
    renamed(look, report);
}

fn unknown(look: &Look<'_>, name: &str, index: usize, earlier: &str) -> Diagnostic {
    let known = || look.manifest.stages.keys().map(String::as_str);
    let label = match nearest(earlier, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "no stage of this name".to_owned(),
    };
    let list: Vec<&str> = known().filter(|stage| *stage != name).take(20).collect();
    let summary = format!(
        "stage `{name}` is after {}, which is not there",
        quoted(earlier)
    );
    let place = span(look.places, &format!("stages.{name}.after.{index}"));
    Diagnostic::error("E310", summary)
        .label(place, label)
        .help(format!("stages: {}", list.join(", ")))
}

/// A former name belongs to one stage, and to none that is there.
fn renamed(look: &Look<'_>, report: &mut Vec<Diagnostic>) {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, stage) in &look.manifest.stages {
        let Some(former) = stage.renamed_from.as_deref() else {
            continue;
        };
        let place = |name: &str| span(look.places, &format!("stages.{name}.renamed_from"));
        if look.manifest.stages.contains_key(former) {
            let summary =
                format!("stage `{name}` was renamed from `{former}`, which is still there");
            let other = look.places.get(&format!("stages.{former}"));
            let other = other.map_or(0..0, |place| place.key.clone());
            report.push(
                Diagnostic::error("E313", summary)
                    .label(place(name), "its former name")
                    .label(other, "a stage of this name")
                    .help("remove `renamed_from`, or rename the other stage"),
            );
        } else if let Some(first) = owners.insert(former, name) {
            let summary = format!("`{first}` and `{name}` were both renamed from `{former}`");
            report.push(
                Diagnostic::error("E313", summary)
                    .label(place(name), "the second")
                    .label(place(first), "the first")
                    .help("one of them can have its resources and finished tasks"),
            );
        }
    }
}
