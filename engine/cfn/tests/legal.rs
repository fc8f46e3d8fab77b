//! Legal templates in all the ways AWS takes them: nothing is found in any.
#![expect(clippy::unwrap_used, reason = "tests")]

use scar_cfn::{Document, Finding, validate};

#[test]
fn parameters_and_lists() {
    check(include_str!("legal/ssm-and-lists.yaml"));
}

#[test]
fn conditions() {
    check(include_str!("legal/conditions.yaml"));
}

#[test]
fn events_and_doors() {
    check(include_str!("legal/events-and-doors.yaml"));
}

fn check(text: &str) {
    let mut findings = validate(&Document::parse(text).unwrap());
    findings.retain(Finding::is_error);
    assert_eq!(findings, []);
}
