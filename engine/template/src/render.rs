//! The whole workflow: fragments put together, read back, checked.

use std::collections::BTreeMap;

use scar_cfn::{Document, validate};
use scar_schemas::construct::Architecture;
use scar_schemas::deployed::METADATA_KEY;
use scar_schemas::digest::Digest;
use scar_workflow::Workflow;
use serde_json::{Map, Value, json};

use crate::fragment::Fragments;
use crate::{
    Asset, Content, Error, Materials, Origin, Protection, Rendered, check, config, limit, name,
    parameter, stage, summary,
};

/// Name of the stack that all workflows of an environment share, without `scar-` and the environment.
const BASE: &str = "base";
/// Length of a bucket's name, less `-<account>-`, and less the closing `-an` ("Bucket naming rules" of S3).
const MAX_PREFIX_AND_REGION: usize = 63 - 14 - 3;
/// The shortest region. Where the manifest names none, the service refuses names that a longer one spoils.
const SHORTEST_REGION: &str = "us-east-1";

/// Renders a checked workflow. The same arguments always give the same bytes.
///
/// # Errors
/// Text that CloudFormation or IAM would read as something else, a service limit, or a missing material.
pub fn render(workflow: &Workflow, materials: &Materials) -> Result<Rendered, Error> {
    if workflow.name == BASE {
        return Err(Error::ReservedName {
            name: workflow.name.clone(),
        });
    }
    check::names(workflow)?;
    let fragments = Fragments::new()?;
    let (stack, origins, packages) = stack(&fragments, workflow, materials)?;
    Ok(Rendered {
        base_name: scar_schemas::record::deployment(BASE, &workflow.environment),
        base: base(&fragments, workflow)?,
        base_parameters: BTreeMap::from([(
            parameter::SUPERVISOR_KEY.to_owned(),
            layer_key(&materials.supervisor),
        )]),
        base_tags: crate::tag::of(None, &workflow.environment),
        stack_name: scar_schemas::record::deployment(&workflow.name, &workflow.environment),
        parameters: stack.parameters.keys().cloned().collect(),
        stack,
        assets: assets(workflow, materials, packages),
        pushes: Vec::new(),
        notifications: Vec::new(),
        protection: Protection {
            termination: workflow.protect,
            ..Protection::default()
        },
        manifest: materials.manifest.clone(),
        origins,
        tags: tags(workflow),
    })
}

fn tags(workflow: &Workflow) -> BTreeMap<String, String> {
    let mut tags = workflow.tags.clone();
    tags.extend(crate::tag::of(Some(&workflow.name), &workflow.environment));
    tags
}

fn base(fragments: &Fragments, workflow: &Workflow) -> Result<Document, Error> {
    let prefix = format!("scar-{BASE}-{}", workflow.environment);
    let bucket = fragments.render(
        "bucket",
        json!({"prefix": checked_prefix(prefix, workflow)?, "events": false}),
    )?;
    let document = Document::from_value(fragments.render("base", json!({"bucket": bucket}))?)?;
    checked(document)
}

type Stack = (Document, BTreeMap<String, Origin>, Vec<Asset>);

fn stack(
    fragments: &Fragments,
    workflow: &Workflow,
    materials: &Materials,
) -> Result<Stack, Error> {
    let mut resources = Map::new();
    let mut origins = BTreeMap::new();
    let mut packages = Vec::new();
    for (id, resource, origin) in buckets(fragments, workflow)? {
        add(&mut resources, id.clone(), resource)?;
        origins.insert(id, origin);
    }
    for one in &workflow.stages {
        let package = config::stage_package(workflow, one, materials)?;
        let origin = Origin {
            stage: Some(one.name.clone()),
            path: format!("stages.{}", one.name),
        };
        for (id, resource) in stage::resources(fragments, workflow, one, materials, &package.key)? {
            add(&mut resources, id.clone(), resource)?;
            origins.insert(id, origin.clone());
        }
        packages.push(package);
    }
    let document = Document::from_value(json!({
        "Description": format!("scar: workflow {} ({})", workflow.name, workflow.environment),
        "Metadata": { METADATA_KEY: metadata(workflow, materials)? },
        "Parameters": {
            parameter::ARTIFACT_BUCKET: {"Type": "String", "Description": "Bucket with packages and images"},
            parameter::SUPERVISOR_LAYER: {"Type": "String", "Description": "Layer with the supervisor"},
        },
        "Resources": resources,
        "Outputs": outputs(workflow),
    }))?;
    Ok((checked(document)?, origins, packages))
}

