//! Limits of the services, with everything that was asked for.

use std::collections::BTreeMap;

use scar_manifest::Diagnostic;
use scar_schemas::construct::{Compute, Events, SecretReference};
use scar_schemas::contract::OutputKey;

use super::{Look, One};
use crate::key_space::KeySpace;
use crate::limits;

/// Reports what is more than a service allows.
pub(crate) fn check(one: One<'_>, report: &mut Vec<Diagnostic>) {
    if one.stage.compute == Compute::Lambda {
        if !one.stage.fallback {
            sizes(one, report);
        }
        attempts(one, report);
    }
    pattern(one, report);
    policy(one, report);
    pollers(one, report);
}

fn sizes(one: One<'_>, report: &mut Vec<Diagnostic>) {
    let stage = one.stage;
    let asked = [
        (
            "E201",
            "timeout",
            "time",
            stage.timeout_s,
            limits::TIMEOUT_S,
            "s",
        ),
        (
            "E202",
            "memory",
            "memory",
            stage.memory_mib,
            limits::MEMORY_MIB,
            "MiB",
        ),
        (
            "E203",
            "disk",
            "disk",
            stage.disk_mib,
            limits::DISK_MIB,
            "MiB",
        ),
    ];
    for (code, key, what, asked, most, unit) in asked {
        if u64::from(asked) <= most {
            continue;
        }
        let summary = format!(
            "stage `{}` asks for more {what} than Lambda has",
            one.name()
        );
        let label = format!("{asked} {unit} asked, {most} {unit} allowed");
        report.push(
            Diagnostic::error(code, summary).label(one.place(key), label).help(
                "add `fallback: batch` (Lambda first, then Batch), `compute: batch`, or `compute: auto` and let the \
                 planner choose",
            ),
        );
    }
}

fn attempts(one: One<'_>, report: &mut Vec<Diagnostic>) {
    if one.stage.attempts > limits::ATTEMPTS {
        let summary = format!(
            "stage `{}` wants {} attempts",
            one.name(),
            one.stage.attempts
        );
        let label = format!("Lambda makes {} at most", limits::ATTEMPTS);
        report.push(
            Diagnostic::error("E210", summary)
                .label(one.place("retry.attempts"), label)
                .help("ask for fewer, or add `compute: batch`, which makes up to 10"),
        );
    }
}

/// The keys of one rule.
fn pattern(one: One<'_>, report: &mut Vec<Diagnostic>) {
    let mut lengths: BTreeMap<&str, usize> = BTreeMap::new();
    for input in &one.stage.inputs {
        let space = KeySpace::of_input(input, one.stage.when.as_ref());
        let length: usize = space
            .alternatives()
            .iter()
            .map(|tokens| tokens.len() + WILDCARD)
            .sum();
        *lengths.entry(&input.bucket).or_default() += length;
    }
    if lengths.values().any(|length| *length > limits::PATTERN) {
        let summary = format!(
            "the inputs of stage `{}` are too long for one rule",
            one.name()
        );
        let label = format!("more than {} characters, braces expanded", limits::PATTERN);
        report.push(
            Diagnostic::error("E214", summary)
                .label(one.place("in"), label)
                .help("use wider patterns or fewer alternatives"),
        );
    }
}

/// `{"wildcard":""},` around each pattern of a rule.
const WILDCARD: usize = 16;

/// The names that a role must list, which are only a part of its policies.
fn policy(one: One<'_>, report: &mut Vec<Diagnostic>) {
    let stage = one.stage;
    let inputs = stage
        .inputs
        .iter()
        .map(|input| input.pattern.literal_prefix().len());
    let outputs = stage.outputs.iter().map(|output| match &output.key {
        OutputKey::Prefix { prefix, .. } => prefix.len(),
        OutputKey::Single { before, .. } => before.len(),
    });
    let mounts = stage.mounts.iter().map(|mount| mount.prefix.len());
    let secrets = stage.secrets.values().map(|secret| match secret {
        SecretReference::Parameter(name) | SecretReference::Secret { name, .. } => name.len(),
    });
    let names = inputs.chain(outputs).chain(mounts).chain(secrets);
    let length: usize = names.map(|name| name + limits::ARN).sum();
    if length > limits::POLICY {
        let summary = format!(
            "stage `{}` names more places than the policies of one role can list",
            one.name()
        );
        report.push(
            Diagnostic::error("E216", summary)
                .label(
                    one.key(),
                    format!("{length} characters, {} are possible", limits::POLICY),
                )
                .help("let places share a folder, or make two stages of it"),
        );
    }
}

fn pollers(one: One<'_>, report: &mut Vec<Diagnostic>) {
    let asked = one.stage.concurrency.unwrap_or(0);
    if one.stage.events == Events::Queue && asked > limits::QUEUE_CONCURRENCY {
        let summary = format!(
            "stage `{}` wants {asked} tasks at once from a queue",
            one.name()
        );
        let label = format!("a queue starts {} at most", limits::QUEUE_CONCURRENCY);
        report.push(
            Diagnostic::error("E218", summary)
                .label(one.place("concurrency"), label)
                .help("ask for fewer, or remove `events: queue`"),
        );
    }
}

/// Reports what all stages together ask for.
pub(crate) fn check_all(look: &Look<'_>, report: &mut Vec<Diagnostic>) {
    let Some(allowed) = look.workflow.limits.concurrency else {
        return;
    };
    let asked = reserved(look);
    if asked > allowed {
        let environment = &look.workflow.environment;
        let summary = format!(
            "the stages reserve {asked} tasks at once, environment `{environment}` allows {allowed}"
        );
        let path = format!("envs.{environment}.limits.concurrency");
        let mut diagnostic = Diagnostic::error("E217", summary)
            .label(crate::resolve::span(look.places, &path), "allowed")
            .help("lower `concurrency` of some stages, or raise the limit");
        for stage in look
            .workflow
            .stages
            .iter()
            .filter(|stage| stage.concurrency.is_some())
        {
            if let Some(place) = look
                .places
                .get(&format!("stages.{}.concurrency", stage.name))
            {
                diagnostic = diagnostic.label(place.value.clone(), format!("`{}`", stage.name));
            }
        }
        report.push(diagnostic);
    }
}

/// Tasks at once that Lambda stages ask for together.
pub(crate) fn reserved(look: &Look<'_>) -> u64 {
    let stages = look.workflow.stages.iter();
    let lambda = stages.filter(|stage| stage.compute == Compute::Lambda);
    lambda
        .map(|stage| u64::from(stage.concurrency.unwrap_or(0)))
        .sum()
}
