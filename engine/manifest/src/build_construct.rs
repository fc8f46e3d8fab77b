//! Checked trees of the constructs → their types. What is damaged is `None`; it was reported.

use std::collections::BTreeMap;

use scar_schemas::construct::{
    Http, HttpAuth, HttpMode, Join, JoinBy, Schedule, SecretReference, Times, When,
};
use scar_schemas::manifest::Scatter;

use crate::build::{list, named, text};
use crate::build_stage::duration;
use crate::construct_text as construct;
use crate::tree::{Node, Value};
use crate::units::size_mib;

/// Largest body if nothing was said: what a function can be called with (AWS Lambda Developer Guide,
/// "Lambda quotas", synchronous payload).
const BODY_MIB: u64 = 6;
const MIB: u64 = 1 << 20;

pub(crate) fn when(node: &Node) -> Option<When> {
    let (min_bytes, below_bytes) = match text(node, "size") {
        Some(size) => construct::sizes(&size).ok()?,
        None => (None, None),
    };
    Some(When {
        min_bytes,
        below_bytes,
        suffixes: list(node, "suffix"),
    })
}

pub(crate) fn join(node: &Node) -> Option<Join> {
    let by = match node.get("by")?.text()? {
        "stem" => JoinBy::Stem,
        "run" => JoinBy::Run,
        "window" => JoinBy::Window,
        _ => return None,
    };
    let min_percent = match text(node, "min") {
        Some(text) => construct::percent(&text).ok()?,
        None => 100,
    };
    Some(Join {
        by,
        min_percent,
        timeout_s: duration(node, "timeout"),
    })
}

pub(crate) fn scatter(node: &Node) -> Option<Scatter> {
    match text(node, "lines") {
        Some(path) => Some(Scatter::Lines(path)),
        None => node.get("list").map(|_| Scatter::List(list(node, "list"))),
    }
}

pub(crate) fn http(stage: &str, node: &Node) -> Option<Http> {
    let mode = match text(node, "mode").as_deref() {
        Some("async") => HttpMode::Async,
        _ => HttpMode::Sync,
    };
    let body_mib = match text(node, "body") {
        Some(text) => size_mib(&text).ok()?,
        None => BODY_MIB,
    };
    Some(Http {
        path: text(node, "path").unwrap_or_else(|| format!("/{stage}")),
        mode,
        auth: auth(node.get("auth")?)?,
        body_bytes: body_mib.saturating_mul(MIB),
    })
}

fn auth(node: &Node) -> Option<HttpAuth> {
    if let Value::Map(_) = node.value {
        let token = node.get("jwt")?;
        return Some(HttpAuth::Jwt {
            issuer: text(token, "issuer")?,
            audiences: list(token, "audience"),
        });
    }
    match node.text()? {
        "iam" => Some(HttpAuth::Iam),
        "none" => Some(HttpAuth::None),
        _ => None,
    }
}

pub(crate) fn schedule(node: &Node) -> Option<Schedule> {
    let times = match text(node, "cron") {
        Some(cron) => Times::Cron(cron),
        None => Times::EveryMinutes(duration(node, "every")? / 60),
    };
    Some(Schedule {
        times,
        time_zone: text(node, "tz").unwrap_or_else(|| "UTC".to_owned()),
    })
}

pub(crate) fn secrets(node: &Node) -> BTreeMap<String, SecretReference> {
    let secret = |(name, value): (String, &Node)| {
        let reference = construct::secret(value.text()?).ok()?;
        Some((name, reference))
    };
    named(node, "secrets").filter_map(secret).collect()
}
