//! Object storage as the protocol needs it: the only module that knows the S3 client, its errors and
//! its status codes.

mod copy;
mod error;
mod http;
mod read;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Config, Region};
use scar_schemas::record::metadata;

use crate::cloud::Cloud;

pub(crate) use error::{StoreError, of_cloud};
pub(crate) use read::Head;
pub(crate) use write::{Body, Outcome, encoded, path_of};

/// Tries of one request inside the client, on timeouts, 5xx and throttling.
const REQUEST_ATTEMPTS: u32 = 4;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest percent-encoded input key in metadata: S3 allows 2 KB of metadata in all.
const MAX_INPUT_BYTES: usize = 512;

/// A bucket and a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    /// Real bucket name.
    pub(crate) bucket: String,
    /// Key, byte for byte.
    pub(crate) key: String,
}

/// Where and as whom to ask. No `Debug`: it holds credentials.
pub(crate) struct Access {
    /// Whose credentials.
    pub(crate) credentials: SharedCredentialsProvider,
    /// AWS region.
    pub(crate) region: String,
    /// Another endpoint than that of AWS; addressed in path style.
    pub(crate) endpoint: Option<String>,
}

/// The object storage.
pub(crate) struct Store {
    client: Client,
    /// Asks what needs no reader of large answers.
    cloud: Arc<Cloud>,
}

/// The metadata on every object of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labels {
    /// Identity of the task.
    pub(crate) task: String,
    /// Identity of the attempt.
    pub(crate) attempt: String,
    /// Identity of the input without its version.
    pub(crate) source: String,
    /// Identity of the run.
    pub(crate) run: String,
    /// Stages passed since the first input.
    pub(crate) hops: u32,
    /// Key of the input.
    pub(crate) input: String,
    /// How the run fanned out, see [`metadata::ITEMS`].
    pub(crate) items: String,
    /// How often the run went round, see [`metadata::ROUNDS`].
    pub(crate) rounds: String,
}

impl Location {
    /// A location of its two parts.
    pub(crate) fn new(bucket: &str, key: impl Into<String>) -> Self {
        Self {
            bucket: bucket.to_owned(),
            key: key.into(),
        }
    }
}

impl Store {
    /// A client; no request is made.
    ///
    /// # Errors
    /// The endpoint needs TLS, and this system trusts no certificate.
    pub(crate) fn new(access: Access, cloud: Arc<Cloud>) -> io::Result<Self> {
        let plain = access.endpoint.as_deref().is_some_and(is_plain);
        let timeouts = TimeoutConfig::builder().read_timeout(REPLY_TIMEOUT).build();
        let mut config = Config::builder()
            .http_client(http::client(plain, CONNECT_TIMEOUT)?)
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(access.region))
            .credentials_provider(access.credentials)
            .retry_config(RetryConfig::standard().with_max_attempts(REQUEST_ATTEMPTS))
            .timeout_config(timeouts);
        if let Some(endpoint) = access.endpoint {
            config = config.endpoint_url(endpoint).force_path_style(true);
        }
        Ok(Self {
            client: Client::from_conf(config.build()),
            cloud,
        })
    }
}

fn is_plain(endpoint: &str) -> bool {
    endpoint
        .get(..7)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
}

impl Labels {
    fn metadata(&self) -> HashMap<String, String> {
        let input = encode(&self.input);
        let pairs = [
            (metadata::TASK, self.task.clone()),
            (metadata::ATTEMPT, self.attempt.clone()),
            (metadata::SOURCE, self.source.clone()),
            (metadata::RUN, self.run.clone()),
            (metadata::HOPS, self.hops.to_string()),
            (metadata::INPUT, input),
            (metadata::ITEMS, self.items.clone()),
            (metadata::ROUNDS, self.rounds.clone()),
        ];
        pairs
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// Percent-encodes a key for a header, cut at a character.
fn encode(key: &str) -> String {
    let mut out = String::new();
    for character in key.chars() {
        let mut buffer = [0; 4];
        let is_plain = character.is_ascii_graphic() && character != '%';
        let piece = match is_plain {
            true => character.to_string(),
            false => character
                .encode_utf8(&mut buffer)
                .bytes()
                .map(|byte| format!("%{byte:02X}"))
                .collect(),
        };
        if out.len() + piece.len() > MAX_INPUT_BYTES {
            break;
        }
        out.push_str(&piece);
    }
    out
}

/// Undoes [`encode`]; what was cut stays cut.
fn decode(encoded: &str) -> Option<String> {
    scar_schemas::event::decode_key(&encoded.replace('+', "%2B"))
}

fn sorted(map: Option<&HashMap<String, String>>) -> BTreeMap<String, String> {
    map.into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn keys_survive_a_header() {
        for key in ["in/a.jpg", "in/ü +%\n\"x", ""] {
            assert_eq!(decode(&encode(key)).as_deref(), Some(key));
        }
        let cut = decode(&encode(&"ü".repeat(500))).unwrap();
        assert!(!cut.is_empty() && cut.chars().all(|c| c == 'ü'));
    }
}
