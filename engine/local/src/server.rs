//! The one listener of a cloud, on loopback only: which service a request is for, and whether it may
//! come in at all.

mod fault;
mod front;
mod guard;
mod own;

pub(crate) use front::{API_PREFIX, URL_PREFIX};

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::service::S3Service;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::auth::{self, Refusal, Scope};
use crate::faults::S3Fault;
use crate::services::Services;
use crate::{Error, random, s3, wire};

/// Connections at the same time; more wait in the listener's queue.
const CONNECTIONS: usize = 1024;
/// Bytes of a request to a service other than S3. A synchronous Lambda payload may have 6 MB.
const BODY_LIMIT: usize = 8 * 1024 * 1024;
/// A client must send the head of its next request within this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);

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

/// Serves connections until the task is aborted, which ends them all.
pub(crate) async fn run(listener: TcpListener, services: Arc<Services>) {
    let s3 = s3::service(Arc::clone(&services));
    let door = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&door).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let serving = serve(stream, s3.clone(), Arc::clone(&services));
                connections.spawn(async move {
                    serving.await;
                    drop(permit);
                });
            }
            // Out of descriptors, or the client went away again: neither ends the cloud.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, s3: S3Service, services: Arc<Services>) {
    // Without this, small answers wait for the acknowledgement of the packet before them.
    drop(stream.set_nodelay(true));
    let answer = service_fn(move |request| {
        let (s3, services) = (s3.clone(), Arc::clone(&services));
        async move {
            // Without an answer the connection is closed.
            let answer = route(request, &s3, services).await;
            answer.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::ConnectionReset))
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    // A broken connection is the client's affair; what it had asked for is done or not done.
    drop(builder.serve_connection(TokioIo::new(stream), answer).await);
}

async fn route(
    request: Request<Incoming>,
    s3: &S3Service,
    services: Arc<Services>,
) -> Option<Response<s3s::Body>> {
    let (parts, body) = request.into_parts();
    if let Err(reason) = guard::check(&parts) {
        return Some(plain(StatusCode::FORBIDDEN, reason));
    }
    let path = parts.uri.path();
    if path.starts_with(own::PREFIX) {
        let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
            return Some(cut());
        };
        let response = own::handle(&services, &parts, &body.to_bytes()).await;
        return Some(response.map(s3s::Body::from));
    }
    if let Some(door) = front::Door::of(&parts) {
        return Some(front::handle(&services, door, parts, body).await);
    }
    let scope = match Scope::of(&parts) {
        Ok(scope) => scope,
        Err(refusal) => return Some(refuse(guard::likely_service(&parts), refusal)),
    };
    if scope.service != "s3" {
        return Some(control(&scope.service, parts, body, services).await);
    }
    if let Err(refusal) = auth::check_token(&services.keys, &scope, &parts) {
        return Some(refuse("s3", refusal));
    }
    let fault = fault::of(&services, &scope, &parts);
    match fault {
        Some(S3Fault::ResetBefore) => return None,
        Some(S3Fault::ResetAfter) | None => {}
        Some(fault) => return fault::answer(fault),
    }
    let response = storage(Request::from_parts(parts, s3s::Body::from(body)), s3).await;
    fault.is_none().then_some(response)
}

async fn storage(request: Request<s3s::Body>, s3: &S3Service) -> Response<s3s::Body> {
    let mut response = match s3.call(request).await {
        Ok(response) => response,
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:?}")),
    };
    if let Ok(id) = HeaderValue::from_str(&random::hex(8).to_uppercase()) {
        response.headers_mut().insert("x-amz-request-id", id);
    }
    response
}

async fn control(
    service: &str,
    parts: Parts,
    body: Incoming,
    services: Arc<Services>,
) -> Response<s3s::Body> {
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return cut();
    };
    let body = body.to_bytes();
    let identity = match auth::verify(&services.keys, &parts, &body) {
        Ok(identity) => identity,
        Err(refusal) => return refuse(service, refusal),
    };
    let request = Request::from_parts(parts, body);
    wire::handle(services, service, request, identity)
        .await
        .map(s3s::Body::from)
}

fn refuse(service: &str, refusal: Refusal) -> Response<s3s::Body> {
    if service == "s3" {
        return s3::refuse(refusal);
    }
    wire::refuse(
        service,
        StatusCode::FORBIDDEN,
        refusal.code(),
        &refusal.to_string(),
    )
    .map(s3s::Body::from)
}

fn cut() -> Response<s3s::Body> {
    let reason = "the request is too large or was cut";
    plain(StatusCode::PAYLOAD_TOO_LARGE, reason)
}

fn plain(status: StatusCode, reason: &str) -> Response<s3s::Body> {
    let mut response = Response::new(s3s::Body::from(Bytes::from(format!("{reason}\n"))));
    *response.status_mut() = status;
    response
}
