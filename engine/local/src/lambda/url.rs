//! Addresses of functions: function URLs and HTTP APIs, as records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A function's own address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FunctionUrl {
    /// Its id, which is in the address.
    pub(crate) id: String,
    /// Whether callers must sign.
    pub(crate) needs_signature: bool,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
}

/// An HTTP API, in `Table::Apis` under its id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Api {
    /// Its id, which is in the address.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) endpoint: String,
    /// Routes by id.
    pub(crate) routes: BTreeMap<String, Route>,
    /// Integrations by id.
    pub(crate) integrations: BTreeMap<String, Integration>,
    /// Names of its stages.
    pub(crate) stages: BTreeMap<String, serde_json::Value>,
    /// Authorizers by id.
    pub(crate) authorizers: BTreeMap<String, Authorizer>,
}

/// Which requests go where.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Route {
    /// `GET /path/{name}`, `ANY /{proxy+}` or `$default`.
    pub(crate) key: String,
    /// Id of the integration.
    pub(crate) integration: Option<String>,
    /// Id of the authorizer.
    pub(crate) authorizer: Option<String>,
    /// Whether callers must sign.
    pub(crate) needs_signature: bool,
    /// One of these scopes must be in the token.
    pub(crate) scopes: Vec<String>,
}

/// A function behind an API.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Integration {
    /// ARN of the function.
    pub(crate) function: String,
    /// Milliseconds that it may take.
    pub(crate) timeout_ms: u64,
}

/// Who may come in: bearers of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Authorizer {
    /// Who signs the tokens.
    pub(crate) issuer: String,
    /// For whom tokens are.
    pub(crate) audience: Vec<String>,
    /// Where the token is: `$request.header.Authorization`.
    pub(crate) source: String,
}
