//! Log lines of a deployed workflow's stages.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use scar_template::name::log_group_id;
use scar_workflow::{Stage, Workflow};

use crate::call::failed;
use crate::{Cloud, Deployment, Error, stack};

/// How late an event may become readable, in milliseconds.
const LATE_MS: u64 = 30_000;
/// Lines of one request held back until one of them names the task.
const MAX_HELD: usize = 10_000;

/// Which lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Names of stages; empty is all.
    pub stages: Vec<String>,
    /// Only lines of tasks whose identity starts with this.
    pub task: Option<String>,
    /// Not before this time, milliseconds since the Unix epoch.
    pub since_ms: Option<u64>,
    /// Before this time, milliseconds since the Unix epoch.
    pub until_ms: Option<u64>,
    /// Go on with what comes, until the future is dropped.
    pub follow: bool,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Name of the stage.
    pub stage: String,
    /// Log stream: one per execution environment.
    pub stream: String,
    /// The line as it was logged, without its line end.
    pub message: String,
}

/// Gives matching lines in the order of time.
///
/// # Errors
/// [`Error::NotDeployed`], [`Error::Call`].
pub async fn logs(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    query: &Query,
    on_line: &mut dyn FnMut(Line),
) -> Result<(), Error> {
    let mut groups = groups(cloud, workflow, deployment, query).await?;
    let mut pauses = cloud.pauses();
    loop {
        let mut lines = Vec::new();
        for group in &mut groups {
            lines.extend(group.read(cloud, query).await?);
        }
        if !lines.is_empty() {
            pauses = cloud.pauses();
        }
        // Groups are asked one after the other; people read in the order of time.
        lines.sort_by_key(|line| line.time_ms);
        lines.into_iter().for_each(&mut *on_line);
        if !query.follow {
            return Ok(());
        }
        pauses.pause().await;
    }
}

/// The log groups of the wanted stages.
async fn groups(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    query: &Query,
) -> Result<Vec<Group>, Error> {
    let resources = stack::resources(cloud, &deployment.name).await?;
    let physical = |logical_id: String| {
        let found = resources
            .iter()
            .find(|one| one.logical_resource_id.as_deref() == Some(logical_id.as_str()));
        found.and_then(|one| one.physical_resource_id.clone())
    };
    let wanted = |stage: &&Stage| query.stages.is_empty() || query.stages.contains(&stage.name);
    let group = |stage: &Stage| {
        let name = physical(log_group_id(&stage.id))?;
        Some(Group::new(
            stage.name.clone(),
            group_name(&name),
            query.since_ms,
        ))
    };
    Ok(workflow
        .stages
        .iter()
        .filter(wanted)
        .filter_map(group)
        .collect())
}

/// Some clouds give the ARN where AWS gives the name.
fn group_name(physical: &str) -> String {
    let name = physical.split(":log-group:").nth(1).unwrap_or(physical);
    name.trim_end_matches(":*").to_owned()
}

/// A log group that is read on and on.
struct Group {
    stage: String,
    name: String,
    since_ms: Option<u64>,
    /// Events at or after `since_ms` that were given already.
    given: BTreeMap<String, u64>,
    /// By log stream.
    requests: BTreeMap<String, Request>,
}

impl Group {
    fn new(stage: String, name: String, since_ms: Option<u64>) -> Self {
        Self {
            stage,
            name,
            since_ms,
            given: BTreeMap::new(),
            requests: BTreeMap::new(),
        }
    }

