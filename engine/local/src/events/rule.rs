//! Rules of the default bus and their targets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Delivery;

/// A rule of the default bus, in `Table::Rules` under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rule {
    /// Its name.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Free text.
    pub(crate) description: String,
    /// Which events it takes, as [`super::Pattern::parse`] reads it.
    pub(crate) pattern: Value,
    /// Whether it takes events at all.
    pub(crate) is_enabled: bool,
    /// Who gets them.
    pub(crate) targets: Vec<Target>,
}

/// A target of a rule.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Target {
    /// Its id within the rule.
    pub(crate) id: String,
    /// ARN of a function, a queue or a job queue.
    pub(crate) arn: String,
    /// What the target gets instead of the event.
    pub(crate) input: Option<String>,
    /// Which part of the event the target gets.
    #[serde(default)]
    pub(crate) input_path: Option<String>,
    /// What the target gets is made from the event.
    #[serde(default)]
    pub(crate) transformer: Option<InputTransformer>,
    /// ARN of the role that calls the target.
    #[serde(default)]
    pub(crate) role_arn: Option<String>,
    /// Which job a job queue gets.
    #[serde(default)]
    pub(crate) batch: Option<BatchTarget>,
    /// ARN of the queue that takes what cannot be delivered.
    #[serde(default)]
    pub(crate) dead_letter: Option<String>,
}

/// How the input of a target is made from an event ("Amazon EventBridge input transformation").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputTransformer {
    /// Paths into the event, by the name that the template uses.
    pub(crate) paths: BTreeMap<String, String>,
    /// The text with `<name>` where values go.
    pub(crate) template: String,
}

/// Which job a job queue gets ("BatchParameters" in the EventBridge API reference).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BatchTarget {
    /// ARN or name of the job definition.
    pub(crate) job_definition: String,
    /// Name of the jobs.
    pub(crate) job_name: String,
    /// Number of children of an array job.
    pub(crate) array_size: Option<u64>,
    /// Attempts of each job.
    pub(crate) attempts: Option<u64>,
}

impl BatchTarget {
    /// The request of `SubmitJob` for an event. The input of the target is the request's own overrides
    /// and parameters.
    pub(crate) fn request(&self, job_queue: &str, input: &Value) -> Value {
        let mut request = Map::new();
        for name in ["ContainerOverrides", "Parameters", "NodeOverrides"] {
            let lower = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
            if let Some(value) = input.get(name).or_else(|| input.get(&lower)) {
                request.insert(lower, lower_names(value, name == "Parameters"));
            }
        }
        let name: String = self.job_name.clone();
        request.insert("jobName".into(), name.into());
        request.insert("jobQueue".into(), job_queue.into());
        request.insert("jobDefinition".into(), self.job_definition.clone().into());
        if let Some(size) = self.array_size {
            request.insert("arrayProperties".into(), json!({ "size": size }));
        }
        if let Some(attempts) = self.attempts {
            request.insert("retryStrategy".into(), json!({ "attempts": attempts }));
        }
        request.into()
    }
}

/// Names as the Batch API has them; EventBridge and Scheduler write them with a capital. The names of a
/// map of parameters belong to the user.
pub(crate) fn lower_names(value: &Value, is_map: bool) -> Value {
    match value {
        Value::Object(fields) => {
            let lower = |(name, value): (&String, &Value)| {
                let mut letters = name.chars();
                let first = letters.next().map(|first| first.to_ascii_lowercase());
                let shown: String = first.into_iter().chain(letters).collect();
                let shown = if is_map { name.clone() } else { shown };
                let has_own_names = shown == "parameters" || shown == "tags" || shown == "options";
                (shown, lower_names(value, has_own_names))
            };
            Value::Object(fields.iter().map(lower).collect())
        }
        Value::Array(items) => items.iter().map(|item| lower_names(item, false)).collect(),
        other => other.clone(),
    }
}

impl Target {
    /// What this target gets for an event.
    pub(super) fn delivery(&self, rule: &Rule, event: &Value) -> Delivery {
        let payload = match (&self.input, &self.input_path, &self.transformer) {
            (Some(input), _, _) => input.clone(),
            (None, Some(path), _) => at_path(event, path).unwrap_or(Value::Null).to_string(),
            (None, None, Some(transformer)) => transformer.apply(event, rule),
            (None, None, None) => event.to_string(),
        };
        let delivery = Delivery::new(&self.arn, payload);
        Delivery {
            batch: self.batch.clone(),
            dead_letter: self.dead_letter.clone(),
            event_id: event["id"].as_str().unwrap_or_default().to_owned(),
            ..delivery.of("events.amazonaws.com", &rule.arn, &rule.name)
        }
    }
}

