//! Checked tree → [`Manifest`]. What was reported already is left out here, silently.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use scar_schemas::manifest::{
    Bucket, Compute, Environment, InputPath, Logs, Manifest, OutputPath, Retry, Settings, Stage,
    Work,
};

use crate::paths;
use crate::tree::{Node, Value};
use crate::units::{DAY_S, duration_s, size_mib};

/// Manifest name of the bucket that `bucket` means, and of the one that is there without any.
const DATA: &str = "data";

/// Everything that could be read; `None` if the parts that links are made of are damaged.
pub(crate) fn manifest(root: &Node) -> Option<Manifest> {
    let stage = |(name, node): (String, &Node)| Some((name, stage(node)?));
    Some(Manifest {
        name: text(root, "name")?,
        description: text(root, "description"),
        region: text(root, "region"),
        tags: texts(root, "tags"),
        buckets: buckets(root),
        vars: texts(root, "vars"),
        defaults: root.get("defaults").map(settings).unwrap_or_default(),
        envs: named(root, "envs")
            .map(|(name, node)| (name, environment(node)))
            .collect(),
        stages: named(root, "stages").map(stage).collect::<Option<_>>()?,
    })
}

fn buckets(root: &Node) -> IndexMap<String, Bucket> {
    if let Some(existing) = text(root, "bucket") {
        return IndexMap::from([(
            DATA.to_owned(),
            Bucket {
                existing: Some(existing),
                ..Bucket::default()
            },
        )]);
    }
    named(root, "buckets")
        .map(|(name, node)| {
            (
                name,
                Bucket {
                    existing: text(node, "existing"),
                    ..Bucket::default()
                },
            )
        })
        .collect()
}

fn environment(node: &Node) -> Environment {
    Environment {
        region: text(node, "region"),
        vars: texts(node, "vars"),
        defaults: node.get("defaults").map(settings).unwrap_or_default(),
        protect: matches!(
            node.get("protect"),
            Some(Node {
                value: Value::Boolean(true),
                ..
            })
        ),
        ..Environment::default()
    }
}

fn settings(node: &Node) -> Settings {
    let size = |key| {
        node.get(key)
            .and_then(Node::text)
            .and_then(|text| size_mib(text).ok())
    };
    let duration = |node: &Node, key| {
        node.get(key)
            .and_then(Node::text)
            .and_then(|text| duration_s(text).ok())
    };
    let retry = |node: &Node| {
        Some(Retry {
            attempts: node.get("attempts")?.text()?.parse().ok(),
            only: None,
        })
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
        retry: node.get("retry").and_then(retry),
        logs: node.get("logs").and_then(logs),
        ..Settings::default()
    }
}

fn stage(node: &Node) -> Option<Stage> {
    Some(Stage {
        image: text(node, "image").unwrap_or_default(),
        work: work(node),
        inputs: inputs(node.get("in")?)?,
        outputs: node.get("out").map_or(Some(Vec::new()), outputs)?,
        compute: Compute::Lambda,
        settings: settings(node),
        ..Stage::default()
    })
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
        let pair =
            |entry: &crate::tree::Entry| output(&entry.key, Some(entry.value.text()?.to_owned()));
        return entries.iter().map(pair).collect();
    }
    one_or_list(node)
        .into_iter()
        .map(|node| output(node.text()?, None))
        .collect()
}

fn one_or_list(node: &Node) -> Vec<&Node> {
    match &node.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![node],
    }
}

fn named<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = (String, &'a Node)> {
    let entries = node.get(key).map_or(&[][..], Node::entries);
    entries
        .iter()
        .map(|entry| (entry.key.clone(), &entry.value))
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::text).map(str::to_owned)
}

fn texts(node: &Node, key: &str) -> BTreeMap<String, String> {
    let pair = |(name, node): (String, &Node)| Some((name, node.text()?.to_owned()));
    named(node, key).filter_map(pair).collect()
}
