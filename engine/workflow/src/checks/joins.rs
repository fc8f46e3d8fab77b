//! What a join needs, and what does not go with it.

use scar_manifest::Diagnostic;
use scar_schemas::construct::{Join, JoinBy};

use super::One;

/// Reports what is wrong with a stage's join.
pub(crate) fn check(one: One<'_>, report: &mut Vec<Diagnostic>) {
    if let Some(join) = &one.own.join {
        if one.own.inputs.is_empty() && one.own.after.is_empty() {
            let summary = format!("stage `{}` joins objects, but takes none", one.name());
            report.push(
                Diagnostic::error("E833", summary)
                    .label(one.key_of("join"), "nothing to join")
                    .help("add `in`, or remove `join`"),
            );
        }
        if join.by == JoinBy::Window {
            window(one, join, report);
        } else {
            share(one, join, report);
        }
    }
    let is_window = one
        .own
        .join
        .as_ref()
        .is_some_and(|join| join.by == JoinBy::Window);
    if one.own.schedule.is_some() && !one.own.inputs.is_empty() && !is_window {
        let summary = format!(
            "stage `{}` has a schedule and takes objects: it is not said which of them",
            one.name()
        );
        report.push(
            Diagnostic::error("E810", summary)
                .label(one.key_of("schedule"), "starts at these times")
                .label(one.place("in"), "takes these objects")
                .help("add `join: {by: window}`: all that came since the last time"),
        );
    }
}

fn window(one: One<'_>, join: &Join, report: &mut Vec<Diagnostic>) {
    if one.own.schedule.is_none() {
        let summary = format!(
            "stage `{}` joins by window, but has no schedule",
            one.name()
        );
        report.push(
            Diagnostic::error("E809", summary)
                .label(
                    one.place("join.by"),
                    "a window ends when the schedule fires",
                )
                .help("for instance: `schedule: {every: 1h}`"),
        );
    }
    if join.timeout_s.is_some() || join.min_percent < 100 {
        let key = if join.timeout_s.is_some() {
            "join.timeout"
        } else {
            "join.min"
        };
        let summary = format!(
            "the window of stage `{}` ends by its schedule alone",
            one.name()
        );
        report.push(
            Diagnostic::error("E812", summary)
                .label(one.place(key), "does nothing here")
                .help("remove it: a window takes whatever is there"),
        );
    }
}

/// Less than all is only enough when the time is up.
fn share(one: One<'_>, join: &Join, report: &mut Vec<Diagnostic>) {
    if join.min_percent < 100 && join.timeout_s.is_none() {
        let summary = format!(
            "stage `{}` is content with {} %, but never stops waiting for the rest",
            one.name(),
            join.min_percent
        );
        report.push(
            Diagnostic::error("E811", summary)
                .label(one.place("join.min"), "counts when the time is up")
                .help("add a `timeout`, for instance `timeout: 6h`"),
        );
    }
}
