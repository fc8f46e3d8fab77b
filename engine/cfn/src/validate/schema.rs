//! What AWS says about the properties of its resource types.
//!
//! The data in `data/types.jsonl` is derived from AWS' own resource schemas. Only types that a template
//! has are read, each once in a process.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use regex_automata::nfa::thompson;
use regex_automata::nfa::thompson::pikevm::{Cache, PikeVM};
use regex_automata::util::syntax;
use serde::Deserialize;

/// A resource type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Type {
    /// Its properties.
    #[serde(flatten)]
    pub(super) root: Node,
    definitions: BTreeMap<String, Node>,
    /// What `Fn::GetAtt` may ask for.
    pub(super) attributes: BTreeMap<String, Node>,
    /// Properties that only the service sets.
    #[serde(default)]
    pub(super) read_only: Vec<String>,
    /// What `Ref` gives.
    pub(super) reference: Node,
}

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Any,
    String,
    Integer,
    Number,
    Boolean,
    Object,
    Array,
}

/// What a value may be. Without a `type` it is text, a mapping if it has properties, a list if it has items.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Node {
    #[serde(rename = "type")]
    kinds: Option<Kinds>,
    /// The definition that this node stands for.
    #[serde(rename = "ref")]
    pub(super) definition: Option<String>,
    /// Entries of a mapping.
    pub(super) properties: Option<BTreeMap<String, Node>>,
    /// Whether a mapping may have entries beside these.
    pub(super) open: bool,
    /// Entries of a mapping whose keys are free.
    pub(super) values: Option<Box<Node>>,
    /// Items of a list.
    pub(super) items: Option<Box<Node>>,
    /// Entries that must be there.
    pub(super) required: Vec<String>,
    /// Entries of which one or more must be there.
    pub(super) required_or: Vec<String>,
    /// Entries of which exactly one must be there.
    pub(super) required_xor: Vec<String>,
    /// Entries that must be there beside another.
    pub(super) dependent_required: BTreeMap<String, Vec<String>>,
    /// Entries that must not be there beside another.
    pub(super) dependent_excluded: BTreeMap<String, Vec<String>>,
    /// The only values.
    #[serde(rename = "enum")]
    pub(super) allowed: Vec<serde_json::Value>,
    /// The only values, in upper, lower or mixed case.
    pub(super) enum_any_case: Vec<String>,
    /// The only value.
    #[serde(rename = "const")]
    pub(super) constant: Option<serde_json::Value>,
    /// What text must contain.
    pub(super) pattern: Option<Pattern>,
    /// Characters at least.
    pub(super) min_length: Option<usize>,
    /// Characters at most.
    pub(super) max_length: Option<usize>,
    /// Smallest number.
    pub(super) minimum: Option<f64>,
    /// Largest number.
    pub(super) maximum: Option<f64>,
    /// Items at least.
    pub(super) min_items: Option<usize>,
    /// Items at most.
    pub(super) max_items: Option<usize>,
    /// Whether no item may be there twice.
    pub(super) unique_items: bool,
    /// A form with a name, for instance `AWS::IAM::Role.Arn`.
    pub(super) format: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Kinds {
    One(Kind),
    Many(Vec<Kind>),
}

/// A pattern, compiled when it is first needed.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
pub(super) struct Pattern {
    /// As AWS writes it.
    pub(super) text: String,
    machine: OnceLock<Option<Machine>>,
}

/// A compiled pattern with the memory that it works in.
#[derive(Debug)]
struct Machine {
    program: PikeVM,
    cache: Mutex<Cache>,
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self {
            text,
            machine: OnceLock::new(),
        }
    }
}

impl Pattern {
    /// Whether the pattern is somewhere in the text.
    pub(super) fn is_match(&self, text: &str) -> bool {
        let machine = self.machine.get_or_init(|| Machine::new(&self.text));
        machine
            .as_ref()
            .is_none_or(|machine| machine.is_match(text))
    }
}

impl Machine {
    /// Without Unicode tables, which names in AWS do not need and which take long to build.
    fn new(pattern: &str) -> Option<Self> {
        let program = PikeVM::builder()
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(thompson::Config::new().utf8(false))
            .build(pattern)
            .ok()?;
        let cache = Mutex::new(program.create_cache());
        Some(Self { program, cache })
    }

