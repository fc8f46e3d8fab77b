//! What a sandbox writes, on its way to the function's log stream.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::mpsc;

use super::Function;
use crate::logs::{self, Group, Line, MESSAGE_LIMIT};
use crate::store::Store;
use crate::{Error, clock};

/// Bytes gathered before the writer has to wait for the store.
const BUFFER_LIMIT: usize = 1024 * 1024;
/// Bytes of an invocation's log that a caller may ask for with its answer.
const TAIL_LIMIT: usize = 4096;
/// Longest time that a line waits for others before it is stored.
const FLUSH_INTERVAL: Duration = Duration::from_millis(200);

/// The log of one sandbox.
pub(crate) struct Journal {
    store: Store,
    group: String,
    stream: String,
    is_json: bool,
    /// Without permission to write logs, a function's output is lost, as it is in AWS.
    is_kept: bool,
    buffer: Mutex<Buffer>,
}

#[derive(Default)]
struct Buffer {
    lines: Vec<Line>,
    bytes: usize,
    tail: String,
}

/// Figures of an invocation's last line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Time the invocation took.
    pub(crate) duration: Duration,
    /// Time the sandbox took to start, if it started for this invocation.
    pub(crate) start: Option<Duration>,
    /// Memory that the function has, in MiB.
    pub(crate) memory_mib: u64,
    /// Peak memory of all the sandbox's processes together, in MiB.
    pub(crate) peak_mib: u64,
}

impl Journal {
    /// A journal that writes to `stream` of the function's log group.
    pub(crate) fn new(
        store: Store,
        function: &Function,
        stream: String,
        is_kept: bool,
    ) -> Arc<Self> {
        let (group, is_json) = (function.log_group.clone(), function.json_logs);
        Arc::new(Self {
            store,
            group,
            stream,
            is_json,
            is_kept,
            buffer: Mutex::default(),
        })
    }

    /// Adds a line.
    pub(crate) fn write(&self, mut message: String) {
        truncate(&mut message, MESSAGE_LIMIT);
        let mut buffer = self.buffer();
        buffer.tail.push_str(&message);
        buffer.tail.push('\n');
        if buffer.tail.len() > 2 * TAIL_LIMIT {
            buffer.tail = last(&buffer.tail, TAIL_LIMIT).to_owned();
        }
        if self.is_kept {
            buffer.bytes += message.len();
            buffer.lines.push(Line {
                stream: self.stream.clone(),
                time_ms: clock::now_ms(),
                message,
            });
        }
    }

    /// Marks the start of an invocation.
    pub(crate) fn start(&self, request_id: &str) {
        self.buffer().tail.clear();
        self.platform(
            "start",
            request_id,
            &[("version", json!("$LATEST"))],
            || format!("START RequestId: {request_id} Version: $LATEST"),
        );
    }

    /// Marks the end of an invocation.
    pub(crate) fn end(&self, request_id: &str, figures: Figures, problem: Option<&str>) {
        if !self.is_json {
            self.write(format!("END RequestId: {request_id}"));
        }
        let milliseconds = figures.duration.as_secs_f64() * 1000.0;
        let status = problem.unwrap_or("success");
        let metrics = json!({
            "durationMs": milliseconds,
            "memorySizeMB": figures.memory_mib,
            "maxMemoryUsedMB": figures.peak_mib,
            "initDurationMs": figures.start.map(|start| start.as_secs_f64() * 1000.0),
        });
        self.platform("report", request_id, &[("metrics", metrics), ("status", json!(status))], || {
            let mut line = format!(
                "REPORT RequestId: {request_id}\tDuration: {milliseconds:.2} ms\tBilled Duration: {} ms\t\
                 Memory Size: {} MB\tMax Memory Used: {} MB",
                milliseconds.ceil(),
                figures.memory_mib,
                figures.peak_mib
            );
            if let Some(start) = figures.start {
                line.push_str(&format!("\tInit Duration: {:.2} ms", start.as_secs_f64() * 1000.0));
            }
            if let Some(problem) = problem {
                line.push_str(&format!("\tStatus: {problem}"));
            }
            line
        });
    }

