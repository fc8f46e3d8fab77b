//! What must be in the artifact bucket and in the registry before the stacks are made.

use std::collections::BTreeMap;

use scar_schemas::construct::Architecture;
use scar_schemas::contract::Image;
use scar_schemas::digest::Digest;
use scar_workflow::{Stage, Workflow};

use crate::access::fetches_image;
use crate::base::layer_key;
use crate::placement::placement;
use crate::{Asset, Content, ImageContent, ImagePush, Materials};

/// Everything that must be in the artifact bucket, each key once.
pub(crate) fn assets(
    workflow: &Workflow,
    materials: &Materials,
    packages: Vec<Asset>,
) -> Vec<Asset> {
    let mut assets = BTreeMap::new();
    let layers = layers(workflow, materials);
    for asset in layers
        .into_iter()
        .chain(packages)
        .chain(image_blobs(workflow, materials))
    {
        assets.entry(asset.key.clone()).or_insert(asset);
    }
    assets.into_values().collect()
}

/// Everything that must be in the registry, each image once.
pub(crate) fn pushes(workflow: &Workflow, materials: &Materials) -> Vec<ImagePush> {
    let mut pushes = BTreeMap::new();
    let mut add = |digest: &Digest, content: ImageContent| {
        let push = ImagePush {
            tag: digest.hex().to_owned(),
            digest: digest.clone(),
            content,
        };
        pushes.entry(push.tag.clone()).or_insert(push);
    };
    for stage in &workflow.stages {
        let supervisor = materials.supervisor_images.get(&stage.arch);
        if let Some(digest) = supervisor.filter(|_| placement(stage).is_some()) {
            add(digest, ImageContent::Supervisor(stage.arch));
        }
        if let Some(digest) = materials.derived_images.get(&stage.name) {
            add(digest, ImageContent::Stage(stage.name.clone()));
        }
    }
    pushes.into_values().collect()
}

fn layers(workflow: &Workflow, materials: &Materials) -> Vec<Asset> {
    let layer = |supervisor: &Digest, architecture| Asset {
        key: layer_key(supervisor),
        size_bytes: None,
        content: Content::SupervisorLayer(architecture),
    };
    let is_arm64 = |stage: &Stage| stage.arch == Architecture::Arm64;
    let mut layers = vec![layer(&materials.supervisor, Architecture::X86_64)];
    if let Some(supervisor) = &materials.supervisor_arm64
        && workflow.stages.iter().any(is_arm64)
    {
        layers.push(layer(supervisor, Architecture::Arm64));
    }
    layers
}

fn image_blobs(workflow: &Workflow, materials: &Materials) -> Vec<Asset> {
    let mut assets = Vec::new();
    for stage in workflow.stages.iter().filter(|stage| fetches_image(stage)) {
        let Some(Image::Bucket { prefix, .. }) = materials.images.get(&stage.name) else {
            continue;
        };
        for blob in materials.image_blobs.get(&stage.name).into_iter().flatten() {
            assets.push(Asset {
                key: format!("{prefix}blobs/sha256/{}", blob.digest.hex()),
                size_bytes: Some(blob.size_bytes),
                content: Content::ImageBlob {
                    stage: stage.name.clone(),
                    digest: blob.digest.clone(),
                },
            });
        }
    }
    assets
}
