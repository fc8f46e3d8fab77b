//! Intrinsic functions → plain values.
//!
//! What only a deployed resource knows is asked of a [`Resolver`]: the local cloud answers with real
//! names, the planner with placeholders.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::parameter;
use crate::substitution::{Part, parts};
use crate::{Document, Resource};

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

/// Why a value has no meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// A parameter that has neither a value nor a default.
    #[error("parameters: [{name}] must have values")]
    MissingParameter {
        /// Its name.
        name: String,
    },
    /// A value for a parameter that the template does not have.
    #[error("parameters: [{name}] do not exist in the template")]
    UnknownParameter {
        /// Its name.
        name: String,
    },
    /// A value that the parameter's own rules forbid.
    #[error("parameter {name} {problem}")]
    InvalidParameter {
        /// Its name.
        name: String,
        /// For instance `must be a number`.
        problem: String,
    },
    /// Something that is referred to is not there.
    #[error("unresolved reference {name}")]
    Unresolved {
        /// `Name` or `Name.Attribute`.
        name: String,
    },
    /// A function with arguments it cannot use.
    #[error("template error: {function} {problem}")]
    Function {
        /// For instance `Fn::Select`.
        function: String,
        /// For instance `index 3 is out of range`.
        problem: String,
    },
    /// Conditions that need each other.
    #[error("circular condition {name}")]
    CircularCondition {
        /// One of them.
        name: String,
    },
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

    fn function(
        &self,
        name: &str,
        argument: &Value,
        resolver: &dyn Resolver,
    ) -> Result<Option<Value>, EvaluateError> {
        match name {
            "Ref" => return self.reference(text_argument(name, argument)?, resolver),
            "Fn::If" => {
                let [condition, then, otherwise] = arguments(name, argument)?;
                let holds = self.holds(Some(text_argument(name, condition)?))?;
                return self.evaluate(if holds { then } else { otherwise }, resolver);
            }
            "Fn::GetAtt" => self.attribute(argument, resolver),
            "Fn::Sub" => self.substitute(argument, resolver),
            "Fn::Join" => self.join(argument, resolver),
            "Fn::Select" => self.select(argument, resolver),
            "Fn::Split" => self.split(argument, resolver),
            "Fn::FindInMap" => self.find_in_map(argument, resolver),
            "Fn::Base64" => {
                let text = self.text(name, &self.value(argument, resolver)?)?;
                Ok(Value::String(base64(text.as_bytes())))
            }
            _ => self.logic(name, argument, resolver).map(Value::Bool),
        }
        .map(Some)
    }

    fn reference(
        &self,
        name: &str,
        resolver: &dyn Resolver,
    ) -> Result<Option<Value>, EvaluateError> {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        self.pseudo(name)
            .or_else(|| self.parameters.get(name).cloned())
            .or_else(|| resolver.reference(name))
            .map(Some)
            .ok_or_else(|| EvaluateError::Unresolved {
                name: name.to_owned(),
            })
    }

    fn pseudo(&self, name: &str) -> Option<Value> {
        let value = match name {
            "AWS::AccountId" => &self.pseudo.account,
            "AWS::Region" => &self.pseudo.region,
            "AWS::Partition" => &self.pseudo.partition,
            "AWS::URLSuffix" => &self.pseudo.url_suffix,
            "AWS::StackName" => &self.pseudo.stack_name,
            "AWS::StackId" => &self.pseudo.stack_id,
            "AWS::NotificationARNs" => return Some(json!([])),
            _ => return None,
        };
        Some(Value::String(value.clone()))
    }

    fn attribute(&self, argument: &Value, resolver: &dyn Resolver) -> Result<Value, EvaluateError> {
        const NAME: &str = "Fn::GetAtt";
        let path = match argument {
            Value::String(path) => path.clone(),
            _ => {
                let [logical_id, attribute] = arguments(NAME, argument)?;
                let attribute = self.text(NAME, &self.value(attribute, resolver)?)?;
                format!("{}.{attribute}", text_argument(NAME, logical_id)?)
            }
        };
        let Some((logical_id, attribute)) = path.split_once('.') else {
            return Err(problem(NAME, "needs a resource and an attribute"));
        };
        resolver
            .attribute(logical_id, attribute)
            .ok_or_else(|| EvaluateError::Unresolved { name: path.clone() })
    }

    fn substitute(
        &self,
        argument: &Value,
        resolver: &dyn Resolver,
    ) -> Result<Value, EvaluateError> {
        const NAME: &str = "Fn::Sub";
        let none = json!({});
        let (text, own) = match argument {
            Value::String(text) => (text.as_str(), &none),
            _ => {
                let [text, own] = arguments(NAME, argument)?;
                (text_argument(NAME, text)?, own)
            }
        };
        let mut result = String::new();
        for part in parts(text) {
            match part {
                Part::Text(text) => result.push_str(text),
                Part::Escaped(name) => {
                    result.push_str("${");
                    result.push_str(name);
                    result.push('}');
                }
                Part::Variable(name) => {
                    let value = match (own.get(name), name.contains('.')) {
                        (Some(value), _) => self.value(value, resolver)?,
                        (None, true) => self.attribute(&json!(name), resolver)?,
                        (None, false) => self.reference(name, resolver)?.unwrap_or(Value::Null),
                    };
                    result.push_str(&self.text(NAME, &value)?);
                }
            }
        }
        Ok(Value::String(result))
    }

    fn join(&self, argument: &Value, resolver: &dyn Resolver) -> Result<Value, EvaluateError> {
        const NAME: &str = "Fn::Join";
        let [delimiter, items] = arguments(NAME, argument)?;
        let Value::Array(items) = self.value(items, resolver)? else {
            return Err(problem(NAME, "needs a list"));
        };
        let items: Vec<String> = items
            .iter()
            .map(|item| self.text(NAME, item))
            .collect::<Result<_, _>>()?;
        Ok(Value::String(items.join(text_argument(NAME, delimiter)?)))
    }

    fn select(&self, argument: &Value, resolver: &dyn Resolver) -> Result<Value, EvaluateError> {
        const NAME: &str = "Fn::Select";
        let [index, items] = arguments(NAME, argument)?;
        let index = self.text(NAME, &self.value(index, resolver)?)?;
        let items = self.value(items, resolver)?;
        let item = index
            .parse::<usize>()
            .ok()
            .and_then(|index| items.get(index));
        item.cloned()
            .ok_or_else(|| problem(NAME, &format!("cannot select index {index}")))
    }

    fn split(&self, argument: &Value, resolver: &dyn Resolver) -> Result<Value, EvaluateError> {
        const NAME: &str = "Fn::Split";
        let [delimiter, text] = arguments(NAME, argument)?;
        let delimiter = text_argument(NAME, delimiter)?;
        if delimiter.is_empty() {
            return Err(problem(NAME, "needs a delimiter"));
        }
        let text = self.text(NAME, &self.value(text, resolver)?)?;
        Ok(text.split(delimiter).map(|part| json!(part)).collect())
    }

    fn find_in_map(
        &self,
        argument: &Value,
        resolver: &dyn Resolver,
    ) -> Result<Value, EvaluateError> {
        const NAME: &str = "Fn::FindInMap";
        let mut path = Vec::new();
        for part in arguments::<3>(NAME, argument)? {
            path.push(self.text(NAME, &self.value(part, resolver)?)?);
        }
        let found = self.document.mappings.get(&path[0]);
        let found = found
            .and_then(|map| map.get(&path[1]))
            .and_then(|map| map.get(&path[2]));
        found
            .cloned()
            .ok_or_else(|| problem(NAME, &format!("has no entry {}", path.join("."))))
    }

    fn logic(
        &self,
        name: &str,
        argument: &Value,
        resolver: &dyn Resolver,
    ) -> Result<bool, EvaluateError> {
        let truth = |value: &Value| match self.value(value, resolver)? {
            Value::Bool(value) => Ok(value),
            _ => Err(problem(name, "needs conditions")),
        };
        match name {
            "Condition" => self.holds(Some(text_argument(name, argument)?)),
            "Fn::Not" => arguments::<1>(name, argument).and_then(|[one]| Ok(!truth(one)?)),
            "Fn::Equals" => {
                let [left, right] = arguments(name, argument)?;
                Ok(plain(&self.value(left, resolver)?) == plain(&self.value(right, resolver)?))
            }
            "Fn::And" | "Fn::Or" => {
                let items = argument
                    .as_array()
                    .ok_or_else(|| problem(name, "needs a list"))?;
                let truths = items.iter().map(truth).collect::<Result<Vec<_>, _>>()?;
                let is_and = name == "Fn::And";
                Ok(if is_and {
                    truths.iter().all(|it| *it)
                } else {
                    truths.contains(&true)
                })
            }
            _ => Err(problem(name, "is not supported")),
        }
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
            self.decide(&needed, open)?;
        }
        open.pop();
        let holds = self.value(condition, &Nothing)? == Value::Bool(true);
        self.conditions.insert(name.to_owned(), holds);
        Ok(())
    }

    fn value(&self, value: &Value, resolver: &dyn Resolver) -> Result<Value, EvaluateError> {
        Ok(self.evaluate(value, resolver)?.unwrap_or(Value::Null))
    }

    fn text(&self, function: &str, value: &Value) -> Result<String, EvaluateError> {
        plain(value).ok_or_else(|| problem(function, "needs text"))
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

fn arguments<'v, const N: usize>(
    function: &str,
    value: &'v Value,
) -> Result<[&'v Value; N], EvaluateError> {
    let items: Option<Vec<&Value>> = value.as_array().map(|items| items.iter().collect());
    items
        .and_then(|items| items.try_into().ok())
        .ok_or_else(|| problem(function, &format!("needs a list of {N}")))
}

