//! The Runtime API of Lambda for one function, and the supervisor's file that polls it: a warm sandbox.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::sync::mpsc as asynchronous;

use crate::stage::Stage;
use crate::store::Store;
use crate::world::supervisor;

/// What it logs goes into this file.
pub(crate) const LOG: &str = "log";
/// No call of a test takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
const MINUTE_MS: u64 = 60_000;

/// A supervisor that waits for events.
pub(crate) struct Function {
    process: Child,
    events: asynchronous::UnboundedSender<(String, u64)>,
    calls: mpsc::Receiver<Call>,
    /// From the start of the process to its first poll.
    pub(crate) cold_start: Duration,
}

/// What the supervisor told.
enum Call {
    Polled,
    Answered(Result<Value, Value>),
}

struct Api {
    events: Mutex<asynchronous::UnboundedReceiver<(String, u64)>>,
    calls: mpsc::Sender<Call>,
}

impl Function {
    /// Starts it and waits for its first poll.
    pub(crate) fn start(stage: &Stage, store: &Store, folder: &Path, engine: &str) -> Self {
        let (events, events_in) = asynchronous::unbounded_channel();
        let (calls_out, calls) = mpsc::channel();
        let api = Api {
            events: Mutex::new(events_in),
            calls: calls_out,
        };
        let address = serve(api);
        let variables = [
            ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "f"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "g"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "s"),
            ("SCAR_ENGINE", engine),
        ];
        let mut command = Command::new(supervisor());
        command.env_clear().envs(stage.variables(store, folder));
        command.envs(variables).stdin(Stdio::null());
        let log = File::create(folder.join(LOG)).unwrap();
        command.stdout(log).stderr(Stdio::null());
        let start = Instant::now();
        let process = command.spawn().unwrap();
        let polled = calls.recv_timeout(PATIENCE);
        assert!(
            matches!(polled, Ok(Call::Polled)),
            "the supervisor does not poll"
        );
        Self {
            process,
            events,
            calls,
            cold_start: start.elapsed(),
        }
    }

    /// Hands an event over and waits for its report; `Err` is the report of a function error.
    pub(crate) fn invoke(&mut self, event: &Value) -> Result<Value, Value> {
        self.invoke_until(event, now_ms() + MINUTE_MS)
    }

    /// The same with a deadline, in milliseconds since the Unix epoch.
    pub(crate) fn invoke_until(&mut self, event: &Value, deadline_ms: u64) -> Result<Value, Value> {
        self.events.send((event.to_string(), deadline_ms)).unwrap();
        loop {
            match self.calls.recv_timeout(PATIENCE) {
                Ok(Call::Answered(answer)) => return answer,
                Ok(Call::Polled) => {}
                Err(_) => panic!("no answer"),
            }
        }
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Peak of its resident memory in KiB.
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.unwrap()
            .trim()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Processor time of it and of all children that ended, in user and system mode.
    pub(crate) fn processor_time(&self) -> Duration {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()));
        let status = status.unwrap();
        // Fields 14 to 17 of proc_pid_stat(5), the third of which is the first after the name.
        let fields = status.rsplit(')').next().unwrap().split_whitespace();
        let ticks: u64 = fields
            .skip(11)
            .take(4)
            .map(|one| one.parse::<u64>().unwrap())
            .sum();
        Duration::from_millis(ticks * 10)
    }

    /// Its variables; `None` for an ordinary user once the supervisor has made itself unreadable.
    pub(crate) fn variables(&self) -> Option<String> {
        match std::fs::read(format!("/proc/{}/environ", self.process.id())) {
            Ok(variables) => Some(String::from_utf8(variables).unwrap()),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
                None
            }
        }
    }

    /// Identities of its child processes, dead ones too.
    pub(crate) fn children(&self) -> Vec<u32> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        let lists = threads.flatten().map(|one| one.path().join("children"));
        let lists = lists.filter_map(|path| std::fs::read_to_string(path).ok());
        let children = lists.flat_map(|list| {
            let numbers = list.split_whitespace().map(|one| one.parse().unwrap());
            numbers.collect::<Vec<u32>>()
        });
        children.collect()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

/// Nanoseconds since the Unix epoch: a number that no other call has.
pub(crate) fn now_ns() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos()
}

/// Serves on a thread of its own and returns the address.
fn serve(api: Api) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(accept(listener, Arc::new(api)));
    });
    address
}

async fn accept(listener: std::net::TcpListener, api: Arc<Api>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let api = api.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let api = api.clone();
                async move { Ok::<_, std::convert::Infallible>(api.answer(request).await) }
            });
            // The supervisor is killed in the middle of a poll.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

impl Api {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        if path.ends_with("/next") {
            return self.next().await;
        }
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let value = serde_json::from_slice(&body).unwrap_or_default();
        let answer = match path.ends_with("/response") {
            true => Ok(value),
            false => Err(value),
        };
        // Nobody listens any more when the test is over.
        let _ = self.calls.send(Call::Answered(answer));
        let accepted = Response::builder().status(202);
        accepted.body(Full::default()).unwrap()
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        let _ = self.calls.send(Call::Polled);
        let Some((event, deadline_ms)) = self.events.lock().await.recv().await else {
            return Response::builder()
                .status(500)
                .body(Full::default())
                .unwrap();
        };
        Response::builder()
            .header("lambda-runtime-aws-request-id", "request")
            .header("lambda-runtime-deadline-ms", deadline_ms)
            .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:f")
            .body(Full::new(Bytes::from(event)))
            .unwrap()
    }
}
