//! The log: one JSON object per line, names escaped, so that nothing in a key can forge a record.

use std::io::Write;

use serde_json::{Map, Value, json};

/// Where a record belongs. It never holds a secret, so neither does a record.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    /// Name of the stage.
    pub(crate) stage: String,
    /// The task, once there is one.
    pub(crate) task: Option<String>,
    /// The request.
    pub(crate) request: String,
    /// Whether records go to standard error because standard output is for the report.
    pub(crate) to_stderr: bool,
}

impl Log {
    /// A record of ordinary progress.
    pub(crate) fn info(&self, message: &str, fields: Value) {
        self.record("info", message, fields);
    }

    /// A record of something that a person should look at.
    pub(crate) fn warn(&self, message: &str, fields: Value) {
        self.record("warn", message, fields);
    }

    /// A line of the container's output.
    pub(crate) fn line(&self, stream: &str, line: &str) {
        let mut record = self.context();
        record.insert("stream".to_owned(), json!(stream));
        record.insert("line".to_owned(), json!(line));
        self.write(record);
    }

    fn record(&self, level: &str, message: &str, fields: Value) {
        let mut record = self.context();
        record.insert("level".to_owned(), json!(level));
        record.insert("message".to_owned(), json!(message));
        if let Value::Object(fields) = fields {
            record.extend(fields);
        }
        self.write(record);
    }

    fn context(&self) -> Map<String, Value> {
        let mut record = Map::new();
        record.insert("stage".to_owned(), json!(self.stage));
        record.insert("request_id".to_owned(), json!(self.request));
        if let Some(task) = &self.task {
            record.insert("task".to_owned(), json!(task));
        }
        record
    }

    /// One write per record keeps lines whole. A log that cannot be written must not stop the work.
    fn write(&self, record: Map<String, Value>) {
        let mut line = Value::Object(record).to_string();
        line.push('\n');
        let _ = match self.to_stderr {
            true => std::io::stderr().lock().write_all(line.as_bytes()),
            false => std::io::stdout().lock().write_all(line.as_bytes()),
        };
    }
}
