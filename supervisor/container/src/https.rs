//! The HTTP client of everything that asks a server: HTTP/1.1, over TLS where the address says so.
//!
//! One client type serves registries and the object storage alike, because each further one would be
//! compiled once more: see docs/design/0006-the-supervisor-file.md.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};

use crate::way::Way;

/// A client that keeps its connections for the next request. Clones share them.
pub type HttpsClient = Client<HttpsConnector<Way>, RequestBody>;

/// The body of a request of any origin.
pub type RequestBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// Servers close connections that nobody uses for a while. Ours are closed before that, because a request
/// on a connection that is just being closed fails.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Whose certificates are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Those that the system trusts: the files that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, or else the
    /// distribution's.
    System,
    /// Nobody's, so that only plain HTTP works. Reads no file.
    Nobody,
}

/// Bytes of an answer read at once. Those who count pieces to bound their memory count these.
const READ_BYTES: usize = 128 << 10;

/// Makes a client that asks servers directly. It decides nothing about schemes: whoever builds the address
/// does.
///
/// # Errors
/// [`Trust::System`], and there is no certificate on this system.
pub fn https_client(trust: Trust, connect_timeout: Duration) -> io::Result<HttpsClient> {
    client(trust, connect_timeout, None)
}

/// Makes a client that goes through the proxies which `HTTPS_PROXY` and `ALL_PROXY` name, except to the hosts
/// of `NO_PROXY`, and trusts whom the system trusts.
///
/// # Errors
/// There is no certificate on this system.
pub(crate) fn proxied_client(connect_timeout: Duration) -> io::Result<HttpsClient> {
    client(Trust::System, connect_timeout, Some(Matcher::from_env()))
}

fn client(
    trust: Trust,
    connect_timeout: Duration,
    proxies: Option<Matcher>,
) -> io::Result<HttpsClient> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(connect_timeout));
    connector.set_nodelay(true);
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let builder = HttpsConnectorBuilder::new();
    let builder = match trust {
        Trust::System => builder.with_provider_and_native_roots(provider)?,
        Trust::Nobody => builder.with_tls_config(
            ClientConfig::builder_with_provider(provider.into())
                .with_safe_default_protocol_versions()
                .map_err(io::Error::other)?
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth(),
        ),
    };
    let connector = builder
        .https_or_http()
        .enable_http1()
        .wrap_connector(Way::new(connector, proxies));
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .http1_max_buf_size(READ_BYTES)
        .build(connector))
}
