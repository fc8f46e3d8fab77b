//! Keys of a stage that do not go together.

use scar_manifest::Diagnostic;
use scar_schemas::construct::{Compute, Package};
use scar_schemas::contract::OutputKey;
use scar_schemas::manifest;

use super::One;

/// What is wrong: code, sentence after "stage `x` ", the keys that it is about, what to do.
type Mistake = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
);

/// Reports what does not go together.
pub(crate) fn check(one: One<'_>, report: &mut Vec<Diagnostic>) {
    let all = [
        place(one),
        several(one),
        fallback(one),
        starts(one),
        scatter(one),
        mounts(one),
        image_function(one),
    ];
    for (code, what, keys, help) in all.into_iter().flatten() {
        let summary = format!("stage `{}` {what}", one.name());
        let mut diagnostic = Diagnostic::error(code, summary).help(help);
        for key in keys {
            diagnostic = diagnostic.label(one.key_of(key), format!("`{key}`"));
        }
        report.push(diagnostic);
    }
}

/// What the place where it runs does not have.
fn place(one: One<'_>) -> Vec<Mistake> {
    let (own, settings) = (one.own, &one.own.settings);
    let is_batch = one.stage.compute == Compute::Batch;
    let mut found: Vec<Mistake> = Vec::new();
    if is_batch {
        if settings.concurrency.is_some() {
            found.push((
                "E818",
                "limits its concurrency, which Batch cannot",
                &["concurrency"],
                "remove it, or run on Lambda",
            ));
        }
        if own.package == Some(Package::Image) {
            found.push((
                "E819",
                "asks for an image function, but runs in Batch",
                &["package"],
                "remove `package`: a job fetches the image itself",
            ));
        }
        return found;
    }
    if settings.gpu.is_some_and(|gpu| gpu > 0) {
        found.push((
            "E801",
            "needs a GPU, which Lambda does not have",
            &["gpu"],
            "add `compute: batch`, or `compute: auto`",
        ));
    }
    if own.nodes.is_some_and(|nodes| nodes > 1) {
        found.push((
            "E803",
            "needs several computers, which Lambda does not have",
            &["nodes"],
            "add `compute: batch`, or `compute: auto`",
        ));
    }
    if settings.spot == Some(true) && !own.fallback {
        found.push((
            "E802",
            "asks for spare capacity, which Lambda does not have",
            &["spot"],
            "add `compute: batch`, or remove `spot`: nothing is paid while a function does not run",
        ));
    }
    if settings.vcpu_milli.is_some() && !own.fallback {
        found.push((
            "E804",
            "asks for processors, which Lambda gives by memory",
            &["vcpu"],
            "ask for `memory`, a whole core for each 1769 MiB, or add `compute: batch`",
        ));
    }
    found
}

fn several(one: One<'_>) -> Vec<Mistake> {
    let mut found: Vec<Mistake> = Vec::new();
    if one.own.nodes.is_none_or(|nodes| nodes < 2) {
        return found;
    }
    if one.own.settings.spot == Some(true) {
        found.push((
            "E805",
            "wants several nodes of spare capacity: one that is taken away ends all",
            &["nodes", "spot"],
            "remove one of the two",
        ));
    }
    if one.own.scatter.is_some() {
        found.push((
            "E806",
            "wants several nodes for each item: array jobs have one",
            &["nodes", "scatter"],
            "scatter in a stage before it",
        ));
    }
    found
}

fn fallback(one: One<'_>) -> Vec<Mistake> {
    if !one.own.fallback {
        return Vec::new();
    }
    if one.own.compute == manifest::Compute::Batch {
        return vec![(
            "E807",
            "falls back to Batch, where it runs anyway",
            &["fallback", "compute"],
            "remove one of the two",
        )];
    }
    let waits = one.own.http.as_ref();
    let waits = waits.is_some_and(|http| http.mode == scar_schemas::construct::HttpMode::Sync);
    if waits {
        return vec![(
            "E837",
            "cannot answer a call from Batch",
            &["fallback", "http"],
            "add `mode: async` to `http`, or remove `fallback`",
        )];
    }
    Vec::new()
}

/// What starts it, and what needs that.
fn starts(one: One<'_>) -> Vec<Mistake> {
    let own = one.own;
    let (has_inputs, has_after) = (!own.inputs.is_empty(), !own.after.is_empty());
    let mut found: Vec<Mistake> = Vec::new();
    let help = "keep one: with `after` the finished tasks are the input";
    if has_after && has_inputs {
        found.push((
            "E808",
            "is after other stages and takes objects",
            &["after", "in"],
            help,
        ));
    }
    if has_after && own.http.is_some() {
        found.push((
            "E808",
            "is after other stages and has a door",
            &["after", "http"],
            help,
        ));
    }
    if has_after && own.schedule.is_some() {
        found.push((
            "E808",
            "is after other stages and has a schedule",
            &["after", "schedule"],
            help,
        ));
    }
    if own.when.is_some() && !has_inputs {
        found.push((
            "E834",
            "chooses among objects, but takes none",
            &["when"],
            "add `in`, or remove `when`",
        ));
    }
    if own.settings.events.is_some() && !has_inputs {
        found.push((
            "E831",
            "says how events come, but takes no objects",
            &["events"],
            "add `in`, or remove `events`",
        ));
    }
    found
}

fn scatter(one: One<'_>) -> Vec<Mistake> {
    let mut found: Vec<Mistake> = Vec::new();
    if one.own.scatter.is_none() {
        return found;
    }
    let is_single = |output: &crate::Output| matches!(output.key, OutputKey::Single { .. });
    if one.stage.outputs.iter().any(is_single) {
        found.push((
            "E813",
            "would write one object from all of its items",
            &["out", "scatter"],
            "write to a prefix, `out: shards/`, and name files by `$SCAR_INDEX` in the script",
        ));
    }
    if one.own.join.is_some() {
        found.push((
            "E814",
            "joins and scatters at once",
            &["join", "scatter"],
            "make two stages of it",
        ));
    }
    found
}

fn mounts(one: One<'_>) -> Vec<Mistake> {
    let paths = || one.own.mounts.keys();
    let within = |inner: &String| {
        paths().any(|outer| inner != outer && inner.starts_with(&format!("{outer}/")))
    };
    if paths().any(within) {
        return vec![(
            "E836",
            "mounts one folder within another",
            &["mounts"],
            "choose paths beside each other",
        )];
    }
    Vec::new()
}

/// What a root that cannot be written to has no place for.
fn image_function(one: One<'_>) -> Vec<Mistake> {
    let is_image = one.own.package == Some(Package::Image) && one.stage.compute != Compute::Batch;
    let is_elsewhere = |path: &String| !path.starts_with("/tmp/");
    if is_image && one.own.mounts.keys().any(is_elsewhere) {
        return vec![(
            "E820",
            "is an image function with a mount outside of /tmp",
            &["package", "mounts"],
            "choose a path below /tmp: the rest of its root is read-only",
        )];
    }
    Vec::new()
}
