//! The whole plan: both stacks compared, then told in the words of the manifest.

use std::collections::BTreeMap;

use scar_schemas::construct::Architecture;
use scar_schemas::deployed::{Deployed, FORMAT, METADATA_KEY};
use scar_template::{Asset, Content, Rendered, parameter};
use scar_workflow::Workflow;

use crate::stack::Wanted;
use crate::{
    Action, Cost, ParameterValue, Plan, Protection, Request, ResourceChange, Snapshot, Stack,
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
    let mut plan = compare(rendered, workflow, snapshot);
    let old = present(snapshot.stack.as_ref()).and_then(|it| deployed(&it.template.metadata));
    graph::hold(&mut plan.images, request);
    explain::explain(&mut plan, old.as_ref(), request);
    plan.cost = cost::estimate(
        workflow,
        old.as_ref(),
        &snapshot.region,
        &request.assumptions,
    );
    plan.checks = check::checks(&plan, rendered, workflow, snapshot, request);
    plan.blocks = block::blocks(&plan, workflow, &request.policy);
    plan
}

fn compare(rendered: &Rendered, workflow: &Workflow, snapshot: &Snapshot) -> Plan {
    let old_base = present(snapshot.base.as_ref());
    let old_stack = present(snapshot.stack.as_ref());
    let new = deployed(&rendered.stack.metadata);
    let old = old_stack.and_then(|stack| deployed(&stack.template.metadata));
    let images = graph::images(old.as_ref(), new.as_ref());

    let base = stack::compare(&wanted_base(rendered), old_base, snapshot, &BTreeMap::new());
    let values = base_outputs(&base, old_base);
    let mut stack = stack::compare(&wanted_stack(rendered), old_stack, snapshot, &values);
    graph::explain(&mut stack.resources, rendered, old.as_ref(), new.as_ref());
    let permissions = permission::compare(rendered, workflow, old_stack, old.as_ref(), snapshot);
    Plan {
        workflow: workflow.name.clone(),
        environment: workflow.environment.clone(),
        account: snapshot.account.clone(),
        region: snapshot.region.clone(),
        protect: workflow.protect,
        manifest: rendered.manifest.clone(),
        stages: graph::stages(&stack.resources, old.as_ref(), new.as_ref(), workflow),
        links: graph::links(old.as_ref(), new.as_ref()),
        bootstrap: old_base.is_none().then(|| supervisor_key(String::new())),
        uploads: uploads(rendered, old_base, snapshot),
        summary: summary(
            &base,
            &stack,
            permissions.iter().filter(|one| one.widens).count(),
        ),
        protection: protection(workflow, &stack),
        base,
        stack,
        permissions,
        images,
        pushes: Vec::new(),
        notifications: notification::compare(workflow, snapshot),
        cost: Cost::default(),
        checks: Vec::new(),
        blocks: Vec::new(),
    }
}

/// Storage that a protected environment must not lose, and alarms that undo a deployment.
fn protection(workflow: &Workflow, stack: &StackChange) -> Protection {
    if !workflow.protect {
        return Protection::default();
    }
    let of = |kinds: &[&str]| {
        let resources = stack.template.resources.iter();
        let fitting = resources.filter(|(_, resource)| kinds.contains(&resource.kind.as_str()));
        fitting.map(|(id, _)| id.clone()).collect()
    };
    Protection {
        termination: true,
        guarded: of(&["AWS::S3::Bucket", "AWS::SQS::Queue"]),
        rollback_alarms: of(&["AWS::CloudWatch::Alarm"]),
    }
}

/// A stack that holds something.
pub(crate) fn present(stack: Option<&Stack>) -> Option<&Stack> {
    stack.filter(|stack| !stack.is_leftover())
}

/// What a template says about itself; nothing if it is in a form that is not known here.
pub(crate) fn deployed(metadata: &BTreeMap<String, serde_json::Value>) -> Option<Deployed> {
    let deployed: Deployed = serde_json::from_value(metadata.get(METADATA_KEY)?.clone()).ok()?;
    (deployed.format == FORMAT).then_some(deployed)
}

fn wanted_base(rendered: &Rendered) -> Wanted<'_> {
    let is_layer = |asset: &&Asset| asset.content == Content::SupervisorLayer(Architecture::X86_64);
    let key = rendered
        .assets
        .iter()
        .find(is_layer)
        .map(|asset| asset.key.clone())
        .unwrap_or_default();
    Wanted {
        name: &rendered.base_name,
        template: &rendered.base,
        parameters: supervisor_key(key),
        tags: &rendered.base_tags,
        origins: None,
    }
}

fn wanted_stack(rendered: &Rendered) -> Wanted<'_> {
    let output = |name: &str| (name.to_owned(), ParameterValue::BaseOutput(name.to_owned()));
    Wanted {
        name: &rendered.stack_name,
        template: &rendered.stack,
        parameters: [
            output(parameter::ARTIFACT_BUCKET),
            output(parameter::SUPERVISOR_LAYER),
        ]
        .into(),
        tags: &rendered.tags,
        origins: Some(&rendered.origins),
    }
}

fn supervisor_key(key: String) -> BTreeMap<String, ParameterValue> {
    BTreeMap::from([(
        parameter::SUPERVISOR_KEY.to_owned(),
        ParameterValue::Literal(key),
    )])
}

/// Outputs of the base stack as far as they are known before it is brought up to date.
fn base_outputs(base: &StackChange, old: Option<&Stack>) -> BTreeMap<String, String> {
    let is_new =
        |change: &ResourceChange| matches!(change.action, Action::Create | Action::Replace);
    let new = |kind: &str| {
        base.resources
            .iter()
            .any(|change| change.kind == kind && is_new(change))
    };
    let mut outputs = old.map(|old| old.outputs.clone()).unwrap_or_default();
    if new("AWS::S3::Bucket") {
        outputs.remove(parameter::ARTIFACT_BUCKET);
    }
    if new("AWS::Lambda::LayerVersion") {
        outputs.remove(parameter::SUPERVISOR_LAYER);
    }
    outputs
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
