//! What the cloud would say about a workflow that was deployed.
#![allow(unreachable_pub, reason = "a module of a test")]

use std::collections::BTreeMap;

use scar_plan::{Snapshot, Stack};
use scar_template::{Rendered, parameter, render};

use crate::support::{Builder, materials};

pub fn rendered(builder: &Builder) -> Rendered {
    render(&builder.workflow(), &materials(builder)).unwrap()
}

pub fn empty() -> Snapshot {
    Snapshot {
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        ..Snapshot::default()
    }
}

/// After the workflow was deployed.
pub fn after(builder: &Builder) -> Snapshot {
    let rendered = rendered(builder);
    let keys = rendered.assets.iter().map(|asset| asset.key.clone());
    let layer = keys.clone().find(|key| key.starts_with("layers/")).unwrap();
    let base_outputs = BTreeMap::from([
        (
            parameter::ARTIFACT_BUCKET.to_owned(),
            "scar-base-dev-123456789012-eu-west-1-an".to_owned(),
        ),
        (
            parameter::SUPERVISOR_LAYER.to_owned(),
            format!("arn:aws:lambda:::layer:{layer}"),
        ),
    ]);
    let stack = |name: &str| Stack {
        id: format!("arn:{name}"),
        status: "UPDATE_COMPLETE".into(),
        changed: "2026-11-20T10:00:00Z".into(),
        ..Stack::default()
    };
    Snapshot {
        base: Some(Stack {
            template: rendered.base.clone(),
            parameters: BTreeMap::from([(parameter::SUPERVISOR_KEY.to_owned(), layer)]),
            outputs: base_outputs.clone(),
            tags: rendered.base_tags.clone(),
            ..stack(&rendered.base_name)
        }),
        stack: Some(Stack {
            template: rendered.stack.clone(),
            parameters: base_outputs,
            outputs: BTreeMap::from([("BucketDataStore".into(), "w-dev-1-an".into())]),
            tags: rendered.tags.clone(),
            ..stack(&rendered.stack_name)
        }),
        assets: keys.collect(),
        ..empty()
    }
}
