//! An object storage and the submission of jobs over real HTTP, in memory, with faults from a seed.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::{Notify, watch};

use crate::faults::{Fault, Faults};
use crate::parts::Uploads;
use crate::services::AGENT;

/// A stored object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) body: Bytes,
    pub(crate) etag: String,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Everything there is, by bucket and key.
pub(crate) type Objects = BTreeMap<(String, String), Object>;

/// What the storage holds and remembers.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) objects: Objects,
    /// How often each object was written with effect.
    pub(crate) writes: BTreeMap<(String, String), u32>,
    /// Objects created since somebody asked last: what events would tell.
    pub(crate) created: Vec<(String, String)>,
    /// Bodies of submitted jobs.
    pub(crate) jobs: Vec<serde_json::Value>,
    /// Values of parameters.
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) requests: u64,
    /// How often somebody asked for credentials.
    pub(crate) credentials: u64,
    pub(crate) uploads: Uploads,
    etag: u64,
}

/// The running storage.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) faults: Arc<Mutex<Faults>>,
    connections: Arc<Mutex<Vec<tokio::task::AbortHandle>>>,
    /// Its thread and connections end with it.
    end: Arc<Notify>,
    /// Whether it listens.
    is_up: watch::Sender<bool>,
    pub(crate) address: SocketAddr,
}

pub(crate) type Answer = Response<Full<Bytes>>;

impl Store {
    /// Starts it on a thread of its own.
    pub(crate) fn start(faults: Faults) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let store = Self {
            state: Arc::default(),
            faults: Arc::new(Mutex::new(faults)),
            connections: Arc::default(),
            end: Arc::default(),
            is_up: watch::Sender::new(true),
            address: listener.local_addr().unwrap(),
        };
        let served = store.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = served.clone().serve(listener) => {}
                    () = served.end.notified() => {}
                }
            });
        });
        store
    }

    /// Ends it: a long run has thousands of them.
    pub(crate) fn stop(&self) {
        self.end.notify_one();
    }

    /// Ends all connections, as a server does with those that are idle, or that starts anew.
    pub(crate) fn hang_up(&self) {
        let mut connections = self.connections.lock().unwrap();
        connections.drain(..).for_each(|one| one.abort());
    }

    /// Refuses new connections and ends all others, or serves again where it was.
    pub(crate) fn turn(&self, is_up: bool) {
        self.is_up.send_replace(is_up);
        // The thread that listens has its own pace.
        std::thread::sleep(Duration::from_millis(50));
        self.hang_up();
    }

    /// Puts an object and tells nobody.
    pub(crate) fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>) {
        let mut state = self.state.lock().unwrap();
        state.insert(bucket, key, body.into(), BTreeMap::new());
        state.created.clear();
    }

    async fn serve(self, listener: std::net::TcpListener) {
        let mut listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let mut is_up = self.is_up.subscribe();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => Some(accepted.unwrap().0),
                _ = is_up.wait_for(|is_up| !is_up) => None,
            };
            let Some(stream) = accepted else {
                drop(listener);
                is_up.wait_for(|is_up| *is_up).await.unwrap();
                listener = tokio::net::TcpListener::bind(self.address).await.unwrap();
                continue;
            };
            stream.set_nodelay(true).unwrap();
            let store = self.clone();
            let connection = tokio::spawn(async move {
                let service = service_fn(move |request| store.clone().answer(request));
                // A client that goes away, or is killed, is nothing to speak of.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
            let mut connections = self.connections.lock().unwrap();
            connections.retain(|one| !one.is_finished());
            connections.push(connection.abort_handle());
        }
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Answer, Broken> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        let fault = self.faults.lock().unwrap().next(&head);
        match fault {
            Some(Fault::ResetBefore) => return Err(Broken),
            Some(Fault::Status(status, code)) => return Ok(error(status, code)),
            Some(Fault::Slow) => tokio::time::sleep(Duration::from_millis(30)).await,
            Some(Fault::ResetAfter) | None => {}
        }
        let answer = self.state.lock().unwrap().handle(&head, &body);
        match fault {
            Some(Fault::ResetAfter) => Err(Broken),
            _ => Ok(answer),
        }
    }
}

/// A connection that ends without an answer.
#[derive(Debug)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("broken on purpose")
    }
}

impl std::error::Error for Broken {}

impl From<Infallible> for Broken {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl State {
    fn handle(&mut self, head: &hyper::http::request::Parts, body: &Bytes) -> Answer {
        self.requests += 1;
        let path = decode(head.uri.path());
        let query = head.uri.query().unwrap_or_default();
        if path == "/v1/submitjob" {
            self.jobs.push(serde_json::from_slice(body).unwrap());
            return text(format!("{{\"jobId\":\"job-{}\"}}", self.jobs.len()));
        }
        if path == "/" {
            return self.parameter(body);
        }
        if path == AGENT {
            return self.agent();
        }
        let (bucket, key) = path[1..]
            .split_once('/')
            .unwrap_or_else(|| (&path[1..], ""));
        let place = (bucket.to_owned(), key.to_owned());
        if let Some(answer) = self.upload(head, &place, query, body) {
            return answer;
        }
        match head.method {
            Method::GET if query.contains("list-type=2") => self.list(bucket, query),
            Method::GET => self.get(head, &place, true),
            Method::HEAD => self.get(head, &place, false),
            Method::DELETE => {
                self.objects.remove(&place);
                status(204)
            }
            Method::PUT => self.write(head, &place, body),
            _ => error(501, "NotImplemented"),
        }
    }