fn text_argument<'v>(function: &str, value: &'v Value) -> Result<&'v str, EvaluateError> {
    value
        .as_str()
        .ok_or_else(|| problem(function, "needs text"))
}

/// A scalar as the service writes it.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn problem(function: &str, problem: &str) -> EvaluateError {
    EvaluateError::Function {
        function: function.to_owned(),
        problem: problem.to_owned(),
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stack;

    impl Resolver for Stack {
        fn reference(&self, logical_id: &str) -> Option<Value> {
            (logical_id == "Data").then(|| json!("data-1"))
        }

        fn attribute(&self, logical_id: &str, attribute: &str) -> Option<Value> {
            (logical_id == "Data" && attribute == "Arn").then(|| json!("arn:data-1"))
        }
    }

    fn check(value: &str, expected: Value) {
        let document = Document::parse(
            "
Parameters: {Env: {Type: String, Default: dev}, Zones: {Type: CommaDelimitedList, Default: 'a, b'}}
Mappings: {Size: {dev: {mib: 512}}}
Conditions:
  Prod: !Equals [!Ref Env, prod]
  Other: !And [!Not [!Condition Prod], !Or [!Condition Prod, !Equals [1, '1']]]
Resources: {Data: {Type: 'AWS::S3::Bucket'}}
",
        )
        .unwrap();
        let pseudo = Pseudo {
            region: "eu-west-1".into(),
            ..Pseudo::default()
        };
        let scope = Scope::new(&document, &BTreeMap::new(), pseudo).unwrap();
        let holder = Document::parse(&format!(
            "Resources: {{X: {{Type: T, Properties: {{V: {value}}}}}}}"
        ));
        let properties = scope
            .properties(&holder.unwrap().resources["X"], &Stack)
            .unwrap();
        assert_eq!(
            properties.get("V").cloned().unwrap_or_default(),
            expected,
            "{value}"
        );
    }

    #[test]
    fn functions() {
        check("!Ref Data", json!("data-1"));
        check("!GetAtt Data.Arn", json!("arn:data-1"));
        check(
            "!Sub '${Data.Arn}/${Env}/${!x}/${AWS::Region}'",
            json!("arn:data-1/dev/${x}/eu-west-1"),
        );
        check("!Sub ['${a}${Data}', {a: '${Env}'}]", json!("${Env}data-1"));
        check(
            "!Join ['-', [a, 1, true, !Ref AWS::NoValue]]",
            json!("a-1-true"),
        );
        check("!Select [1, !Ref Zones]", json!("b"));
        check("!Select ['0', !Split ['/', 'x/y']]", json!("x"));
        check("!FindInMap [Size, !Ref Env, mib]", json!(512));
        check("!Base64 hi", json!("aGk="));
        check(
            "!If [Prod, 1, !If [Other, [2, !Ref AWS::NoValue], 3]]",
            json!([2]),
        );
        check("!Ref AWS::NoValue", Value::Null);
        check(
            "{Condition: {StringEquals: {a: !Ref Data}}}",
            json!({"Condition": {"StringEquals": {"a": "data-1"}}}),
        );
    }

    #[test]
    fn mistakes_are_errors() {
        let document = Document::parse(
            "Parameters: {N: {Type: Number, MaxValue: 3}}\nResources: {A: {Type: T}}",
        )
        .unwrap();
        let bind = |pairs: &[(&str, &str)]| {
            let given = pairs
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect();
            Scope::new(&document, &given, Pseudo::default())
                .map(|_| ())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(bind(&[]), "parameters: [N] must have values");
        assert_eq!(
            bind(&[("N", "1"), ("M", "1")]),
            "parameters: [M] do not exist in the template"
        );
        assert_eq!(bind(&[("N", "x")]), "parameter N must be a number");
        assert_eq!(bind(&[("N", "4")]), "parameter N is out of its range");
        let circular = Document::parse(
            "Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}\nResources: {A: {Type: T}}",
        );
        assert!(Scope::new(&circular.unwrap(), &BTreeMap::new(), Pseudo::default()).is_err());
    }
}
