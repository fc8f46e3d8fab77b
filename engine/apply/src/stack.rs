//! Reading one stack, and the tags that say whose it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{Stack as Description, StackResourceSummary, TemplateStage};
use scar_cfn::Document;
use scar_plan::Stack;
use scar_schemas::record;
use scar_template::tag;

use crate::call::failed;
use crate::{Cloud, Error};

/// Looks a stack up by name or ARN. A deleted stack is found by its ARN only.
pub(crate) async fn describe(cloud: &Cloud, stack: &str) -> Result<Option<Description>, Error> {
    let answer = cloud
        .cloudformation
        .describe_stacks()
        .stack_name(stack)
        .send()
        .await;
    match answer {
        Ok(found) => Ok(found.stacks.unwrap_or_default().into_iter().next()),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failed("DescribeStacks", stack)(error)),
    }
}

/// CloudFormation has no error code of its own for a stack that does not exist.
fn is_absent(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("ValidationError")
        && error
            .message()
            .is_some_and(|message| message.contains("does not exist"))
}

/// The stack as the planner sees it, with the template that was given.
pub(crate) async fn observe(cloud: &Cloud, name: &str) -> Result<Option<Stack>, Error> {
    let Some(description) = describe(cloud, name).await? else {
        return Ok(None);
    };
    if status(&description) == "DELETE_COMPLETE" {
        return Ok(None);
    }
    let mut stack = convert(&description);
    if !stack.is_leftover() {
        check_own(name, &stack.tags)?;
        stack.template = template(cloud, name).await?.into();
    }
    Ok(Some(stack))
}

/// Refuses a stack whose tags do not say that scar made it under just this name.
pub(crate) fn check_own(name: &str, tags: &BTreeMap<String, String>) -> Result<(), Error> {
    let workflow = match tags.get(tag::BASE) {
        Some(_) => Some("base"),
        None => tags.get(tag::WORKFLOW).map(String::as_str),
    };
    let environment = tags.get(tag::ENVIRONMENT);
    let own = workflow
        .zip(environment)
        .map(|(name, env)| record::deployment(name, env));
    if own.as_deref() == Some(name) {
        return Ok(());
    }
    Err(Error::Foreign {
        stack: name.to_owned(),
        tag: tag::WORKFLOW.to_owned(),
    })
}

/// The status as text.
pub(crate) fn status(description: &Description) -> &str {
    description
        .stack_status
        .as_ref()
        .map_or("", |status| status.as_str())
}

/// Outputs by name.
pub(crate) fn outputs(description: &Description) -> BTreeMap<String, String> {
    let pair = |output: &aws_sdk_cloudformation::types::Output| {
        Some((output.output_key.clone()?, output.output_value.clone()?))
    };
    description.outputs().iter().filter_map(pair).collect()
}

/// Tags by name.
pub(crate) fn tags(description: &Description) -> BTreeMap<String, String> {
    let pair =
        |tag: &aws_sdk_cloudformation::types::Tag| Some((tag.key.clone()?, tag.value.clone()?));
    description.tags().iter().filter_map(pair).collect()
}

/// All resources of a stack.
pub(crate) async fn resources(
    cloud: &Cloud,
    stack: &str,
) -> Result<Vec<StackResourceSummary>, Error> {
    let mut all = Vec::new();
    let mut pages = cloud
        .cloudformation
        .list_stack_resources()
        .stack_name(stack)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("ListStackResources", stack))?;
        all.extend(page.stack_resource_summaries.unwrap_or_default());
    }
    Ok(all)
}

fn convert(description: &Description) -> Stack {
    let parameter = |parameter: &aws_sdk_cloudformation::types::Parameter| {
        Some((
            parameter.parameter_key.clone()?,
            parameter.parameter_value.clone()?,
        ))
    };
    let changed = description.last_updated_time.or(description.creation_time);
    Stack {
        id: description.stack_id.clone().unwrap_or_default(),
        status: status(description).to_owned(),
        changed: changed.map(|time| time.to_string()).unwrap_or_default(),
        template: Arc::default(),
        parameters: description
            .parameters()
            .iter()
            .filter_map(parameter)
            .collect(),
        outputs: outputs(description),
        tags: tags(description),
    }
}

/// The template of a stack, as it was sent.
pub(crate) async fn template(cloud: &Cloud, name: &str) -> Result<Document, Error> {
    let request = cloud.cloudformation.get_template().stack_name(name);
    let answer = request.template_stage(TemplateStage::Original).send().await;
    let body = answer
        .map_err(failed("GetTemplate", name))?
        .template_body
        .unwrap_or_default();
    Document::parse(&body).map_err(|error| Error::Template {
        stack: name.to_owned(),
        reason: error.to_string(),
    })
}
