//! Secrets: fetched when a task starts, known to its container alone, and taken out of what it prints.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use scar_schemas::construct::SecretReference;
use serde_json::{Value, json};

use crate::cloud::{Call, Cloud, CloudError};

/// How long a value is used again before it is fetched anew.
const FRESH: Duration = Duration::from_secs(300);
/// Shorter values are found in too much that is no secret.
const MIN_REDACTED_BYTES: usize = 4;
const MASK: &str = "***";

/// Values that were fetched in this process.
#[derive(Default)]
pub(crate) struct Secrets {
    known: Mutex<BTreeMap<String, (Instant, Value)>>,
}

/// A secret that cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("secret of variable {variable} cannot be fetched")]
    Cloud {
        variable: String,
        #[source]
        source: CloudError,
    },
    #[error("secret of variable {variable} has no text")]
    NoText { variable: String },
    #[error("secret of variable {variable} has no key {key:?}")]
    NoKey { variable: String, key: String },
}

impl Secrets {
    /// The values of all variables.
    pub(crate) async fn resolve(
        &self,
        cloud: &Cloud,
        wanted: &BTreeMap<String, SecretReference>,
    ) -> Result<BTreeMap<String, String>, SecretError> {
        let mut values = BTreeMap::new();
        for (variable, reference) in wanted {
            let answer = self.fetch(cloud, reference).await;
            let answer = answer.map_err(|source| SecretError::Cloud {
                variable: variable.clone(),
                source,
            })?;
            let value = value(variable, reference, &answer)?;
            values.insert(variable.clone(), value);
        }
        Ok(values)
    }

    async fn fetch(&self, cloud: &Cloud, reference: &SecretReference) -> Result<Value, CloudError> {
        let (kind, name) = match reference {
            SecretReference::Parameter(name) => ("parameter", name),
            SecretReference::Secret { name, .. } => ("secret", name),
        };
        let known_as = format!("{kind} {name}");
        let known = self.known.lock().ok().and_then(|known| {
            let (since, value) = known.get(&known_as)?;
            (since.elapsed() < FRESH).then(|| value.clone())
        });
        if let Some(value) = known {
            return Ok(value);
        }
        let value = cloud.call(&call(reference)).await?;
        if let Ok(mut known) = self.known.lock() {
            known.insert(known_as, (Instant::now(), value.clone()));
        }
        Ok(value)
    }
}

fn call(reference: &SecretReference) -> Call<'static> {
    match reference {
        SecretReference::Parameter(name) => Call {
            service: "ssm",
            path: "/",
            target: Some("AmazonSSM.GetParameter"),
            body: json!({ "Name": name, "WithDecryption": true }),
        },
        SecretReference::Secret { name, .. } => Call {
            service: "secretsmanager",
            path: "/",
            target: Some("secretsmanager.GetSecretValue"),
            body: json!({ "SecretId": name }),
        },
    }
}

fn value(
    variable: &str,
    reference: &SecretReference,
    answer: &Value,
) -> Result<String, SecretError> {
    let no_text = || SecretError::NoText {
        variable: variable.to_owned(),
    };
    let text = |path: &str| {
        answer
            .pointer(path)
            .and_then(Value::as_str)
            .ok_or_else(no_text)
    };
    match reference {
        SecretReference::Parameter(_) => Ok(text("/Parameter/Value")?.to_owned()),
        SecretReference::Secret { key: None, .. } => Ok(text("/SecretString")?.to_owned()),
        SecretReference::Secret { key: Some(key), .. } => {
            let document: Value = serde_json::from_str(text("/SecretString")?).unwrap_or_default();
            match document.get(key) {
                Some(Value::String(value)) => Ok(value.clone()),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
                _ => Err(SecretError::NoKey {
                    variable: variable.to_owned(),
                    key: key.clone(),
                }),
            }
        }
    }
}

/// What must not be seen in a container's output: every line of every value, long ones first.
pub(crate) fn hidden(values: &BTreeMap<String, String>) -> Vec<String> {
    let lines = values.values().flat_map(|value| value.lines());
    let mut hidden: Vec<String> = lines
        .map(str::trim)
        .filter(|line| line.len() >= MIN_REDACTED_BYTES)
        .map(str::to_owned)
        .collect();
    hidden.sort_by_key(|line| std::cmp::Reverse(line.len()));
    hidden
}

/// A line without what must not be seen.
pub(crate) fn redact(line: String, hidden: &[String]) -> String {
    let found = hidden
        .iter()
        .filter(|secret| line.contains(secret.as_str()));
    let found: Vec<&String> = found.collect();
    found
        .into_iter()
        .fold(line, |line, secret| line.replace(secret.as_str(), MASK))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(key: Option<&str>) -> SecretReference {
        SecretReference::Secret {
            name: "n".into(),
            key: key.map(str::to_owned),
        }
    }

    #[test]
    fn values_are_found_where_each_service_has_them() {
        let parameter = json!({"Parameter": {"Value": "v"}});
        let of = |reference: &SecretReference, answer: &Value| value("V", reference, answer);
        let one = SecretReference::Parameter("n".into());
        assert_eq!(of(&one, &parameter).unwrap(), "v");
        let secret = json!({"SecretString": "{\"a\": \"x\", \"b\": 5}"});
        assert_eq!(of(&reference(Some("a")), &secret).unwrap(), "x");
        assert_eq!(of(&reference(Some("b")), &secret).unwrap(), "5");
        assert!(of(&reference(Some("c")), &secret).is_err());
        assert!(of(&one, &json!({})).is_err());
    }

    #[test]
    fn no_line_shows_a_secret() {
        let values = BTreeMap::from([
            ("A".to_owned(), "hunter22\nsecond line".to_owned()),
            ("B".to_owned(), "hunter22extra".to_owned()),
        ]);
        let hidden = hidden(&values);
        let shown = redact("a hunter22extra hunter22 second line".into(), &hidden);
        assert_eq!(shown, "a *** *** ***");
        assert_eq!(redact("plain".into(), &hidden), "plain");
    }
}
