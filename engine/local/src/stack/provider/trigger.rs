//! `AWS::Lambda::EventSourceMapping`, `AWS::Lambda::Url`, `AWS::Scheduler::Schedule`.

use serde::Deserialize;
use serde_json::Value;

use super::function::find;
use super::messaging::DeadLetterConfig;
use super::{
    Context, Made, Properties, Refusal, Tag, attributes, exists, flag, missing, number, read,
    refuse,
};
use crate::iam::{self, Role};
use crate::lambda::{Function, FunctionUrl};
use crate::mapping::Mapping;
use crate::queue::{self, Queue};
use crate::schedule::{self, Expression, Schedule};
use crate::server::URL_PREFIX;
use crate::store::{Table, Transaction};
use crate::{clock, random};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MappingProperties {
    function_name: String,
    event_source_arn: String,
    #[serde(default, deserialize_with = "number")]
    batch_size: Option<u64>,
    #[serde(default = "yes", deserialize_with = "flag")]
    enabled: bool,
    scaling_config: Option<ScalingConfig>,
    #[serde(default)]
    function_response_types: Vec<String>,
    #[serde(
        default,
        rename = "MaximumBatchingWindowInSeconds",
        deserialize_with = "number"
    )]
    _maximum_batching_window_in_seconds: Option<u64>,
    #[serde(default, rename = "Tags")]
    _tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScalingConfig {
    #[serde(default, deserialize_with = "number")]
    maximum_concurrency: Option<u64>,
}

fn yes() -> bool {
    true
}

pub(super) fn put_mapping(
    transaction: &mut Transaction<'_>,
    context: &Context,
    existing: Option<&str>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: MappingProperties = read(properties)?;
    let function = find(transaction, &read.function_name)?;
    let name = queue::name_of(&read.event_source_arn);
    let queue = transaction.get::<Queue>(Table::Queues, name)?;
    let queue = queue.ok_or_else(|| missing("AWS::SQS::Queue", name))?;
    check_mapping(transaction, &read, &function, &queue)?;
    let id = existing.map_or_else(random::uuid, str::to_owned);
    let mapping = Mapping {
        id: id.clone(),
        source: queue.arn,
        function: function.name,
        batch_size: usize::try_from(read.batch_size.unwrap_or(10)).unwrap_or(10),
        concurrency: read
            .scaling_config
            .and_then(|scaling| scaling.maximum_concurrency),
        reports_failures: !read.function_response_types.is_empty(),
        is_enabled: read.enabled,
        modified_ms: clock::now_ms(),
    };
    transaction.put(Table::Mappings, &id, &mapping)?;
    let arn = context.arn("lambda", &format!("event-source-mapping:{id}"));
    let attributes = attributes(&[("Id", &id), ("EventSourceMappingArn", &arn)]);
    Ok(Made::new(id, attributes))
}

fn check_mapping(
    transaction: &Transaction<'_>,
    read: &MappingProperties,
    function: &Function,
    queue: &Queue,
) -> Result<(), Refusal> {
    if queue.visibility_timeout_s < function.timeout_s {
        return Err(refuse(format!(
            "Invalid request provided: Queue visibility timeout: {} seconds is less than Function \
             timeout: {} seconds",
            queue.visibility_timeout_s, function.timeout_s
        )));
    }
    let concurrency = read
        .scaling_config
        .as_ref()
        .and_then(|one| one.maximum_concurrency);
    if concurrency.is_some_and(|limit| !(2..=1000).contains(&limit)) {
        return Err(refuse("MaximumConcurrency must be between 2 and 1000"));
    }
    if read
        .batch_size
        .is_some_and(|size| !(1..=10_000).contains(&size))
    {
        return Err(refuse("BatchSize must be between 1 and 10000"));
    }
    let role = transaction.get::<Role>(Table::Roles, function.role())?;
    for action in ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"] {
        let action = format!("sqs:{action}");
        if !role
            .as_ref()
            .is_some_and(|role| iam::role_allows(role, &action, &queue.arn))
        {
            return Err(refuse(format!(
                "The function execution role does not have permissions to call {action} on SQS"
            )));
        }
    }
    Ok(())
}