    /// Lines that were not given yet.
    async fn read(&mut self, cloud: &Cloud, query: &Query) -> Result<Vec<Line>, Error> {
        let mut request = cloud.logs.filter_log_events().log_group_name(&self.name);
        request = request.set_start_time(self.since_ms.map(signed));
        // The end of a query is not part of it, the end of a call is.
        request = request.set_end_time(query.until_ms.map(|until| signed(until) - 1));
        let mut pages = request.into_paginator().send();
        let mut lines = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                // A group may be made with the first line.
                Err(error) if error.code() == Some("ResourceNotFoundException") => break,
                Err(error) => return Err(failed("FilterLogEvents", &self.name)(error)),
            };
            for event in page.events.unwrap_or_default() {
                lines.extend(self.take(event, query));
            }
        }
        self.forget();
        Ok(lines)
    }

    /// The lines that an event makes known: itself, or nothing, or also lines before it.
    fn take(&mut self, event: FilteredLogEvent, query: &Query) -> Vec<Line> {
        let time_ms = event
            .timestamp
            .and_then(|time| u64::try_from(time).ok())
            .unwrap_or_default();
        let stream = event.log_stream_name.unwrap_or_default();
        let message = event.message.unwrap_or_default();
        let id = event
            .event_id
            .unwrap_or_else(|| format!("{stream} {time_ms} {message}"));
        if self.given.insert(id, time_ms).is_some() {
            return Vec::new();
        }
        let message = message.trim_end_matches(['\n', '\r']).to_owned();
        let line = Line {
            time_ms,
            stage: self.stage.clone(),
            stream: stream.clone(),
            message,
        };
        match &query.task {
            None => vec![line],
            Some(task) => self.requests.entry(stream).or_default().take(line, task),
        }
    }

    /// Reads on from a little before the last event: events may arrive late, but not by much.
    fn forget(&mut self) {
        let Some(latest) = self.given.values().max().copied() else {
            return;
        };
        let since = latest
            .saturating_sub(LATE_MS)
            .max(self.since_ms.unwrap_or_default());
        self.since_ms = Some(since);
        self.given.retain(|_, time| *time >= since);
    }
}

/// The request that a log stream is at. A stream has one request after the other, and not every line of a
/// task names it: lines are held back until one does.
#[derive(Default)]
struct Request {
    is_wanted: bool,
    held: Vec<Line>,
}

impl Request {
    fn take(&mut self, line: Line, task: &str) -> Vec<Line> {
        if line.message.starts_with("START RequestId:")
            || line.message.contains("\"platform.start\"")
        {
            *self = Self::default();
        }
        self.is_wanted |= names_task(&line.message, task);
        if self.is_wanted {
            let mut lines = std::mem::take(&mut self.held);
            lines.push(line);
            return lines;
        }
        if self.held.len() < MAX_HELD {
            self.held.push(line);
        }
        Vec::new()
    }
}

/// Whether a line of the supervisor is about a task whose identity starts with `task`.
fn names_task(message: &str, task: &str) -> bool {
    let record: Option<serde_json::Value> = serde_json::from_str(message).ok();
    let named = record
        .as_ref()
        .and_then(|record| record.get("task")?.as_str());
    named.is_some_and(|named| named.starts_with(task))
}

fn signed(time_ms: u64) -> i64 {
    i64::try_from(time_ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str) -> Line {
        let (stage, stream) = ("s".to_owned(), "x".to_owned());
        Line {
            time_ms: 1,
            stage,
            stream,
            message: message.to_owned(),
        }
    }

    #[test]
    fn all_lines_of_a_request_belong_to_its_task() {
        let mut request = Request::default();
        let messages = [
            "START RequestId: 1",
            "{\"stream\":\"stdout\",\"line\":\"early\"}",
            "{\"level\":\"info\",\"task\":\"91c2ab\"}",
            "{\"stream\":\"stdout\",\"line\":\"late\"}",
            "START RequestId: 2",
            "{\"level\":\"info\",\"task\":\"7777\"}",
        ];
        let given: Vec<_> = messages
            .iter()
            .flat_map(|message| request.take(line(message), "91c2"))
            .collect();
        assert_eq!(given.len(), 4);
        assert_eq!(given[3].message, messages[3]);
    }

    #[test]
    fn group_names_from_arns() {
        let arn = "arn:aws:logs:us-east-1:000000000000:log-group:scar/x:*";
        assert_eq!(group_name(arn), "scar/x");
        assert_eq!(group_name("scar/x"), "scar/x");
    }
}
