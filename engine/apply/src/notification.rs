//! Notifications of buckets that the workflow did not make. The service replaces the whole document at
//! once and knows no condition for it, so: lock, read, merge exactly the own rules, write, read again,
//! compare, release. The rules of others are written back as they were read.

mod lock;

use std::collections::BTreeMap;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput;
use aws_sdk_s3::types::{
    Event as S3Event, EventBridgeConfiguration, FilterRule, FilterRuleName,
    LambdaFunctionConfiguration, NotificationConfiguration, NotificationConfigurationFilter,
    S3KeyFilter,
};
use scar_plan::{
    Action, BucketNotifications, BucketRule, BucketState, NotificationRule, RuleChange, Unknown,
};

use crate::call::{failed, has_status};
use crate::{Cloud, Error};

pub(crate) use lock::Lock;

/// What is known of a bucket that the workflow did not make.
pub(crate) async fn observe(
    cloud: &Cloud,
    bucket: &str,
) -> Result<(BucketState, Vec<Unknown>), Error> {
    let unknown = |permission: &str| Unknown {
        permission: permission.to_owned(),
        subject: format!("bucket {bucket}"),
    };
    let mut state = BucketState::default();
    match cloud.s3.head_bucket().bucket(bucket).send().await {
        Ok(found) => state.region = found.bucket_region,
        Err(error) if has_status(&error, 404) => return Ok((state, Vec::new())),
        Err(error) if has_status(&error, 403) => {
            state.exists = true;
            return Ok((state, vec![unknown("s3:ListBucket")]));
        }
        Err(error) if has_status(&error, 301) => {}
        Err(error) => return Err(failed("HeadBucket", bucket)(error)),
    }
    state.exists = true;
    let request = cloud.s3.get_bucket_notification_configuration();
    let answer = match request.bucket(bucket).send().await {
        Ok(answer) => answer,
        Err(error) if has_status(&error, 403) => {
            return Ok((state, vec![unknown("s3:GetBucketNotification")]));
        }
        Err(error) => return Err(failed("GetBucketNotificationConfiguration", bucket)(error)),
    };
    state.event_bridge = answer.event_bridge_configuration().is_some();
    state.rules = rules(&answer);
    Ok((state, Vec::new()))
}

/// Makes a bucket's own rules as planned, and leaves all others alone.
pub(crate) async fn apply(
    cloud: &Cloud,
    one: &BucketNotifications,
    functions: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let bucket = &one.real_name;
    let current = read(cloud, bucket).await?;
    let wanted = merge(&current, one, functions)?;
    write(cloud, bucket, &current, wanted).await
}

/// Removes the rules that `is_own` knows; the switch to EventBridge stays as it is.
pub(crate) async fn withdraw(
    cloud: &Cloud,
    bucket: &str,
    is_own: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    let current = match read(cloud, bucket).await {
        // A bucket that is gone, or that may not be looked at, has nothing that could be removed.
        Err(Error::Call {
            code: Some(code), ..
        }) if matches!(code.as_str(), "NoSuchBucket" | "AccessDenied") => {
            return Ok(());
        }
        other => other?,
    };
    let mut wanted = current.clone();
    let functions = wanted.lambda_function_configurations.take();
    let kept: Vec<_> = functions
        .unwrap_or_default()
        .into_iter()
        .filter(|one| !one.id().is_some_and(&is_own))
        .collect();
    wanted.lambda_function_configurations = (!kept.is_empty()).then_some(kept);
    if wanted == current {
        return Ok(());
    }
    write(cloud, bucket, &current, wanted).await
}

async fn read(cloud: &Cloud, bucket: &str) -> Result<NotificationConfiguration, Error> {
    let request = cloud.s3.get_bucket_notification_configuration();
    let answer = request.bucket(bucket).send().await;
    let answer = answer.map_err(failed("GetBucketNotificationConfiguration", bucket))?;
    Ok(NotificationConfiguration::builder()
        .set_topic_configurations(answer.topic_configurations)
        .set_queue_configurations(answer.queue_configurations)
        .set_lambda_function_configurations(answer.lambda_function_configurations)
        .set_event_bridge_configuration(answer.event_bridge_configuration)
        .build())
}

/// Writes the document, and looks whether just it is there afterwards.
async fn write(
    cloud: &Cloud,
    bucket: &str,
    current: &NotificationConfiguration,
    wanted: NotificationConfiguration,
) -> Result<(), Error> {
    if sorted(wanted.clone()) == sorted(current.clone()) {
        return Ok(());
    }
    let request = cloud.s3.put_bucket_notification_configuration();
    let request = request
        .bucket(bucket)
        .notification_configuration(wanted.clone());
    request.send().await.map_err(|error| {
        let overlaps = error
            .message()
            .is_some_and(|message| message.to_lowercase().contains("overlap"));
        match overlaps {
            true => Error::NotificationOverlap {
                bucket: bucket.to_owned(),
                others: foreign_ids(current),
            },
            false => failed("PutBucketNotificationConfiguration", bucket)(error),
        }
    })?;
    let found = read(cloud, bucket).await?;
    match sorted(found) == sorted(wanted) {
        true => Ok(()),
        false => Err(Error::NotificationRace {
            bucket: bucket.to_owned(),
        }),
    }
}

