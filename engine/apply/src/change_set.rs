//! One stack brought to one template, through a change set.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetStatus, ChangeSetType, OnStackFailure, Parameter, RollbackConfiguration,
    RollbackTrigger, StackResourceSummary, Tag,
};
use scar_plan::StackChange;
use scar_schemas::digest::Digest;

use crate::call::failed;
use crate::event::{Event, Operation};
use crate::follow::{self, Followed};
use crate::transfer::{self, Body};
use crate::{Cloud, Error, stack};

/// Longest template that a request may hold itself ("CloudFormation quotas", 51,200 bytes).
const INLINE_BYTES: usize = 51_200;

/// A stack to bring about.
pub(crate) struct Wanted<'a> {
    pub(crate) change: &'a StackChange,
    pub(crate) parameters: BTreeMap<String, String>,
    /// Where a template goes that is too long for a request.
    pub(crate) artifact_bucket: Option<&'a str>,
    /// Logical ids of alarms that undo an update when they ring.
    pub(crate) rollback_alarms: &'a [String],
}

/// A stack as wanted.
pub(crate) struct Done {
    pub(crate) changed: bool,
    pub(crate) outputs: BTreeMap<String, String>,
}

/// Creates or updates a stack and waits until it is done. It may be dropped at any await: a change set
/// that was started goes on, one that was not is replaced by the next.
pub(crate) async fn deploy(
    cloud: &Cloud,
    wanted: &Wanted<'_>,
    on_event: &mut dyn FnMut(Event),
) -> Result<Done, Error> {
    let name = &wanted.change.name;
    let operation = prepare(cloud, name, on_event).await?;
    let id = create(cloud, wanted, operation).await?;
    let changed = is_ready(cloud, name, &id, operation).await?;
    if changed {
        on_event(Event::StackStarted {
            stack: name.clone(),
            operation,
        });
        execute(cloud, wanted, &id, operation, on_event).await?;
    }
    on_event(Event::StackFinished {
        stack: name.clone(),
        operation,
        changed,
    });
    let found = stack::describe(cloud, name).await?;
    let outputs = found.as_ref().map(stack::outputs).unwrap_or_default();
    Ok(Done { changed, outputs })
}

/// Decides between creation and update by what is there, after clearing away what failed before.
async fn prepare(
    cloud: &Cloud,
    name: &str,
    on_event: &mut dyn FnMut(Event),
) -> Result<Operation, Error> {
    let Some(found) = stack::describe(cloud, name).await? else {
        return Ok(Operation::Create);
    };
    let status = stack::status(&found).to_owned();
    match status.as_str() {
        "DELETE_COMPLETE" => Ok(Operation::Create),
        // Made by a change set that nobody executed, or a creation that was rolled back.
        "REVIEW_IN_PROGRESS" | "ROLLBACK_COMPLETE" | "CREATE_FAILED" => {
            if !found.tags().is_empty() {
                stack::check_own(name, &stack::tags(&found))?;
            }
            on_event(Event::CleanUp {
                stack: name.to_owned(),
                status,
            });
            let id = found.stack_id.as_deref().unwrap_or(name);
            follow::delete(cloud, name, id, &BTreeMap::new(), &mut |_| ()).await?;
            Ok(Operation::Create)
        }
        "CREATE_COMPLETE"
        | "UPDATE_COMPLETE"
        | "UPDATE_ROLLBACK_COMPLETE"
        | "IMPORT_COMPLETE"
        | "IMPORT_ROLLBACK_COMPLETE" => {
            stack::check_own(name, &stack::tags(&found))?;
            Ok(Operation::Update)
        }
        busy if busy.ends_with("_IN_PROGRESS") => Err(Error::Busy {
            stack: name.to_owned(),
            status,
        }),
        _ => Err(Error::Stuck {
            stack: name.to_owned(),
            status,
        }),
    }
}

/// Makes the change set; answers its ARN.
async fn create(cloud: &Cloud, wanted: &Wanted<'_>, operation: Operation) -> Result<String, Error> {
    let name = &wanted.change.name;
    let pair = |(name, value): (&String, &String)| {
        Parameter::builder()
            .parameter_key(name)
            .parameter_value(value)
            .build()
    };
    let tag = |(name, value): (&String, &String)| Tag::builder().key(name).value(value).build();
    let mut request = cloud
        .cloudformation
        .create_change_set()
        .stack_name(name)
        .change_set_name(change_set_name())
        .set_parameters(Some(wanted.parameters.iter().map(pair).collect()))
        .set_tags(Some(wanted.change.tags.iter().map(tag).collect()))
        .capabilities(Capability::CapabilityIam);
    // A bucket that an earlier `destroy` kept belongs to the stack again.
    request = match operation {
        Operation::Create => request
            .change_set_type(ChangeSetType::Create)
            .on_stack_failure(OnStackFailure::Delete)
            .import_existing_resources(true),
        _ => request.change_set_type(ChangeSetType::Update),
    };
    if operation == Operation::Update {
        request = request.set_rollback_configuration(guards(cloud, wanted).await?);
    }
    request = match template_url(cloud, wanted).await? {
        Some(url) => request.template_url(url),
        None => request.template_body(&wanted.change.text),
    };
    let answer = request.send().await.map_err(|error| match error.code() {
        Some("ValidationError") => refused(name, error.message()),
        _ => failed("CreateChangeSet", name)(error),
    })?;
    Ok(answer.id.unwrap_or_default())
}

