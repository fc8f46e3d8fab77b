//! The whole plan: both stacks compared, then told in the words of the manifest.

use std::collections::{BTreeMap, BTreeSet};

use scar_cfn::reference::{Reference, references};
use scar_schemas::deployed::{Deployed, FORMAT, METADATA_KEY};
use scar_template::{Asset, ImagePush, Rendered};
use scar_workflow::Workflow;
use serde::Deserialize;

use crate::stack::Wanted;
use crate::{
    Action, Cost, ParameterValue, Plan, Protection, Push, Request, ResourceChange, Snapshot, Stack,
    StackChange, Summary,
};
use crate::{block, check, cost, explain, graph, notification, permission, stack};

/// Compares what is wanted with what is there, with nothing else asked for.
#[must_use]
pub fn diff(rendered: &Rendered, workflow: &Workflow, snapshot: &Snapshot) -> Plan {
    plan(rendered, workflow, snapshot, &Request::default())
}

/// Compares what is wanted with what is there, and decides everything that `apply` will do.
#[must_use]
pub fn plan(
    rendered: &Rendered,
    workflow: &Workflow,
    snapshot: &Snapshot,
    request: &Request<'_>,
) -> Plan {
    let old = present(snapshot.stack.as_ref()).and_then(|it| deployed(&it.template.metadata));
    let mut plan = compare(rendered, workflow, snapshot, old.as_ref());
    graph::hold(&mut plan.images, request);
    explain::explain(&mut plan, old.as_ref(), request);
    plan.cost = cost::estimate(
        workflow,
        old.as_ref(),
        &snapshot.region,
        &request.assumptions,
    );
    plan.checks = check::checks(&plan, rendered, workflow, snapshot, old.as_ref(), request);
    plan.blocks = block::blocks(&plan, workflow, &request.policy);
    plan
}

fn compare(
    rendered: &Rendered,
    workflow: &Workflow,
    snapshot: &Snapshot,
    old: Option<&Deployed>,
) -> Plan {
    let old_base = present(snapshot.base.as_ref());
    let old_stack = present(snapshot.stack.as_ref());
    let new = Some(&rendered.summary);
    let images = graph::images(old, new);

    let base = stack::compare(&wanted_base(rendered), old_base, snapshot, &BTreeMap::new());
    let values = base_outputs(&base, old_base);
    let mut stack = stack::compare(&wanted_stack(rendered), old_stack, snapshot, &values);
    graph::explain(&mut stack.resources, rendered, old, new);
    let permissions = permission::compare(rendered, workflow, old_stack, old, snapshot);
    Plan {
        workflow: workflow.name.clone(),
        environment: workflow.environment.clone(),
        account: snapshot.account.clone(),
        region: snapshot.region.clone(),
        protect: workflow.protect,
        manifest: rendered.manifest.clone(),
        stages: graph::stages(&stack.resources, old, new, workflow),
        links: graph::links(old, new),
        bootstrap: old_base.is_none().then(|| empty_parameters(rendered)),
        uploads: uploads(rendered, old_base, snapshot),
        summary: summary(
            &base,
            &stack,
            permissions.iter().filter(|one| one.widens).count(),
        ),
        protection: protection(rendered),
        base,
        stack,
        permissions,
        images,
        pushes: pushes(rendered, old_base, snapshot),
        notifications: notification::compare(rendered, workflow, snapshot),
        cost: Cost::default(),
        checks: Vec::new(),
        blocks: Vec::new(),
    }
}

fn protection(rendered: &Rendered) -> Protection {
    Protection {
        termination: rendered.protection.termination,
        stack_policy: rendered.protection.stack_policy.clone(),
        rollback_alarms: rendered.protection.rollback_alarms.clone(),
    }
}

