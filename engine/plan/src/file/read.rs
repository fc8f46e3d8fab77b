//! File → plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scar_cfn::Document;
use scar_schemas::construct::Architecture;
use scar_schemas::digest::Digest;
use scar_schemas::plan as file;
use scar_template::{Asset, Content};

use super::FileError;
use super::decision::read as decision;
use crate::{
    Action, Basis, ImageChange, LinkChange, ParameterValue, PermissionChange, PermissionEffect,
    Plan, PropertyChange, Reason, ResourceChange, SettingChange, StackChange, StageChange, Summary,
};

/// The plan of a file whose integrity has been checked.
pub(super) fn plan(file: file::PlanFile) -> Result<Plan, FileError> {
    let (base, workflow): (Vec<_>, Vec<_>) = file
        .resources
        .into_iter()
        .partition(|one| one.stack == file::Of::Base);
    Ok(Plan {
        workflow: file.workflow,
        environment: file.env,
        account: file.target.account,
        region: file.target.region,
        protect: file.protect,
        manifest: digest(&file.manifest, "manifest digest")?,
        stages: file.graph.stages.into_iter().map(stage).collect(),
        links: file.graph.edges.into_iter().map(link).collect(),
        bootstrap: file.bootstrap.map(parameters),
        base: stack(file.base, base, "template of the base stack")?,
        stack: stack(file.stack, workflow, "template of the workflow's stack")?,
        uploads: file
            .assets
            .into_iter()
            .map(asset)
            .collect::<Result<_, _>>()?,
        permissions: file.iam.into_iter().map(permission).collect(),
        images: file
            .images
            .into_iter()
            .map(image)
            .collect::<Result<_, _>>()?,
        summary: summary(file.summary),
        pushes: file
            .pushes
            .into_iter()
            .map(decision::push)
            .collect::<Result<_, _>>()?,
        notifications: file
            .notifications
            .into_iter()
            .map(decision::notifications)
            .collect(),
        protection: decision::protection(file.protection),
        cost: decision::cost(file.cost),
        checks: file.checks.into_iter().map(decision::check).collect(),
        blocks: file.blocks.into_iter().map(decision::block).collect(),
    })
}

pub(super) fn digest(text: &str, what: &'static str) -> Result<Digest, FileError> {
    text.parse().map_err(|_| FileError::Invalid { what })
}

fn summary(summary: file::Summary) -> Summary {
    Summary {
        create: summary.add,
        update: summary.change,
        replace: summary.replace,
        delete: summary.delete,
        keep: summary.keep,
        widens: summary.widens,
        data_at_risk: summary.data_at_risk,
    }
}

fn stage(stage: file::Stage) -> StageChange {
    let setting = |setting: file::Setting| SettingChange {
        name: setting.name,
        before: setting.before,
        after: setting.after,
        place: setting.span.map(decision::place),
    };
    StageChange {
        name: stage.name,
        action: action(stage.action),
        reason: reason(stage.reason),
        compute: stage.compute,
        image: stage.image,
        inputs: stage.inputs,
        outputs: stage.outputs,
        settings: stage.settings.into_iter().map(setting).collect(),
        is_open: stage.open,
        place: stage.span.map(decision::place),
    }
}

fn link(edge: file::Edge) -> LinkChange {
    LinkChange {
        from: edge.from,
        to: edge.to,
        via: edge.via,
        action: action(edge.action),
    }
}

fn resource(resource: file::Resource) -> ResourceChange {
    let property = |change: file::Change| PropertyChange {
        path: change.path,
        before: change.before,
        after: change.after,
        origin: change.origin,
        place: change.span.map(decision::place),
    };
    ResourceChange {
        logical_id: resource.id,
        kind: resource.kind,
        stage: resource.stage,
        action: action(resource.action),
        reason: reason(resource.reason),
        retained: resource.retained,
        properties: resource.changes.into_iter().map(property).collect(),
        origin: resource.origin,
        consequence: resource.consequence,
        place: resource.span.map(decision::place),
    }
}

