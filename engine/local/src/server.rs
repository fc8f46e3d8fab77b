//! The one listener of a cloud, on loopback only: which service a request is for, and whether it may
//! come in at all.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::Error;
use crate::services::Services;

/// The loopback address for a port, 0 for a free one.
pub(crate) fn address(port: Option<u16>) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port.unwrap_or(0)).into()
}

/// Listens on loopback.
pub(crate) async fn listen(port: Option<u16>) -> Result<TcpListener, Error> {
    let address = address(port);
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen { address, source })
}

/// Serves connections until the task is aborted.
pub(crate) async fn run(listener: TcpListener, _services: Arc<Services>) {
    while let Ok((_stream, _peer)) = listener.accept().await {}
}
