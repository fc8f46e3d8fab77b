//! Records as they are stored.

use scar_schemas::record::{self, TaskRecord};
use serde_json::Value;

use crate::setup::Setup;
use crate::store::{Location, StoreError};

/// Largest record: 10,000 outputs with the longest keys.
const MAX_RECORD_BYTES: u64 = 32 * 1024 * 1024;

/// A record, or why it is none, and its ETag.
pub(crate) type Stored = (Result<TaskRecord, String>, String);

impl Setup {
    /// Where the record of a task of this stage is.
    pub(crate) fn record_place(&self, task: &str) -> Location {
        self.state(record::record_key(self.config.id(), task))
    }

    /// The record of a task of this stage, if there is one.
    pub(crate) async fn record(&self, task: &str) -> Result<Option<Stored>, StoreError> {
        let at = self.record_place(task);
        let found = self.store.get(&at, MAX_RECORD_BYTES).await?;
        Ok(found.map(|(etag, text)| (parse(&text), etag)))
    }
}

fn parse(text: &[u8]) -> Result<TaskRecord, String> {
    let invalid = |error: serde_json::Error| format!("the task's record is not valid: {error}");
    let document: Value = serde_json::from_slice(text).map_err(invalid)?;
    let format = document.get("format").and_then(Value::as_u64);
    let (format, known) = (format.unwrap_or_default(), record::FORMAT);
    if format > u64::from(known) {
        return Err(format!(
            "the task's record has format {format}, only {known} is known here"
        ));
    }
    serde_json::from_value(document).map_err(invalid)
}
