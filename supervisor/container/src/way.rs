//! The way to a server: straight on, or through a proxy.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::TryFutureExt;
use futures_util::future::{BoxFuture, err};
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::registry::token::is_loopback;

type Failure = Box<dyn Error + Send + Sync>;
type Connecting = BoxFuture<'static, Result<TokioIo<TcpStream>, Failure>>;

/// Connects to servers.
#[derive(Clone)]
pub struct Way {
    direct: HttpConnector,
    proxies: Option<Arc<Matcher>>,
}

impl Way {
    pub(crate) fn new(direct: HttpConnector, proxies: Option<Matcher>) -> Self {
        Self {
            direct,
            proxies: proxies.map(Arc::new),
        }
    }

    /// The proxy for an address. Plain HTTP stays on this machine, which no proxy reaches.
    fn proxy(&self, uri: &Uri) -> Option<Intercept> {
        let is_here = is_loopback(uri.authority().map_or("", |authority| authority.as_str()));
        match uri.scheme_str() {
            Some("https") if !is_here => self.proxies.as_ref()?.intercept(uri),
            _ => None,
        }
    }
}

impl Service<Uri> for Way {
    type Response = TokioIo<TcpStream>;
    type Error = Failure;
    type Future = Connecting;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        let Some(proxy) = self.proxy(&uri) else {
            return Box::pin(self.direct.call(uri).map_err(Into::into));
        };
        if proxy.uri().scheme_str() != Some("http") {
            let reason = "the proxy of the environment is not one of plain HTTP";
            return Box::pin(err(io::Error::other(reason).into()));
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.direct.clone());
        if let Some(login) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(login.clone());
        }
        Box::pin(tunnel.call(uri).map_err(Into::into))
    }
}
