//! What properties may refer to. Names, ids and ARNs are all text to a schema, and most failures of a first
//! deployment come from taking the one for the other.

mod table;

use table::TABLE;

use serde_json::Value;

use super::finding::Findings;
use super::item::Item;
use super::schema;
use super::text::referred;

/// Checks what the resource refers to.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    for (_, path, accepted) in TABLE.iter().filter(|(kind, ..)| *kind == item.kind()) {
        let parts: Vec<&str> = path.split('.').collect();
        walk(
            item,
            &item.properties,
            &parts,
            String::new(),
            accepted,
            findings,
        );
    }
}

fn walk(
    item: &Item<'_>,
    value: &Value,
    rest: &[&str],
    place: String,
    accepted: &[&str],
    findings: &mut Findings,
) {
    let Some((part, rest)) = rest.split_first() else {
        check_value(item, value, &place, accepted, findings);
        return;
    };
    let join = |part: &str| {
        if place.is_empty() {
            part.to_owned()
        } else {
            format!("{place}.{part}")
        }
    };
    if *part == "*" {
        for (index, one) in value.as_array().into_iter().flatten().enumerate() {
            walk(
                item,
                one,
                rest,
                join(&index.to_string()),
                accepted,
                findings,
            );
        }
    } else if let Some(one) = value.get(part) {
        walk(item, one, rest, join(part), accepted, findings);
    }
}

fn check_value(
    item: &Item<'_>,
    value: &Value,
    place: &str,
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
            .error(item.place(place), message)
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
