//! Intrinsic functions → plain values.
//!
//! What only a deployed resource knows is asked of a [`Resolver`]: the local cloud answers with real
//! names, the planner with placeholders.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::parameter;
use crate::{Document, Resource};

mod error;
mod function;
mod network;

pub use error::EvaluateError;

/// Answers for resources that exist.
pub trait Resolver {
    /// What `Ref` of a resource gives; `None` if it does not exist.
    fn reference(&self, logical_id: &str) -> Option<Value>;
    /// What `Fn::GetAtt` of a resource gives; `None` if there is no such resource or attribute.
    fn attribute(&self, logical_id: &str, attribute: &str) -> Option<Value>;
}

/// Values of the pseudo parameters (`AWS::AccountId` and so on).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pseudo {
    /// `AWS::AccountId`.
    pub account: String,
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::Partition`.
    pub partition: String,
    /// `AWS::URLSuffix`.
    pub url_suffix: String,
    /// `AWS::StackName`.
    pub stack_name: String,
    /// `AWS::StackId`.
    pub stack_id: String,
}

/// A document with its parameters bound and its conditions decided.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    document: &'a Document,
    parameters: BTreeMap<String, Value>,
    pseudo: Pseudo,
    conditions: BTreeMap<String, bool>,
}

impl<'a> Scope<'a> {
    /// Binds parameters (defaults where none is given) and decides all conditions.
    ///
    /// # Errors
    /// A missing, unknown or invalid parameter, or a condition that cannot be decided.
    pub fn new(
        document: &'a Document,
        given: &BTreeMap<String, String>,
        pseudo: Pseudo,
    ) -> Result<Self, EvaluateError> {
        let parameters = parameter::bind(document, given)?;
        let mut scope = Self {
            document,
            parameters,
            pseudo,
            conditions: BTreeMap::new(),
        };
        for name in document.conditions.keys() {
            scope.decide(name, &mut Vec::new())?;
        }
        Ok(scope)
    }

    /// Whether a resource or output with this condition is there.
    ///
    /// # Errors
    /// The condition does not exist.
    pub fn holds(&self, condition: Option<&str>) -> Result<bool, EvaluateError> {
        match condition {
            None => Ok(true),
            Some(name) => {
                self.conditions
                    .get(name)
                    .copied()
                    .ok_or_else(|| EvaluateError::Unresolved {
                        name: name.to_owned(),
                    })
            }
        }
    }

    /// A value without functions; `None` if it is `AWS::NoValue`.
    ///
    /// # Errors
    /// A function that cannot be evaluated.
    pub fn evaluate(
        &self,
        value: &Value,
        resolver: &dyn Resolver,
    ) -> Result<Option<Value>, EvaluateError> {
        match value {
            Value::Array(items) => self
                .list(items, resolver)
                .map(|items| Some(Value::Array(items))),
            Value::Object(map) => match single(map) {
                Some((name, argument)) if is_function(name) => {
                    self.function(name, argument, resolver)
                }
                _ => self.map(map, resolver).map(|map| Some(Value::Object(map))),
            },
            scalar => Ok(Some(scalar.clone())),
        }
    }

    /// The properties of a resource without functions.
    ///
    /// # Errors
    /// A function that cannot be evaluated.
    pub fn properties(
        &self,
        resource: &Resource,
        resolver: &dyn Resolver,
    ) -> Result<BTreeMap<String, Value>, EvaluateError> {
        let mut properties = BTreeMap::new();
        for (name, value) in &resource.properties {
            if let Some(value) = self.evaluate(value, resolver)? {
                properties.insert(name.clone(), value);
            }
        }
        Ok(properties)
    }

    /// The outputs whose condition holds, as text.
    ///
    /// # Errors
    /// A function that cannot be evaluated, or an output without value.
    pub fn outputs(
        &self,
        resolver: &dyn Resolver,
    ) -> Result<BTreeMap<String, String>, EvaluateError> {
        let mut outputs = BTreeMap::new();
        for (name, output) in &self.document.outputs {
            if !self.holds(output.get("Condition").and_then(Value::as_str))? {
                continue;
            }
            let value = output.get("Value").unwrap_or(&Value::Null);
            let value = self.evaluate(value, resolver)?.unwrap_or(Value::Null);
            outputs.insert(name.clone(), self.text("Outputs", &value)?);
        }
        Ok(outputs)
    }

    fn list(&self, items: &[Value], resolver: &dyn Resolver) -> Result<Vec<Value>, EvaluateError> {
        items
            .iter()
            .filter_map(|item| self.evaluate(item, resolver).transpose())
            .collect()
    }

    fn map(
        &self,
        map: &Map<String, Value>,
        resolver: &dyn Resolver,
    ) -> Result<Map<String, Value>, EvaluateError> {
        let mut result = Map::new();
        for (key, value) in map {
            if let Some(value) = self.evaluate(value, resolver)? {
                result.insert(key.clone(), value);
            }
        }
        Ok(result)
    }
    /// Decides a condition after those it needs.
    fn decide(&mut self, name: &str, open: &mut Vec<String>) -> Result<(), EvaluateError> {
        if self.conditions.contains_key(name) {
            return Ok(());
        }
        if open.iter().any(|one| one == name) {
            return Err(EvaluateError::CircularCondition {
                name: name.to_owned(),
            });
        }
        let document = self.document;
        let Some(condition) = document.conditions.get(name) else {
            return Err(EvaluateError::Unresolved {
                name: name.to_owned(),
            });
        };
        open.push(name.to_owned());
        for needed in crate::reference::conditions(condition) {
            self.decide(needed, open)?;
        }
        open.pop();
        let holds = self.value(condition, &Nothing)? == Value::Bool(true);
        self.conditions.insert(name.to_owned(), holds);
        Ok(())
    }
}

/// Conditions may not look at resources.
struct Nothing;

impl Resolver for Nothing {
    fn reference(&self, _: &str) -> Option<Value> {
        None
    }

    fn attribute(&self, _: &str, _: &str) -> Option<Value> {
        None
    }
}

/// Whether a mapping's only key makes it a function. `Condition` alone is one only within conditions,
/// and there as text; policy statements have it as a mapping beside other keys.
pub(crate) fn is_function(name: &str) -> bool {
    name == "Ref" || name == "Condition" || name.starts_with("Fn::")
}

/// The only entry of a mapping that may be a function.
pub(crate) fn single(map: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, value) = map.iter().next().filter(|_| map.len() == 1)?;
    (name != "Condition" || value.is_string()).then_some((name, value))
}