    fn get(
        &self,
        head: &hyper::http::request::Parts,
        place: &(String, String),
        all: bool,
    ) -> Answer {
        let Some(object) = self.objects.get(place) else {
            return error(404, "NoSuchKey");
        };
        let wanted = header(head, "if-match");
        if wanted.is_some_and(|etag| etag.trim_matches('"') != object.etag) {
            return error(412, "PreconditionFailed");
        }
        let mut answer = Response::builder()
            .header("etag", format!("\"{}\"", object.etag))
            .header("content-length", object.body.len());
        for (name, value) in &object.metadata {
            answer = answer.header(format!("x-amz-meta-{name}"), value);
        }
        let body = if all {
            object.body.clone()
        } else {
            Bytes::new()
        };
        answer.body(Full::new(body)).unwrap()
    }

    /// What is said to a write whose condition does not hold.
    pub(crate) fn refusal(
        &self,
        head: &hyper::http::request::Parts,
        place: &(String, String),
    ) -> Option<Answer> {
        let there = self.objects.get(place);
        if header(head, "if-none-match").is_some() && there.is_some() {
            return Some(error(412, "PreconditionFailed"));
        }
        let wanted = header(head, "if-match")?.trim_matches('"');
        match there {
            None => Some(error(404, "NoSuchKey")),
            Some(there) if there.etag != wanted => Some(error(412, "PreconditionFailed")),
            Some(_) => None,
        }
    }

    fn write(
        &mut self,
        head: &hyper::http::request::Parts,
        place: &(String, String),
        body: &Bytes,
    ) -> Answer {
        if let Some(refusal) = self.refusal(head, place) {
            return refusal;
        }
        let source = header(head, "x-amz-copy-source").map(decode);
        let (content, metadata) = match &source {
            Some(source) => {
                let (bucket, key) = source.split_once('/').unwrap();
                match self.objects.get(&(bucket.to_owned(), key.to_owned())) {
                    Some(object) => (object.body.clone(), object.metadata.clone()),
                    None => return error(404, "NoSuchKey"),
                }
            }
            None => (plain(head, body), metadata(head)),
        };
        let etag = self.insert(&place.0, &place.1, content, metadata);
        match source {
            Some(_) => text(format!(
                "<CopyObjectResult><ETag>\"{etag}\"</ETag></CopyObjectResult>"
            )),
            None => {
                let answer = Response::builder().header("etag", format!("\"{etag}\""));
                answer.body(Full::default()).unwrap()
            }
        }
    }

    pub(crate) fn insert(
        &mut self,
        bucket: &str,
        key: &str,
        body: Bytes,
        metadata: BTreeMap<String, String>,
    ) -> String {
        self.etag += 1;
        let etag = format!("{:032x}", self.etag);
        let place = (bucket.to_owned(), key.to_owned());
        *self.writes.entry(place.clone()).or_default() += 1;
        self.created.push(place.clone());
        let object = Object {
            body,
            etag: etag.clone(),
            metadata,
        };
        self.objects.insert(place, object);
        etag
    }

    fn list(&self, bucket: &str, query: &str) -> Answer {
        let prefix = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("prefix="));
        let prefix = decode(prefix.unwrap_or_default());
        let mut xml = String::from("<ListBucketResult><IsTruncated>false</IsTruncated>");
        for ((_, key), object) in self
            .objects
            .iter()
            .filter(|((found, key), _)| found == bucket && key.starts_with(&prefix))
        {
            let (etag, size) = (&object.etag, object.body.len());
            let key = key
                .replace('%', "%25")
                .replace('+', "%2B")
                .replace(' ', "+");
            xml.push_str(&format!(
                "<Contents><Key>{key}</Key><ETag>\"{etag}\"</ETag><Size>{size}</Size>\
                 <LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            ));
        }
        text(xml + "</ListBucketResult>")
    }
}

/// The content of a body, which the client may have cut into signed chunks.
pub(crate) fn plain(head: &hyper::http::request::Parts, body: &Bytes) -> Bytes {
    if header(head, "x-amz-decoded-content-length").is_none() {
        return body.clone();
    }
    let mut content = Vec::new();
    let mut rest = &body[..];
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size.split(';').next().unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        content.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    content.into()
}

pub(crate) fn metadata(head: &hyper::http::request::Parts) -> BTreeMap<String, String> {
    let pairs = head.headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-amz-meta-")?;
        Some((name.to_owned(), value.to_str().ok()?.to_owned()))
    });
    pairs.collect()
}

fn header<'a>(head: &'a hyper::http::request::Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name)?.to_str().ok()
}

pub(crate) fn decode(text: &str) -> String {
    scar_schemas::event::decode_key(text).unwrap()
}

pub(crate) fn text(body: String) -> Answer {
    Response::new(Full::new(Bytes::from(body)))
}

pub(crate) fn status(status: u16) -> Answer {
    let answer = Response::builder().status(status);
    answer.body(Full::default()).unwrap()
}

pub(crate) fn error(status: u16, code: &str) -> Answer {
    let answer = Response::builder().status(status);
    let body = format!("<Error><Code>{code}</Code><Message>on purpose</Message></Error>");
    answer.body(Full::new(Bytes::from(body))).unwrap()
}
