//! `AWS::Batch::ComputeEnvironment`, `JobQueue`, `JobDefinition`; `AWS::ECR::Repository`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Context, Made, Properties, Refusal, Tag, attributes, exists, flag, missing, read, refuse,
};
use crate::batch::{self, ComputeEnvironment, JobDefinition, JobQueue};
use crate::clock;
use crate::events::lower_names;
use crate::registry::{self, Repository};
use crate::store::{Table, Transaction};

/// The properties as the API of Batch has them.
fn api_properties(properties: &Properties, left_out: &[&str]) -> Value {
    let kept = properties
        .iter()
        .filter(|(name, _)| !left_out.contains(&name.as_str()));
    let kept: serde_json::Map<String, Value> = kept
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    numbers_as_texts(lower_names(&Value::Object(kept), false))
}

/// Amounts of resources are texts in the API, and templates may have numbers.
fn numbers_as_texts(mut value: Value) -> Value {
    visit(&mut value);
    value
}

fn visit(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_amount = fields.contains_key("type") && fields.contains_key("value");
            if is_amount && let Some(amount) = fields.get_mut("value").filter(|one| one.is_number())
            {
                *amount = amount.to_string().into();
            }
            fields.values_mut().for_each(visit);
        }
        Value::Array(items) => items.iter_mut().for_each(visit),
        Value::String(text) if text == "true" || text == "false" => {
            *value = (text == "true").into()
        }
        _ => {}
    }
}

fn name_of(context: &Context, properties: &Properties, property: &str) -> String {
    let given = properties.get(property).and_then(Value::as_str);
    given.map_or_else(|| context.name(128), str::to_owned)
}

/// Last part of an ARN.
fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

pub(super) fn put_environment(
    transaction: &mut Transaction<'_>,
    context: &Context,
    existing: Option<&str>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let kind = properties
        .get("Type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !["MANAGED", "UNMANAGED"].contains(&kind.to_ascii_uppercase().as_str()) {
        return Err(refuse(format!("no type {kind:?} of compute environments")));
    }
    let name = match existing {
        Some(arn) => last(arn).to_owned(),
        None => name_of(context, properties, "ComputeEnvironmentName"),
    };
    if existing.is_none() && transaction.contains(Table::ComputeEnvironments, &name)? {
        return Err(exists("AWS::Batch::ComputeEnvironment", &name));
    }
    let environment = ComputeEnvironment {
        arn: context.arn("batch", &format!("compute-environment/{name}")),
        properties: api_properties(properties, &["ComputeEnvironmentName"]),
        name,
    };
    transaction.put(Table::ComputeEnvironments, &environment.name, &environment)?;
    let attributes = attributes(&[("ComputeEnvironmentArn", &environment.arn)]);
    Ok(Made::new(environment.arn, attributes))
}

pub(super) fn put_queue(
    transaction: &mut Transaction<'_>,
    context: &Context,
    existing: Option<&str>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let api = api_properties(properties, &["JobQueueName"]);
    let order = api.get("computeEnvironmentOrder").and_then(Value::as_array);
    let order = order.filter(|order| !order.is_empty());
    for one in order.ok_or_else(|| refuse("a job queue needs a compute environment"))? {
        let named = last(one["computeEnvironment"].as_str().unwrap_or_default());
        if !transaction.contains(Table::ComputeEnvironments, named)? {
            return Err(missing("AWS::Batch::ComputeEnvironment", named));
        }
    }
    let name = match existing {
        Some(arn) => last(arn).to_owned(),
        None => name_of(context, properties, "JobQueueName"),
    };
    if existing.is_none() && transaction.contains(Table::JobQueues, &name)? {
        return Err(exists("AWS::Batch::JobQueue", &name));
    }
    let queue = JobQueue {
        arn: context.arn("batch", &format!("job-queue/{name}")),
        properties: api,
        name,
    };
    transaction.put(Table::JobQueues, &queue.name, &queue)?;
    let attributes = attributes(&[("JobQueueArn", &queue.arn)]);
    Ok(Made::new(queue.arn, attributes))
}

/// Registers a revision. The one before it is deregistered, unless the template says otherwise.
pub(super) fn put_definition(
    transaction: &mut Transaction<'_>,
    context: &Context,
    existing: Option<&str>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let left_out = ["JobDefinitionName", "Tags", "ResourceRetentionPolicy"];
    let api = api_properties(properties, &left_out);
    batch::check_definition(&api).map_err(refuse)?;
    let name = match existing {
        Some(arn) => last(arn).split(':').next().unwrap_or_default().to_owned(),
        None => name_of(context, properties, "JobDefinitionName"),
    };
    let tags: BTreeMap<String, String> = match properties.get("Tags") {
        Some(tags) => serde_json::from_value(tags.clone())
            .map_err(|error| refuse(format!("Properties validation failed: {error}")))?,
        None => BTreeMap::new(),
    };
    let skips = properties.get("ResourceRetentionPolicy");
    let skips = skips.and_then(|policy| policy.get("SkipDeregisterOnUpdate"));
    let skips = skips.is_some_and(|value| *value == json!(true) || *value == json!("true"));
    if let Some(arn) = existing.filter(|_| !skips) {
        batch::deregister(transaction, arn)?;
    }
    let made = batch::register(transaction, &name, &context.arn("batch", ""), api, tags)?;
    let attributes = attributes(&[("JobDefinitionArn", &made.arn)]);
    Ok(Made::new(made.arn, attributes))
}

