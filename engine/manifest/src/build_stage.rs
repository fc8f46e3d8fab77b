//! Checked tree of a stage → [`Stage`].

use scar_schemas::construct::{Architecture, Cache, Events, Network, Package};
use scar_schemas::manifest::{
    Compute, InputPath, Logs, OutputPath, Path, Retry, Settings, Stage, Work,
};

use crate::build::{boolean, list, named, number, one_or_list, text, texts};
use crate::build_construct as build;
use crate::construct_text as construct;
use crate::paths;
use crate::tree::{Entry, Node, Value};
use crate::units::{DAY_S, duration_s, size_mib};

/// A stage of this name; `None` if its links are damaged.
pub(crate) fn stage(name: &str, node: &Node) -> Option<Stage> {
    Some(Stage {
        image: text(node, "image").unwrap_or_default(),
        work: work(node),
        inputs: node.get("in").map_or(Some(Vec::new()), inputs)?,
        outputs: node.get("out").map_or(Some(Vec::new()), outputs)?,
        compute: compute(node),
        fallback: node.get("fallback").is_some(),
        when: node.get("when").and_then(build::when),
        join: node.get("join").and_then(build::join),
        scatter: node.get("scatter").and_then(build::scatter),
        after: list(node, "after"),
        http: node.get("http").and_then(|node| build::http(name, node)),
        schedule: node.get("schedule").and_then(build::schedule),
        secrets: build::secrets(node),
        mounts: mounts(node),
        nodes: number(node, "nodes"),
        loop_max: node.get("loop").and_then(|node| number(node, "max")),
        renamed_from: text(node, "renamed_from"),
        tags: texts(node, "tags"),
        package: word(
            node,
            "package",
            &[("layer", Package::Layer), ("image", Package::Image)],
        ),
        settings: settings(node),
        ..Stage::default()
    })
}

/// The settings that `defaults` and a stage share.
pub(crate) fn settings(node: &Node) -> Settings {
    let size = |key| {
        node.get(key)
            .and_then(Node::text)
            .and_then(|text| size_mib(text).ok())
    };
    let logs = |node: &Node| {
        Some(Logs {
            keep_days: duration(node, "keep")? / DAY_S,
        })
    };
    Settings {
        env: texts(node, "env"),
        memory_mib: size("memory"),
        timeout_s: duration(node, "timeout"),
        disk_mib: size("disk"),
        retry: node.get("retry").map(retry),
        logs: node.get("logs").and_then(logs),
        vcpu_milli: text(node, "vcpu").and_then(|text| construct::processors(&text).ok()),
        gpu: number(node, "gpu"),
        spot: boolean(node, "spot"),
        arch: word(
            node,
            "arch",
            &[
                ("x86_64", Architecture::X86_64),
                ("arm64", Architecture::Arm64),
            ],
        ),
        network: node.get("network").map(network),
        concurrency: number(node, "concurrency"),
        cache: word(
            node,
            "cache",
            &[("object", Cache::Object), ("stage", Cache::Stage)],
        ),
        events: word(
            node,
            "events",
            &[
                ("bus", Events::Bus),
                ("direct", Events::Direct),
                ("queue", Events::Queue),
            ],
        ),
    }
}

fn retry(node: &Node) -> Retry {
    let classes = || list(node, "only");
    let only = || {
        let class = |text: &String| construct::retry_class(text).ok();
        classes().iter().filter_map(class).collect()
    };
    Retry {
        attempts: number(node, "attempts"),
        only: node.get("only").map(|_| only()),
    }
}

fn network(node: &Node) -> Network {
    match node.value {
        Value::Map(_) => Network::Private {
            subnets: list(node, "subnets"),
            security_groups: list(node, "security_groups"),
        },
        _ => Network::Auto,
    }
}

fn compute(node: &Node) -> Compute {
    let words = [
        ("lambda", Compute::Lambda),
        ("batch", Compute::Batch),
        ("auto", Compute::Auto),
    ];
    word(node, "compute", &words).unwrap_or_default()
}

fn word<T: Clone>(node: &Node, key: &str, words: &[(&str, T)]) -> Option<T> {
    let text = node.get(key)?.text()?;
    let (_, value) = words.iter().find(|(word, _)| *word == text)?;
    Some(value.clone())
}

/// A duration in seconds.
pub(crate) fn duration(node: &Node, key: &str) -> Option<u64> {
    let text = node.get(key)?.text()?;
    duration_s(text).ok()
}

fn mounts(node: &Node) -> indexmap::IndexMap<String, Path> {
    let mount = |(path, source): (String, &Node)| Some((path, paths::split(source.text()?)));
    named(node, "mounts").filter_map(mount).collect()
}

fn work(node: &Node) -> Work {
    if let Some(run) = text(node, "run") {
        return Work::Run(run);
    }
    if let Some(script) = text(node, "script") {
        return Work::Script(script);
    }
    match node.get("command") {
        Some(Node {
            value: Value::List(items),
            ..
        }) => Work::Command(
            items
                .iter()
                .filter_map(Node::text)
                .map(str::to_owned)
                .collect(),
        ),
        _ => Work::Image,
    }
}

fn inputs(node: &Node) -> Option<Vec<InputPath>> {
    let input = |node: &Node| {
        let (text, outside) = match &node.value {
            Value::Map(_) => {
                let from = node.get("from").and_then(Node::text);
                (node.get("path")?.text()?, from == Some("outside"))
            }
            _ => (node.text()?, false),
        };
        paths::check_input(text).ok()?;
        Some(InputPath {
            path: paths::split(text),
            outside,
        })
    };
    one_or_list(node).into_iter().map(input).collect()
}

fn outputs(node: &Node) -> Option<Vec<OutputPath>> {
    let output = |key: &str, files: Option<String>| {
        paths::check_output(key, files.is_some()).ok()?;
        files.as_deref().map_or(Ok(()), paths::check_files).ok()?;
        Some(OutputPath {
            path: paths::split(key),
            files,
        })
    };
    if let Value::Map(entries) = &node.value {
        let pair = |entry: &Entry| output(&entry.key, Some(entry.value.text()?.to_owned()));
        return entries.iter().map(pair).collect();
    }
    one_or_list(node)
        .into_iter()
        .map(|node| output(node.text()?, None))
        .collect()
}
