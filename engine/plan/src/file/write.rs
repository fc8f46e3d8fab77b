//! Plan → file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scar_schemas::construct::Architecture;
use scar_schemas::plan as file;
use scar_template::{Asset, Content};

use super::decision::write as decision;
use crate::{
    Action, Basis, LinkChange, ParameterValue, PermissionChange, PermissionEffect, Plan, Reason,
    ResourceChange, StackChange, StageChange, Summary,
};

/// The plan with an empty integrity digest.
pub(super) fn plan_file(plan: &Plan, created: &str, version: &str) -> file::PlanFile {
    let base = plan
        .base
        .resources
        .iter()
        .map(|one| resource(file::Of::Base, one));
    let stack_resources = plan
        .stack
        .resources
        .iter()
        .map(|one| resource(file::Of::Workflow, one));
    file::PlanFile {
        format_version: file::FORMAT_VERSION.to_owned(),
        integrity: String::new(),
        tool: file::Tool {
            name: "scar".to_owned(),
            version: version.to_owned(),
        },
        created: created.to_owned(),
        workflow: plan.workflow.clone(),
        env: plan.environment.clone(),
        target: file::Target {
            account: plan.account.clone(),
            region: plan.region.clone(),
        },
        protect: plan.protect,
        manifest: plan.manifest.to_string(),
        summary: summary(&plan.summary),
        graph: file::Graph {
            stages: plan.stages.iter().map(stage).collect(),
            edges: plan.links.iter().map(edge).collect(),
        },
        resources: base.chain(stack_resources).collect(),
        iam: plan.permissions.iter().map(permission).collect(),
        images: plan.images.iter().map(image).collect(),
        assets: plan.uploads.iter().map(asset).collect(),
        bootstrap: plan.bootstrap.as_ref().map(parameters),
        base: stack(&plan.base),
        stack: stack(&plan.stack),
        pushes: plan.pushes.iter().map(decision::push).collect(),
        notifications: plan
            .notifications
            .iter()
            .map(decision::notifications)
            .collect(),
        protection: decision::protection(&plan.protection),
        cost: decision::cost(&plan.cost),
        checks: plan.checks.iter().map(decision::check).collect(),
        blocks: plan.blocks.iter().map(decision::block).collect(),
    }
}

fn summary(summary: &Summary) -> file::Summary {
    file::Summary {
        add: summary.create,
        change: summary.update,
        replace: summary.replace,
        delete: summary.delete,
        keep: summary.keep,
        widens: summary.widens,
        data_at_risk: summary.data_at_risk.clone(),
    }
}

fn stage(stage: &StageChange) -> file::Stage {
    let setting = |setting: &crate::SettingChange| file::Setting {
        name: setting.name.clone(),
        before: setting.before.clone(),
        after: setting.after.clone(),
        span: setting.place.as_ref().map(decision::span),
    };
    file::Stage {
        name: stage.name.clone(),
        action: action(stage.action),
        reason: reason(&stage.reason),
        compute: stage.compute.clone(),
        image: stage.image.clone(),
        inputs: stage.inputs.clone(),
        outputs: stage.outputs.clone(),
        settings: stage.settings.iter().map(setting).collect(),
        open: stage.is_open,
        span: stage.place.as_ref().map(decision::span),
    }
}

fn edge(link: &LinkChange) -> file::Edge {
    file::Edge {
        from: link.from.clone(),
        to: link.to.clone(),
        via: link.via.clone(),
        action: action(link.action),
    }
}

fn resource(stack: file::Of, change: &ResourceChange) -> file::Resource {
    let property = |property: &crate::PropertyChange| file::Change {
        path: property.path.clone(),
        before: property.before.clone(),
        after: property.after.clone(),
        origin: property.origin.clone(),
        span: property.place.as_ref().map(decision::span),
    };
    file::Resource {
        stack,
        id: change.logical_id.clone(),
        kind: change.kind.clone(),
        stage: change.stage.clone(),
        action: action(change.action),
        reason: reason(&change.reason),
        retained: change.retained,
        changes: change.properties.iter().map(property).collect(),
        origin: change.origin.clone(),
        consequence: change.consequence.clone(),
        span: change.place.as_ref().map(decision::span),
    }
}

