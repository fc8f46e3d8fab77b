//! The services besides the object storage and the queue of jobs.

use bytes::Bytes;
use serde_json::json;

use crate::store::{Answer, State, error, text};

/// Where the agent with credentials is.
pub(crate) const AGENT: &str = "/credentials";

impl State {
    /// Credentials, as the agent on a computer of Batch gives them.
    pub(crate) fn agent(&mut self) -> Answer {
        self.credentials += 1;
        let credentials = json!({
            "AccessKeyId": "key", "SecretAccessKey": "secret", "Token": "token",
            "Expiration": "2999-01-01T00:00:00Z",
        });
        text(credentials.to_string())
    }

    pub(crate) fn parameter(&self, body: &Bytes) -> Answer {
        let asked: serde_json::Value = serde_json::from_slice(body).unwrap();
        let name = asked["Name"].as_str().unwrap_or_default();
        match self.parameters.get(name) {
            Some(value) => text(json!({"Parameter": {"Value": value}}).to_string()),
            None => error(400, "ParameterNotFound"),
        }
    }
}
