//! HTTP doors and schedules.

use scar_manifest::Diagnostic;
use scar_schemas::construct::{Compute, Http, HttpAuth, HttpMode, Times};

use super::One;

/// Largest body of a synchronous invocation, 6 MB (AWS Lambda Developer Guide, "Lambda quotas").
const SYNC_BODY_BYTES: u64 = 6 << 20;
/// Time in which an HTTP API must have its answer, 30 s (Amazon API Gateway Developer Guide, "Quotas for
/// HTTP APIs"), one of which is left for the way.
const API_TIMEOUT_S: u32 = 29;

/// Reports what is wrong with a stage's door or schedule.
pub(crate) fn check(one: One<'_>, report: &mut Vec<Diagnostic>) {
    if let Some(http) = &one.own.http {
        company(one, report);
        match http.mode {
            HttpMode::Sync => sync(one, http, report),
            HttpMode::Async => {}
        }
        if http.auth == HttpAuth::None {
            open(one, report);
        }
    }
    let schedule = one.own.schedule.as_ref();
    if let Some(Times::EveryMinutes(_)) = schedule.map(|schedule| &schedule.times) {
        idle_zone(one, report);
    }
}

/// What a stage with a door cannot have besides.
fn company(one: One<'_>, report: &mut Vec<Diagnostic>) {
    let own = one.own;
    let others = [
        ("in", !own.inputs.is_empty()),
        ("schedule", own.schedule.is_some()),
        ("join", own.join.is_some()),
        ("scatter", own.scatter.is_some()),
    ];
    for (key, _) in others.into_iter().filter(|(_, is_there)| *is_there) {
        let summary = format!("stage `{}` has a door and `{key}`", one.name());
        report.push(
            Diagnostic::error("E815", summary)
                .label(one.key_of("http"), "calls start it")
                .label(one.key_of(key), "this does not go with calls")
                .help("make two stages of it: one with the door, whose `out` the other takes"),
        );
    }
}

fn sync(one: One<'_>, http: &Http, report: &mut Vec<Diagnostic>) {
    if one.stage.compute == Compute::Batch {
        let summary = format!(
            "callers of stage `{}` would wait for Batch, which takes minutes to start",
            one.name()
        );
        report.push(
            Diagnostic::error("E816", summary)
                .label(one.place("http"), "answers when the task is done")
                .label(one.place("compute"), "runs in Batch")
                .help("add `mode: async` to `http`, or run on Lambda"),
        );
    }
    if http.body_bytes > SYNC_BODY_BYTES {
        let summary = format!(
            "the door of stage `{}` allows larger bodies than Lambda",
            one.name()
        );
        report.push(
            Diagnostic::error("E211", summary)
                .label(one.place("http.body"), "6MiB are possible")
                .help("add `mode: async` to `http`: callers then get a URL to upload to"),
        );
    }
    let has_tokens = matches!(http.auth, HttpAuth::Jwt { .. });
    if has_tokens && one.stage.timeout_s > API_TIMEOUT_S {
        let summary = format!(
            "stage `{}` may take {} s, but its door answers within {API_TIMEOUT_S} s",
            one.name(),
            one.stage.timeout_s
        );
        report.push(
            Diagnostic::error("E817", summary)
                .label(
                    one.place("http.auth"),
                    "tokens need API Gateway, which waits 30 s",
                )
                .label(one.place("timeout"), format!("{} s", one.stage.timeout_s))
                .help("add `timeout: 29s`, `mode: async`, or `auth: iam`"),
        );
    }
}

fn open(one: One<'_>, report: &mut Vec<Diagnostic>) {
    let summary = format!("everybody on the Internet can start stage `{}`", one.name());
    report.push(
        Diagnostic::warning("W908", summary)
            .label(one.place("http.auth"), "no authentication")
            .help("say `auth: iam` unless that is meant; `concurrency` bounds what it can cost"),
    );
}

fn idle_zone(one: One<'_>, report: &mut Vec<Diagnostic>) {
    let path = format!("stages.{}.schedule.tz", one.name());
    if let Some(place) = one.look.places.get(&path) {
        let summary = format!(
            "`tz` of stage `{}` does nothing: `every` counts minutes",
            one.name()
        );
        report.push(
            Diagnostic::warning("W914", summary)
                .label(place.value.clone(), "not used")
                .help("remove it, or write the times as `cron`"),
        );
    }
}