pub(super) fn delete_mapping(transaction: &mut Transaction<'_>, id: &str) -> Result<(), Refusal> {
    transaction.delete(Table::Mappings, id);
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UrlProperties {
    auth_type: String,
    target_function_arn: String,
    invoke_mode: Option<String>,
    #[serde(rename = "Qualifier")]
    _qualifier: Option<String>,
    #[serde(rename = "Cors")]
    _cors: Option<Value>,
}

pub(super) fn put_url(
    transaction: &mut Transaction<'_>,
    context: &Context,
    properties: &Properties,
    is_new: bool,
) -> Result<Made, Refusal> {
    let read: UrlProperties = read(properties)?;
    if read
        .invoke_mode
        .as_deref()
        .is_some_and(|mode| mode != "BUFFERED")
    {
        return Err(refuse("the local cloud has no response streaming"));
    }
    let needs_signature = match read.auth_type.as_str() {
        "AWS_IAM" => true,
        "NONE" => false,
        other => return Err(refuse(format!("no AuthType {other}"))),
    };
    let mut function = find(transaction, &read.target_function_arn)?;
    if is_new && function.url.is_some() {
        return Err(exists("AWS::Lambda::Url", &function.arn));
    }
    let before = function.url.take();
    let url = FunctionUrl {
        id: before
            .as_ref()
            .map_or_else(|| random::hex(16), |url| url.id.clone()),
        needs_signature,
        created_ms: before.map_or_else(clock::now_ms, |url| url.created_ms),
    };
    let address = format!("{}{URL_PREFIX}{}/", context.endpoint, url.id);
    function.url = Some(url);
    transaction.put(Table::Functions, &function.name, &function)?;
    let attributes = attributes(&[("FunctionUrl", &address), ("FunctionArn", &function.arn)]);
    Ok(Made::new(function.arn, attributes))
}

pub(super) fn delete_url(transaction: &mut Transaction<'_>, arn: &str) -> Result<(), Refusal> {
    if let Ok(mut function) = find(transaction, arn) {
        function.url = None;
        transaction.put(Table::Functions, &function.name, &function)?;
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScheduleProperties {
    name: Option<String>,
    group_name: Option<String>,
    description: Option<String>,
    schedule_expression: String,
    schedule_expression_timezone: Option<String>,
    // A window of time is for many schedules that should not fire at once.
    #[serde(rename = "FlexibleTimeWindow")]
    _flexible_time_window: Value,
    state: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
    target: ScheduleTarget,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScheduleTarget {
    arn: String,
    role_arn: String,
    input: Option<String>,
    dead_letter_config: Option<DeadLetterConfig>,
    // A delivery here works at once or never, so nothing is ever retried.
    #[serde(rename = "RetryPolicy")]
    _retry_policy: Option<Value>,
}

pub(super) fn put_schedule(
    transaction: &mut Transaction<'_>,
    context: &Context,
    existing: Option<&str>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: ScheduleProperties = read(properties)?;
    let group = read.group_name.unwrap_or_else(|| "default".to_owned());
    let given = existing.map(str::to_owned).or(read.name);
    let name = given.unwrap_or_else(|| context.name(64));
    let key = schedule::key(&group, &name);
    let before = transaction.get::<Schedule>(Table::Schedules, &key)?;
    if existing.is_none() && before.is_some() {
        return Err(exists("AWS::Scheduler::Schedule", &name));
    }
    let known = [":lambda:", ":sqs:", ":aws-sdk:batch:submitJob"];
    if !known.iter().any(|target| read.target.arn.contains(target)) {
        return Err(refuse(format!(
            "the local cloud cannot call {}",
            read.target.arn
        )));
    }
    let zone = read
        .schedule_expression_timezone
        .unwrap_or_else(|| "UTC".to_owned());
    let expression = Expression::parse(&read.schedule_expression, &zone);
    let now_ms = clock::now_ms();
    let mut schedule = Schedule {
        arn: context.arn("scheduler", &format!("schedule/{key}")),
        group,
        name: name.clone(),
        description: read.description.unwrap_or_default(),
        expression: expression.map_err(|error| refuse(error.to_string()))?,
        is_enabled: read.state.as_deref() != Some("DISABLED"),
        start_ms: read.start_date.as_deref().map(time_of).transpose()?,
        end_ms: read.end_date.as_deref().map(time_of).transpose()?,
        created_ms: before.map_or(now_ms, |before| before.created_ms),
        next_ms: None,
        target: read.target.arn,
        role_arn: read.target.role_arn,
        input: read.target.input,
        dead_letter: read.target.dead_letter_config.and_then(|config| config.arn),
    };
    schedule.plan(now_ms);
    transaction.put(Table::Schedules, &key, &schedule)?;
    let attributes = attributes(&[("Arn", &schedule.arn)]);
    Ok(Made::new(name, attributes))
}

fn time_of(text: &str) -> Result<u64, Refusal> {
    let time: Result<jiff::Timestamp, _> = text.parse();
    let time_ms = time
        .ok()
        .and_then(|time| u64::try_from(time.as_millisecond()).ok());
    time_ms.ok_or_else(|| refuse(format!("{text} is not a time such as 2026-12-24T18:00:00Z")))
}

pub(super) fn delete_schedule(
    transaction: &mut Transaction<'_>,
    name: &str,
    properties: &Properties,
) -> Result<(), Refusal> {
    let group = properties
        .get("GroupName")
        .and_then(Value::as_str)
        .unwrap_or("default");
    transaction.delete(Table::Schedules, &schedule::key(group, name));
    Ok(())
}
