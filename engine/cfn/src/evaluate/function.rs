//! The intrinsic functions, one method each.

use serde_json::{Value, json};

use super::{EvaluateError, Resolver, Scope, network};
use crate::substitution::{Part, parts};

impl Scope<'_> {
    pub(super) fn function(
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
            "Fn::Cidr" => self.networks(argument, resolver),
            "Fn::GetAZs" => self.zones(argument, resolver),
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

    fn networks(&self, argument: &Value, resolver: &dyn Resolver) -> Result<Value, EvaluateError> {
        const NAME: &str = "Fn::Cidr";
        let Value::Array(parts) = self.value(argument, resolver)? else {
            return Err(problem(
                NAME,
                "needs a network, a count and the bits for hosts",
            ));
        };
        let text = |index: usize| parts.get(index).and_then(plain);
        let number = |index: usize| text(index).map(|text| text.parse::<u32>().ok());
        // Eight bits for hosts is what the service takes where nothing is said.
        let (Some(block), Some(Some(count)), Some(bits)) =
            (text(0), number(1), number(2).unwrap_or(Some(8)))
        else {
            return Err(problem(
                NAME,
                "needs a network, a count and the bits for hosts",
            ));
        };
        network::networks(&block, count, bits)
            .map(Value::from)
            .map_err(|reason| problem(NAME, &reason))
    }

    fn zones(&self, argument: &Value, resolver: &dyn Resolver) -> Result<Value, EvaluateError> {
        const NAME: &str = "Fn::GetAZs";
        let region = self.text(NAME, &self.value(argument, resolver)?)?;
        let region = if region.is_empty() {
            &self.pseudo.region
        } else {
            &region
        };
        Ok(Value::from(network::zones(region)))
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
            "Fn::Length" | "Fn::ToJsonString" | "Fn::Transform" => Err(problem(
                name,
                "needs a transform of the template, which is not supported",
            )),
            _ if name.starts_with("Fn::ForEach") => Err(problem(
                name,
                "needs a transform of the template, which is not supported",
            )),
            _ => Err(problem(name, "is not supported")),
        }
    }
    pub(super) fn value(
        &self,
        value: &Value,
        resolver: &dyn Resolver,
    ) -> Result<Value, EvaluateError> {
        Ok(self.evaluate(value, resolver)?.unwrap_or(Value::Null))
    }

    pub(super) fn text(&self, function: &str, value: &Value) -> Result<String, EvaluateError> {
        plain(value).ok_or_else(|| problem(function, "needs text"))
    }
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
