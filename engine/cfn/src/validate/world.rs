//! Conditions: every combination that can be, and what a resource is in each.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::evaluate::{is_function, single};
use crate::reference::conditions;
use crate::{Document, canonical};

/// Combinations that are looked at; a resource that depends on more is looked at in the first ones.
const MAX_WORLDS: usize = 64;

/// Things that conditions ask for and that are given all their values; what depends on others stays open.
const MAX_ASKED: usize = 10;

/// Stands for any value that no condition asks for.
const OTHER: &str = "\u{0}other";

/// What each condition comes to. One that is missing could not be decided.
pub(super) type World = BTreeMap<String, bool>;

/// All combinations of some conditions that can be.
pub(super) fn worlds<'d>(document: &'d Document, wanted: &BTreeSet<&'d str>) -> Vec<World> {
    if wanted.is_empty() {
        return vec![World::new()];
    }
    let needed = closure(document, wanted);
    let mut domains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in &needed {
        if let Some(condition) = document.conditions.get(*name) {
            collect(document, condition, &mut domains);
        }
    }
    let mut found: Vec<World> = Vec::new();
    for choice in choices(&domains) {
        let decide = |name: &&str| Some(((*name).to_owned(), decide(document, name, &choice, 0)?));
        let world: World = needed.iter().filter_map(decide).collect();
        if !found.contains(&world) {
            found.push(world);
        }
    }
    found
}

/// A value in a world: no `Fn::If` whose condition is decided, and nothing that is `AWS::NoValue`.
pub(super) fn settle<'v>(value: &'v Value, world: &World) -> Option<Cow<'v, Value>> {
    if is_settled(value) {
        return Some(Cow::Borrowed(value));
    }
    settled(value, world).map(Cow::Owned)
}

/// Whether a value is the same in every world.
pub(super) fn is_settled(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(is_settled),
        Value::Object(map) => match single(map) {
            Some(("Fn::If", _)) => false,
            Some(("Ref", Value::String(name))) if name == "AWS::NoValue" => false,
            _ => map.values().all(is_settled),
        },
        _ => true,
    }
}

fn settled(value: &Value, world: &World) -> Option<Value> {
    match value {
        Value::Array(items) => Some(Value::Array(
            items
                .iter()
                .filter_map(|item| settled(item, world))
                .collect(),
        )),
        Value::Object(map) => match single(map) {
            Some(("Fn::If", Value::Array(parts))) => settle_if(value, parts, world),
            Some(("Ref", Value::String(name))) if name == "AWS::NoValue" => None,
            _ => Some(Value::Object(settle_map(map, world))),
        },
        scalar => Some(scalar.clone()),
    }
}

fn settle_map(map: &Map<String, Value>, world: &World) -> Map<String, Value> {
    map.iter()
        .filter_map(|(key, value)| Some((key.clone(), settled(value, world)?)))
        .collect()
}

fn settle_if(value: &Value, parts: &[Value], world: &World) -> Option<Value> {
    let [Value::String(name), then, otherwise] = parts else {
        return Some(value.clone());
    };
    match world.get(name) {
        Some(true) => settled(then, world),
        Some(false) => settled(otherwise, world),
        None => Some(value.clone()),
    }
}

/// The conditions and all that they need.
fn closure<'d>(document: &'d Document, wanted: &BTreeSet<&'d str>) -> BTreeSet<&'d str> {
    let mut needed = BTreeSet::new();
    let mut open: Vec<&str> = wanted.iter().copied().collect();
    while let Some(name) = open.pop() {
        if let Some(condition) = document.conditions.get(name) {
            let needs = conditions(condition).into_iter();
            open.extend(needs.filter(|one| !needed.contains(one)));
        }
        needed.insert(name);
    }
    needed
}

/// What is compared, and with what: each side that is no constant gets the constants it is compared with.
fn collect(document: &Document, condition: &Value, domains: &mut BTreeMap<String, Vec<String>>) {
    if let Some([left, right]) = equals(condition) {
        match (constant(left), constant(right)) {
            (None, Some(text)) => add(document, left, text, domains),
            (Some(text), None) => add(document, right, text, domains),
            (None, None) => {
                domains.insert(canonical(condition), vec!["true".into(), OTHER.into()]);
            }
            (Some(_), Some(_)) => {}
        }
        return;
    }
    match condition {
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect(document, item, domains)),
        Value::Object(map) => map
            .values()
            .for_each(|item| collect(document, item, domains)),
        _ => {}
    }
}

