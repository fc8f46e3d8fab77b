//! What properties may refer to. Names, ids and ARNs are all text to a schema, and most failures of a first
//! deployment come from taking the one for the other.

mod table;

use std::str::Split;

use serde_json::Value;
use table::TABLE;

use super::finding::Findings;
use super::item::Item;
use super::schema;
use super::text::referred;
use super::trail::Trail;

/// Checks what the resource refers to.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    for (_, path, accepted) in TABLE.iter().filter(|(kind, ..)| *kind == item.kind()) {
        let mut parts = path.split('.');
        let name = parts.next().unwrap_or_default();
        if let Some(value) = item.properties.get(name) {
            walk(item, value, parts, &item.root.key(name), accepted, findings);
        }
    }
}

fn walk(
    item: &Item<'_>,
    value: &Value,
    mut rest: Split<'_, char>,
    place: &Trail<'_>,
    accepted: &[&str],
    findings: &mut Findings,
) {
    match rest.next() {
        None => check_value(item, value, place, accepted, findings),
        Some("*") => {
            for (index, one) in value.as_array().into_iter().flatten().enumerate() {
                let place = place.index(index);
                walk(item, one, rest.clone(), &place, accepted, findings);
            }
        }
        Some(part) => {
            if let Some(one) = value.get(part) {
                walk(item, one, rest, &place.key(part), accepted, findings);
            }
        }
    }
}

fn check_value(
    item: &Item<'_>,
    value: &Value,
    place: &Trail<'_>,
    accepted: &[&str],
    findings: &mut Findings,
) {
    let Some(name) = referred(value) else { return };
    let Some((_, resource)) = item.target(value) else {
        return;
    };
    if schema::find(&resource.kind).is_none() {
        return;
    }
    let given = match name.split_once('.') {
        Some((_, attribute)) => format!("{}.{attribute}", resource.kind),
        None => resource.kind.clone(),
    };
    if !accepted.contains(&given.as_str()) {
        let message = format!(
            "{name} gives {}, which is not what is wanted here",
            in_words(&given)
        );
        findings
            .error(place, message)
            .fix(advice(&resource.kind, accepted));
    }
}

fn in_words(given: &str) -> String {
    match given.rsplit_once('.') {
        Some((kind, attribute)) => format!("{attribute} of {kind}"),
        None => format!("the Ref of {given}"),
    }
}

/// The same resource in another way if there is one, otherwise what would do.
fn advice(kind: &str, accepted: &[&str]) -> String {
    let same = accepted
        .iter()
        .find(|one| one.split('.').next() == Some(kind));
    let one = same
        .or_else(|| accepted.first())
        .copied()
        .unwrap_or_default();
    match one.split_once('.') {
        Some((kind, attribute)) => format!("use Fn::GetAtt with {attribute} of {kind}"),
        None => format!("use Ref of {one}"),
    }
}
