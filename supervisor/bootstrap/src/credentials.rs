//! Credentials: the function's from its variables, a job's from the agent on its computer, which renews
//! them while the job runs.
//!
//! Shape: "Task IAM role" and "Container credential provider" in the AWS guides.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http_body_util::{BodyExt, Empty, Limited};
use scar_container::{HttpsClient, Trust, https_client};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::setup::{Environment, SetupError};

/// Host of the agent's relative addresses.
const AGENT: &str = "http://169.254.170.2";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);
const TRIES: u32 = 3;
const MAX_BYTES: usize = 64 * 1024;
/// Credentials are asked for anew so long before they end; the agent has new ones by then.
const RENEWED_BEFORE: Duration = Duration::from_secs(120);

/// The provider that the environment names.
pub(crate) fn of(environment: &Environment) -> Result<SharedCredentialsProvider, SetupError> {
    let relative = environment.optional(&["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]);
    let full = environment.optional(&["AWS_CONTAINER_CREDENTIALS_FULL_URI"]);
    let address = relative.map(|path| format!("{AGENT}{path}")).or(full);
    let key = environment.optional(&["AWS_ACCESS_KEY_ID"]);
    match (key, address) {
        (None, Some(address)) => {
            let trust = match address.starts_with("http://") {
                true => Trust::Nobody,
                false => Trust::System,
            };
            Ok(SharedCredentialsProvider::new(Agent {
                client: https_client(trust, CONNECT_TIMEOUT).map_err(SetupError::Store)?,
                address,
                token: environment.optional(&["AWS_CONTAINER_AUTHORIZATION_TOKEN"]),
                known: Mutex::default(),
            }))
        }
        (key, _) => {
            let key = key.ok_or_else(|| SetupError::Missing("AWS_ACCESS_KEY_ID".to_owned()))?;
            let secret = environment.required(&["AWS_SECRET_ACCESS_KEY"])?;
            let token = environment.optional(&["AWS_SESSION_TOKEN"]);
            let credentials = Credentials::new(key, secret, token, None, "environment");
            Ok(SharedCredentialsProvider::new(credentials))
        }
    }
}

/// The agent that gives a job its credentials. It refuses who asks it too often, so what it says is kept.
struct Agent {
    client: HttpsClient,
    address: String,
    token: Option<String>,
    known: Mutex<Option<Credentials>>,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Agent").finish_non_exhaustive()
    }
}

impl ProvideCredentials for Agent {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.ask())
    }
}

impl Agent {
    async fn ask(&self) -> provider::Result {
        // Held while the agent is asked: whoever comes meanwhile waits for the same answer.
        let mut known = self.known.lock().await;
        if let Some(credentials) = known.as_ref().filter(|one| is_fresh(one)) {
            return Ok(credentials.clone());
        }
        let mut last = String::new();
        for _ in 0..TRIES {
            match tokio::time::timeout(REPLY_TIMEOUT, self.ask_once()).await {
                Ok(Ok(credentials)) => return Ok(known.insert(credentials).clone()),
                Ok(Err(reason)) => last = reason,
                Err(_) => "no answer in time".clone_into(&mut last),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Err(provider::error::CredentialsError::provider_error(last))
    }

    async fn ask_once(&self) -> Result<Credentials, String> {
        let mut request = http::Request::get(&self.address);
        if let Some(token) = &self.token {
            request = request.header("authorization", token);
        }
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let request = request.body(body).map_err(|error| error.to_string())?;
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        match status.is_success() {
            true => parse(&body).ok_or_else(|| "the agent's answer is no credentials".to_owned()),
            false => Err(format!("the agent answered {status}")),
        }
    }
}

/// Whether they will do for a while. Those that name no end are not kept.
fn is_fresh(credentials: &Credentials) -> bool {
    let end = credentials.expiry();
    end.is_some_and(|end| end > SystemTime::now() + RENEWED_BEFORE)
}

fn parse(body: &[u8]) -> Option<Credentials> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| Some(document.get(name)?.as_str()?.to_owned());
    let expires = text("Expiration").and_then(|time| {
        let time = DateTime::from_str(&time, Format::DateTime).ok()?;
        SystemTime::try_from(time).ok()
    });
    Some(Credentials::new(
        text("AccessKeyId")?,
        text("SecretAccessKey")?,
        text("Token"),
        expires,
        "agent",
    ))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_agents_answer_is_read_with_its_end() {
        let answer = br#"{"AccessKeyId":"a","SecretAccessKey":"s","Token":"t",
            "Expiration":"2030-01-02T03:04:05Z","RoleArn":"r"}"#;
        let credentials = parse(answer).unwrap();
        assert_eq!(credentials.access_key_id(), "a");
        assert_eq!(credentials.session_token(), Some("t"));
        assert!(credentials.expiry().is_some());
        assert!(parse(b"{}").is_none() && parse(b"x").is_none());
    }
}