fn add(
    document: &Document,
    asked: &Value,
    text: String,
    domains: &mut BTreeMap<String, Vec<String>>,
) {
    let domain = domains.entry(canonical(asked)).or_default();
    let allowed = asked.get("Ref").and_then(Value::as_str).and_then(|name| {
        document
            .parameters
            .get(name)?
            .get("AllowedValues")?
            .as_array()
    });
    let can_be = |text: &str| {
        allowed.is_none_or(|values| values.iter().filter_map(constant).any(|one| one == text))
    };
    if can_be(&text) && !domain.contains(&text) {
        domain.push(text);
    }
    let is_complete = allowed.is_some_and(|values| {
        values
            .iter()
            .filter_map(constant)
            .all(|one| domain.contains(&one))
    });
    domain.retain(|one| one != OTHER);
    if !is_complete {
        domain.push(OTHER.to_owned());
    }
}

/// One value for each thing that is asked for, in all combinations.
fn choices(domains: &BTreeMap<String, Vec<String>>) -> Vec<BTreeMap<&str, &str>> {
    let mut found: Vec<BTreeMap<&str, &str>> = vec![BTreeMap::new()];
    for (asked, domain) in domains.iter().take(MAX_ASKED) {
        let mut next: Vec<BTreeMap<&str, &str>> = Vec::new();
        for choice in &found {
            next.extend(domain.iter().map(|value| {
                let mut choice = choice.clone();
                choice.insert(asked.as_str(), value.as_str());
                choice
            }));
        }
        next.truncate(MAX_WORLDS);
        found = next;
    }
    found
}

fn decide(
    document: &Document,
    name: &str,
    choice: &BTreeMap<&str, &str>,
    depth: usize,
) -> Option<bool> {
    // Conditions that need each other are another finding.
    let condition = document.conditions.get(name).filter(|_| depth < 20)?;
    holds(document, condition, choice, depth + 1)
}

fn holds(
    document: &Document,
    condition: &Value,
    choice: &BTreeMap<&str, &str>,
    depth: usize,
) -> Option<bool> {
    if let Some([left, right]) = equals(condition) {
        return match (constant(left), constant(right)) {
            (Some(left), Some(right)) => Some(left == right),
            (Some(text), None) => Some(*choice.get(canonical(right).as_str())? == text),
            (None, Some(text)) => Some(*choice.get(canonical(left).as_str())? == text),
            (None, None) => Some(*choice.get(canonical(condition).as_str())? == "true"),
        };
    }
    let (name, argument) = single(condition.as_object()?)?;
    let each = || {
        argument
            .as_array()?
            .iter()
            .map(|item| holds(document, item, choice, depth + 1))
            .collect::<Option<Vec<bool>>>()
    };
    match name {
        "Condition" => decide(document, argument.as_str()?, choice, depth + 1),
        "Fn::Not" => each()?.first().map(|one| !one),
        "Fn::And" => Some(each()?.into_iter().all(|one| one)),
        "Fn::Or" => Some(each()?.into_iter().any(|one| one)),
        _ => None,
    }
}

fn equals(condition: &Value) -> Option<[&Value; 2]> {
    let sides = condition.get("Fn::Equals")?.as_array()?;
    match sides.as_slice() {
        [left, right] => Some([left, right]),
        _ => None,
    }
}

/// A scalar as `CloudFormation` compares it.
fn constant(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// Whether a value is a function.
pub(super) fn function(value: &Value) -> Option<(&str, &Value)> {
    single(value.as_object()?).filter(|(name, _)| is_function(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_combinations_that_can_be() {
        let document = Document::parse(
            "
Parameters: {Env: {Type: String, AllowedValues: [dev, prod]}, Size: {Type: String}}
Conditions:
  Prod: !Equals [!Ref Env, prod]
  Dev: !Equals [dev, !Ref Env]
  Big: !Equals [!Ref Size, big]
  Both: !And [!Condition Prod, !Condition Big]
  Loop: !Not [!Condition Loop]
Resources: {A: {Type: T}}
",
        )
        .unwrap_or_default();
        let of = |names: &[&str]| {
            let wanted = names.iter().copied().collect();
            worlds(&document, &wanted)
                .iter()
                .map(|world| names.iter().map(|name| world.get(*name).copied()).collect())
                .collect::<Vec<Vec<Option<bool>>>>()
        };
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(of(&["Dev", "Prod"]), [[yes, no], [no, yes]]);
        assert_eq!(of(&["Both", "Big"]).len(), 4);
        assert_eq!(of(&["Loop"]), [[None]]);
        assert_eq!(of(&[]), [[]; 1]);
    }
}