fn permission(permission: &PermissionChange) -> file::Permission {
    file::Permission {
        stage: permission.stage.clone(),
        effect: match permission.effect {
            PermissionEffect::Added => file::Effect::Added,
            PermissionEffect::Removed => file::Effect::Removed,
        },
        action: permission.action.clone(),
        resource: permission.resource.clone(),
        widens: permission.widens,
    }
}

fn image(image: &crate::ImageChange) -> file::Image {
    file::Image {
        stage: image.stage.clone(),
        reference: image.reference.clone(),
        digest: image.digest.to_string(),
        was: image.was.as_ref().map(ToString::to_string),
        tag_moved: image.tag_moved,
        tag_now: image.tag_now.as_ref().map(ToString::to_string),
        locked: image.locked,
    }
}

fn asset(asset: &Asset) -> file::Asset {
    let content = match &asset.content {
        Content::Bytes(bytes) => file::Content::Inline {
            base64: STANDARD.encode(bytes),
        },
        Content::SupervisorLayer(Architecture::X86_64) => file::Content::Supervisor,
        Content::SupervisorLayer(Architecture::Arm64) => file::Content::SupervisorArm64,
        Content::ImageBlob { stage, digest } => file::Content::Image {
            stage: stage.clone(),
            digest: digest.to_string(),
        },
    };
    file::Asset {
        key: asset.key.clone(),
        bytes: asset.size_bytes,
        content,
    }
}

fn stack(stack: &StackChange) -> file::Stack {
    file::Stack {
        name: stack.name.clone(),
        action: action(stack.action),
        template: serde_json::to_value(&*stack.template).unwrap_or_default(),
        parameters: parameters(&stack.parameters),
        tags: stack.tags.clone(),
        based_on: stack.based_on.as_ref().map(basis),
    }
}

fn parameters(
    parameters: &std::collections::BTreeMap<String, ParameterValue>,
) -> std::collections::BTreeMap<String, file::Parameter> {
    let value = |value: &ParameterValue| match value {
        ParameterValue::Literal(text) => file::Parameter::Literal(text.clone()),
        ParameterValue::BaseOutput(name) => file::Parameter::BaseOutput(name.clone()),
    };
    parameters
        .iter()
        .map(|(name, one)| (name.clone(), value(one)))
        .collect()
}

fn basis(basis: &Basis) -> file::Basis {
    file::Basis {
        stack_id: basis.stack_id.clone(),
        status: basis.status.clone(),
        changed: basis.changed.clone(),
        fingerprint: basis.fingerprint.to_string(),
    }
}

pub(super) fn action(action: Action) -> file::Action {
    match action {
        Action::Create => file::Action::Create,
        Action::Update => file::Action::Update,
        Action::Replace => file::Action::Replace,
        Action::Delete => file::Action::Delete,
        Action::Keep => file::Action::Keep,
    }
}

fn reason(reason: &Reason) -> file::Reason {
    match reason {
        Reason::New => file::Reason::New,
        Reason::Manifest => file::Reason::Manifest,
        Reason::TagMoved => file::Reason::TagMoved,
        Reason::Supervisor => file::Reason::SupervisorUpgrade,
        Reason::Immutable { property } => file::Reason::ReplaceBecauseImmutable {
            property: property.clone(),
        },
        Reason::Follows { logical_id } => file::Reason::Follows {
            id: logical_id.clone(),
        },
        Reason::Removed => file::Reason::RemovedFromManifest,
        Reason::Unchanged => file::Reason::Unchanged,
    }
}
