//! The resource types: what each makes of its properties.
//!
//! A provider only reads and writes within the caller's transaction, so a resource and the stack's
//! record of it always change together. Properties are read strictly: what a provider does not know
//! fails the resource, because ignoring it would be a lie.

mod compute;
mod function;
mod gateway;
mod identity;
mod invocation;
mod layer;
mod messaging;
mod properties;
mod record;
mod refusal;
mod storage;
mod trigger;

use std::collections::BTreeMap;

use serde_json::Value;

use self::properties::{Tag, attributes, flag, number, read, tags};
pub(super) use self::refusal::Refusal;
use self::refusal::{exists, missing, refuse, unknown};
use super::{Resource, Stack};
use crate::lambda::{self, Package};
use crate::random;
use crate::s3::{self, ReadError};
use crate::services::Services;
use crate::store::Transaction;

/// Largest zip file of a function or layer in bytes, the limit that Lambda has for unpacked ones.
const PACKAGE_LIMIT: u64 = 262_144_000;

type Properties = BTreeMap<String, Value>;
type Attributes = BTreeMap<String, Value>;

/// What a provider has to know besides properties.
#[derive(Debug, Clone)]
pub(super) struct Context {
    /// Account of the cloud.
    pub(super) account: String,
    /// Region of the cloud.
    pub(super) region: String,
    /// Address of the cloud.
    pub(super) endpoint: String,
    /// Name of the stack.
    pub(super) stack_name: String,
    /// Name of the resource in the template.
    pub(super) logical_id: String,
    /// Whether a bucket that exists already may become the stack's.
    pub(super) imports: bool,
}

/// A resource that was made.
#[derive(Debug)]
pub(super) struct Made {
    /// What `Ref` gives.
    pub(super) physical_id: String,
    /// What `Fn::GetAtt` gives.
    pub(super) attributes: Attributes,
    /// Whether it was there before.
    pub(super) is_imported: bool,
}

impl Made {
    fn new(physical_id: impl Into<String>, attributes: Attributes) -> Self {
        Self {
            physical_id: physical_id.into(),
            attributes,
            is_imported: false,
        }
    }
}

impl Context {
    /// The context of one resource of a stack.
    pub(super) fn new(services: &Services, stack: &Stack, logical_id: &str) -> Self {
        Self {
            account: services.settings.account.clone(),
            region: services.settings.region.clone(),
            endpoint: services.endpoint.clone(),
            stack_name: stack.name.clone(),
            logical_id: logical_id.to_owned(),
            imports: stack
                .operation
                .as_ref()
                .is_some_and(|operation| operation.imports),
        }
    }

    /// A new name for a resource that was given none: stack, logical id and twelve random characters.
    fn name(&self, limit: usize) -> String {
        let suffix = random::hex(6).to_uppercase();
        let room = limit.saturating_sub(suffix.len() + 1);
        let mut name = format!("{}-{}", self.stack_name, self.logical_id);
        name.truncate(room);
        format!("{}-{suffix}", name.trim_end_matches('-'))
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.region, self.account
        )
    }
}

/// The types that do something here. Others are only recorded.
const KINDS: [&str; 24] = [
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::Batch::ComputeEnvironment",
    "AWS::Batch::JobDefinition",
    "AWS::Batch::JobQueue",
    "AWS::ECR::Repository",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::IAM::RolePolicy",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
];

/// Whether there is such a type.
pub(super) fn is_known(kind: &str) -> bool {
    KINDS.contains(&kind) || record::is_record(kind)
}

