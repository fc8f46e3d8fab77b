//! `AWS::Lambda::Permission` and `EventInvokeConfig`: who may invoke a function, and what becomes of
//! invocations that fail.

use serde::Deserialize;

use super::function::find;
use super::{
    Attributes, Context, Made, Properties, Refusal, attributes, exists, flag, number, read, refuse,
};
use crate::lambda::{AsynchronousSettings, Function, Permission, function_name};
use crate::store::{Table, Transaction};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PermissionProperties {
    action: String,
    function_name: String,
    principal: String,
    source_arn: Option<String>,
    source_account: Option<String>,
    #[serde(rename = "FunctionUrlAuthType")]
    _function_url_auth_type: Option<String>,
    #[serde(default, rename = "InvokedViaFunctionUrl", deserialize_with = "flag")]
    _invoked_via_function_url: bool,
}

pub(super) fn create_permission(
    transaction: &mut Transaction<'_>,
    context: &Context,
    properties: &Properties,
) -> Result<Made, Refusal> {
    let read: PermissionProperties = read(properties)?;
    let id = context.name(100);
    let permission = Permission {
        action: read.action,
        principal: read.principal,
        source_arn: read.source_arn,
        source_account: read.source_account,
    };
    let mut function = find(transaction, &read.function_name)?;
    function.permissions.insert(id.clone(), permission);
    transaction.put(Table::Functions, &function.name, &function)?;
    let attributes = attributes(&[("Id", &id)]);
    Ok(Made::new(id, attributes))
}

pub(super) fn delete_permission(
    transaction: &mut Transaction<'_>,
    id: &str,
    properties: &Properties,
) -> Result<(), Refusal> {
    let read: PermissionProperties = read(properties)?;
    change_if_there(transaction, &read.function_name, |function| {
        drop(function.permissions.remove(id))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct InvokeConfigProperties {
    function_name: String,
    qualifier: String,
    #[serde(default, deserialize_with = "number")]
    maximum_retry_attempts: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    maximum_event_age_in_seconds: Option<u64>,
    destination_config: Option<DestinationConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DestinationConfig {
    on_failure: Option<Destination>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    destination: String,
}

pub(super) fn put_invoke_config(
    transaction: &mut Transaction<'_>,
    properties: &Properties,
    is_new: bool,
) -> Result<Made, Refusal> {
    let read: InvokeConfigProperties = read(properties)?;
    let defaults = AsynchronousSettings::default();
    let retries = read
        .maximum_retry_attempts
        .unwrap_or_else(|| u64::from(defaults.retries_max));
    let age_max_s = read
        .maximum_event_age_in_seconds
        .unwrap_or(defaults.age_max_s);
    if retries > 2 || !(60..=21_600).contains(&age_max_s) {
        return Err(refuse(
            "MaximumRetryAttempts must be 0 to 2, MaximumEventAgeInSeconds 60 to 21600",
        ));
    }
    let mut function = find(transaction, &read.function_name)?;
    if is_new && function.asynchronous.is_some() {
        return Err(exists("AWS::Lambda::EventInvokeConfig", &function.name));
    }
    let on_failure = read
        .destination_config
        .and_then(|config| config.on_failure)
        .map(|one| one.destination);
    if let Some(arn) = &on_failure
        && !(arn.contains(":sqs:")
            && transaction.contains(Table::Queues, crate::queue::name_of(arn))?)
    {
        return Err(refuse(format!(
            "the destination {arn} is not a queue of this cloud"
        )));
    }
    function.asynchronous = Some(AsynchronousSettings {
        retries_max: u32::try_from(retries).unwrap_or(2),
        age_max_s,
        on_failure,
    });
    transaction.put(Table::Functions, &function.name, &function)?;
    let physical_id = format!("{}|{}", function.name, read.qualifier);
    let attributes = Attributes::new();
    Ok(Made::new(physical_id, attributes))
}

pub(super) fn delete_invoke_config(
    transaction: &mut Transaction<'_>,
    properties: &Properties,
) -> Result<(), Refusal> {
    let read: InvokeConfigProperties = read(properties)?;
    change_if_there(transaction, &read.function_name, |function| {
        function.asynchronous = None
    })
}

/// With a function everything that belongs to it is gone too.
fn change_if_there(
    transaction: &mut Transaction<'_>,
    named: &str,
    change: impl FnOnce(&mut Function),
) -> Result<(), Refusal> {
    if let Some(mut function) =
        transaction.get::<Function>(Table::Functions, function_name(named))?
    {
        change(&mut function);
        transaction.put(Table::Functions, &function.name, &function)?;
    }
    Ok(())
}
