//! CloudWatch Logs: reading what functions wrote.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::json::{answer, input, operation, unknown_operation};
use super::{Fault, authorize};
use crate::auth::Identity;
use crate::logs::{self, Group, Line, Query, Stream};
use crate::services::Services;
use crate::store::Table;

/// Most lines of one answer, the limit that CloudWatch Logs has.
const PAGE_LIMIT: usize = 10_000;

/// Answers one request.
pub(super) async fn handle(
    services: Arc<Services>,
    request: &Request<Bytes>,
    identity: &Identity,
) -> Result<Response<Bytes>, Fault> {
    let (name, input) = (operation(request)?, input::<Input>(request.body())?);
    authorize(&services, identity, &format!("logs:{name}"), "*")?;
    match name {
        "DescribeLogGroups" => describe_groups(&services, &input),
        "DescribeLogStreams" => describe_streams(&services, &input),
        "GetLogEvents" => get_events(&services, &input),
        "FilterLogEvents" => filter_events(&services, input),
        "PutLogEvents" => put_events(&services, input).await,
        "PutRetentionPolicy" | "DeleteRetentionPolicy" => retain(&services, &input).await,
        "CreateLogStream" => answer(&group(&services, &input).map(|_| json!({}))?),
        other => unknown_operation(other),
    }
}

/// The inputs of all operations.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Input {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    log_stream_name: Option<String>,
    log_stream_names: Vec<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: bool,
    start_time: Option<u64>,
    end_time: Option<u64>,
    start_from_head: bool,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
    log_events: Vec<NewLine>,
    retention_in_days: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct NewLine {
    timestamp: u64,
    message: String,
}

async fn retain(services: &Services, input: &Input) -> Result<Response<Bytes>, Fault> {
    let mut group = group(services, input)?;
    group.retention_days = input.retention_in_days;
    services
        .store
        .put(Table::LogGroups, &group.name, &group)
        .await?;
    answer(&json!({}))
}

fn describe_groups(services: &Services, input: &Input) -> Result<Response<Bytes>, Fault> {
    let prefix = input.log_group_name_prefix.as_deref().unwrap_or_default();
    let wanted = input.log_group_name_pattern.as_deref().unwrap_or_default();
    let limit = input.limit.unwrap_or(50).clamp(1, 50);
    let mut groups: Vec<Group> = services
        .store
        .list::<Group>(Table::LogGroups, prefix)?
        .into_iter()
        .map(|(_, group)| group)
        .collect();
    let from = input.next_token.as_deref().unwrap_or_default();
    groups.retain(|group| group.name.contains(wanted) && group.name.as_str() >= from);
    let next = groups.get(limit).map(|group| group.name.clone());
    groups.truncate(limit);
    answer(&with_token(
        json!({ "logGroups": groups.iter().map(shown_group).collect::<Vec<_>>() }),
        "nextToken",
        next,
    ))
}

fn shown_group(group: &Group) -> Value {
    let mut shown = json!({
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": 0,
        "arn": format!("{}:*", group.arn),
        "logGroupArn": group.arn,
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
    });
    if let Some(days) = group.retention_days {
        shown["retentionInDays"] = days.into();
    }
    if let Some(key) = &group.kms_key {
        shown["kmsKeyId"] = key.clone().into();
    }
    shown
}

fn describe_streams(services: &Services, input: &Input) -> Result<Response<Bytes>, Fault> {
    let group = group(services, input)?;
    let prefix = format!(
        "{}\n{}",
        group.name,
        input.log_stream_name_prefix.as_deref().unwrap_or_default()
    );
    let mut streams: Vec<Stream> = services
        .store
        .list::<Stream>(Table::LogStreams, &prefix)?
        .into_iter()
        .map(|(_, stream)| stream)
        .collect();
    if input.order_by.as_deref() == Some("LastEventTime") {
        streams.sort_by(|a, b| (a.last_ms, &a.name).cmp(&(b.last_ms, &b.name)));
    }
    if input.descending {
        streams.reverse();
    }
    let skip = input
        .next_token
        .as_deref()
        .and_then(|token| token.parse::<usize>().ok())
        .unwrap_or(0);
    let limit = input.limit.unwrap_or(50).clamp(1, 50);
    let next = (streams.len() > skip + limit).then(|| (skip + limit).to_string());
    let shown: Vec<Value> = streams
        .iter()
        .skip(skip)
        .take(limit)
        .map(|stream| shown_stream(&group, stream))
        .collect();
    answer(&with_token(
        json!({ "logStreams": shown }),
        "nextToken",
        next,
    ))
}

fn shown_stream(group: &Group, stream: &Stream) -> Value {
    json!({
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "firstEventTimestamp": stream.created_ms,
        "lastEventTimestamp": stream.last_ms,
        "lastIngestionTime": stream.last_ms,
        "arn": format!("{}:log-stream:{}", group.arn, stream.name),
        "storedBytes": 0,
    })
}

