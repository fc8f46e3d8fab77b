//! Settings of buckets: versioning, policy, lifecycle.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use serde_json::{Value, json};

use super::bucket::{self, Bucket, require};
use super::version::Versioning;
use crate::services::Services;
use crate::store::Transaction;

pub(super) fn versioning(
    services: &Services,
    name: &str,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    let bucket = require(services, name)?;
    let status = bucket.versioning.status();
    Ok(S3Response::new(GetBucketVersioningOutput {
        status: status.map(BucketVersioningStatus::from_static),
        ..GetBucketVersioningOutput::default()
    }))
}

pub(super) async fn put_versioning(
    services: &Services,
    request: S3Request<PutBucketVersioningInput>,
) -> S3Result<S3Response<PutBucketVersioningOutput>> {
    let status = request.input.versioning_configuration.status;
    let versioning = status.and_then(|status| Versioning::from_status(status.as_str()));
    let Some(versioning) = versioning else {
        return Err(s3_error!(
            IllegalVersioningConfigurationException,
            "The Versioning element must be specified"
        ));
    };
    change(services, request.input.bucket, move |bucket| {
        bucket.versioning = versioning
    })
    .await?;
    Ok(S3Response::new(PutBucketVersioningOutput::default()))
}

pub(super) fn policy(
    services: &Services,
    name: &str,
) -> S3Result<S3Response<GetBucketPolicyOutput>> {
    let bucket = require(services, name)?;
    let policy = bucket
        .properties
        .get("Policy")
        .filter(|policy| !policy.is_null());
    let policy =
        policy.ok_or_else(|| s3_error!(NoSuchBucketPolicy, "The bucket policy does not exist"))?;
    Ok(S3Response::new(GetBucketPolicyOutput {
        policy: Some(policy.to_string()),
    }))
}

pub(super) async fn put_policy(
    services: &Services,
    request: S3Request<PutBucketPolicyInput>,
) -> S3Result<S3Response<PutBucketPolicyOutput>> {
    let policy: Value = serde_json::from_str(&request.input.policy)
        .map_err(|_| s3_error!(MalformedPolicy, "Policies must be valid JSON"))?;
    if policy.get("Statement").is_none() {
        return Err(s3_error!(
            MalformedPolicy,
            "Missing required field Statement"
        ));
    }
    set(services, request.input.bucket, "Policy", policy).await?;
    Ok(S3Response::with_status(
        PutBucketPolicyOutput::default(),
        http::StatusCode::NO_CONTENT,
    ))
}

pub(super) async fn delete_policy(
    services: &Services,
    request: S3Request<DeleteBucketPolicyInput>,
) -> S3Result<S3Response<DeleteBucketPolicyOutput>> {
    set(services, request.input.bucket, "Policy", Value::Null).await?;
    Ok(S3Response::with_status(
        DeleteBucketPolicyOutput::default(),
        http::StatusCode::NO_CONTENT,
    ))
}

/// Lifecycle rules are kept and change nothing: nobody waits for days here.
const LIFECYCLE: &str = "LifecycleConfiguration";

pub(super) fn lifecycle(
    services: &Services,
    name: &str,
) -> S3Result<S3Response<GetBucketLifecycleConfigurationOutput>> {
    let bucket = require(services, name)?;
    let rules = bucket
        .properties
        .get(LIFECYCLE)
        .and_then(|all| all.get("Rules"));
    let rules = rules
        .and_then(Value::as_array)
        .filter(|rules| !rules.is_empty());
    let rules = rules.ok_or_else(|| {
        s3_error!(
            NoSuchLifecycleConfiguration,
            "The lifecycle configuration does not exist"
        )
    })?;
    Ok(S3Response::new(GetBucketLifecycleConfigurationOutput {
        rules: Some(rules.iter().map(shown_rule).collect()),
        ..GetBucketLifecycleConfigurationOutput::default()
    }))
}