fn permission(permission: file::Permission) -> PermissionChange {
    PermissionChange {
        stage: permission.stage,
        effect: match permission.effect {
            file::Effect::Added => PermissionEffect::Added,
            file::Effect::Removed => PermissionEffect::Removed,
        },
        action: permission.action,
        resource: permission.resource,
        widens: permission.widens,
    }
}

fn image(image: file::Image) -> Result<ImageChange, FileError> {
    Ok(ImageChange {
        stage: image.stage,
        reference: image.reference,
        digest: digest(&image.digest, "image digest")?,
        was: image
            .was
            .map(|was| digest(&was, "image digest"))
            .transpose()?,
        tag_moved: image.tag_moved,
        tag_now: image
            .tag_now
            .map(|now| digest(&now, "image digest"))
            .transpose()?,
        locked: image.locked,
    })
}

fn asset(asset: file::Asset) -> Result<Asset, FileError> {
    let content = match asset.content {
        file::Content::Inline { base64 } => {
            let bytes = STANDARD
                .decode(base64)
                .map_err(|_| FileError::Invalid { what: "asset" })?;
            Content::Bytes(bytes)
        }
        file::Content::Supervisor => Content::SupervisorLayer(Architecture::X86_64),
        file::Content::SupervisorArm64 => Content::SupervisorLayer(Architecture::Arm64),
        file::Content::Image {
            stage,
            digest: blob,
        } => Content::ImageBlob {
            stage,
            digest: digest(&blob, "blob digest")?,
        },
    };
    Ok(Asset {
        key: asset.key,
        size_bytes: asset.bytes,
        content,
    })
}

fn stack(
    stack: file::Stack,
    resources: Vec<file::Resource>,
    what: &'static str,
) -> Result<StackChange, FileError> {
    let template = Document::from_value(stack.template).map_err(|_| FileError::Invalid { what })?;
    Ok(StackChange {
        name: stack.name,
        action: action(stack.action),
        text: template.to_json(),
        template: Arc::new(template),
        parameters: parameters(stack.parameters),
        tags: stack.tags,
        resources: resources.into_iter().map(resource).collect(),
        based_on: stack.based_on.map(basis).transpose()?,
    })
}

fn parameters(parameters: BTreeMap<String, file::Parameter>) -> BTreeMap<String, ParameterValue> {
    let value = |value| match value {
        file::Parameter::Literal(text) => ParameterValue::Literal(text),
        file::Parameter::BaseOutput(name) => ParameterValue::BaseOutput(name),
    };
    parameters
        .into_iter()
        .map(|(name, one)| (name, value(one)))
        .collect()
}

fn basis(basis: file::Basis) -> Result<Basis, FileError> {
    Ok(Basis {
        stack_id: basis.stack_id,
        status: basis.status,
        changed: basis.changed,
        fingerprint: digest(&basis.fingerprint, "fingerprint")?,
    })
}

pub(super) fn action(action: file::Action) -> Action {
    match action {
        file::Action::Create => Action::Create,
        file::Action::Update => Action::Update,
        file::Action::Replace => Action::Replace,
        file::Action::Delete => Action::Delete,
        file::Action::Keep => Action::Keep,
    }
}

fn reason(reason: file::Reason) -> Reason {
    match reason {
        file::Reason::New => Reason::New,
        file::Reason::Manifest => Reason::Manifest,
        file::Reason::TagMoved => Reason::TagMoved,
        file::Reason::SupervisorUpgrade => Reason::Supervisor,
        file::Reason::ReplaceBecauseImmutable { property } => Reason::Immutable { property },
        file::Reason::Follows { id } => Reason::Follows { logical_id: id },
        file::Reason::RemovedFromManifest => Reason::Removed,
        file::Reason::Unchanged => Reason::Unchanged,
    }
}