/// Images that are not in the registry yet.
fn pushes(rendered: &Rendered, old_base: Option<&Stack>, snapshot: &Snapshot) -> Vec<Push> {
    let is_there = |push: &ImagePush| old_base.is_some() && snapshot.images.contains(&push.tag);
    let missing = rendered.pushes.iter().filter(|push| !is_there(push));
    missing
        .map(|push| Push {
            tag: push.tag.clone(),
            digest: push.digest.clone(),
            content: push.content.clone(),
        })
        .collect()
}

/// A stack that holds something.
pub(crate) fn present(stack: Option<&Stack>) -> Option<&Stack> {
    stack.filter(|stack| !stack.is_leftover())
}

/// What a template says about itself; nothing if it is in a form that is not known here.
pub(crate) fn deployed(metadata: &BTreeMap<String, serde_json::Value>) -> Option<Deployed> {
    let deployed = Deployed::deserialize(metadata.get(METADATA_KEY)?).ok()?;
    (deployed.format == FORMAT).then_some(deployed)
}

fn wanted_base(rendered: &Rendered) -> Wanted<'_> {
    let literal =
        |(name, value): (&String, &String)| (name.clone(), ParameterValue::Literal(value.clone()));
    Wanted {
        name: &rendered.base_name,
        template: &rendered.base,
        parameters: rendered.base_parameters.iter().map(literal).collect(),
        tags: &rendered.base_tags,
        origins: None,
    }
}

fn wanted_stack(rendered: &Rendered) -> Wanted<'_> {
    let output = |name: &String| (name.clone(), ParameterValue::BaseOutput(name.clone()));
    Wanted {
        name: &rendered.stack_name,
        template: &rendered.stack,
        parameters: rendered.parameters.iter().map(output).collect(),
        tags: &rendered.tags,
        origins: Some(&rendered.origins),
    }
}

/// Before the assets are there, the base stack is made without them.
fn empty_parameters(rendered: &Rendered) -> BTreeMap<String, ParameterValue> {
    let empty = |name: &String| (name.clone(), ParameterValue::Literal(String::new()));
    rendered.base_parameters.keys().map(empty).collect()
}

/// Outputs of the base stack as far as they are known before it is brought up to date: not those of
/// things that are made or replaced.
fn base_outputs(base: &StackChange, old: Option<&Stack>) -> BTreeMap<String, String> {
    let is_new =
        |change: &&ResourceChange| matches!(change.action, Action::Create | Action::Replace);
    let new = base.resources.iter().filter(is_new);
    let new: BTreeSet<&str> = new.map(|change| change.logical_id.as_str()).collect();
    let is_known = |output: &str| {
        let value = base.template.outputs.get(output);
        let found = value.map(references).unwrap_or_default();
        !found
            .into_iter()
            .filter_map(Reference::logical_id)
            .any(|id| new.contains(id))
    };
    let outputs = old.map(|old| old.outputs.clone()).unwrap_or_default();
    let known = outputs.into_iter().filter(|(name, _)| is_known(name));
    known.collect()
}

fn uploads(rendered: &Rendered, old_base: Option<&Stack>, snapshot: &Snapshot) -> Vec<Asset> {
    let is_there = |asset: &Asset| old_base.is_some() && snapshot.assets.contains(&asset.key);
    rendered
        .assets
        .iter()
        .filter(|asset| !is_there(asset))
        .cloned()
        .collect()
}

fn summary(base: &StackChange, stack: &StackChange, widens: usize) -> Summary {
    let mut summary = Summary {
        widens,
        ..Summary::default()
    };
    for change in base.resources.iter().chain(&stack.resources) {
        let count = match change.action {
            Action::Create => &mut summary.create,
            Action::Update => &mut summary.update,
            Action::Replace => &mut summary.replace,
            Action::Delete => &mut summary.delete,
            Action::Keep => &mut summary.keep,
        };
        *count += 1;
        let goes = matches!(change.action, Action::Delete | Action::Replace);
        if goes && change.kind == "AWS::S3::Bucket" {
            summary.data_at_risk.push(change.logical_id.clone());
        }
    }
    summary
}
