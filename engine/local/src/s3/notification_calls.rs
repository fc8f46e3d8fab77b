//! `GetBucketNotificationConfiguration` and its counterpart, which replaces the whole configuration.

use s3s::dto::{
    EventBridgeConfiguration, FilterRule, FilterRuleName, GetBucketNotificationConfigurationOutput,
    LambdaFunctionConfiguration, NotificationConfigurationFilter,
    PutBucketNotificationConfigurationInput, PutBucketNotificationConfigurationOutput,
    QueueConfiguration, S3KeyFilter,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::bucket::{self, require};
use super::notification::{self, Filter, Notification};
use crate::random;
use crate::services::Services;
use crate::store::Transaction;

pub(super) fn get(
    services: &Services,
    name: &str,
) -> S3Result<S3Response<GetBucketNotificationConfigurationOutput>> {
    let bucket = require(services, name)?;
    let all = bucket.notifications.into_iter();
    let (functions, queues): (Vec<_>, Vec<_>) = all.partition(|one| one.arn.contains(":lambda:"));
    let functions = functions
        .into_iter()
        .map(|one| LambdaFunctionConfiguration {
            events: one.events.into_iter().map(Into::into).collect(),
            filter: shown(&one.filter),
            id: Some(one.id),
            lambda_function_arn: one.arn,
        });
    let queues = queues.into_iter().map(|one| QueueConfiguration {
        events: one.events.into_iter().map(Into::into).collect(),
        filter: shown(&one.filter),
        id: Some(one.id),
        queue_arn: one.arn,
    });
    Ok(S3Response::new(GetBucketNotificationConfigurationOutput {
        event_bridge_configuration: bucket.event_bridge.then(EventBridgeConfiguration::default),
        lambda_function_configurations: Some(functions.collect()),
        queue_configurations: Some(queues.collect()),
        ..GetBucketNotificationConfigurationOutput::default()
    }))
}

fn shown(filter: &Filter) -> Option<NotificationConfigurationFilter> {
    let rule = |name: &'static str, value: &String| {
        (!value.is_empty()).then(|| FilterRule {
            name: Some(FilterRuleName::from_static(name)),
            value: Some(value.clone()),
        })
    };
    let rules = [
        rule("Prefix", &filter.prefix),
        rule("Suffix", &filter.suffix),
    ];
    let rules: Vec<FilterRule> = rules.into_iter().flatten().collect();
    let has_rules = !rules.is_empty();
    has_rules.then_some(NotificationConfigurationFilter {
        key: Some(S3KeyFilter {
            filter_rules: Some(rules),
        }),
    })
}

pub(super) async fn put(
    services: &Services,
    request: S3Request<PutBucketNotificationConfigurationInput>,
) -> S3Result<S3Response<PutBucketNotificationConfigurationOutput>> {
    let input = request.input;
    let asked = input.notification_configuration;
    if asked
        .topic_configurations
        .is_some_and(|list| !list.is_empty())
    {
        return Err(s3_error!(
            NotImplemented,
            "the local cloud sends nothing to topics"
        ));
    }
    let mut notifications = Vec::new();
    for one in asked.lambda_function_configurations.unwrap_or_default() {
        let events = one
            .events
            .into_iter()
            .map(|event| event.as_ref().to_owned());
        let arn = one.lambda_function_arn;
        notifications.push(read(one.id, arn, events.collect(), one.filter)?);
    }
    for one in asked.queue_configurations.unwrap_or_default() {
        let events = one
            .events
            .into_iter()
            .map(|event| event.as_ref().to_owned());
        notifications.push(read(one.id, one.queue_arn, events.collect(), one.filter)?);
    }
    notification::check(&notifications)
        .map_err(|reason| s3_error!(InvalidArgument, "{}", reason))?;
    let event_bridge = asked.event_bridge_configuration.is_some();
    let skips_check = input.skip_destination_validation == Some(true);
    let (name, account) = (input.bucket, services.settings.account.clone());
    let change = move |transaction: &mut Transaction<'_>| -> S3Result<()> {
        let mut changed = None;
        bucket::update_bucket(transaction, &name, |bucket| {
            bucket.event_bridge = event_bridge;
            bucket.notifications = notifications;
            changed = Some(bucket.clone());
        })?;
        let Some(bucket) = changed.filter(|_| !skips_check) else {
            return Ok(());
        };
        match notification::unreachable_target(transaction, &account, &bucket)? {
            None => Ok(()),
            Some(arn) => Err(s3_error!(
                InvalidArgument,
                "Unable to validate the following destination configurations: {}",
                arn
            )),
        }
    };
    services.store.transact(change).await?;
    Ok(S3Response::new(
        PutBucketNotificationConfigurationOutput::default(),
    ))
}

fn read(
    id: Option<String>,
    arn: String,
    events: Vec<String>,
    filter: Option<NotificationConfigurationFilter>,
) -> S3Result<Notification> {
    let rules = filter
        .and_then(|filter| filter.key)
        .and_then(|key| key.filter_rules);
    let mut read = Filter::default();
    for rule in rules.unwrap_or_default() {
        let name = rule.name.as_ref().map_or("", FilterRuleName::as_str);
        let added = read.add(name, rule.value.as_deref().unwrap_or_default());
        added.map_err(|reason| s3_error!(InvalidArgument, "{}", reason))?;
    }
    Ok(Notification {
        id: id.unwrap_or_else(random::uuid),
        arn,
        events,
        filter: read,
    })
}