/// Fetches and unpacks the code of a function or layer; nothing for other types.
pub(super) async fn prepare(
    services: &Services,
    kind: &str,
    properties: &Properties,
) -> Result<Option<Package>, String> {
    let source = match kind {
        "AWS::Lambda::Function" => properties.get("Code"),
        "AWS::Lambda::LayerVersion" => properties.get("Content"),
        _ => return Ok(None),
    };
    let text = |name: &str| {
        source
            .and_then(|source| source.get(name))
            .and_then(Value::as_str)
    };
    if let Some(image) = text("ImageUri") {
        return lambda::prepare_image(services, image).await.map(Some);
    }
    let (Some(bucket), Some(key)) = (text("S3Bucket"), text("S3Key")) else {
        return Err(
            "the code must be an object, S3Bucket and S3Key, or an image, ImageUri".to_owned(),
        );
    };
    let bytes = match s3::read_object(services, bucket, key, PACKAGE_LIMIT).await {
        Ok(bytes) => bytes,
        Err(ReadError::Missing { .. }) => {
            return Err(format!(
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: \
                 The specified key does not exist. (s3://{bucket}/{key})"
            ));
        }
        Err(error) => return Err(error.to_string()),
    };
    let packages = lambda::packages(services);
    let unpacked = tokio::task::spawn_blocking(move || Package::unpack(&packages, &bytes)).await;
    let unpacked = unpacked.map_err(|error| error.to_string())?;
    unpacked
        .map(Some)
        .map_err(|error| match std::error::Error::source(&error) {
            Some(source) => format!("{error} ({source})"),
            None => error.to_string(),
        })
}

/// Makes a resource.
pub(super) fn create(
    transaction: &mut Transaction<'_>,
    context: &Context,
    kind: &str,
    properties: &Properties,
    package: Option<&Package>,
) -> Result<Made, Refusal> {
    match kind {
        "AWS::S3::Bucket" => storage::create_bucket(transaction, context, properties),
        "AWS::S3::BucketPolicy" => storage::put_bucket_policy(transaction, properties),
        "AWS::IAM::Role" => identity::create_role(transaction, context, properties),
        "AWS::IAM::RolePolicy" => identity::put_role_policy(transaction, properties),
        "AWS::Lambda::Function" => function::create(transaction, context, properties, package),
        "AWS::Lambda::LayerVersion" => layer::create(transaction, context, properties, package),
        "AWS::Lambda::Permission" => {
            invocation::create_permission(transaction, context, properties)
        }
        "AWS::Lambda::EventInvokeConfig" => {
            invocation::put_invoke_config(transaction, properties, true)
        }
        "AWS::Events::Rule" => messaging::put_rule(transaction, context, None, properties),
        "AWS::Logs::LogGroup" => messaging::create_log_group(transaction, context, properties),
        "AWS::SQS::Queue" => messaging::create_queue(transaction, context, properties),
        "AWS::SQS::QueuePolicy" => {
            messaging::put_queue_policy(transaction, context, None, properties)
        }
        other => create_other(transaction, context, other, properties),
    }
}

fn create_other(
    transaction: &mut Transaction<'_>,
    context: &Context,
    kind: &str,
    properties: &Properties,
) -> Result<Made, Refusal> {
    match kind {
        "AWS::Lambda::Url" => trigger::put_url(transaction, context, properties, true),
        kind if record::is_record(kind) => record::create(transaction, context, kind, properties),
        kind => put(transaction, context, kind, None, properties),
    }
}

/// Makes or changes a resource of the types that do both in the same way.
fn put(
    transaction: &mut Transaction<'_>,
    context: &Context,
    kind: &str,
    existing: Option<&str>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    match kind {
        "AWS::ApiGatewayV2::Api" => gateway::put_api(transaction, context, existing, properties),
        "AWS::ApiGatewayV2::Authorizer" => {
            gateway::put_authorizer(transaction, existing, properties)
        }
        "AWS::ApiGatewayV2::Integration" => {
            gateway::put_integration(transaction, existing, properties)
        }
        "AWS::ApiGatewayV2::Route" => gateway::put_route(transaction, existing, properties),
        "AWS::ApiGatewayV2::Stage" => gateway::put_stage(transaction, properties),
        "AWS::Batch::ComputeEnvironment" => {
            compute::put_environment(transaction, context, existing, properties)
        }
        "AWS::Batch::JobDefinition" => {
            compute::put_definition(transaction, context, existing, properties)
        }
        "AWS::Batch::JobQueue" => compute::put_queue(transaction, context, existing, properties),
        "AWS::ECR::Repository" => {
            compute::put_repository(transaction, context, existing, properties)
        }
        "AWS::Lambda::EventSourceMapping" => {
            trigger::put_mapping(transaction, context, existing, properties)
        }
        "AWS::Lambda::Url" => trigger::put_url(transaction, context, properties, false),
        "AWS::Scheduler::Schedule" => {
            trigger::put_schedule(transaction, context, existing, properties)
        }
        other => Err(unknown(other)),
    }
}

/// Makes a resource usable again whose change was undone.
pub(super) fn revive(
    transaction: &mut Transaction<'_>,
    existing: &Resource,
) -> Result<(), Refusal> {
    match existing.kind.as_str() {
        "AWS::Batch::JobDefinition" => {
            compute::revive_definition(transaction, &existing.physical_id)
        }
        _ => Ok(()),
    }
}

/// Changes a resource in place and returns what it is now; a job definition has another id then.
pub(super) fn update(
    transaction: &mut Transaction<'_>,
    context: &Context,
    existing: &Resource,
    properties: &Properties,
    package: Option<&Package>,
) -> Result<Made, Refusal> {
    let mut attributes = existing.attributes.clone();
    let id = existing.physical_id.as_str();
    match existing.kind.as_str() {
        "AWS::S3::Bucket" => storage::update_bucket(transaction, context, id, properties)?,
        "AWS::S3::BucketPolicy" => drop(storage::put_bucket_policy(transaction, properties)?),
        "AWS::IAM::Role" => {
            identity::update_role(transaction, id, &existing.properties, properties)?
        }
        "AWS::IAM::RolePolicy" => drop(identity::put_role_policy(transaction, properties)?),
        "AWS::Lambda::Function" => function::update(transaction, context, id, properties, package)?,
        "AWS::Lambda::EventInvokeConfig" => drop(invocation::put_invoke_config(
            transaction,
            properties,
            false,
        )?),
        "AWS::Events::Rule" => drop(messaging::put_rule(
            transaction,
            context,
            Some(id),
            properties,
        )?),
        "AWS::Logs::LogGroup" => messaging::update_log_group(transaction, id, properties)?,
        "AWS::SQS::Queue" => messaging::update_queue(transaction, id, properties)?,
        "AWS::SQS::QueuePolicy" => {
            messaging::delete_queue_policy(transaction, id, &existing.properties)?;
            drop(messaging::put_queue_policy(
                transaction,
                context,
                Some(id),
                properties,
            )?);
        }
        kind if record::is_record(kind) => {
            record::update(transaction, kind, id, &mut attributes, properties)?;
        }
        kind => {
            let made = put(transaction, context, kind, Some(id), properties)?;
            return Ok(Made {
                is_imported: existing.is_imported,
                ..made
            });
        }
    }
    Ok(Made {
        is_imported: existing.is_imported,
        ..Made::new(id, attributes)
    })
}

/// Removes a resource; one that is gone already is no problem.
pub(super) fn delete(
    transaction: &mut Transaction<'_>,
    existing: &Resource,
) -> Result<(), Refusal> {
    let (id, properties) = (existing.physical_id.as_str(), &existing.properties);
    match existing.kind.as_str() {
        "AWS::S3::Bucket" => storage::delete_bucket(transaction, id),
        "AWS::S3::BucketPolicy" => storage::delete_bucket_policy(transaction, id),
        "AWS::IAM::Role" => identity::delete_role(transaction, id),
        "AWS::IAM::RolePolicy" => identity::delete_role_policy(transaction, id),
        "AWS::Lambda::Function" => function::delete(transaction, id),
        "AWS::Lambda::LayerVersion" => layer::delete(transaction, id),
        "AWS::Lambda::Permission" => invocation::delete_permission(transaction, id, properties),
        "AWS::Lambda::EventInvokeConfig" => {
            invocation::delete_invoke_config(transaction, properties)
        }
        "AWS::Events::Rule" => messaging::delete_rule(transaction, id),
        "AWS::Logs::LogGroup" => messaging::delete_log_group(transaction, id),
        "AWS::SQS::Queue" => messaging::delete_queue(transaction, id),
        "AWS::SQS::QueuePolicy" => messaging::delete_queue_policy(transaction, id, properties),
        kind => delete_other(transaction, kind, id, properties),
    }
}

fn delete_other(
    transaction: &mut Transaction<'_>,
    kind: &str,
    id: &str,
    properties: &Properties,
) -> Result<(), Refusal> {
    match kind {
        "AWS::ApiGatewayV2::Api" => gateway::delete_api(transaction, id),
        kind if kind.starts_with("AWS::ApiGatewayV2::") => {
            gateway::delete_part(transaction, kind, id, properties)?;
        }
        "AWS::Batch::ComputeEnvironment" => compute::delete_environment(transaction, id)?,
        "AWS::Batch::JobDefinition" => compute::delete_definition(transaction, id)?,
        "AWS::Batch::JobQueue" => compute::delete_queue(transaction, id)?,
        "AWS::ECR::Repository" => compute::delete_repository(transaction, id)?,
        "AWS::Lambda::EventSourceMapping" => trigger::delete_mapping(transaction, id)?,
        "AWS::Lambda::Url" => trigger::delete_url(transaction, id)?,
        "AWS::Scheduler::Schedule" => trigger::delete_schedule(transaction, id, properties)?,
        kind if record::is_record(kind) => record::delete(transaction, kind, id),
        other => return Err(unknown(other)),
    }
    Ok(())
}
