//! Names and passwords from a file in the form of Docker's `config.json`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::error::Error;

/// Names and passwords for registries. They are shown in no output.
#[derive(Clone, Default, Deserialize)]
pub struct Credentials {
    #[serde(default)]
    auths: BTreeMap<String, Login>,
    #[serde(rename = "credHelpers", default)]
    helpers: BTreeMap<String, String>,
    #[serde(rename = "credsStore", default)]
    store: Option<String>,
}

#[derive(Clone, Deserialize)]
struct Login {
    #[serde(default)]
    auth: String,
}

/// What a credential helper answers.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    name: String,
    #[serde(rename = "Secret")]
    secret: String,
}

impl Credentials {
    /// One login: base64 of `name:password`, as a cloud gives it for its own registry.
    #[must_use]
    pub fn token(host: &str, token: &str) -> Self {
        let auth = token.to_owned();
        Self {
            auths: BTreeMap::from([(host.to_owned(), Login { auth })]),
            ..Self::default()
        }
    }

    /// Reads a file in the form of Docker's `config.json`. A missing file means no credentials.
    ///
    /// # Errors
    /// A file that cannot be read or is not valid.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(Error::file("read", path, error)),
        };
        // The error of the parser is left out: it could quote a password.
        serde_json::from_slice(&bytes)
            .map_err(|_| Error::document(path.display().to_string(), "it is not valid"))
    }

    /// `Basic` credentials for a host, ready to be sent. Runs the credential helper if one is named.
    pub(crate) fn basic(&self, host: &str) -> Option<String> {
        let names = match host {
            "docker.io" => vec![
                "https://index.docker.io/v1/".to_owned(),
                "docker.io".to_owned(),
            ],
            host => vec![host.to_owned(), format!("https://{host}")],
        };
        names
            .iter()
            .find_map(|name| self.stored(name))
            .or_else(|| self.helped(&names[0]))
    }

    fn stored(&self, name: &str) -> Option<String> {
        let auth = &self.auths.get(name)?.auth;
        (!auth.is_empty() && STANDARD.decode(auth).is_ok()).then(|| format!("Basic {auth}"))
    }

    fn helped(&self, name: &str) -> Option<String> {
        let helper = self.helpers.get(name).or(self.store.as_ref())?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !helper.bytes().all(is_plain) {
            return None;
        }
        let mut child = Command::new(format!("docker-credential-{helper}"))
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        child.stdin.take()?.write_all(name.as_bytes()).ok()?;
        let output = child.wait_with_output().ok()?;
        let answer: Answer = serde_json::from_slice(&output.stdout).ok()?;
        let pair = format!("{}:{}", answer.name, answer.secret);
        Some(format!("Basic {}", STANDARD.encode(pair)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_logins_are_found_by_host() {
        let text = r#"{"auths":{"ghcr.io":{"auth":"YTpi"},"https://index.docker.io/v1/":{"auth":"Yzpk"}}}"#;
        let credentials: Credentials = serde_json::from_str(text).unwrap();
        assert_eq!(credentials.basic("ghcr.io").as_deref(), Some("Basic YTpi"));
        assert_eq!(
            credentials.basic("docker.io").as_deref(),
            Some("Basic Yzpk")
        );
        assert_eq!(credentials.basic("quay.io"), None);
    }
}
