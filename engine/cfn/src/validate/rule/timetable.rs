//! Schedules of `EventBridge` Scheduler ("`CreateSchedule`").

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::Item;
use super::super::scalar::shown;
use super::super::schedule::{self, Once};
use super::super::text::Text;

/// Checks a schedule.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    if let Some(expression) = item.text("ScheduleExpression")
        && let Some(problem) = schedule::problem(&expression, Once::Allowed)
    {
        findings.error(item.place("ScheduleExpression"), problem);
    }
    check_window(item, findings);
    check_zone(item, findings);
    check_target(item, findings);
    if let (Some(start), Some(end)) = (item.text("StartDate"), item.text("EndDate"))
        && start >= end
    {
        findings.error(item.place("EndDate"), "the schedule ends before it starts");
    }
}

fn check_window(item: &Item<'_>, findings: &mut Findings) {
    let has_minutes = item.has("FlexibleTimeWindow.MaximumWindowInMinutes");
    let place = item.place("FlexibleTimeWindow");
    match (item.text("FlexibleTimeWindow.Mode").as_deref(), has_minutes) {
        (Some("FLEXIBLE"), false) => {
            findings.error(place, "the mode FLEXIBLE needs MaximumWindowInMinutes");
        }
        (Some("OFF"), true) => {
            findings.error(place, "the mode OFF has no MaximumWindowInMinutes");
        }
        _ => {}
    }
}

/// Zones are `UTC` or names such as `Europe/Madrid`.
fn check_zone(item: &Item<'_>, findings: &mut Findings) {
    let Some(zone) = item.text("ScheduleExpressionTimezone") else {
        return;
    };
    let is_letter =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '/' | '_' | '-' | '+');
    let is_plain = matches!(
        zone.as_str(),
        "UTC" | "GMT" | "CET" | "EET" | "EST" | "HST" | "MET" | "MST" | "WET" | "Zulu" | "UCT"
    );
    let is_zone = zone.chars().all(is_letter) && (zone.contains('/') || is_plain || zone.len() > 3);
    if !is_zone {
        findings
            .error(
                item.place("ScheduleExpressionTimezone"),
                format!("{} is no time zone", shown(&zone)),
            )
            .fix("use a name such as UTC or Europe/Madrid");
    }
}

fn check_target(item: &Item<'_>, findings: &mut Findings) {
    let resource = item.target(item.at("Target.Arn"));
    if resource.is_some_and(|(_, one)| one.kind == "AWS::Batch::JobQueue") {
        findings
            .error(
                item.place("Target.Arn"),
                "the scheduler submits jobs through a universal target only",
            )
            .fix("use arn:aws:scheduler:::aws-sdk:batch:submitJob with an Input");
    }
    let is_universal = Text::of(item.at("Target.Arn"))
        .is_some_and(|text| text.outline().contains(":scheduler:::aws-sdk:"));
    if is_universal && !item.has("Target.Input") {
        findings.error(item.place("Target"), "a universal target needs Input");
    }
    let Some(input) = item
        .text("Target.Input")
        .filter(|input| !input.contains("<aws.scheduler"))
    else {
        return;
    };
    if serde_json::from_str::<Value>(&input).is_err() {
        findings.error(
            item.place("Target.Input"),
            format!("{} is no JSON", shown(&input)),
        );
    }
}
