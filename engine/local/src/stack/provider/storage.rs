//! `AWS::S3::Bucket`, `AWS::S3::BucketPolicy`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Attributes, Context, Made, Properties, Refusal, Tag, attributes, flag, read, refuse, tags,
};
use crate::random;
use crate::s3::{self, Bucket, BucketError, Filter, Notification, Versioning};
use crate::store::Transaction;
use scar_schemas::digest;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct BucketProperties {
    bucket_name: Option<String>,
    bucket_name_prefix: Option<String>,
    bucket_namespace: Option<String>,
    notification_configuration: Option<NotificationConfiguration>,
    #[serde(default)]
    tags: Vec<Tag>,
    // Settings that change nothing here but are kept, so that they can be looked at.
    lifecycle_configuration: Option<Value>,
    public_access_block_configuration: Option<Value>,
    ownership_controls: Option<Value>,
    bucket_encryption: Option<Value>,
    logging_configuration: Option<Value>,
    versioning_configuration: Option<VersioningProperties>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NotificationConfiguration {
    event_bridge_configuration: Option<EventBridgeConfiguration>,
    #[serde(default)]
    lambda_configurations: Vec<LambdaConfiguration>,
    #[serde(default)]
    queue_configurations: Vec<QueueConfiguration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LambdaConfiguration {
    event: String,
    function: String,
    filter: Option<NotificationFilter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct QueueConfiguration {
    event: String,
    queue: String,
    filter: Option<NotificationFilter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NotificationFilter {
    s3_key: KeyFilter,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct KeyFilter {
    rules: Vec<FilterRule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FilterRule {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EventBridgeConfiguration {
    #[serde(default = "yes", deserialize_with = "flag")]
    event_bridge_enabled: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct VersioningProperties {
    status: String,
}

fn yes() -> bool {
    true
}

impl BucketProperties {
    fn read(properties: &Properties) -> Result<Self, Refusal> {
        let read: Self = read(properties)?;
        s3::check_notifications(&read.notifications()?).map_err(refuse)?;
        match &read.versioning_configuration {
            Some(versioning) if Versioning::from_status(&versioning.status).is_none() => Err(
                refuse(format!("no versioning status {}", versioning.status)),
            ),
            _ => Ok(read),
        }
    }

    /// The functions and queues that are told of objects.
    fn notifications(&self) -> Result<Vec<Notification>, Refusal> {
        let Some(configuration) = &self.notification_configuration else {
            return Ok(Vec::new());
        };
        let functions = configuration.lambda_configurations.iter();
        let functions = functions.map(|one| (&one.function, &one.event, &one.filter));
        let queues = configuration.queue_configurations.iter();
        let queues = queues.map(|one| (&one.queue, &one.event, &one.filter));
        let made = functions.chain(queues).map(|(arn, event, filter)| {
            Ok(Notification {
                // Made from what it says, so that the same template gives the same one.
                id: digest::hash_parts([arn.as_bytes(), event.as_bytes()])[..16].to_owned(),
                arn: arn.clone(),
                events: vec![event.clone()],
                filter: read_filter(filter.as_ref())?,
            })
        });
        made.collect()
    }

    fn name(&self, context: &Context) -> Result<String, Refusal> {
        let is_regional = self.bucket_namespace.as_deref() == Some("account-regional");
        match (&self.bucket_name, &self.bucket_name_prefix) {
            (Some(_), Some(_)) => Err(refuse("BucketName and BucketNamePrefix exclude each other")),
            (Some(name), None) => Ok(name.clone()),
            (None, Some(prefix)) if is_regional => Ok(format!(
                "{prefix}-{}-{}-an",
                context.account, context.region
            )),
            (None, Some(_)) => Err(refuse(
                "BucketNamePrefix needs the BucketNamespace account-regional",
            )),
            (None, None) => {
                let name = format!("{}-{}", context.stack_name, context.logical_id).to_lowercase();
                let name: String = name.chars().take(50).collect();
                Ok(format!("{name}-{}", random::hex(6)))
            }
        }
    }

    fn apply(self, bucket: &mut Bucket) {
        bucket.notifications = self.notifications().unwrap_or_default();
        let status = self
            .versioning_configuration
            .map(|versioning| versioning.status);
        bucket.versioning = match (status, bucket.versioning) {
            (Some(status), _) => Versioning::from_status(&status).unwrap_or_default(),
            (None, Versioning::Off) => Versioning::Off,
            // A bucket that once kept versions cannot forget that.
            (None, _) => Versioning::Suspended,
        };
        let notifications = self.notification_configuration;
        bucket.event_bridge = notifications
            .and_then(|notifications| notifications.event_bridge_configuration)
            .is_some_and(|configuration| configuration.event_bridge_enabled);
        bucket.tags = tags(self.tags).into_iter().collect();
        let policy = bucket.properties.get("Policy").cloned();
        bucket.properties = json!({
            "LifecycleConfiguration": self.lifecycle_configuration,
            "PublicAccessBlockConfiguration": self.public_access_block_configuration,
            "OwnershipControls": self.ownership_controls,
            "BucketEncryption": self.bucket_encryption,
            "LoggingConfiguration": self.logging_configuration,
            "Policy": policy,
        });
    }
}

fn read_filter(filter: Option<&NotificationFilter>) -> Result<Filter, Refusal> {
    let mut read = Filter::default();
    for rule in filter.iter().flat_map(|filter| &filter.s3_key.rules) {
        read.add(&rule.name, &rule.value).map_err(refuse)?;
    }
    Ok(read)
}

/// What S3 says if a target does not admit the bucket, or is not there.
const UNVALIDATED: &str = "Unable to validate the following destination configurations";

/// Refuses notifications whose target does not let the bucket in, as S3 does.
fn check_targets(
    transaction: &Transaction<'_>,
    account: &str,
    bucket: &Bucket,
) -> Result<(), Refusal> {
    match s3::unreachable_target(transaction, account, bucket)? {
        None => Ok(()),
        Some(arn) => Err(refuse(format!("{UNVALIDATED}: {arn}"))),
    }
}

pub(super) fn create_bucket(
    transaction: &mut Transaction<'_>,
    context: &Context,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read = BucketProperties::read(properties)?;
    let name = read.name(context)?;
    let mut bucket = Bucket::new(&name);
    read.apply(&mut bucket);
    check_targets(transaction, &context.account, &bucket)?;
    let is_imported = match s3::create_bucket(transaction, &bucket) {
        Ok(()) => false,
        // Only what the template says is to be kept may be taken over, as in AWS.
        Err(BucketError::Exists(_)) if context.imports => {
            update_bucket(transaction, context, &name, properties)?;
            true
        }
        Err(error) => return Err(refusal(error)),
    };
    let attributes = bucket_attributes(context, &name);
    Ok(Made {
        is_imported,
        ..Made::new(name, attributes)
    })
}

fn bucket_attributes(context: &Context, name: &str) -> Attributes {
    let region = &context.region;
    attributes(&[
        ("Arn", &format!("arn:aws:s3:::{name}")),
        ("DomainName", &format!("{name}.s3.amazonaws.com")),
        (
            "RegionalDomainName",
            &format!("{name}.s3.{region}.amazonaws.com"),
        ),
    ])
}

pub(super) fn update_bucket(
    transaction: &mut Transaction<'_>,
    context: &Context,
    name: &str,
    properties: &Properties,
) -> Result<(), Refusal> {
    let read = BucketProperties::read(properties)?;
    let mut changed = None;
    let change = |bucket: &mut Bucket| {
        read.apply(bucket);
        changed = Some(bucket.clone());
    };
    s3::update_bucket(transaction, name, change).map_err(refusal)?;
    match &changed {
        Some(bucket) => check_targets(transaction, &context.account, bucket),
        None => Ok(()),
    }
}

pub(super) fn delete_bucket(transaction: &mut Transaction<'_>, name: &str) -> Result<(), Refusal> {
    match s3::delete_bucket(transaction, name) {
        Ok(()) | Err(BucketError::Missing(_)) => Ok(()),
        Err(BucketError::NotEmpty(_)) => Err(refuse("The bucket you tried to delete is not empty")),
        Err(error) => Err(refusal(error)),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PolicyProperties {
    bucket: String,
    policy_document: Value,
}

pub(super) fn put_bucket_policy(
    transaction: &mut Transaction<'_>,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: PolicyProperties = read(properties)?;
    set_policy(transaction, &read.bucket, read.policy_document)?;
    let attributes = Attributes::new();
    Ok(Made::new(read.bucket, attributes))
}

pub(super) fn delete_bucket_policy(
    transaction: &mut Transaction<'_>,
    bucket: &str,
) -> Result<(), Refusal> {
    match set_policy(transaction, bucket, Value::Null) {
        // With the bucket its policy is gone too.
        Err(Refusal::Reason(_)) => Ok(()),
        other => other,
    }
}

fn set_policy(
    transaction: &mut Transaction<'_>,
    bucket: &str,
    policy: Value,
) -> Result<(), Refusal> {
    let change = |bucket: &mut Bucket| match &mut bucket.properties {
        Value::Object(properties) => drop(properties.insert("Policy".to_owned(), policy)),
        other => *other = json!({ "Policy": policy }),
    };
    s3::update_bucket(transaction, bucket, change).map_err(refusal)
}

fn refusal(error: BucketError) -> Refusal {
    match error {
        BucketError::Store(error) => Refusal::Store(error),
        BucketError::Exists(name) => refuse(format!("{name} already exists")),
        other => refuse(other.to_string()),
    }
}
