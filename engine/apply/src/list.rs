//! All workflows of an account and region, whoever has their manifests.

use scar_template::tag;

use crate::call::failed;
use crate::{Cloud, Error, stack};

/// A deployed workflow, as its stack's tags tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeployedWorkflow {
    /// Name of the environment.
    pub environment: String,
    /// Name of the workflow; `None` for the base stack of the environment.
    pub workflow: Option<String>,
    /// Name of the stack.
    pub stack: String,
    /// Its status.
    pub status: String,
    /// Time of its last change, as the cloud wrote it.
    pub changed: String,
}

/// Every stack that scar has made, by environment and name.
///
/// # Errors
/// [`Error::Call`].
pub async fn list_workflows(cloud: &Cloud) -> Result<Vec<DeployedWorkflow>, Error> {
    let mut all = Vec::new();
    let request = cloud.cloudformation.describe_stacks();
    let mut pages = request.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("DescribeStacks", "of the account"))?;
        all.extend(page.stacks().iter().filter_map(own));
    }
    all.sort();
    Ok(all)
}

fn own(found: &aws_sdk_cloudformation::types::Stack) -> Option<DeployedWorkflow> {
    let tags = stack::tags(found);
    let stack = found.stack_name.clone()?;
    stack::check_own(&stack, &tags).ok()?;
    let changed = found.last_updated_time.or(found.creation_time);
    Some(DeployedWorkflow {
        environment: tags.get(tag::ENVIRONMENT)?.clone(),
        workflow: tags.get(tag::WORKFLOW).cloned(),
        status: stack::status(found).to_owned(),
        changed: changed.map(|time| time.to_string()).unwrap_or_default(),
        stack,
    })
}
