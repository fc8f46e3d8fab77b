//! Settings of buckets.

use scar_manifest::Diagnostic;
use scar_schemas::contract::SYSTEM_PREFIX;

use super::Look;

const DAY_S: u64 = 86_400;

/// Reports settings that cannot be, and deletions that hurt.
pub(crate) fn check(look: &Look<'_>, report: &mut Vec<Diagnostic>) {
    for (name, bucket) in &look.manifest.buckets {
        let key = |key: &str| {
            let place = look.places.get(&format!("buckets.{name}.{key}"));
            place.map_or(0..0, |place| place.key.clone())
        };
        if bucket.existing.is_some() {
            let settings = [
                ("expire", !bucket.expire_days.is_empty()),
                ("versioned", bucket.versioned),
            ];
            for (setting, _) in settings.into_iter().filter(|(_, is_there)| *is_there) {
                let summary = format!("bucket `{name}` is there already: scar does not change it");
                report.push(
                    Diagnostic::error("E832", summary)
                        .label(key(setting), "a setting of the bucket")
                        .label(key("existing"), "its owner decides")
                        .help("set it where the bucket is made, or use a managed bucket"),
                );
            }
        }
        for (prefix, days) in &bucket.expire_days {
            let place = key(&format!("expire.{prefix}"));
            if prefix.starts_with(SYSTEM_PREFIX) {
                let summary = format!("bucket `{name}` would lose scar's own records");
                report.push(
                    Diagnostic::error("E305", summary)
                        .label(place, format!("below `{SYSTEM_PREFIX}`"))
                        .help("choose another prefix: without records, finished tasks run again"),
                );
            } else {
                waiting(look, name, prefix, *days, &place, report);
            }
        }
    }
}

/// Members of joins that are deleted before the join is decided.
fn waiting(
    look: &Look<'_>,
    bucket: &str,
    prefix: &str,
    days: u64,
    place: &scar_manifest::Span,
    report: &mut Vec<Diagnostic>,
) {
    for stage in &look.workflow.stages {
        let Some(join) = &stage.join else { continue };
        let kept_s = days.saturating_mul(DAY_S);
        if join.timeout_s.is_some_and(|timeout| timeout <= kept_s) {
            continue;
        }
        let input = stage.inputs.iter().position(|input| {
            input.bucket == bucket && input.pattern.literal_prefix().starts_with(prefix)
        });
        let Some(input) = input else { continue };
        let path = format!("stages.{}.in.{input}", stage.name);
        let summary = format!(
            "objects are deleted after {days} days, but `{}` may wait longer for them",
            stage.name
        );
        report.push(
            Diagnostic::warning("W912", summary)
                .label(place.clone(), "deleted here")
                .label(crate::resolve::span(look.places, &path), "awaited here")
                .help("keep them longer, or give the join a shorter `timeout`"),
        );
    }
}
