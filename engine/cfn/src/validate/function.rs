//! Intrinsic functions: whether they are written as they must be.

use serde_json::{Map, Value};

use super::finding::Findings;
use super::schema;
use super::shape::{
    misshapen_attribute, misshapen_join, misshapen_lookup, misshapen_networks, misshapen_select,
    misshapen_split, misshapen_substitution,
};
use super::similar::similar;
use super::text::referred;
use super::trail::Trail;
use crate::Document;
use crate::substitution::{Part, parts};

/// Functions that may stand in properties and outputs.
const VALUES: &[&str] = &[
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::FindInMap",
    "Fn::GetAZs",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Ref",
];

/// Functions that give a condition.
const LOGIC: &[&str] = &["Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"];

/// Functions of transforms, which change the template before anything else happens.
const MACROS: &[&str] = &[
    "Fn::ForEach",
    "Fn::Length",
    "Fn::ToJsonString",
    "Fn::Transform",
];

/// Where a function stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Properties and outputs.
    Value,
    /// `Conditions`.
    Condition,
}

/// Checks all functions in a value.
pub(super) fn check(
    document: &Document,
    value: &Value,
    place: Place,
    path: &Trail<'_>,
    findings: &mut Findings,
) {
    let mut walk = Walk {
        document,
        place,
        findings,
    };
    walk.check(value, path);
}

struct Walk<'a> {
    document: &'a Document,
    place: Place,
    findings: &'a mut Findings,
}

