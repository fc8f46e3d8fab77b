//! The fragments in `templates/`, one per construct: minijinja in, JSON out.
//!
//! Whatever is put into a fragment is written as a JSON value, so nothing can change its shape, and a
//! name that is not there is an error.

use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::Value;

use crate::Error;

const FRAGMENTS: &[(&str, &str)] = &[
    ("async", include_str!("../templates/async.j2")),
    ("base", include_str!("../templates/base.j2")),
    ("bucket", include_str!("../templates/bucket.j2")),
    ("function", include_str!("../templates/function.j2")),
    ("log_group", include_str!("../templates/log_group.j2")),
    ("permission", include_str!("../templates/permission.j2")),
    ("queue", include_str!("../templates/queue.j2")),
    ("role", include_str!("../templates/role.j2")),
    ("rule", include_str!("../templates/rule.j2")),
];

/// All fragments, compiled.
pub(crate) struct Fragments(Environment<'static>);

impl Fragments {
    pub(crate) fn new() -> Result<Self, Error> {
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
        let bucket = fragments
            .render("bucket", json!({"prefix": hostile, "events": false}))
            .unwrap();
        assert_eq!(bucket["Properties"]["BucketNamePrefix"], json!(hostile));
        assert_eq!(bucket["Type"], json!("AWS::S3::Bucket"));
    }

    #[test]
    fn a_missing_value_is_an_error() {
        let fragments = Fragments::new().unwrap();
        assert!(fragments.render("log_group", json!({})).is_err());
    }
}
