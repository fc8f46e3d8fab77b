//! Where a stage runs and with what: mode, memory, time, processors, network.

use super::draft::{self, Draft};
use super::function::{Function, Mode};
use super::report::{Found, Report};
use super::value;

/// Time of a job where SCAR 4 set none: the longest that there is.
const JOB_TIMEOUT: &str = "14d";
const NOT_BATCH: &str = "the function ran on AWS Lambda only";

/// Everything about the place of a stage.
pub(crate) fn convert(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    mode(function, draft);
    memory(function, draft, report);
    timeout(function, draft, report);
    runtime(function, draft, report);
    architecture(function, draft, report);
    concurrency(function, draft, report);
    network(function, draft, report);
    if function.uses_batch() {
        processors(function, draft, report);
        nodes(function, draft, report);
        spot(function, draft, report);
    } else {
        drop_batch(function, report);
    }
}

fn mode(function: &Function<'_>, draft: &mut Draft) {
    match function.mode {
        Mode::Lambda if function.get("lambda.execution_mode").is_some() => {
            draft.set("compute", draft::text("lambda"));
        }
        Mode::Lambda => {}
        Mode::LambdaThenBatch => {
            draft.set("fallback", draft::text("batch"));
        }
        Mode::Batch => {
            draft.set("compute", draft::text("batch"));
        }
    }
}

fn memory(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    let read = |path: &str, report: &mut Report| {
        let found = function.get(path)?;
        let mib = value::integer(&found, report)?;
        Some((found, mib))
    };
    let lambda = read("lambda.memory", report);
    let batch = read("batch.memory", report);
    let to = function.to("memory");
    let (used, other, note) = match (function.mode, lambda, batch) {
        (Mode::Lambda, lambda, batch) => (lambda, batch, NOT_BATCH),
        (Mode::Batch, lambda, batch) => (
            batch,
            lambda,
            "it was that of the function that submitted the jobs",
        ),
        (Mode::LambdaThenBatch, Some(lambda), Some(batch)) => {
            let (larger, smaller) = if batch.1 > lambda.1 {
                (batch, lambda)
            } else {
                (lambda, batch)
            };
            (
                Some(larger),
                Some(smaller),
                "the larger of the two holds on both",
            )
        }
        (Mode::LambdaThenBatch, lambda, batch) => (lambda.or(batch), None, ""),
    };
    if let Some((found, mib)) = used {
        report.mapped(&found, &to);
        draft.set("memory", draft::text(&value::size(mib)));
    }
    if let Some((found, _)) = other {
        report.dropped(&found, note);
    }
}

fn timeout(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    let to = function.to("timeout");
    let found = function.get("lambda.timeout");
    let seconds = found
        .as_ref()
        .and_then(|found| value::integer(found, report));
    if function.uses_batch() {
        let comment = "SCAR 4 set jobs no limit: write a time after which one certainly hangs";
        draft.set_with_comment("timeout", draft::text(JOB_TIMEOUT), comment);
        if let Some(found) = found {
            let note = "it was that of the function alone, jobs had no limit; now there is one time for both";
            report.changed(&found, &to, note);
        }
    } else if let (Some(found), Some(seconds)) = (found, seconds) {
        report.mapped(&found, &to);
        draft.set("timeout", draft::text(&value::duration(seconds)));
    }
}

fn runtime(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    let Some(found) = function.get("lambda.runtime") else {
        return;
    };
    if function.is_image && function.mode != Mode::Batch {
        report.mapped(&found, &function.to("package"));
        draft.set("package", draft::text("image"));
    } else {
        report.dropped(&found, "the supervisor needs no language runtime");
    }
}

fn architecture(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    let Some(found) = function.get("lambda.architectures") else {
        return;
    };
    let names = value::texts(&found, report);
    match names
        .iter()
        .find(|name| !matches!(name.as_str(), "arm64" | "x86_64"))
    {
        Some(name) => {
            report.wrong(
                &found,
                &format!("has `{name}`"),
                "there are `x86_64` and `arm64`",
            );
        }
        None if names.iter().any(|name| name == "arm64") => {
            report.mapped(&found, &function.to("arch"));
            draft.set("arch", draft::text("arm64"));
        }
        None => report.mapped(&found, ""),
    }
}

fn concurrency(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    let Some(found) = function.get("lambda.concurrency") else {
        return;
    };
    if function.mode == Mode::Batch {
        report.dropped(
            &found,
            "it was that of the function that submitted the jobs",
        );
    } else if let Some(number) = value::integer(&found, report) {
        report.mapped(&found, &function.to("concurrency"));
        draft.set("concurrency", draft::plain(number));
    }
}