/// Makes a definition usable again after an update was undone.
pub(super) fn revive_definition(
    transaction: &mut Transaction<'_>,
    arn: &str,
) -> Result<(), Refusal> {
    let Some((name, revision)) = last(arn).rsplit_once(':') else {
        return Ok(());
    };
    let key = JobDefinition::key(name, revision.parse().unwrap_or(0));
    if let Some(mut definition) = transaction.get::<JobDefinition>(Table::JobDefinitions, &key)? {
        definition.is_active = true;
        transaction.put(Table::JobDefinitions, &key, &definition)?;
    }
    Ok(())
}

pub(super) fn delete_environment(
    transaction: &mut Transaction<'_>,
    arn: &str,
) -> Result<(), Refusal> {
    let queues = transaction.list::<JobQueue>(Table::JobQueues, "")?;
    let uses = |queue: &JobQueue| {
        let order = queue.properties["computeEnvironmentOrder"].as_array();
        order
            .into_iter()
            .flatten()
            .any(|one| one["computeEnvironment"] == arn)
    };
    if queues.iter().any(|(_, queue)| uses(queue)) {
        return Err(refuse(
            "Cannot delete, found existing JobQueue relationship",
        ));
    }
    transaction.delete(Table::ComputeEnvironments, last(arn));
    Ok(())
}

pub(super) fn delete_queue(transaction: &mut Transaction<'_>, arn: &str) -> Result<(), Refusal> {
    transaction.delete(Table::JobQueues, last(arn));
    Ok(())
}

pub(super) fn delete_definition(
    transaction: &mut Transaction<'_>,
    arn: &str,
) -> Result<(), Refusal> {
    Ok(batch::deregister(transaction, arn)?)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RepositoryProperties {
    repository_name: Option<String>,
    image_tag_mutability: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    empty_on_delete: bool,
    #[serde(rename = "EncryptionConfiguration")]
    _encryption_configuration: Option<Value>,
    #[serde(rename = "ImageScanningConfiguration")]
    _image_scanning_configuration: Option<Value>,
    lifecycle_policy: Option<Value>,
    repository_policy_text: Option<Value>,
    #[serde(default, rename = "Tags")]
    _tags: Vec<Tag>,
}

pub(super) fn put_repository(
    transaction: &mut Transaction<'_>,
    context: &Context,
    existing: Option<&str>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: RepositoryProperties = read(properties)?;
    let before = match existing {
        Some(name) => transaction.get::<Repository>(Table::Repositories, name)?,
        None => None,
    };
    let given = existing.map(str::to_owned).or(read.repository_name);
    let name = given.unwrap_or_else(|| context.name(200).to_lowercase());
    if existing.is_none() && transaction.contains(Table::Repositories, &name)? {
        return Err(exists("AWS::ECR::Repository", &name));
    }
    let repository = Repository {
        arn: context.arn("ecr", &format!("repository/{name}")),
        created_ms: before.map_or_else(clock::now_ms, |before| before.created_ms),
        is_immutable: read.image_tag_mutability.as_deref() == Some("IMMUTABLE"),
        properties: json!({
            "LifecyclePolicy": read.lifecycle_policy,
            "RepositoryPolicyText": read.repository_policy_text,
            "EmptyOnDelete": read.empty_on_delete,
        }),
        name: name.clone(),
    };
    transaction.put(Table::Repositories, &name, &repository)?;
    let (account, region) = (&context.account, &context.region);
    let uri = format!("{account}.dkr.ecr.{region}.amazonaws.com/{name}");
    let attributes = attributes(&[("Arn", &repository.arn), ("RepositoryUri", &uri)]);
    Ok(Made::new(name, attributes))
}

pub(super) fn delete_repository(
    transaction: &mut Transaction<'_>,
    name: &str,
) -> Result<(), Refusal> {
    let repository = transaction.get::<Repository>(Table::Repositories, name)?;
    let force = repository.is_some_and(|one| one.properties["EmptyOnDelete"] == true);
    match registry::delete(transaction, name, force)? {
        true => Ok(()),
        false => Err(refuse(format!(
            "The repository with name '{name}' cannot be deleted because it still contains images"
        ))),
    }
}