fn merge(
    current: &NotificationConfiguration,
    one: &BucketNotifications,
    functions: &BTreeMap<String, String>,
) -> Result<NotificationConfiguration, Error> {
    let own = |id: &str| one.rules.iter().any(|change| change.rule.id == id);
    let mut wanted = current.clone();
    let foreign = current.lambda_function_configurations().iter();
    let foreign = foreign.filter(|rule| !rule.id().is_some_and(own));
    let mut all: Vec<LambdaFunctionConfiguration> = foreign.cloned().collect();
    let staying = |change: &&RuleChange| change.action != Action::Delete;
    for change in one.rules.iter().filter(staying) {
        all.push(configuration(&one.real_name, &change.rule, functions)?);
    }
    wanted.lambda_function_configurations = (!all.is_empty()).then_some(all);
    if one.event_bridge.is_some() {
        wanted.event_bridge_configuration = Some(EventBridgeConfiguration::builder().build());
    }
    Ok(wanted)
}

fn configuration(
    bucket: &str,
    rule: &NotificationRule,
    functions: &BTreeMap<String, String>,
) -> Result<LambdaFunctionConfiguration, Error> {
    let arn = functions.get(&rule.function);
    let arn = arn.ok_or_else(|| Error::MissingOutput {
        stack: bucket.to_owned(),
        output: rule.function.clone(),
    })?;
    let part = |name: FilterRuleName, value: &String| {
        let rule = FilterRule::builder().name(name).value(value).build();
        (!value.is_empty()).then_some(rule)
    };
    let parts = [
        part(FilterRuleName::Prefix, &rule.prefix),
        part(FilterRuleName::Suffix, &rule.suffix),
    ];
    let parts: Vec<FilterRule> = parts.into_iter().flatten().collect();
    let filter = (!parts.is_empty()).then(|| {
        let key = S3KeyFilter::builder().set_filter_rules(Some(parts)).build();
        NotificationConfigurationFilter::builder().key(key).build()
    });
    let built = LambdaFunctionConfiguration::builder()
        .id(&rule.id)
        .lambda_function_arn(arn)
        .events(S3Event::S3ObjectCreated)
        .set_filter(filter)
        .build();
    built.map_err(|error| Error::Record {
        key: rule.id.clone(),
        reason: error.to_string(),
    })
}

fn foreign_ids(current: &NotificationConfiguration) -> Vec<String> {
    let functions = current.lambda_function_configurations().iter();
    let queues = current.queue_configurations().iter();
    let topics = current.topic_configurations().iter();
    functions
        .filter_map(|one| one.id())
        .chain(queues.filter_map(|one| one.id()))
        .chain(topics.filter_map(|one| one.id()))
        .map(str::to_owned)
        .collect()
}

fn rules(answer: &GetBucketNotificationConfigurationOutput) -> Vec<BucketRule> {
    let functions = answer.lambda_function_configurations().iter().map(|one| {
        let target = one.lambda_function_arn();
        rule(one.id(), target, one.events(), one.filter())
    });
    let queues = answer
        .queue_configurations()
        .iter()
        .map(|one| rule(one.id(), one.queue_arn(), one.events(), one.filter()));
    let topics = answer
        .topic_configurations()
        .iter()
        .map(|one| rule(one.id(), one.topic_arn(), one.events(), one.filter()));
    functions.chain(queues).chain(topics).collect()
}

fn rule(
    id: Option<&str>,
    target: &str,
    events: &[S3Event],
    filter: Option<&NotificationConfigurationFilter>,
) -> BucketRule {
    let parts = filter.and_then(|filter| filter.key());
    let parts = parts.map(|key| key.filter_rules()).unwrap_or_default();
    let part = |name: &str| {
        let is_named = |rule: &&FilterRule| {
            rule.name()
                .is_some_and(|is| is.as_str().eq_ignore_ascii_case(name))
        };
        let found = parts.iter().find(is_named);
        found
            .and_then(|rule| rule.value())
            .unwrap_or_default()
            .to_owned()
    };
    BucketRule {
        id: id.unwrap_or_default().to_owned(),
        target: target.to_owned(),
        events: events
            .iter()
            .map(|event| event.as_str().to_owned())
            .collect(),
        prefix: part("prefix"),
        suffix: part("suffix"),
    }
}

/// The service may answer in another order, and with other capitals in the names of filters.
fn sorted(document: NotificationConfiguration) -> Vec<String> {
    let answer = GetBucketNotificationConfigurationOutput::builder()
        .set_topic_configurations(document.topic_configurations)
        .set_queue_configurations(document.queue_configurations)
        .set_lambda_function_configurations(document.lambda_function_configurations)
        .build();
    let mut all: Vec<String> = rules(&answer)
        .into_iter()
        .map(|mut rule| {
            rule.events.sort();
            format!("{rule:?}")
        })
        .collect();
    all.sort();
    let bus = document.event_bridge_configuration.is_some();
    all.push(format!("event bridge: {bus}"));
    all
}