fn shown_rule(rule: &Value) -> LifecycleRule {
    let text = |name: &str| rule.get(name).and_then(Value::as_str).map(str::to_owned);
    let days = |value: Option<&Value>| {
        let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
        value
            .and_then(number)
            .and_then(|days| i32::try_from(days).ok())
    };
    let within = |name: &str, inner: &str| days(rule.get(name).and_then(|one| one.get(inner)));
    let prefix = text("Prefix").unwrap_or_default();
    let expiration = days(rule.get("ExpirationInDays"));
    let noncurrent = within("NoncurrentVersionExpiration", "NoncurrentDays");
    let aborted = within("AbortIncompleteMultipartUpload", "DaysAfterInitiation");
    LifecycleRule {
        abort_incomplete_multipart_upload: aborted.map(|days| AbortIncompleteMultipartUpload {
            days_after_initiation: Some(days),
        }),
        expiration: expiration.map(|days| LifecycleExpiration {
            days: Some(days),
            ..LifecycleExpiration::default()
        }),
        filter: Some(LifecycleRuleFilter {
            prefix: Some(prefix),
            ..LifecycleRuleFilter::default()
        }),
        id: text("Id"),
        noncurrent_version_expiration: noncurrent.map(|days| NoncurrentVersionExpiration {
            noncurrent_days: Some(days),
            ..NoncurrentVersionExpiration::default()
        }),
        noncurrent_version_transitions: None,
        prefix: None,
        status: ExpirationStatus::from(text("Status").unwrap_or_default()),
        transitions: None,
    }
}

pub(super) async fn put_lifecycle(
    services: &Services,
    request: S3Request<PutBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<PutBucketLifecycleConfigurationOutput>> {
    let rules = request.input.lifecycle_configuration.map(|all| all.rules);
    let rules: S3Result<Vec<Value>> = rules
        .unwrap_or_default()
        .into_iter()
        .map(kept_rule)
        .collect();
    let value = json!({ "Rules": rules? });
    set(services, request.input.bucket, LIFECYCLE, value).await?;
    Ok(S3Response::new(
        PutBucketLifecycleConfigurationOutput::default(),
    ))
}

/// A rule in the words of a template. What could not be given back is refused.
fn kept_rule(rule: LifecycleRule) -> S3Result<Value> {
    let filter = rule.filter.unwrap_or_default();
    let has_more = filter.and.is_some()
        || filter.tag.is_some()
        || filter.object_size_greater_than.is_some()
        || filter.object_size_less_than.is_some()
        || rule.transitions.is_some_and(|list| !list.is_empty())
        || rule
            .noncurrent_version_transitions
            .is_some_and(|list| !list.is_empty());
    if has_more {
        return Err(s3_error!(
            NotImplemented,
            "the local cloud keeps lifecycle rules with a prefix and numbers of days"
        ));
    }
    let mut kept = json!({
        "Status": rule.status.as_str(),
        "Prefix": filter.prefix.or(rule.prefix).unwrap_or_default(),
    });
    if let Some(id) = rule.id {
        kept["Id"] = id.into();
    }
    if let Some(days) = rule.expiration.and_then(|expiration| expiration.days) {
        kept["ExpirationInDays"] = days.into();
    }
    if let Some(days) = rule
        .noncurrent_version_expiration
        .and_then(|one| one.noncurrent_days)
    {
        kept["NoncurrentVersionExpiration"] = json!({ "NoncurrentDays": days });
    }
    let aborted = rule.abort_incomplete_multipart_upload;
    if let Some(days) = aborted.and_then(|one| one.days_after_initiation) {
        kept["AbortIncompleteMultipartUpload"] = json!({ "DaysAfterInitiation": days });
    }
    Ok(kept)
}

pub(super) async fn delete_lifecycle(
    services: &Services,
    request: S3Request<DeleteBucketLifecycleInput>,
) -> S3Result<S3Response<DeleteBucketLifecycleOutput>> {
    set(services, request.input.bucket, LIFECYCLE, Value::Null).await?;
    Ok(S3Response::with_status(
        DeleteBucketLifecycleOutput::default(),
        http::StatusCode::NO_CONTENT,
    ))
}

async fn set(
    services: &Services,
    name: String,
    property: &'static str,
    value: Value,
) -> S3Result<()> {
    change(services, name, move |bucket| match &mut bucket.properties {
        Value::Object(properties) => drop(properties.insert(property.to_owned(), value)),
        other => *other = json!({ property: value }),
    })
    .await
}

async fn change(
    services: &Services,
    name: String,
    act: impl FnOnce(&mut Bucket) + Send + 'static,
) -> S3Result<()> {
    let change = move |transaction: &mut Transaction<'_>| -> S3Result<()> {
        Ok(bucket::update_bucket(transaction, &name, act)?)
    };
    services.store.transact(change).await
}
