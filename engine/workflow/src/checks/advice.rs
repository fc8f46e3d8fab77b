//! What works and may still surprise.

use scar_manifest::Diagnostic;
use scar_schemas::construct::{Architecture, Compute, Events, RetryClass};

use super::services::reserved;
use super::{Look, One};
use crate::limits;

/// Beginnings and ends of images that are made for one architecture.
const X86: &[&str] = &["amd64/", "-amd64", "-x86_64", "_amd64", "-x86-64"];
const ARM: &[&str] = &["arm64v8/", "-arm64", "-aarch64", "_arm64"];

/// Advice on one stage.
pub(crate) fn check(one: One<'_>, report: &mut Vec<Diagnostic>) {
    image(one, report);
    queue(one, report);
    let only_spot = one
        .stage
        .retry_only
        .iter()
        .flatten()
        .any(|class| *class == RetryClass::Spot);
    let runs_on_spot =
        one.stage.spot && (one.stage.compute == Compute::Batch || one.stage.fallback);
    let own = one.own.settings.retry.as_ref();
    if only_spot && !runs_on_spot && own.is_some_and(|retry| retry.only.is_some()) {
        let summary = format!(
            "stage `{}` retries lost spare capacity, but uses none",
            one.name()
        );
        report.push(
            Diagnostic::warning("W913", summary)
                .label(one.place("retry.only"), "`spot` never happens here")
                .help("remove it, or add `spot: true` in Batch"),
        );
    }
}

fn image(one: One<'_>, report: &mut Vec<Diagnostic>) {
    let is_of = |marks: &[&str]| {
        let image = one.stage.image.split('@').next().unwrap_or_default();
        let path = image.rsplit_once('/').map_or("", |(path, _)| path);
        marks.iter().any(|mark| match mark.strip_suffix('/') {
            Some(owner) => path == owner || path.ends_with(&format!("/{owner}")),
            None => image.ends_with(mark),
        })
    };
    let (marks, asked, made) = match one.stage.arch {
        Architecture::Arm64 => (X86, "arm64", "x86-64"),
        Architecture::X86_64 => (ARM, "x86-64", "arm64"),
    };
    if is_of(marks) {
        let summary = format!(
            "stage `{}` runs on {asked}, its image seems to be made for {made}",
            one.name()
        );
        report.push(
            Diagnostic::warning("W911", summary)
                .label(one.place("image"), format!("for {made}"))
                .help("choose the image for the other architecture, or change `arch`"),
        );
    }
}

/// Pollers of a queue ask all the time.
fn queue(one: One<'_>, report: &mut Vec<Diagnostic>) {
    let own = one.own.settings.events == Some(Events::Queue);
    if own && !one.stage.inputs.is_empty() && one.stage.concurrency.is_none() {
        let summary = format!(
            "stage `{}` has a queue, but no `concurrency` that would make events wait in it",
            one.name()
        );
        report.push(
            Diagnostic::warning("W910", summary)
                .label(one.place("events"), "is polled day and night, also when nothing happens")
                .help("set `concurrency`, or remove `events: queue`: the polling costs about a quarter of a dollar a month"),
        );
    }
}

/// Advice on all stages together.
pub(crate) fn check_all(look: &Look<'_>, report: &mut Vec<Diagnostic>) {
    let place = || {
        let place = look.places.get("stages");
        place.map_or(0..0, |place| place.key.clone())
    };
    let rules = look.workflow.stages.iter();
    let rules = rules
        .filter(|stage| !stage.inputs.is_empty() && stage.events != Events::Direct)
        .count();
    if rules > limits::RULES {
        let summary = format!(
            "{rules} stages need a rule each, an event bus has {}",
            limits::RULES
        );
        report.push(
            Diagnostic::warning("W915", summary)
                .label(place(), "here")
                .help("ask AWS for more rules, or use `events: direct` for some stages"),
        );
    }
    let asked = reserved(look);
    if asked > limits::RESERVED {
        let summary = format!(
            "the stages reserve {asked} tasks at once, new accounts have {}",
            limits::RESERVED
        );
        report.push(
            Diagnostic::warning("W916", summary)
                .label(place(), "all `concurrency` together")
                .help("ask AWS for a higher limit, or lower `concurrency` of some stages"),
        );
    }
}