/// The alarms that are there already; those that the update makes guard the next one.
async fn guards(
    cloud: &Cloud,
    wanted: &Wanted<'_>,
) -> Result<Option<RollbackConfiguration>, Error> {
    const KIND: &str = "AWS::CloudWatch::Alarm";
    if wanted.rollback_alarms.is_empty() {
        return Ok(None);
    }
    let resources = stack::resources(cloud, &wanted.change.name).await?;
    let is_guard = |one: &StackResourceSummary| {
        let id = one.logical_resource_id().unwrap_or_default();
        one.resource_type() == Some(KIND) && wanted.rollback_alarms.iter().any(|alarm| alarm == id)
    };
    let trigger = |one: &StackResourceSummary| {
        let arn = cloud.arn(
            "cloudwatch",
            &format!("alarm:{}", one.physical_resource_id()?),
        );
        Some(RollbackTrigger::builder().arn(arn).r#type(KIND).build())
    };
    let guards = resources.iter().filter(|one| is_guard(one));
    let triggers: Vec<RollbackTrigger> = guards.filter_map(trigger).collect();
    let configuration = RollbackConfiguration::builder();
    Ok(Some(
        configuration.set_rollback_triggers(Some(triggers)).build(),
    ))
}

/// Uploads a template that is too long for a request.
async fn template_url(cloud: &Cloud, wanted: &Wanted<'_>) -> Result<Option<String>, Error> {
    let text = &wanted.change.text;
    let Some(bucket) = wanted.artifact_bucket.filter(|_| text.len() > INLINE_BYTES) else {
        return Ok(None);
    };
    let key = format!("templates/{}.json", Digest::of(text.as_bytes()).hex());
    let target = transfer::Target {
        bucket,
        key: &key,
        digest: None,
    };
    transfer::upload(
        cloud,
        &target,
        Body::Bytes(text.clone().into_bytes()),
        &|_| (),
    )
    .await?;
    Ok(Some(cloud.object_url(bucket, &key)))
}

/// Waits for the change set; false if there is nothing to change.
async fn is_ready(
    cloud: &Cloud,
    name: &str,
    id: &str,
    operation: Operation,
) -> Result<bool, Error> {
    let mut pauses = cloud.pauses();
    loop {
        let request = cloud
            .cloudformation
            .describe_change_set()
            .stack_name(name)
            .change_set_name(id);
        let answer = request
            .send()
            .await
            .map_err(failed("DescribeChangeSet", name))?;
        match answer.status {
            Some(ChangeSetStatus::CreateComplete) => return Ok(true),
            Some(ChangeSetStatus::Failed) => {
                discard(cloud, name, id, operation).await?;
                let reason = answer.status_reason.unwrap_or_default();
                let is_empty = is_no_change(&reason);
                return if is_empty {
                    Ok(false)
                } else {
                    Err(refused(name, Some(&reason)))
                };
            }
            _ => pauses.pause().await,
        }
    }
}

/// CloudFormation has no status of its own for "nothing to change"; these are its two wordings.
fn is_no_change(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

/// Removes a change set that failed, and with it the empty stack it stands for.
async fn discard(cloud: &Cloud, name: &str, id: &str, operation: Operation) -> Result<(), Error> {
    let request = cloud
        .cloudformation
        .delete_change_set()
        .stack_name(name)
        .change_set_name(id);
    request
        .send()
        .await
        .map_err(failed("DeleteChangeSet", name))?;
    if operation == Operation::Create && stack::describe(cloud, name).await?.is_some() {
        follow::delete(cloud, name, name, &BTreeMap::new(), &mut |_| ()).await?;
    }
    Ok(())
}

async fn execute(
    cloud: &Cloud,
    wanted: &Wanted<'_>,
    id: &str,
    operation: Operation,
    on_event: &mut dyn FnMut(Event),
) -> Result<(), Error> {
    let name = &wanted.change.name;
    let stack_id = stack::describe(cloud, name)
        .await?
        .and_then(|found| found.stack_id);
    let stack_id = stack_id.unwrap_or_else(|| name.clone());
    let stages = stages(wanted.change);
    let followed = Followed {
        name,
        id: &stack_id,
        stages: &stages,
        operation,
    };
    let mark = follow::mark(cloud, &followed).await?;
    // A bucket that is kept for its data has none yet when its creation is undone.
    let request = cloud
        .cloudformation
        .execute_change_set()
        .stack_name(name)
        .change_set_name(id)
        .retain_except_on_create(true);
    request.send().await.map_err(|error| match error.code() {
        // Somebody else's change came between: the change set is obsolete.
        Some("InvalidChangeSetStatus" | "InvalidChangeSetStatusException") => Error::Busy {
            stack: name.clone(),
            status: error
                .message()
                .unwrap_or("its change set is obsolete")
                .to_owned(),
        },
        _ => failed("ExecuteChangeSet", name)(error),
    })?;
    follow::follow(cloud, &followed, mark, on_event).await
}

/// Stage of each resource that has one, by logical id.
pub(crate) fn stages(change: &StackChange) -> BTreeMap<String, String> {
    let pair = |resource: &scar_plan::ResourceChange| {
        Some((resource.logical_id.clone(), resource.stage.clone()?))
    };
    change.resources.iter().filter_map(pair).collect()
}

fn refused(stack: &str, reason: Option<&str>) -> Error {
    Error::Refused {
        stack: stack.to_owned(),
        reason: reason.unwrap_or("no reason given").to_owned(),
    }
}

/// Unique among the change sets of a stack: two at one millisecond are two applies, and the second is
/// refused by its name.
fn change_set_name() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!("scar-{}", now.as_millis())
}