impl Walk<'_> {
    fn check(&mut self, value: &Value, path: &Trail<'_>) {
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.check(item, &path.index(index));
                }
            }
            Value::Object(map) => {
                let name = map.keys().find(|key| is_function_like(key));
                match name {
                    Some(name) if map.len() == 1 => {
                        self.check_function(name, &map[name], value, path)
                    }
                    Some(name) => {
                        let message = format!("{name} stands beside other keys");
                        self.findings
                            .error(path, message)
                            .fix("a function is the only key of its mapping");
                    }
                    None if self.is_stray_condition(map) => {
                        self.findings
                            .error(path, "Condition is for Conditions only")
                            .fix("name the condition in Fn::If");
                    }
                    None => {
                        for (key, item) in map {
                            self.check(item, &path.key(key));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// A condition by its name, where a value belongs.
    fn is_stray_condition(&self, map: &Map<String, Value>) -> bool {
        let name = map.get("Condition").filter(|_| map.len() == 1);
        self.place == Place::Value && name.is_some_and(Value::is_string)
    }

    fn check_function(&mut self, name: &str, argument: &Value, value: &Value, path: &Trail<'_>) {
        if let Some(problem) = self.misplaced(name) {
            let finding = self.findings.error(path, problem);
            if let Some(other) = similar(name, VALUES.iter().chain(LOGIC).copied())
                && other != name
            {
                finding.fix(format!("did you mean {other}?"));
            }
            return;
        }
        if let Some(problem) = self.misshapen(name, argument) {
            self.findings.error(path, format!("{name} {problem}"));
            return;
        }
        self.check_meaning(name, argument, value, path);
        self.check(argument, path);
    }

    fn misplaced(&self, name: &str) -> Option<String> {
        let second = name.match_indices("::").nth(1);
        let base = second.map_or(name, |(end, _)| &name[..end]);
        if MACROS.contains(&base) {
            return Some(format!(
                "{base} needs a transform of the template; write out what it stands for"
            ));
        }
        if LOGIC.contains(&name) && self.place == Place::Value {
            return Some(format!(
                "{name} is for Conditions only; name the condition in Fn::If"
            ));
        }
        let is_known = VALUES.contains(&name) || LOGIC.contains(&name);
        (!is_known).then(|| format!("{name} is no function"))
    }

    fn misshapen(&self, name: &str, argument: &Value) -> Option<String> {
        let count = argument.as_array().map_or(0, Vec::len);
        match name {
            "Ref" => (!argument.is_string()).then(|| "needs a name".to_owned()),
            "Fn::GetAtt" => misshapen_attribute(argument),
            "Fn::Sub" => misshapen_substitution(argument),
            "Fn::Join" => misshapen_join(argument),
            "Fn::Select" => misshapen_select(argument),
            "Fn::Split" => misshapen_split(argument),
            "Fn::If" => {
                let is_good = count == 3 && argument[0].is_string();
                (!is_good).then(|| "needs a condition's name and two values".to_owned())
            }
            "Fn::Equals" => (count != 2).then(|| "needs two values".to_owned()),
            "Fn::Not" => (count != 1).then(|| "needs a list of one condition".to_owned()),
            "Fn::And" | "Fn::Or" => {
                (!(2..=10).contains(&count)).then(|| "needs two to ten conditions".to_owned())
            }
            "Fn::FindInMap" => misshapen_lookup(argument),
            "Fn::Cidr" => misshapen_networks(argument),
            "Fn::Base64" | "Fn::ImportValue" | "Fn::GetAZs" => argument
                .is_array()
                .then(|| "needs one value, not a list".to_owned()),
            _ => None,
        }
    }

    fn check_meaning(&mut self, name: &str, argument: &Value, value: &Value, path: &Trail<'_>) {
        match name {
            "Fn::GetAtt" => {
                if let Some(name) = referred(value) {
                    self.check_attribute(&name, path);
                }
            }
            "Fn::Sub" => self.check_variables(argument, path),
            "Fn::FindInMap" => self.check_lookup(argument, path),
            "Fn::And" | "Fn::Or" | "Fn::Not" => self.check_operands(name, argument, path),
            _ => {}
        }
    }

    /// Only attributes that the type has can be asked for.
    fn check_attribute(&mut self, name: &str, path: &Trail<'_>) {
        let Some((id, attribute)) = name.split_once('.') else {
            return;
        };
        let Some(resource) = self.document.resources.get(id) else {
            return;
        };
        let Some(shape) = schema::find(&resource.kind) else {
            return;
        };
        if shape.attributes.contains_key(attribute) {
            return;
        }
        let message = format!("{} has no attribute {attribute}", resource.kind);
        let finding = self.findings.error(path, message);
        let names = shape.attributes.keys().map(String::as_str);
        match similar(attribute, names) {
            Some(name) => finding.fix(format!("did you mean {name}?")),
            None => finding.fix(format!(
                "it has {}",
                shape
                    .attributes
                    .keys()
                    .take(8)
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    }

    fn check_variables(&mut self, argument: &Value, path: &Trail<'_>) {
        let text = argument
            .as_str()
            .or_else(|| argument.get(0)?.as_str())
            .unwrap_or_default();
        let own = argument.get(1).and_then(Value::as_object);
        let mut used = Vec::new();
        for part in parts(text) {
            let Part::Variable(name) = part else { continue };
            used.push(name);
            if own.is_some_and(|own| own.contains_key(name)) {
                continue;
            }
            if name.is_empty() || name.trim() != name {
                let message = format!("Fn::Sub has a variable {name:?}");
                self.findings
                    .error(path, message)
                    .fix("write ${Name}, without spaces");
            }
            self.check_attribute(name, path);
        }
        let unused = own
            .into_iter()
            .flatten()
            .find(|(name, _)| !used.contains(&name.as_str()));
        if let Some((name, _)) = unused {
            self.findings
                .warning(path, format!("Fn::Sub does not use its variable {name}"));
        }
    }

    fn check_lookup(&mut self, argument: &Value, path: &Trail<'_>) {
        let part = |index: usize| argument.get(index).and_then(Value::as_str);
        let Some(name) = part(0) else { return };
        let Some(mapping) = self.document.mappings.get(name) else {
            self.findings
                .error(path, format!("there is no mapping {name}"));
            return;
        };
        let Some(key) = part(1) else { return };
        let Some(entries) = mapping.get(key) else {
            self.findings
                .error(path, format!("mapping {name} has no key {key}"));
            return;
        };
        if let Some(second) = part(2).filter(|second| entries.get(*second).is_none()) {
            self.findings
                .error(path, format!("mapping {name} has no {second} under {key}"));
        }
    }

    fn check_operands(&mut self, name: &str, argument: &Value, path: &Trail<'_>) {
        for item in argument.as_array().into_iter().flatten() {
            let key = item.as_object().and_then(|map| map.keys().next());
            let is_condition =
                key.is_some_and(|key| key == "Condition" || LOGIC.contains(&key.as_str()));
            if !is_condition {
                self.findings
                    .error(path, format!("{name} has an operand that is no condition"))
                    .fix("use Condition, Fn::Equals, Fn::And, Fn::Or or Fn::Not");
            }
        }
    }
}

fn is_function_like(key: &str) -> bool {
    key == "Ref" || key.starts_with("Fn::")
}

pub(super) fn function_name(value: &Value) -> Option<&str> {
    let key = value.as_object()?.keys().next()?;
    is_function_like(key).then_some(key)
}
