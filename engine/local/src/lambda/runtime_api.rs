//! The Lambda Runtime API, version 2018-06-01: one loopback listener per sandbox, through which its
//! process takes invocations and answers them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use crate::clock;

/// Largest answer of a function in bytes, the limit that Lambda has.
const ANSWER_LIMIT: usize = 6 * 1024 * 1024;
const PREFIX: &str = "/2018-06-01/runtime/";

/// What a function made of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its answer.
    Success(Bytes),
    /// A function error: the answer is a JSON object with `errorType` and `errorMessage`.
    Failure(Bytes),
}

/// An invocation on its way to the process.
pub(crate) struct Job {
    /// Identity of the request.
    pub(crate) request_id: String,
    /// The event.
    pub(crate) payload: Bytes,
    /// Time the function has, counted from the moment it takes the invocation.
    pub(crate) timeout: Duration,
    /// ARN that was invoked.
    pub(crate) function_arn: String,
    /// Tracing header.
    pub(crate) trace_id: String,
    /// Told when the process has taken the invocation.
    pub(crate) taken: oneshot::Sender<()>,
    /// Told what came of it.
    pub(crate) outcome: oneshot::Sender<Outcome>,
}

/// The listener of one sandbox; it is closed when this is dropped.
pub(crate) struct RuntimeApi {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The way to the process.
    pub(crate) jobs: mpsc::Sender<Job>,
    listener: AbortHandle,
}

impl RuntimeApi {
    /// Listens on a free loopback port.
    pub(crate) async fn listen() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (jobs, received) = mpsc::channel(1);
        let shared = Arc::new(Shared {
            jobs: tokio::sync::Mutex::new(received),
            current: Mutex::default(),
        });
        let listener = tokio::spawn(accept(listener, shared)).abort_handle();
        Ok(Self {
            address,
            jobs,
            listener,
        })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

struct Shared {
    jobs: tokio::sync::Mutex<mpsc::Receiver<Job>>,
    current: Mutex<Option<(String, oneshot::Sender<Outcome>)>>,
}

/// Connections live in the set, so they end with the listener.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, Arc::clone(&shared)));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // Answers are small and the other side waits for each.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
    });
    // A process that breaks its connection is noticed by its exit.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let Some(rest) = path.strip_prefix(PREFIX) else {
        return refusal(StatusCode::NOT_FOUND, "InvalidPath", "no such path");
    };
    let parts: Vec<&str> = rest.split('/').collect();
    match (request.method(), parts.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(shared).await,
        (&Method::POST, ["invocation", id, "response"]) => {
            finish(shared, id, request, Outcome::Success).await
        }
        (&Method::POST, ["invocation", id, "error"]) => {
            finish(shared, id, request, Outcome::Failure).await
        }
        (&Method::POST, ["init", "error"]) => init_error(shared, request).await,
        _ => refusal(StatusCode::NOT_FOUND, "InvalidPath", "no such path"),
    }
}

async fn next(shared: &Shared) -> Response<Full<Bytes>> {
    let job = shared.jobs.lock().await.recv().await;
    let Some(job) = job else {
        return refusal(StatusCode::GONE, "Shutdown", "the sandbox is closed");
    };
    let deadline_ms =
        clock::now_ms() + u64::try_from(job.timeout.as_millis()).unwrap_or(u64::MAX / 2);
    let mut response = Response::new(Full::new(job.payload));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    set(headers, "lambda-runtime-aws-request-id", &job.request_id);
    set(
        headers,
        "lambda-runtime-deadline-ms",
        &deadline_ms.to_string(),
    );
    set(
        headers,
        "lambda-runtime-invoked-function-arn",
        &job.function_arn,
    );
    set(headers, "lambda-runtime-trace-id", &job.trace_id);
    *current(shared) = Some((job.request_id, job.outcome));
    // Nobody waits any more if the invocation has run out of time meanwhile.
    job.taken.send(()).ok();
    response
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

async fn finish(
    shared: &Shared,
    id: &str,
    request: Request<Incoming>,
    outcome: fn(Bytes) -> Outcome,
) -> Response<Full<Bytes>> {
    let body = Limited::new(request.into_body(), ANSWER_LIMIT)
        .collect()
        .await;
    let taken = current(shared).take_if(|(current, _)| current == id);
    let Some((_, reply)) = taken else {
        return refusal(
            StatusCode::BAD_REQUEST,
            "InvalidRequestID",
            "no such invocation is running",
        );
    };
    let Ok(body) = body else {
        let message = format!("Exceeded maximum allowed payload size ({ANSWER_LIMIT} bytes).");
        drop(reply.send(failure("Function.ResponseSizeTooLarge", &message)));
        return refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            &message,
        );
    };
    drop(reply.send(outcome(body.to_bytes())));
    accepted()
}

/// The process could not start: the invocation that waits for it has failed.
async fn init_error(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let body = Limited::new(request.into_body(), ANSWER_LIMIT)
        .collect()
        .await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    if let Ok(mut jobs) = shared.jobs.try_lock()
        && let Ok(Some(job)) = tokio::time::timeout(Duration::from_secs(1), jobs.recv()).await
    {
        drop(job.outcome.send(Outcome::Failure(body)));
    }
    accepted()
}

/// A function error in the form that Lambda gives its own.
pub(crate) fn failure(kind: &str, message: &str) -> Outcome {
    Outcome::Failure(
        json!({ "errorType": kind, "errorMessage": message })
            .to_string()
            .into(),
    )
}

fn current(shared: &Shared) -> MutexGuard<'_, Option<(String, oneshot::Sender<Outcome>)>> {
    shared
        .current
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

fn accepted() -> Response<Full<Bytes>> {
    json_response(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Response<Full<Bytes>> {
    json_response(
        status,
        &json!({ "errorType": kind, "errorMessage": message }),
    )
}

fn json_response(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/json"));
    response
}