fn metadata(workflow: &Workflow, materials: &Materials) -> Result<Value, Error> {
    let summary = summary::summarise(workflow, materials)?;
    serde_json::to_value(summary).map_err(|error| Error::Package {
        message: error.to_string(),
    })
}

fn buckets(
    fragments: &Fragments,
    workflow: &Workflow,
) -> Result<Vec<(String, Value, Origin)>, Error> {
    let managed = workflow
        .buckets
        .iter()
        .filter(|(_, existing)| existing.is_none());
    managed
        .map(|(bucket, _)| {
            let prefix = name::bucket_prefix(&workflow.name, &workflow.environment, bucket);
            let values = json!({"prefix": checked_prefix(prefix, workflow)?, "events": true});
            let origin = Origin {
                stage: None,
                path: format!("buckets.{bucket}"),
            };
            Ok((
                name::bucket_id(bucket),
                fragments.render("bucket", values)?,
                origin,
            ))
        })
        .collect()
}

fn outputs(workflow: &Workflow) -> Map<String, Value> {
    let managed = workflow
        .buckets
        .iter()
        .filter(|(_, existing)| existing.is_none());
    let output = |bucket: &str| json!({ "Value": { "Ref": name::bucket_id(bucket) } });
    managed
        .map(|(bucket, _)| (name::bucket_output(bucket), output(bucket)))
        .collect()
}

fn add(resources: &mut Map<String, Value>, id: String, resource: Value) -> Result<(), Error> {
    match resources.insert(id.clone(), resource) {
        None => Ok(()),
        Some(_) => Err(Error::DuplicateId { logical_id: id }),
    }
}

fn checked_prefix(prefix: String, workflow: &Workflow) -> Result<String, Error> {
    let region = workflow.region.as_deref().unwrap_or(SHORTEST_REGION);
    let limit = MAX_PREFIX_AND_REGION.saturating_sub(region.len());
    if prefix.len() > limit {
        return Err(Error::BucketName { prefix, limit });
    }
    Ok(prefix)
}

fn checked(document: Document) -> Result<Document, Error> {
    let mut problems = validate(&document);
    problems.retain(scar_cfn::Finding::is_error);
    if !problems.is_empty() {
        return Err(Error::Invalid { problems });
    }
    limit::check(&document)?;
    Ok(document)
}

fn layer_key(supervisor: &Digest) -> String {
    format!("layers/{}.zip", supervisor.hex())
}

/// Everything that must be in the artifact bucket, each key once.
fn assets(workflow: &Workflow, materials: &Materials, packages: Vec<Asset>) -> Vec<Asset> {
    let layer = Asset {
        key: layer_key(&materials.supervisor),
        size_bytes: None,
        content: Content::SupervisorLayer(Architecture::X86_64),
    };
    let mut assets: BTreeMap<String, Asset> = BTreeMap::from([(layer.key.clone(), layer)]);
    for asset in packages.into_iter().chain(image_blobs(workflow, materials)) {
        assets.entry(asset.key.clone()).or_insert(asset);
    }
    assets.into_values().collect()
}

fn image_blobs(workflow: &Workflow, materials: &Materials) -> Vec<Asset> {
    let mut assets = Vec::new();
    for stage in &workflow.stages {
        let Some(scar_schemas::contract::Image::Bucket { prefix, .. }) =
            materials.images.get(&stage.name)
        else {
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
