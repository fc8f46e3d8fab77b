//! Text, numbers and switches against the shape that AWS describes.

use std::borrow::Cow;

use serde_json::Value;

use super::finding::Findings;
use super::item::{flag, number};
use super::node::wanted;
use super::schema::{Kind, Node};
use super::similar::similar;
use super::trail::Trail;

/// Checks a scalar. As `CloudFormation` does, numbers and switches are taken as text and the other way round.
pub(super) fn check(findings: &mut Findings, node: &Node, value: &Value, path: &Trail<'_>) {
    let text = plain(value);
    if text.contains("{{resolve:") {
        return;
    }
    let fits = node
        .kinds()
        .iter()
        .any(|kind| fits(*kind, node, value, &text));
    if !fits {
        let wanted = wanted(node);
        findings.error(path, format!("{} where {wanted} is wanted", shown(&text)));
        return;
    }
    check_text(findings, node, &text, path);
    check_range(findings, node, value, path);
}

/// A scalar as text.
fn plain(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

/// Checks what text may be.
pub(super) fn check_text(findings: &mut Findings, node: &Node, text: &str, path: &Trail<'_>) {
    check_choice(findings, node, text, path);
    let length = text.chars().count();
    if let Some(least) = node.min_length.filter(|least| length < *least) {
        findings.error(
            path,
            format!("{length} characters, at least {least} are needed"),
        );
    }
    if let Some(most) = node.max_length.filter(|most| length > *most) {
        findings.error(
            path,
            format!("{length} characters, at most {most} are allowed"),
        );
    }
    check_form(findings, node, text, path);
}

/// Checks what can be said without knowing how long the text will be.
pub(super) fn check_form(findings: &mut Findings, node: &Node, text: &str, path: &Trail<'_>) {
    if let Some(pattern) = node
        .pattern
        .as_ref()
        .filter(|pattern| !pattern.is_match(text))
    {
        let message = format!("{} does not match {}", shown(text), pattern.text);
        findings.error(path, message);
    }
    match node.format.as_deref() {
        Some("ipv4-network") if !is_network(text, 4, 32) => {
            findings.error(
                path,
                format!("{} is no IPv4 network such as 10.0.0.0/16", shown(text)),
            );
        }
        Some("ipv6-network") if !text.contains(':') || !text.contains('/') => {
            findings.error(path, format!("{} is no IPv6 network", shown(text)));
        }
        Some("AWS::IAM::Role.Arn") if !is_role(text) => {
            findings
                .error(path, format!("{} is no ARN of a role", shown(text)))
                .fix("it looks like arn:aws:iam::123456789012:role/name");
        }
        Some("json") if serde_json::from_str::<Value>(text).is_err() => {
            findings.error(path, "the text is not JSON");
        }
        _ => {}
    }
}

fn check_choice(findings: &mut Findings, node: &Node, text: &str, path: &Trail<'_>) {
    let exact = || node.allowed.iter().chain(&node.constant).map(plain);
    let any_case = node.enum_any_case.iter();
    let is_one = exact().any(|one| one == text)
        || any_case.clone().any(|one| one.eq_ignore_ascii_case(text));
    let is_free = exact().next().is_none() && any_case.len() == 0;
    if is_free || is_one {
        return;
    }
    let upper_case = any_case.map(|one| Cow::Owned(one.to_uppercase()));
    let choices: Vec<Cow<'_, str>> = exact().chain(upper_case).collect();
    let finding = findings.error(path, format!("{} is not one of its values", shown(text)));
    match similar(text, choices.iter().map(AsRef::as_ref)) {
        Some(name) => finding.fix(format!("did you mean {name}?")),
        None if choices.len() <= 12 => finding.fix(format!("use {}", choices.join(", "))),
        None => {}
    }
}

fn check_range(findings: &mut Findings, node: &Node, value: &Value, path: &Trail<'_>) {
    let Some(number) = number(value) else { return };
    if let Some(least) = node.minimum.filter(|least| number < *least) {
        findings.error(path, format!("{number} is below {least}, the least"));
    }
    if let Some(most) = node.maximum.filter(|most| number > *most) {
        findings.error(path, format!("{number} is above {most}, the most"));
    }
}

fn fits(kind: Kind, node: &Node, value: &Value, text: &str) -> bool {
    match kind {
        Kind::Any | Kind::String => true,
        Kind::Integer => number(value).is_some_and(|number| number.fract() == 0.0),
        Kind::Number => number(value).is_some(),
        Kind::Boolean => flag(value).is_some(),
        // Some documents may be given as JSON text.
        Kind::Object => {
            node.format.as_deref() == Some("json") && text.trim_start().starts_with('{')
        }
        Kind::Array => false,
    }
}

/// Text in a message, cut where it gets long.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Whether it is an IPv4 network with a prefix length in a range.
pub(super) fn is_network(text: &str, shortest: u8, longest: u8) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let is_length = length.parse().is_ok_and(|length: u8| {
        // Zero is everything, which rules of security groups and routes name.
        length == 0 || (shortest..=longest).contains(&length)
    });
    is_length && address.parse::<std::net::Ipv4Addr>().is_ok()
}

fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "iam", "", account, name]
        if partition.starts_with("aws") && !account.is_empty() && name.starts_with("role/"))
}