impl InputTransformer {
    /// Fills the template. Within a JSON string the text of a value goes in as it is; elsewhere a value
    /// is written as JSON. A path that the event lacks gives an empty text.
    fn apply(&self, event: &Value, rule: &Rule) -> String {
        let mut output = String::with_capacity(self.template.len());
        let mut rest = self.template.as_str();
        let mut in_string = false;
        let is_json = self.template.trim_start().starts_with(['{', '[']);
        while let Some(at) = rest.find(['<', '"', '\\']) {
            output.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with('\\') {
                let escape = rest.chars().nth(1).map_or(1, |next| 1 + next.len_utf8());
                output.push_str(&rest[..escape]);
                rest = &rest[escape..];
                continue;
            }
            if rest.starts_with('"') {
                in_string = !in_string;
                output.push('"');
                rest = &rest[1..];
                continue;
            }
            let name = rest[1..].split_once('>').map(|(name, _)| name);
            match name.and_then(|name| Some((name, self.value(name, event, rule)?))) {
                Some((name, value)) => {
                    output.push_str(&written(&value, is_json && !in_string, in_string));
                    rest = &rest[name.len() + 2..];
                }
                None => {
                    output.push('<');
                    rest = &rest[1..];
                }
            }
        }
        output.push_str(rest);
        output
    }

    fn value(&self, name: &str, event: &Value, rule: &Rule) -> Option<Value> {
        match name {
            "aws.events.rule-arn" => Some(rule.arn.clone().into()),
            "aws.events.rule-name" => Some(rule.name.clone().into()),
            "aws.events.event.ingestion-time" => Some(event["time"].clone()),
            "aws.events.event" | "aws.events.event.json" => Some(event.clone()),
            _ => {
                let path = self.paths.get(name)?;
                Some(at_path(event, path).unwrap_or_else(|| "".into()))
            }
        }
    }
}

fn written(value: &Value, as_json: bool, in_string: bool) -> String {
    match value {
        Value::String(text) if !as_json && in_string => {
            let quoted = Value::from(text.as_str()).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
        Value::String(text) if !as_json => text.clone(),
        other if in_string => other.to_string().replace('\\', "\\\\").replace('"', "\\\""),
        other => other.to_string(),
    }
}

/// A value by a path such as `$.detail.object.key` or `$.resources[0]`.
pub(crate) fn at_path(event: &Value, path: &str) -> Option<Value> {
    let mut value = event;
    for part in path
        .strip_prefix('$')?
        .split('.')
        .filter(|part| !part.is_empty())
    {
        let (name, indices) = match part.find('[') {
            Some(at) => (&part[..at], &part[at..]),
            None => (part, ""),
        };
        if !name.is_empty() {
            value = value.get(name)?;
        }
        for index in indices.split('[').filter(|index| !index.is_empty()) {
            value = value.get(index.strip_suffix(']')?.parse::<usize>().ok()?)?;
        }
    }
    Some(value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(template: &str) -> String {
        let event = json!({
            "id": "1", "time": "2026-11-21T00:00:00Z", "resources": ["arn:b"],
            "detail": { "object": { "key": "a \"b\".jpg", "size": 7 }, "tags": ["x"] },
        });
        let rule = Rule {
            name: "r".to_owned(),
            arn: "arn:r".to_owned(),
            description: String::new(),
            pattern: Value::Null,
            is_enabled: true,
            targets: Vec::new(),
        };
        let paths = [
            ("key", "$.detail.object.key"),
            ("size", "$.detail.object.size"),
            ("first", "$.resources[0]"),
            ("tags", "$.detail.tags"),
            ("none", "$.nothing"),
        ];
        let paths = paths.map(|(name, path)| (name.to_owned(), path.to_owned()));
        let transformer = InputTransformer {
            paths: paths.into(),
            template: template.to_owned(),
        };
        transformer.apply(&event, &rule)
    }

    #[test]
    fn templates_are_filled() {
        assert_eq!(
            apply(r#"{"k":<key>,"n":<size>,"t":<tags>}"#),
            r#"{"k":"a \"b\".jpg","n":7,"t":["x"]}"#
        );
        assert_eq!(
            apply(r#"{"k":"of <key> at <first>"}"#),
            r#"{"k":"of a \"b\".jpg at arn:b"}"#
        );
        assert_eq!(
            apply(r#"{"e":"<none>","x":"<unknown>"}"#),
            r#"{"e":"","x":"<unknown>"}"#
        );
        assert_eq!(apply(r#""<aws.events.rule-name>""#), r#""r""#);
        let whole: Value =
            serde_json::from_str(&apply(r#"{"e":<aws.events.event.json>}"#)).unwrap();
        assert_eq!(whole["e"]["detail"]["object"]["size"], 7);
    }

    #[test]
    fn a_job_is_made_from_the_input() {
        let target = BatchTarget {
            job_definition: "d:1".to_owned(),
            job_name: "stage".to_owned(),
            array_size: None,
            attempts: Some(2),
        };
        let input =
            json!({ "ContainerOverrides": { "Environment": [{ "Name": "A", "Value": "b" }] } });
        let request = target.request("arn:q", &input);
        assert_eq!(request["containerOverrides"]["environment"][0]["name"], "A");
        assert_eq!(request["retryStrategy"]["attempts"], 2);
        assert_eq!(request["jobQueue"], "arn:q");
    }
}
