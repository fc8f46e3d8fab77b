//! A value against the shape that AWS describes for it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::finding::Findings;
use super::schema::{Kind, Node, Type};
use super::similar::similar;
use super::trail::Trail;
use super::world::function;
use super::{result, scalar};
use crate::Document;

/// What a value is looked at with.
pub(super) struct Shape<'a> {
    /// The type of the resource.
    pub(super) shape: &'a Type,
    /// The template.
    pub(super) document: &'a Document,
    /// Where findings go.
    pub(super) findings: &'a mut Findings,
}

impl Shape<'_> {
    /// Looks at the properties of a resource.
    pub(super) fn check_root(&mut self, properties: &BTreeMap<String, Value>, path: &Trail<'_>) {
        let shape = self.shape;
        for name in &shape.read_only {
            if properties.contains_key(name) {
                let place = path.key(name);
                let message = format!("{name} is set by the service");
                self.findings.error(&place, message).fix("remove it");
            }
        }
        let root = shape.resolve(&shape.root);
        self.check_presence(root, &|name| properties.contains_key(name), path);
        for (key, value) in properties {
            self.check_entry(root, key, value, path);
        }
    }

    fn check(&mut self, node: &Node, value: &Value, path: &Trail<'_>) {
        let resolved = self.shape.resolve(node);
        if let Some((name, argument)) = function(value) {
            result::check(self, resolved, name, argument, value, path);
            return;
        }
        match value {
            Value::Object(map) => self.check_object(resolved, map, path),
            Value::Array(items) => self.check_array(resolved, items, path),
            Value::Null => {
                self.findings
                    .error(path, "null values are not allowed")
                    .fix("remove it");
            }
            one => scalar::check(self.findings, resolved, one, path),
        }
    }

    fn check_object(&mut self, node: &Node, map: &Map<String, Value>, path: &Trail<'_>) {
        if !node.takes(Kind::Object) {
            // Policies and the like are taken as text by some types and as mappings by others.
            let wanted = wanted(node);
            self.findings
                .error(path, format!("a mapping where {wanted} is wanted"));
            return;
        }
        self.check_presence(node, &|name| map.contains_key(name), path);
        for (key, value) in map {
            self.check_entry(node, key, value, path);
        }
    }

    fn check_entry(&mut self, node: &Node, key: &str, value: &Value, path: &Trail<'_>) {
        let place = path.key(key);
        let entries = node.properties.as_ref();
        match (entries.and_then(|entries| entries.get(key)), &node.values) {
            (Some(entry), _) => self.check(entry, value, &place),
            (None, Some(entry)) => self.check(entry, value, &place),
            (None, None) => self.check_unknown(node, key, &place),
        }
    }

    fn check_unknown(&mut self, node: &Node, key: &str, path: &Trail<'_>) {
        let Some(entries) = node.properties.as_ref().filter(|_| !node.open) else {
            return;
        };
        let finding = self.findings.error(path, format!("unknown property {key}"));
        if let Some(name) = similar(key, entries.keys().map(String::as_str)) {
            finding.fix(format!("did you mean {name}?"));
        }
    }

    /// `has` tells whether the mapping has an entry.
    fn check_presence(&mut self, node: &Node, has: &dyn Fn(&str) -> bool, path: &Trail<'_>) {
        for name in node.required.iter().filter(|name| !has(name)) {
            self.findings.error(path, format!("{name} is missing"));
        }
        let present = |names: &[String]| names.iter().filter(|name| has(name)).count();
        if !node.required_or.is_empty() && present(&node.required_or) == 0 {
            let names = node.required_or.join(", ");
            self.findings
                .error(path, format!("one of {names} is needed"));
        }
        if !node.required_xor.is_empty() && present(&node.required_xor) != 1 {
            let names = node.required_xor.join(", ");
            self.findings
                .error(path, format!("exactly one of {names} is needed"));
        }
        for (name, other) in pairs(&node.dependent_required, has) {
            if !has(other) {
                self.findings
                    .error(path, format!("{name} needs {other} beside it"));
            }
        }
        for (name, other) in pairs(&node.dependent_excluded, has) {
            if has(other) {
                self.findings
                    .error(path, format!("{name} and {other} exclude each other"));
            }
        }
    }

    fn check_array(&mut self, node: &Node, items: &[Value], path: &Trail<'_>) {
        if !node.takes(Kind::Array) {
            let wanted = wanted(node);
            self.findings
                .error(path, format!("a list where {wanted} is wanted"));
            return;
        }
        self.check_count(node, items, path);
        if let Some(entry) = &node.items {
            for (index, item) in items.iter().enumerate() {
                self.check_item(entry, item, &path.index(index));
            }
        }
    }

    /// A list among the items of a list is spliced in by some functions, so one that a function gives may stand here.
    fn check_item(&mut self, entry: &Node, item: &Value, path: &Trail<'_>) {
        let resolved = self.shape.resolve(entry);
        match function(item) {
            Some((name, _))
                if result::gives_list(self.document, name, item)
                    && !resolved.takes(Kind::Array) =>
            {
                self.findings
                    .error(path, "a list within a list")
                    .fix("give the function as the whole list");
            }
            _ => self.check(entry, item, path),
        }
    }

    fn check_count(&mut self, node: &Node, items: &[Value], path: &Trail<'_>) {
        let count = items.len();
        if let Some(least) = node.min_items.filter(|least| count < *least) {
            self.findings
                .error(path, format!("{count} items, at least {least} are needed"));
        }
        if let Some(most) = node.max_items.filter(|most| count > *most) {
            self.findings
                .error(path, format!("{count} items, at most {most} are allowed"));
        }
        if node.unique_items
            && let Some(index) = (1..count).find(|index| items[..*index].contains(&items[*index]))
        {
            self.findings
                .error(&path.index(index), "the same item twice");
        }
    }
}

/// What a node wants, in words.
pub(super) fn wanted(node: &Node) -> &'static str {
    match node.kinds().first() {
        Some(Kind::Object) => "a mapping",
        Some(Kind::Array) => "a list",
        Some(Kind::Integer) => "a whole number",
        Some(Kind::Number) => "a number",
        Some(Kind::Boolean) => "true or false",
        _ => "text",
    }
}

fn pairs<'n>(
    dependent: &'n BTreeMap<String, Vec<String>>,
    has: &dyn Fn(&str) -> bool,
) -> impl Iterator<Item = (&'n String, &'n String)> {
    dependent
        .iter()
        .filter(move |(name, _)| has(name))
        .flat_map(|(name, others)| others.iter().map(move |other| (name, other)))
}