/// A private network of the function, or of its jobs.
fn network(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    let lambda = ["lambda.vpc.SubnetIds", "lambda.vpc.SecurityGroupIds"];
    let batch = [
        "batch.compute_resources.subnets",
        "batch.compute_resources.security_group_ids",
    ];
    let (used, other) = match function.mode {
        Mode::Batch => (batch, lambda),
        _ => (lambda, batch),
    };
    let note = match function.mode {
        Mode::Lambda => NOT_BATCH,
        Mode::Batch => "it was that of the function that submitted the jobs",
        Mode::LambdaThenBatch => {
            "function and jobs stand in one network: the function's, else scar's own"
        }
    };
    for path in other {
        if let Some(found) = function.get(path) {
            report.dropped(&found, note);
        }
    }
    let [subnets, groups] = used.map(|path| ids(function.get(path), report));
    match (subnets, groups) {
        (Some((subnets, subnet_ids)), Some((groups, group_ids))) => {
            report.mapped(&subnets, &function.to("network.subnets"));
            report.mapped(&groups, &function.to("network.security_groups"));
            let mut network = Draft::default();
            network.set("subnets", draft::list(&subnet_ids));
            network.set("security_groups", draft::list(&group_ids));
            draft.set("network", network.flow());
        }
        (Some((one, _)), None) | (None, Some((one, _))) => {
            let note = "a network needs subnets and security groups: write both in `network`";
            report.changed(&one, "", note);
            draft_comment(draft, &one);
        }
        (None, None) => {}
    }
}

/// The network that is only half there is said in the file too.
fn draft_comment(draft: &mut Draft, half: &Found<'_>) {
    let comment = format!(
        "`{}` alone is no network: scar uses one of its own",
        half.path
    );
    draft.set_with_comment("network", draft::text("auto"), &comment);
}

fn ids<'a>(found: Option<Found<'a>>, report: &mut Report) -> Option<(Found<'a>, Vec<String>)> {
    let found = found?;
    let ids = value::texts(&found, report);
    if ids.is_empty() {
        report.dropped(&found, "it is empty");
        return None;
    }
    Some((found, ids))
}

fn processors(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    if let Some(found) = function.get("batch.vcpus")
        && let Some(number) = value::integer(&found, report)
    {
        report.mapped(&found, &function.to("vcpu"));
        draft.set("vcpu", draft::plain(number));
    }
    if let Some(found) = function.get("batch.enable_gpu")
        && let Some(is_on) = value::boolean(&found, report)
    {
        if is_on {
            report.mapped(&found, &function.to("gpu"));
            draft.set("gpu", draft::plain(1));
        } else {
            report.mapped(&found, "");
        }
    }
}

/// SCAR 4 took ten computers if no number was given.
const NODES: u64 = 10;

fn nodes(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    let path = |key: &str| format!("batch.multi_node_parallel.{key}");
    let enabled = function.get(&path("enabled"));
    let is_on = enabled
        .as_ref()
        .and_then(|found| value::boolean(found, report))
        == Some(true);
    let number = function.get(&path("number_nodes"));
    let main = function.get(&path("main_node_index"));
    if !is_on {
        for found in [enabled, number, main].into_iter().flatten() {
            report.dropped(&found, "it was switched off");
        }
        return;
    }
    let to = function.to("nodes");
    let count = number
        .as_ref()
        .map_or(Some(NODES), |found| value::integer(found, report));
    if let Some(found) = &enabled {
        report.mapped(found, &to);
    }
    if let Some(found) = &number {
        report.mapped(found, &to);
    }
    if let Some(count) = count {
        draft.set("nodes", draft::plain(count));
    }
    if let Some(found) = main {
        main_node(&found, report);
    }
}

fn main_node(found: &Found<'_>, report: &mut Report) {
    match value::integer(found, report) {
        Some(0) => report.mapped(found, ""),
        Some(_) => report.changed(
            found,
            "",
            "the first computer is the main one: `$SCAR_NODE` is 0 there",
        ),
        None => {}
    }
}

fn spot(function: &Function<'_>, draft: &mut Draft, report: &mut Report) {
    let Some(found) = function.get("batch.compute_resources.type") else {
        return;
    };
    match value::text(&found, report).as_deref() {
        Some("SPOT" | "FARGATE_SPOT") => {
            report.mapped(&found, &function.to("spot"));
            draft.set("spot", draft::plain(true));
        }
        Some("EC2" | "FARGATE") => {
            report.dropped(&found, "scar takes Fargate where it can, else EC2")
        }
        Some(_) => {
            let help = "SCAR 4 knew EC2, SPOT, FARGATE and FARGATE_SPOT";
            report.wrong(&found, "is no kind of computers", help);
        }
        None => {}
    }
}

/// Fields of the jobs of a function that has none.
fn drop_batch(function: &Function<'_>, report: &mut Report) {
    let paths = [
        "batch.vcpus",
        "batch.enable_gpu",
        "batch.environment.Variables",
        "batch.multi_node_parallel.enabled",
        "batch.multi_node_parallel.number_nodes",
        "batch.multi_node_parallel.main_node_index",
        "batch.compute_resources.type",
    ];
    for path in paths {
        if let Some(found) = function.get(path) {
            report.dropped(&found, NOT_BATCH);
        }
    }
}