/// Pages are always read from the head; the backward token starts over.
fn get_events(services: &Services, input: &Input) -> Result<Response<Bytes>, Fault> {
    let group = group(services, input)?;
    let stream = input.log_stream_name.clone().unwrap_or_default();
    if services
        .store
        .get::<Stream>(Table::LogStreams, &format!("{}\n{stream}", group.name))?
        .is_none()
    {
        return Err(missing("The specified log stream does not exist."));
    }
    let limit = input.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT);
    let from_head = input.start_from_head || input.next_token.is_some();
    let query = Query {
        streams: vec![stream],
        from_ms: input.start_time.unwrap_or(0),
        until_ms: input.end_time,
        start: position(&group, input.next_token.as_deref())?,
        limit: if from_head { limit } else { usize::MAX },
        ..Query::default()
    };
    let page = logs::read(&services.store, &group.name, &query)?;
    let skipped = if from_head {
        0
    } else {
        page.lines.len().saturating_sub(limit)
    };
    let lines = &page.lines[skipped..];
    let after = page
        .next
        .or_else(|| lines.last().map(|(key, _)| format!("{key}\0")))
        .or(query.start);
    let forward = after.map_or_else(|| "0".to_owned(), |key| token(&group, &key));
    answer(&json!({
        "events": lines.iter().map(|(_, line)| shown_line(line)).collect::<Vec<_>>(),
        "nextForwardToken": format!("f/{forward}"),
        "nextBackwardToken": "b/0",
    }))
}

fn filter_events(services: &Services, input: Input) -> Result<Response<Bytes>, Fault> {
    let group = group(services, &input)?;
    let query = Query {
        stream_prefix: input.log_stream_name_prefix.unwrap_or_default(),
        streams: input.log_stream_names,
        from_ms: input.start_time.unwrap_or(0),
        // CloudWatch Logs leaves out what is later than the end, GetLogEvents what is not before it.
        until_ms: input.end_time.map(|end| end.saturating_add(1)),
        terms: terms(input.filter_pattern.as_deref().unwrap_or_default()),
        start: position(&group, input.next_token.as_deref())?,
        limit: input.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT),
    };
    let page = logs::read(&services.store, &group.name, &query)?;
    let events: Vec<Value> = page
        .lines
        .iter()
        .map(|(key, line)| filtered_line(&group, key, line))
        .collect();
    let next = page.next.map(|key| token(&group, &key));
    answer(&with_token(
        json!({ "events": events, "searchedLogStreams": [] }),
        "nextToken",
        next,
    ))
}

async fn put_events(services: &Services, input: Input) -> Result<Response<Bytes>, Fault> {
    let group = group(services, &input)?;
    let stream = input.log_stream_name.unwrap_or_default();
    let line = |new: NewLine| Line {
        stream: stream.clone(),
        time_ms: new.timestamp,
        message: new.message,
    };
    let lines = input.log_events.into_iter().map(line).collect();
    logs::append(&services.store, &group.name, lines).await?;
    answer(&json!({ "nextSequenceToken": "0" }))
}

fn shown_line(line: &Line) -> Value {
    json!({ "timestamp": line.time_ms, "message": line.message, "ingestionTime": line.time_ms })
}

fn filtered_line(group: &Group, key: &str, line: &Line) -> Value {
    let mut shown = shown_line(line);
    shown["logStreamName"] = line.stream.clone().into();
    shown["eventId"] = token(group, key).into();
    shown
}

/// The terms of a filter pattern: words, or texts in double quotes; all of them must occur.
fn terms(pattern: &str) -> Vec<String> {
    let mut terms = Vec::new();
    for (index, part) in pattern.split('"').enumerate() {
        match index % 2 {
            0 => terms.extend(part.split_whitespace().map(str::to_owned)),
            _ => terms.push(part.to_owned()),
        }
    }
    terms
}

fn group(services: &Services, input: &Input) -> Result<Group, Fault> {
    let named = input
        .log_group_name
        .as_deref()
        .or(input.log_group_identifier.as_deref())
        .unwrap_or_default();
    let name = match named.split_once(":log-group:") {
        Some((_, name)) => name.trim_end_matches(":*"),
        None => named,
    };
    let found = services.store.get(Table::LogGroups, name)?;
    found.ok_or_else(|| missing("The specified log group does not exist."))
}

fn missing(message: &str) -> Fault {
    Fault::new("ResourceNotFoundException", message)
}

/// A token is the part of a key after the group's name.
fn token(group: &Group, key: &str) -> String {
    key[group.name.len() + 1..].to_owned()
}

fn position(group: &Group, token: Option<&str>) -> Result<Option<String>, Fault> {
    let Some(token) = token else { return Ok(None) };
    let token = token.trim_start_matches("f/").trim_start_matches("b/");
    if !token
        .chars()
        .all(|character| character.is_ascii_digit() || matches!(character, '-' | '\0'))
    {
        return Err(Fault::new(
            "InvalidParameterException",
            "The specified nextToken is invalid.",
        ));
    }
    Ok((token != "0").then(|| format!("{}\n{token}", group.name)))
}

fn with_token(mut output: Value, name: &str, token: Option<String>) -> Value {
    if let Some(token) = token {
        output[name] = token.into();
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_patterns() {
        assert_eq!(terms("ERROR \"two words\" x"), ["ERROR", "two words", "x"]);
        assert_eq!(terms(""), [""; 0]);
    }
}
