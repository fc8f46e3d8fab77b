//! `AWS::Events::Rule`, `AWS::Logs::LogGroup`, `AWS::SQS::Queue`, `AWS::SQS::QueuePolicy`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    Context, Made, Properties, Refusal, Tag, attributes, exists, flag, missing, number, read,
    refuse,
};
use crate::events::{BatchTarget, InputTransformer, Pattern, Rule, Target};
use crate::logs::{self, Group};
use crate::queue::{self, Queue, Redrive};
use crate::store::{Table, Transaction};
use crate::{clock, random};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RuleProperties {
    name: Option<String>,
    description: Option<String>,
    event_pattern: Value,
    event_bus_name: Option<String>,
    state: Option<String>,
    #[serde(default)]
    targets: Vec<TargetProperties>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TargetProperties {
    id: String,
    arn: String,
    input: Option<String>,
    input_path: Option<String>,
    input_transformer: Option<TransformerProperties>,
    role_arn: Option<String>,
    batch_parameters: Option<BatchProperties>,
    dead_letter_config: Option<DeadLetterConfig>,
    // A delivery here works at once or never, so nothing is ever retried.
    #[serde(rename = "RetryPolicy")]
    _retry_policy: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TransformerProperties {
    #[serde(default)]
    input_paths_map: BTreeMap<String, String>,
    input_template: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct BatchProperties {
    job_definition: String,
    job_name: String,
    array_properties: Option<ArrayProperties>,
    retry_strategy: Option<RetryStrategy>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ArrayProperties {
    #[serde(default, deserialize_with = "number")]
    size: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RetryStrategy {
    #[serde(default, deserialize_with = "number")]
    attempts: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeadLetterConfig {
    pub(super) arn: Option<String>,
}

impl RuleProperties {
    fn check(&self) -> Result<(), Refusal> {
        Pattern::parse(&self.event_pattern).map_err(|error| refuse(error.to_string()))?;
        let bus = self.event_bus_name.as_deref().map(queue::name_of);
        if bus.is_some_and(|bus| bus != "default") {
            return Err(refuse(
                "the local cloud has no event bus but the default one",
            ));
        }
        if self.targets.len() > 5 {
            return Err(refuse("a rule has at most 5 targets"));
        }
        Ok(())
    }
}

impl TargetProperties {
    fn into_target(self) -> Result<Target, Refusal> {
        let services = [":lambda:", ":sqs:", ":batch:"];
        if !services.iter().any(|service| self.arn.contains(service)) {
            let reason = format!("the local cloud cannot deliver events to {}", self.arn);
            return Err(refuse(reason));
        }
        let is_batch = self.arn.contains(":batch:");
        if is_batch && (self.role_arn.is_none() || self.batch_parameters.is_none()) {
            return Err(refuse(format!(
                "the target {} is a job queue and needs RoleArn and BatchParameters",
                self.id
            )));
        }
        Ok(Target {
            id: self.id,
            arn: self.arn,
            input: self.input,
            input_path: self.input_path,
            transformer: self.input_transformer.map(|transformer| InputTransformer {
                paths: transformer.input_paths_map,
                template: transformer.input_template,
            }),
            role_arn: self.role_arn,
            batch: self.batch_parameters.map(BatchProperties::into_target),
            dead_letter: self.dead_letter_config.and_then(|config| config.arn),
        })
    }
}

impl BatchProperties {
    fn into_target(self) -> BatchTarget {
        BatchTarget {
            job_definition: self.job_definition,
            job_name: self.job_name,
            array_size: self.array_properties.and_then(|array| array.size),
            attempts: self.retry_strategy.and_then(|retry| retry.attempts),
        }
    }
}

pub(super) fn put_rule(
    transaction: &mut Transaction<'_>,
    context: &Context,
    existing: Option<&str>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: RuleProperties = read(properties)?;
    read.check()?;
    let targets = read
        .targets
        .into_iter()
        .map(TargetProperties::into_target)
        .collect::<Result<Vec<_>, _>>()?;
    let name = existing
        .map(str::to_owned)
        .or(read.name)
        .unwrap_or_else(|| context.name(64));
    if existing.is_none() && transaction.contains(Table::Rules, &name)? {
        return Err(exists("AWS::Events::Rule", &name));
    }
    let rule = Rule {
        arn: context.arn("events", &format!("rule/{name}")),
        name: name.clone(),
        description: read.description.unwrap_or_default(),
        pattern: read.event_pattern,
        is_enabled: read.state.as_deref() != Some("DISABLED"),
        targets,
    };
    transaction.put(Table::Rules, &name, &rule)?;
    let attributes = attributes(&[("Arn", &rule.arn)]);
    Ok(Made::new(name, attributes))
}

pub(super) fn delete_rule(transaction: &mut Transaction<'_>, name: &str) -> Result<(), Refusal> {
    transaction.delete(Table::Rules, name);
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LogGroupProperties {
    log_group_name: Option<String>,
    #[serde(default, deserialize_with = "number")]
    retention_in_days: Option<u64>,
    #[serde(rename = "LogGroupClass")]
    _log_group_class: Option<String>,
    kms_key_id: Option<String>,
    #[serde(default, rename = "Tags")]
    _tags: Vec<Tag>,
}

pub(super) fn create_log_group(
    transaction: &mut Transaction<'_>,
    context: &Context,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: LogGroupProperties = read(properties)?;
    let name = read.log_group_name.unwrap_or_else(|| context.name(512));
    if transaction.contains(Table::LogGroups, &name)? {
        return Err(exists("AWS::Logs::LogGroup", &name));
    }
    let arn = context.arn("logs", &format!("log-group:{name}"));
    let group = Group {
        name: name.clone(),
        arn: arn.clone(),
        created_ms: clock::now_ms(),
        retention_days: read.retention_in_days,
        kms_key: read.kms_key_id,
        lines: 0,
    };
    transaction.put(Table::LogGroups, &name, &group)?;
    let attributes = attributes(&[("Arn", &format!("{arn}:*"))]);
    Ok(Made::new(name, attributes))
}

pub(super) fn update_log_group(
    transaction: &mut Transaction<'_>,
    name: &str,
    properties: &Properties,
) -> Result<(), Refusal> {
    let read: LogGroupProperties = read(properties)?;
    let group = transaction.get::<Group>(Table::LogGroups, name)?;
    let mut group = group.ok_or_else(|| missing("AWS::Logs::LogGroup", name))?;
    group.retention_days = read.retention_in_days;
    group.kms_key = read.kms_key_id;
    Ok(transaction.put(Table::LogGroups, name, &group)?)
}

pub(super) fn delete_log_group(
    transaction: &mut Transaction<'_>,
    name: &str,
) -> Result<(), Refusal> {
    Ok(logs::delete_group(transaction, name)?)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct QueueProperties {
    queue_name: Option<String>,
    #[serde(default, deserialize_with = "number")]
    message_retention_period: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    visibility_timeout: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    delay_seconds: Option<u64>,
    redrive_policy: Option<RedrivePolicy>,
    #[serde(rename = "RedriveAllowPolicy")]
    _redrive_allow_policy: Option<Value>,
    #[serde(
        default,
        rename = "ReceiveMessageWaitTimeSeconds",
        deserialize_with = "number"
    )]
    _receive_message_wait_time_seconds: Option<u64>,
    #[serde(default, rename = "SqsManagedSseEnabled", deserialize_with = "flag")]
    _sqs_managed_sse_enabled: bool,
    kms_master_key_id: Option<String>,
    #[serde(default, rename = "Tags")]
    _tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    #[serde(deserialize_with = "number")]
    max_receive_count: Option<u64>,
}

impl QueueProperties {
    /// Checks what is given, and makes a queue what it says.
    fn apply(self, transaction: &Transaction<'_>, queue: &mut Queue) -> Result<(), Refusal> {
        let redrive = self.redrive_policy.map(|policy| Redrive {
            dead_letter: policy.dead_letter_target_arn,
            receives_max: policy.max_receive_count.unwrap_or(10),
        });
        if let Some(redrive) = &redrive {
            let name = queue::name_of(&redrive.dead_letter);
            if !transaction.contains(Table::Queues, name)? {
                return Err(missing("AWS::SQS::Queue", name));
            }
        }
        let visibility_timeout_s = self.visibility_timeout;
        queue.visibility_timeout_s = visibility_timeout_s.unwrap_or(queue::VISIBILITY_TIMEOUT_S);
        queue.retention_s = self.message_retention_period.unwrap_or(queue::RETENTION_S);
        queue.delay_s = self.delay_seconds.unwrap_or(0);
        queue.redrive = redrive;
        queue.kms_key = self.kms_master_key_id;
        Ok(())
    }
}

pub(super) fn create_queue(
    transaction: &mut Transaction<'_>,
    context: &Context,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: QueueProperties = read(properties)?;
    let name = read.queue_name.clone().unwrap_or_else(|| context.name(80));
    if transaction.contains(Table::Queues, &name)? {
        return Err(exists("AWS::SQS::Queue", &name));
    }
    let arn = context.arn("sqs", &name);
    let mut queue = Queue {
        name: name.clone(),
        arn: arn.clone(),
        visibility_timeout_s: queue::VISIBILITY_TIMEOUT_S,
        retention_s: queue::RETENTION_S,
        created_ms: clock::now_ms(),
        policies: BTreeMap::new(),
        redrive: None,
        delay_s: 0,
        kms_key: None,
    };
    read.apply(transaction, &mut queue)?;
    transaction.put(Table::Queues, &name, &queue)?;
    let url = queue_url(context, &name);
    let attributes = attributes(&[("Arn", &arn), ("QueueName", &name), ("QueueUrl", &url)]);
    Ok(Made::new(url, attributes))
}

fn queue_url(context: &Context, name: &str) -> String {
    format!("{}/{}/{name}", context.endpoint, context.account)
}

pub(super) fn update_queue(
    transaction: &mut Transaction<'_>,
    url: &str,
    properties: &Properties,
) -> Result<(), Refusal> {
    let read: QueueProperties = read(properties)?;
    let mut queue = find_queue(transaction, url)?;
    read.apply(transaction, &mut queue)?;
    Ok(transaction.put(Table::Queues, &queue.name, &queue)?)
}

pub(super) fn delete_queue(transaction: &mut Transaction<'_>, url: &str) -> Result<(), Refusal> {
    let name = queue::name_of(url);
    for (key, _) in
        transaction.list::<serde::de::IgnoredAny>(Table::Messages, &format!("{name}/"))?
    {
        transaction.delete(Table::Messages, &key);
    }
    transaction.delete(Table::Queues, name);
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct QueuePolicyProperties {
    queues: Vec<String>,
    policy_document: Value,
}

pub(super) fn put_queue_policy(
    transaction: &mut Transaction<'_>,
    context: &Context,
    existing: Option<&str>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: QueuePolicyProperties = read(properties)?;
    let id = existing.map_or_else(
        || format!("{}-{}", context.name(60), random::hex(4)),
        str::to_owned,
    );
    for url in &read.queues {
        let mut queue = find_queue(transaction, url)?;
        queue
            .policies
            .insert(id.clone(), read.policy_document.clone());
        transaction.put(Table::Queues, &queue.name, &queue)?;
    }
    let attributes = attributes(&[("Id", &id)]);
    Ok(Made::new(id, attributes))
}

pub(super) fn delete_queue_policy(
    transaction: &mut Transaction<'_>,
    id: &str,
    properties: &Properties,
) -> Result<(), Refusal> {
    let read: QueuePolicyProperties = read(properties)?;
    for url in &read.queues {
        if let Ok(mut queue) = find_queue(transaction, url) {
            queue.policies.remove(id);
            transaction.put(Table::Queues, &queue.name, &queue)?;
        }
    }
    Ok(())
}

fn find_queue(transaction: &Transaction<'_>, url: &str) -> Result<Queue, Refusal> {
    let name = queue::name_of(url);
    transaction
        .get(Table::Queues, name)?
        .ok_or_else(|| missing("AWS::SQS::Queue", name))
}