    fn is_match(&self, text: &str) -> bool {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        self.program.is_match(&mut cache, text)
    }
}

impl Node {
    /// The kinds that a value may have.
    pub(super) fn kinds(&self) -> &[Kind] {
        match &self.kinds {
            Some(Kinds::One(kind)) => std::slice::from_ref(kind),
            Some(Kinds::Many(kinds)) => kinds,
            None if self.properties.is_some() => &[Kind::Object],
            None if self.items.is_some() => &[Kind::Array],
            None => &[Kind::String],
        }
    }

    /// Whether a value of this kind may stand here.
    pub(super) fn takes(&self, kind: Kind) -> bool {
        self.kinds()
            .iter()
            .any(|one| *one == kind || *one == Kind::Any)
    }
}

impl Type {
    /// The node itself, or the definition it stands for.
    pub(super) fn resolve<'a>(&'a self, node: &'a Node) -> &'a Node {
        node.definition
            .as_ref()
            .and_then(|name| self.definitions.get(name))
            .unwrap_or(node)
    }
}

/// A type by its name; `None` if nothing is known about it here.
pub(super) fn find(kind: &str) -> Option<&'static Type> {
    let entry = TYPES.get(kind)?;
    entry
        .parsed
        .get_or_init(|| serde_json::from_str(entry.text).ok())
        .as_ref()
}

/// Whether AWS has this type, as far as one can say: all services are known by name, and all types of those
/// services that have a type described here.
pub(super) fn exists(kind: &str) -> bool {
    let mut parts = kind.splitn(3, "::").skip(1);
    let (Some(service), Some(thing)) = (parts.next(), parts.next()) else {
        return false;
    };
    SERVICES
        .get(service)
        .is_some_and(|things| things.is_empty() || things.contains(&thing))
}

/// Names of all types that are known by name.
pub(super) fn names() -> impl Iterator<Item = String> {
    SERVICES.iter().flat_map(|(service, things)| {
        things
            .iter()
            .map(move |thing| format!("AWS::{service}::{thing}"))
    })
}

struct Entry {
    text: &'static str,
    parsed: OnceLock<Option<Type>>,
}

const DATA: &str = include_str!("../../data/types.jsonl");

static TYPES: LazyLock<BTreeMap<&'static str, Entry>> = LazyLock::new(|| {
    let entry = |(kind, text)| {
        let parsed = OnceLock::new();
        (kind, Entry { text, parsed })
    };
    DATA.lines()
        .filter_map(|line| line.split_once('\t'))
        .map(entry)
        .collect()
});

static SERVICES: LazyLock<BTreeMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    // The text is part of the program; a test reads it.
    let line = DATA
        .lines()
        .find_map(|line| line.strip_prefix("services\t"));
    serde_json::from_str(line.unwrap_or("{}")).unwrap_or_default()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_can_be_read_and_every_pattern_compiles() {
        assert!(SERVICES.len() > 200 && exists("AWS::Lambda::Function"));
        assert!(exists("AWS::DynamoDB::Table") && !exists("AWS::Lambda::Functions"));
        let kinds: Vec<&&str> = TYPES.keys().filter(|kind| **kind != "services").collect();
        assert_eq!(kinds.len(), 39);
        for kind in kinds {
            let shape = find(kind).unwrap_or_else(|| panic!("{kind}"));
            check(&shape.root, shape);
            shape
                .definitions
                .values()
                .for_each(|node| check(node, shape));
        }
    }

    fn check(node: &Node, shape: &Type) {
        if let Some(pattern) = &node.pattern {
            assert!(Machine::new(&pattern.text).is_some(), "{}", pattern.text);
        }
        if let Some(name) = &node.definition {
            assert!(shape.definitions.contains_key(name), "{name}");
        }
        let entries = node.properties.iter().flatten().map(|(_, entry)| entry);
        let below = node.items.iter().chain(&node.values).map(AsRef::as_ref);
        entries.chain(below).for_each(|one| check(one, shape));
    }
}
