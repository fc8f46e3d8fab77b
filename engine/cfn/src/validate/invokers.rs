//! Who may invoke which function of the template.

use std::collections::BTreeMap;

use super::item::target;
use crate::{Document, Resource};

/// The permissions of a template, by the logical id of their function.
#[derive(Debug)]
pub(super) struct Invokers<'a> {
    of_function: BTreeMap<&'a str, Vec<&'a Resource>>,
    /// Those of which one cannot say whose they are.
    of_any: Vec<&'a Resource>,
}

impl<'a> Invokers<'a> {
    /// All that a template has.
    pub(super) fn of(document: &'a Document) -> Self {
        let mut invokers = Self {
            of_function: BTreeMap::new(),
            of_any: Vec::new(),
        };
        let permissions = document.resources.values();
        for one in permissions.filter(|one| one.kind == "AWS::Lambda::Permission") {
            let function = one.properties.get("FunctionName");
            match function.and_then(|name| target(document, name)) {
                Some((id, _)) => invokers.of_function.entry(id).or_default().push(one),
                None => invokers.of_any.push(one),
            }
        }
        invokers
    }

    /// Permissions that are, or could be, those of a function.
    pub(super) fn may_be_of(&self, function: &str) -> impl Iterator<Item = &'a Resource> {
        let own = self.of_function.get(function).into_iter().flatten();
        own.chain(&self.of_any).copied()
    }

    /// All permissions.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a Resource> {
        let own = self.of_function.values().flatten();
        own.chain(&self.of_any).copied()
    }
}
