//! Checked tree → [`Manifest`]. What was reported already is left out here, silently.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use scar_schemas::manifest::{Bucket, Environment, Limits, Manifest, Safeguards};

use crate::build_stage::{settings, stage};
use crate::construct_text as construct;
use crate::tree::{Node, Value};

/// Manifest name of the bucket that `bucket` means, and of the one that is there without any.
const DATA: &str = "data";

/// Everything that could be read; `None` if the parts that links are made of are damaged.
pub(crate) fn manifest(root: &Node) -> Option<Manifest> {
    let stage = |(name, node): (String, &Node)| {
        let stage = stage(&name, node)?;
        Some((name, stage))
    };
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
        .map(|(name, node)| (name, bucket(node)))
        .collect()
}

fn environment(node: &Node) -> Environment {
    Environment {
        region: text(node, "region"),
        vars: texts(node, "vars"),
        defaults: node.get("defaults").map(settings).unwrap_or_default(),
        protect: boolean(node, "protect") == Some(true),
        account: text(node, "account"),
        alarm: text(node, "alarm"),
        limits: node.get("limits").map(limits).unwrap_or_default(),
        safeguards: Safeguards {
            kms_key: text(node, "kms_key"),
            access_logs: text(node, "access_logs"),
            versioned: boolean(node, "versioned") == Some(true),
        },
    }
}

fn bucket(node: &Node) -> Bucket {
    let days = |(prefix, value): (String, &Node)| {
        let days = construct::days(value.text()?).ok()?;
        Some((prefix, days))
    };
    Bucket {
        existing: text(node, "existing"),
        expire_days: named(node, "expire").filter_map(days).collect(),
        versioned: boolean(node, "versioned") == Some(true),
    }
}

fn limits(node: &Node) -> Limits {
    Limits {
        cost_per_month: text(node, "cost_per_month").and_then(|text| construct::money(&text).ok()),
        concurrency: number(node, "concurrency"),
    }
}

pub(crate) fn named<'a>(node: &'a Node, key: &str) -> impl Iterator<Item = (String, &'a Node)> {
    let entries = node.get(key).map_or(&[][..], Node::entries);
    entries
        .iter()
        .map(|entry| (entry.key.clone(), &entry.value))
}

pub(crate) fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::text).map(str::to_owned)
}

pub(crate) fn texts(node: &Node, key: &str) -> BTreeMap<String, String> {
    let pair = |(name, node): (String, &Node)| Some((name, node.text()?.to_owned()));
    named(node, key).filter_map(pair).collect()
}

pub(crate) fn boolean(node: &Node, key: &str) -> Option<bool> {
    match node.get(key)?.value {
        Value::Boolean(value) => Some(value),
        _ => None,
    }
}

pub(crate) fn number(node: &Node, key: &str) -> Option<u64> {
    node.get(key)?.text()?.parse().ok()
}

/// One text or a list of them.
pub(crate) fn list(node: &Node, key: &str) -> Vec<String> {
    let nodes = node.get(key).map(one_or_list).unwrap_or_default();
    let texts = nodes.into_iter().filter_map(Node::text);
    texts.map(str::to_owned).collect()
}

pub(crate) fn one_or_list(node: &Node) -> Vec<&Node> {
    match &node.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![node],
    }
}
