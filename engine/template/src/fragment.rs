//! The fragments in `templates/`, one per construct: minijinja in, JSON out.
//!
//! Whatever is put into a fragment is written as a JSON value, so nothing can change its shape, and a
//! name that is not there is an error.

use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::Value;

use crate::Error;

/// Names of fragments with their text.
macro_rules! fragments {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../templates/", $name, ".j2")))),*]
    };
}

const FRAGMENTS: &[(&str, &str)] = fragments![
    "alarm",
    "api",
    "api_permission",
    "async",
    "authorizer",
    "base",
    "bucket",
    "compute",
    "container",
    "data_rights",
    "direct_permission",
    "front",
    "function",
    "guard",
    "inbox",
    "inbox_policy",
    "integration",
    "job",
    "job_queue",
    "job_role",
    "job_roles",
    "launch_template",
    "layer",
    "log_group",
    "network",
    "public_permission",
    "queue",
    "queue_encryption",
    "registry",
    "role",
    "route",
    "rule",
    "rule_permission",
    "schedule",
    "scheduler_role",
    "source",
    "url",
];

/// They are compiled once.
static COMPILED: LazyLock<Result<Fragments, Error>> = LazyLock::new(Fragments::new);

/// All fragments, compiled.
pub(crate) struct Fragments(Environment<'static>);

impl Fragments {
    pub(crate) fn compiled() -> Result<&'static Self, Error> {
        COMPILED.as_ref().map_err(Clone::clone)
    }

    fn new() -> Result<Self, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Json);
        for (name, source) in FRAGMENTS {
            environment
                .add_template(name, source)
                .map_err(|error| failed(name, &error.to_string()))?;
        }
        Ok(Self(environment))
    }

    /// One fragment with these values, read back as JSON.
    pub(crate) fn render(&self, name: &'static str, values: Value) -> Result<Value, Error> {
        let template = self
            .0
            .get_template(name)
            .map_err(|error| failed(name, &error.to_string()))?;
        let text = template
            .render(minijinja::value::Serde(&values))
            .map_err(|error| failed(name, &error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| failed(name, &error.to_string()))
    }
}

fn failed(name: &str, message: &str) -> Error {
    Error::Fragment {
        name: name.to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_stay_values() {
        let fragments = Fragments::new().unwrap();
        let hostile = "\", \"Type\": \"X\" {{ 7*7 }} </script> \u{2028}";
        let values = json!({"auth": hostile, "function": "F"});
        let url = fragments.render("url", values).unwrap();
        assert_eq!(url["Properties"]["AuthType"], json!(hostile));
        assert_eq!(url["Type"], json!("AWS::Lambda::Url"));
    }

    #[test]
    fn a_missing_value_is_an_error() {
        let fragments = Fragments::new().unwrap();
        assert!(fragments.render("log_group", json!({})).is_err());
    }
}
