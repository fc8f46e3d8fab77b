//! The key table: one root key per open cloud, and one key per running sandbox.

use std::collections::HashMap;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use crate::random;

/// An access key. `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Public name of the key.
    pub access_key: String,
    /// The secret that signs.
    pub secret_key: String,
    /// Goes with every request of a role session; `None` for the root key.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

/// Who made a request, after its signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The owner of the cloud; everything is allowed.
    Root,
    /// A role in a sandbox; its policies say what is allowed.
    Session {
        /// Name of the role, a key of `Table::Roles`.
        role: String,
        /// Name of the session, for ARNs.
        session: String,
    },
}

impl Identity {
    /// The caller's ARN, as STS shows it.
    pub(crate) fn arn(&self, account: &str) -> String {
        match self {
            Self::Root => format!("arn:aws:iam::{account}:root"),
            Self::Session { role, session } => {
                format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
            }
        }
    }
}

/// All valid keys. Session keys live only in memory: no sandbox survives its cloud.
pub(crate) struct Keys {
    root: Credentials,
    sessions: RwLock<HashMap<String, (Credentials, Identity)>>,
    registry_password: String,
}

impl Keys {
    /// A table with a new random root key.
    pub(crate) fn generate() -> Self {
        let root = Credentials {
            access_key: format!("AKIA{}", random::hex(8).to_uppercase()),
            secret_key: random::hex(20),
            session_token: None,
        };
        Self {
            root,
            sessions: RwLock::default(),
            registry_password: random::hex(20),
        }
    }

    /// The root key.
    pub(crate) fn root(&self) -> &Credentials {
        &self.root
    }

    /// The password of the registry; its user name is `AWS`.
    pub(crate) fn registry_password(&self) -> &str {
        &self.registry_password
    }

    /// Makes a key for a session of a role. It is valid until [`Keys::revoke`].
    pub(crate) fn issue(&self, role: &str, session: &str) -> Credentials {
        let credentials = Credentials {
            access_key: format!("ASIA{}", random::hex(8).to_uppercase()),
            secret_key: random::hex(20),
            session_token: Some(random::hex(32)),
        };
        let identity = Identity::Session {
            role: role.to_owned(),
            session: session.to_owned(),
        };
        let mut sessions = self
            .sessions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        sessions.insert(
            credentials.access_key.clone(),
            (credentials.clone(), identity),
        );
        credentials
    }

    /// Makes a session key worthless.
    pub(crate) fn revoke(&self, access_key: &str) {
        let mut sessions = self
            .sessions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        sessions.remove(access_key);
    }

    /// The key and its owner, if it is valid.
    pub(crate) fn find(&self, access_key: &str) -> Option<(Credentials, Identity)> {
        if access_key == self.root.access_key {
            return Some((self.root.clone(), Identity::Root));
        }
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        sessions.get(access_key).cloned()
    }
}
