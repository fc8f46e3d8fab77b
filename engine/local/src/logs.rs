//! CloudWatch Logs: what functions wrote, bounded per line and per group.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::store::{Store, Table, Transaction};

/// Longest message in bytes, the limit that CloudWatch Logs has; the rest of a line is cut.
pub(crate) const MESSAGE_LIMIT: usize = 256 * 1024;
/// Lines kept per group; beyond it the oldest tenth goes.
const GROUP_LIMIT: u64 = 50_000;

/// A log group, in `Table::LogGroups` under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Its name.
    pub(crate) name: String,
    /// Its ARN, without the `:*` that some interfaces add.
    pub(crate) arn: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
    /// Days that lines are kept, if that is limited.
    pub(crate) retention_days: Option<u64>,
    /// ARN of the key that it should be encrypted with; nothing is encrypted here.
    #[serde(default)]
    pub(crate) kms_key: Option<String>,
    /// Lines in the group.
    pub(crate) lines: u64,
}

/// A log stream, in `Table::LogStreams` under `<group>\n<stream>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stream {
    /// Its name.
    pub(crate) name: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
    /// Time of the last line in milliseconds since the Unix epoch.
    pub(crate) last_ms: u64,
}

/// A line, in `Table::LogLines` under `<group>\n<time>-<sequence>`: the order of keys is that of time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Name of the stream.
    pub(crate) stream: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) time_ms: u64,
    /// The text, without its line end.
    pub(crate) message: String,
}

/// Tells lines of one millisecond apart.
static SEQUENCE: AtomicU64 = AtomicU64::new(0);

/// Appends lines to a stream. Without the group they are lost, as they are in AWS.
pub(crate) async fn append(store: &Store, group: &str, lines: Vec<Line>) -> Result<(), Error> {
    if lines.is_empty() {
        return Ok(());
    }
    let group = group.to_owned();
    store
        .transact(move |transaction| append_in(transaction, &group, lines))
        .await
}

/// The same as part of a larger change.
pub(crate) fn append_in(
    transaction: &mut Transaction<'_>,
    name: &str,
    lines: Vec<Line>,
) -> Result<(), Error> {
    let Some(mut group) = transaction.get::<Group>(Table::LogGroups, name)? else {
        return Ok(());
    };
    for line in lines {
        touch_stream(transaction, name, &line)?;
        let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
        transaction.put(
            Table::LogLines,
            &line_key(name, line.time_ms, sequence),
            &line,
        )?;
        group.lines += 1;
    }
    if group.lines > GROUP_LIMIT {
        let kept =
            transaction.list::<serde::de::IgnoredAny>(Table::LogLines, &format!("{name}\n"))?;
        let dropped = usize::try_from(GROUP_LIMIT / 10)
            .unwrap_or(usize::MAX)
            .min(kept.len());
        kept[..dropped]
            .iter()
            .for_each(|(key, _)| transaction.delete(Table::LogLines, key));
        group.lines = (kept.len() - dropped) as u64;
    }
    transaction.put(Table::LogGroups, name, &group)
}

fn touch_stream(transaction: &mut Transaction<'_>, group: &str, line: &Line) -> Result<(), Error> {
    let key = format!("{group}\n{}", line.stream);
    let made = || Stream {
        name: line.stream.clone(),
        created_ms: line.time_ms,
        last_ms: line.time_ms,
    };
    let mut stream = transaction
        .get::<Stream>(Table::LogStreams, &key)?
        .unwrap_or_else(made);
    stream.last_ms = stream.last_ms.max(line.time_ms);
    transaction.put(Table::LogStreams, &key, &stream)
}

/// Removes a group with all it holds.
pub(crate) fn delete_group(transaction: &mut Transaction<'_>, name: &str) -> Result<(), Error> {
    for table in [Table::LogStreams, Table::LogLines] {
        for (key, _) in transaction.list::<serde::de::IgnoredAny>(table, &format!("{name}\n"))? {
            transaction.delete(table, &key);
        }
    }
    transaction.delete(Table::LogGroups, name);
    Ok(())
}

/// Which lines to read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    /// Only these streams; all, if empty.
    pub(crate) streams: Vec<String>,
    /// Only streams whose name starts with this.
    pub(crate) stream_prefix: String,
    /// From this time on, in milliseconds since the Unix epoch.
    pub(crate) from_ms: u64,
    /// Before this time.
    pub(crate) until_ms: Option<u64>,
    /// All of these texts must be in the message.
    pub(crate) terms: Vec<String>,
    /// First key to read; [`Page::next`] of the page before.
    pub(crate) start: Option<String>,
    /// Lines per page.
    pub(crate) limit: usize,
}

/// A page of lines.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Keys and lines.
    pub(crate) lines: Vec<(String, Line)>,
    /// Where the next page starts, if there may be one.
    pub(crate) next: Option<String>,
}

/// Lines looked at per read of the store.
const SCAN: usize = 2_000;

/// Reads one page of a group's lines in the order of time.
pub(crate) fn read(store: &Store, group: &str, query: &Query) -> Result<Page, Error> {
    let prefix = format!("{group}\n");
    let mut from = query
        .start
        .clone()
        .unwrap_or_else(|| line_key(group, query.from_ms, 0));
    let mut page = Page::default();
    loop {
        let chunk = store.list_from::<Line>(Table::LogLines, &prefix, &from, SCAN)?;
        let exhausted = chunk.len() < SCAN;
        for (key, line) in chunk {
            if query.until_ms.is_some_and(|until| line.time_ms >= until) {
                return Ok(page);
            }
            if page.lines.len() == query.limit {
                page.next = Some(key);
                return Ok(page);
            }
            from = format!("{key}\0");
            if query.takes(&line) {
                page.lines.push((key, line));
            }
        }
        if exhausted {
            return Ok(page);
        }
    }
}

impl Query {
    fn takes(&self, line: &Line) -> bool {
        (self.streams.is_empty() || self.streams.contains(&line.stream))
            && line.stream.starts_with(&self.stream_prefix)
            && line.time_ms >= self.from_ms
            && self
                .terms
                .iter()
                .all(|term| line.message.contains(term.as_str()))
    }
}

fn line_key(group: &str, time_ms: u64, sequence: u64) -> String {
    format!("{group}\n{time_ms:015}-{sequence:012}")
}
