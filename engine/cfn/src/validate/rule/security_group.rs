//! Security groups ("Security group rules" of the VPC user guide).

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, at, number, text};

/// Checks a group's rules.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    for list in ["SecurityGroupIngress", "SecurityGroupEgress"] {
        for (path, rule) in item.list(list) {
            check_rule(item, &path, rule, findings);
        }
    }
    let description = item.text("GroupDescription").unwrap_or_default();
    let is_letter =
        |letter: char| letter.is_ascii_alphanumeric() || "._-:/()#,@[]+=&;{}!$* ".contains(letter);
    if description.len() > 255 || !description.chars().all(is_letter) {
        findings.error(item.place("GroupDescription"), "has more than 255 characters, or others than letters, digits and ._-:/()#,@[]+=&;{}!$*");
    }
    if item
        .text("GroupName")
        .is_some_and(|name| name.starts_with("sg-"))
    {
        findings.error(
            item.place("GroupName"),
            "a group's name cannot begin with sg-",
        );
    }
}

fn check_rule(item: &Item<'_>, path: &str, rule: &Value, findings: &mut Findings) {
    let Some(protocol) = text(at(rule, "IpProtocol")) else {
        return;
    };
    let place = item.place(path);
    let is_number = protocol
        .parse::<i32>()
        .is_ok_and(|number| (-1..=255).contains(&number));
    let is_name = matches!(protocol.as_str(), "tcp" | "udp" | "icmp" | "icmpv6");
    if !is_number && !is_name {
        findings
            .error(&*place, format!("{protocol:?} is no protocol"))
            .fix("use tcp, udp, icmp, icmpv6, a number, or \"-1\" for all");
    }
    let (from, to) = (at(rule, "FromPort"), at(rule, "ToPort"));
    let has_ports = matches!(protocol.as_str(), "tcp" | "udp" | "6" | "17");
    if has_ports && (from.is_null() || to.is_null()) {
        findings.error(&*place, format!("{protocol} needs FromPort and ToPort"));
    }
    for port in [from, to] {
        if has_ports && number(port).is_some_and(|port| !(0.0..=65_535.0).contains(&port)) {
            findings.error(&*place, format!("{port} is no port"));
        }
    }
    if let (Some(from), Some(to)) = (number(from), number(to))
        && has_ports
        && from > to
    {
        findings.error(place, format!("FromPort {from} is above ToPort {to}"));
    }
}