    fn platform(
        &self,
        kind: &str,
        request_id: &str,
        fields: &[(&str, serde_json::Value)],
        text: impl FnOnce() -> String,
    ) {
        if !self.is_json {
            return self.write(text());
        }
        let mut record: BTreeMap<&str, serde_json::Value> = fields.iter().cloned().collect();
        record.insert("requestId", json!(request_id));
        let time = clock::rfc3339(clock::now_ms());
        self.write(
            json!({ "time": time, "type": format!("platform.{kind}"), "record": record })
                .to_string(),
        );
    }

    /// The last bytes of the running invocation's log.
    pub(crate) fn tail(&self) -> String {
        last(&self.buffer().tail, TAIL_LIMIT).to_owned()
    }

    /// Stores what was gathered.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        let lines = {
            let mut buffer = self.buffer();
            buffer.bytes = 0;
            mem::take(&mut buffer.lines)
        };
        logs::append(&self.store, &self.group, lines).await
    }

    /// Reads lines until the other side closes. A full buffer makes the writer wait.
    pub(crate) async fn follow(self: Arc<Self>, output: impl AsyncRead + Unpin) {
        let mut reader = BufReader::with_capacity(64 * 1024, output);
        let mut line = Vec::new();
        loop {
            let read =
                tokio::time::timeout(FLUSH_INTERVAL, read_some(&mut reader, &mut line)).await;
            let is_over = matches!(read, Ok(Ok(0) | Err(_)));
            if line.last() == Some(&b'\n')
                || line.len() >= MESSAGE_LIMIT
                || (is_over && !line.is_empty())
            {
                let text = String::from_utf8_lossy(&line);
                self.write(text.trim_end_matches(['\n', '\r']).to_owned());
                line.clear();
            }
            let must_flush = read.is_err() || is_over || self.buffer().bytes > BUFFER_LIMIT;
            if must_flush {
                // What a failing store does not take is lost: the function must not hang for its log.
                drop(self.flush().await);
            }
            if is_over {
                return;
            }
        }
    }

    /// Takes lines until nobody sends any more.
    pub(crate) async fn gather(self: Arc<Self>, mut lines: mpsc::Receiver<String>) {
        loop {
            let next = tokio::time::timeout(FLUSH_INTERVAL, lines.recv()).await;
            let (is_idle, is_over) = (next.is_err(), matches!(next, Ok(None)));
            if let Ok(Some(line)) = next {
                self.write(line);
            }
            if is_idle || is_over || self.buffer().bytes > BUFFER_LIMIT {
                // As above: a store that fails must not stop the function.
                drop(self.flush().await);
            }
            if is_over {
                return;
            }
        }
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes sure that a function's default group is there; Lambda makes it where the role may.
pub(crate) async fn ensure_group(store: &Store, name: &str, arn: String) -> Result<(), Error> {
    if store
        .get::<Group>(crate::store::Table::LogGroups, name)?
        .is_some()
    {
        return Ok(());
    }
    let group = Group {
        name: name.to_owned(),
        arn,
        created_ms: clock::now_ms(),
        kms_key: None,
        retention_days: None,
        lines: 0,
    };
    store
        .put(crate::store::Table::LogGroups, name, &group)
        .await
}

/// Appends up to the end of the line, or what there is of it, to `line`. Nothing is lost if this is
/// dropped while it waits.
async fn read_some(
    reader: &mut BufReader<impl AsyncRead + Unpin>,
    line: &mut Vec<u8>,
) -> std::io::Result<usize> {
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(0);
        }
        let end = available
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(available.len(), |at| at + 1);
        let taken = end.min(MESSAGE_LIMIT - line.len().min(MESSAGE_LIMIT - 1));
        line.extend_from_slice(&available[..taken]);
        reader.consume(taken);
        if line.last() == Some(&b'\n') || line.len() >= MESSAGE_LIMIT {
            return Ok(taken);
        }
    }
}

/// The last `limit` bytes at most, at a character boundary.
fn last(text: &str, limit: usize) -> &str {
    let start = text.len().saturating_sub(limit);
    let start = (start..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len());
    &text[start..]
}

fn truncate(text: &mut String, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        text.truncate(end);
    }
}
