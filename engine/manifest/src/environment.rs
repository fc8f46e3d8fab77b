//! Which environment, and what it changes.

use std::collections::BTreeMap;

use scar_schemas::manifest::{Environment, Manifest, Settings};

use crate::diagnostic::Diagnostic;
use crate::place::Span;
use crate::suggest::nearest;
use crate::tree::{Entry, Node};
use crate::words::quoted;

/// The environment of a manifest that has none, and the one that is meant if none is said.
const DEFAULT: &str = "dev";

/// The name of the environment; what is wrong with the choice is reported.
pub(crate) fn choose(root: &Node, wanted: Option<&str>, report: &mut Vec<Diagnostic>) -> String {
    let entries = root.get("envs").map_or(&[][..], Node::entries);
    let known: Vec<&str> = match entries {
        [] => vec![DEFAULT],
        _ => entries.iter().map(|entry| entry.key.as_str()).collect(),
    };
    match (wanted, known.as_slice()) {
        (Some(wanted), _) => {
            if !known.contains(&wanted) {
                report.push(unknown(root, wanted, &known));
            }
            wanted.to_owned()
        }
        (None, [only]) => (*only).to_owned(),
        (None, _) => {
            if !known.contains(&DEFAULT) {
                report.push(open(entries, &known));
            }
            DEFAULT.to_owned()
        }
    }
}

/// The values of `vars` for an environment, its own before the top level's.
pub(crate) fn vars(root: &Node, environment: &str) -> BTreeMap<String, String> {
    let own = setting(root, environment, "vars");
    let tables = root.get("vars").into_iter().chain(own);
    let values = tables
        .flat_map(Node::entries)
        .filter_map(|entry: &Entry| Some((entry.key.clone(), entry.value.text()?.to_owned())));
    values.collect()
}

/// The region of an environment, its own before the top level's.
pub(crate) fn region(root: &Node, environment: &str) -> Option<String> {
    let own = setting(root, environment, "region");
    let region = own.or_else(|| root.get("region"))?;
    Some(region.text()?.to_owned())
}

/// The account of an environment.
pub(crate) fn account(root: &Node, environment: &str) -> Option<String> {
    Some(setting(root, environment, "account")?.text()?.to_owned())
}

fn setting<'n>(root: &'n Node, environment: &str, key: &str) -> Option<&'n Node> {
    root.get("envs")?.get(environment)?.get(key)
}

/// Puts the environment's `vars` and `defaults` over those of the manifest.
pub(crate) fn merge(manifest: &mut Manifest, environment: &str) {
    let Some(Environment { vars, defaults, .. }) = manifest.envs.get(environment).cloned() else {
        return;
    };
    manifest.vars.extend(vars);
    overlay(&mut manifest.defaults, defaults);
}

fn overlay(settings: &mut Settings, over: Settings) {
    let Settings {
        env,
        memory_mib,
        timeout_s,
        disk_mib,
        retry,
        logs,
        vcpu_milli,
        gpu,
        spot,
        arch,
        network,
        concurrency,
        cache,
        events,
    } = over;
    settings.env.extend(env);
    settings.memory_mib = memory_mib.or(settings.memory_mib);
    settings.timeout_s = timeout_s.or(settings.timeout_s);
    settings.disk_mib = disk_mib.or(settings.disk_mib);
    settings.retry = retry.or_else(|| settings.retry.take());
    settings.logs = logs.or_else(|| settings.logs.take());
    settings.vcpu_milli = vcpu_milli.or(settings.vcpu_milli);
    settings.gpu = gpu.or(settings.gpu);
    settings.spot = spot.or(settings.spot);
    settings.arch = arch.or(settings.arch);
    settings.network = network.or_else(|| settings.network.take());
    settings.concurrency = concurrency.or(settings.concurrency);
    settings.cache = cache.or(settings.cache);
    settings.events = events.or(settings.events);
}

fn unknown(root: &Node, wanted: &str, known: &[&str]) -> Diagnostic {
    let list = known.join(", ");
    let near = nearest(wanted, known.iter().copied());
    let label = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is: {list}"),
    };
    let help = match root.entry("envs") {
        Some(_) => format!("known: {list}"),
        None => format!(
            "without `envs` there is `{DEFAULT}`; add `envs: {{{DEFAULT}: {{}}, {wanted}: {{}}}}`"
        ),
    };
    Diagnostic::error(
        "E701",
        format!("there is no environment {}", quoted(wanted)),
    )
    .label(span_of_envs(root), label)
    .help(help)
}

fn open(entries: &[Entry], known: &[&str]) -> Diagnostic {
    let span = entries.first().map_or(0..0, |entry| entry.key_span.clone());
    Diagnostic::error("E702", "it is not said which environment is meant")
        .label(span, "one of these")
        .help(format!(
            "say `--env NAME` with one of: {}",
            known.join(", ")
        ))
}

fn span_of_envs(root: &Node) -> Span {
    let entry = root.entry("envs").or_else(|| root.entries().first());
    entry.map_or(0..0, |entry| entry.key_span.clone())
}
