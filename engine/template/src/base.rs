//! The base stack: what all workflows of an environment share.

use std::collections::{BTreeMap, BTreeSet};

use scar_cfn::Document;
use scar_schemas::construct::Architecture;
use scar_schemas::manifest::Safeguards;
use scar_workflow::OLD_VERSIONS_DAYS;
use serde_json::{Map, Value, json};

use crate::base::compute::Site;
use crate::feature::{self, Feature, closed};
use crate::fragment::Fragments;
use crate::{Error, Materials, output, parameter, placement, safeguard};

pub(crate) mod compute;

/// Addresses of the network and of its subnets. It is connected to nothing else.
const NETWORK: &str = "10.74.0.0/16";
const SUBNETS: [&str; 2] = ["10.74.0.0/17", "10.74.128.0/17"];

/// Everything of the base stack that depends on something.
pub(crate) struct Base {
    pub(crate) document: Document,
    pub(crate) parameters: BTreeMap<String, String>,
}

/// Renders what is there already and what is needed now. `prefix` is that of the bucket's name.
pub(crate) fn render(
    fragments: &Fragments,
    environment: &str,
    prefix: &str,
    needed: BTreeSet<Feature>,
    safeguards: &Safeguards,
    materials: &Materials,
) -> Result<Base, Error> {
    let features = closed(needed.union(&materials.base.features).copied().collect());
    let mut resources = resources(fragments, environment, &features)?;
    resources.extend(artifact_store(fragments, prefix, safeguards)?);
    let mut keys = vec![parameter::SUPERVISOR_KEY];
    if features.contains(&Feature::Arm64) {
        keys.push(parameter::SUPERVISOR_ARM64_KEY);
    }
    let metadata = metadata(&features, safeguards);
    let mut document = fragments.render("base", json!({"keys": keys, "metadata": metadata}))?;
    document["Resources"] = Value::Object(resources);
    document["Outputs"] = json!(outputs(&features));
    Ok(Base {
        document: Document::from_value(document)?,
        parameters: parameters(&features, materials),
    })
}

/// What the next rendering has to know of this one.
fn metadata(features: &BTreeSet<Feature>, safeguards: &Safeguards) -> Map<String, Value> {
    let names: Vec<&str> = features.iter().map(|feature| feature.name()).collect();
    let mut metadata = Map::new();
    if !names.is_empty() {
        metadata.insert(feature::METADATA_KEY.to_owned(), json!(names));
    }
    metadata.extend(safeguard::metadata(safeguards));
    metadata
}

/// Key of a supervisor's layer in the artifact bucket.
pub(crate) fn layer_key(supervisor: &scar_schemas::digest::Digest) -> String {
    format!("layers/{}.zip", supervisor.hex())
}

/// Without an own supervisor for ARM the layer of another workflow stays as it is.
fn parameters(features: &BTreeSet<Feature>, materials: &Materials) -> BTreeMap<String, String> {
    let key = layer_key(&materials.supervisor);
    let mut parameters = BTreeMap::from([(parameter::SUPERVISOR_KEY.to_owned(), key)]);
    if features.contains(&Feature::Arm64) {
        let name = parameter::SUPERVISOR_ARM64_KEY;
        let deployed = || materials.base.parameters.get(name).cloned();
        let key = materials.supervisor_arm64.as_ref().map(layer_key);
        parameters.insert(name.to_owned(), key.or_else(deployed).unwrap_or_default());
    }
    parameters
}

fn resources(
    fragments: &Fragments,
    environment: &str,
    features: &BTreeSet<Feature>,
) -> Result<Map<String, Value>, Error> {
    let mut resources = Map::new();
    resources.insert(
        "SupervisorLayer".to_owned(),
        layer(fragments, Architecture::X86_64)?,
    );
    for feature in features {
        let more = match feature {
            Feature::Arm64 => {
                vec![(
                    "SupervisorArm64Layer".to_owned(),
                    layer(fragments, Architecture::Arm64)?,
                )]
            }
            Feature::Registry => {
                let name = json!({"name": format!("scar-{environment}")});
                vec![("Registry".to_owned(), fragments.render("registry", name)?)]
            }
            Feature::Jobs => group(fragments, "job_roles", json!({"environment": environment}))?,
            Feature::Network => group(fragments, "network", network(features))?,
            Feature::Nodes => Vec::new(),
            queue => compute::resources(fragments, *queue, &shared_site(*queue))?,
        };
        resources.extend(more);
    }
    Ok(resources)
}

/// The bucket of packages and images.
fn artifact_store(
    fragments: &Fragments,
    prefix: &str,
    safeguards: &Safeguards,
) -> Result<[(String, Value); 2], Error> {
    let bucket = json!({
        "prefix": prefix, "events": false, "functions": [], "permissions": [], "expire": [], "staged": null,
        "versioned": safeguards.versioned,
        "old_versions_days": safeguards.versioned.then_some(OLD_VERSIONS_DAYS),
        "kms_key": safeguards.kms_key,
        "access_logs": safeguards.access_logs,
    });
    let guard = json!({"bucket": "ArtifactStore", "policy": "Retain"});
    let store = fragments.render("bucket", bucket)?;
    let guard = fragments.render("guard", guard)?;
    Ok([
        ("ArtifactStore".to_owned(), store),
        ("ArtifactGuard".to_owned(), guard),
    ])
}

fn layer(fragments: &Fragments, architecture: Architecture) -> Result<Value, Error> {
    let (condition, key) = match architecture {
        Architecture::X86_64 => ("HasSupervisor", parameter::SUPERVISOR_KEY),
        Architecture::Arm64 => ("HasSupervisorArm64", parameter::SUPERVISOR_ARM64_KEY),
    };
    let values = json!({"condition": condition, "architecture": architecture, "key": key});
    fragments.render("layer", values)
}

/// A fragment with several resources.
fn group(
    fragments: &Fragments,
    name: &'static str,
    values: Value,
) -> Result<Vec<(String, Value)>, Error> {
    match fragments.render(name, values)? {
        Value::Object(resources) => Ok(resources.into_iter().collect()),
        _ => Ok(Vec::new()),
    }
}

/// Instances need an address to reach the service; Fargate's tasks are given theirs one by one.
fn network(features: &BTreeSet<Feature>) -> Value {
    json!({
        "range": NETWORK,
        "subnets": SUBNETS,
        "nodes": features.contains(&Feature::Nodes),
        "has_instances": features.iter().any(|feature| *feature >= Feature::Ec2),
    })
}

fn shared_site(feature: Feature) -> Site {
    let name = feature.name();
    Site {
        compute: format!("{name}Compute"),
        queue: format!("{name}Queue"),
        launch_template: format!("{name}Machine"),
        subnets: json!([{"Ref": "NetworkSubnet1"}, {"Ref": "NetworkSubnet2"}]),
        security_groups: json!([{"Ref": "NetworkGroup"}]),
        profile: json!({"Fn::GetAtt": ["InstanceProfile", "Arn"]}),
        disk_gib: placement::SHARED_DISK_GIB,
    }
}

fn outputs(features: &BTreeSet<Feature>) -> BTreeMap<&'static str, Value> {
    let layer = |condition: &str, resource: &str| json!({"Condition": condition, "Value": {"Ref": resource}});
    let value = |value: Value| json!({ "Value": value });
    let mut outputs = BTreeMap::from([
        (
            output::ARTIFACT_BUCKET,
            value(json!({"Ref": "ArtifactStore"})),
        ),
        (
            output::SUPERVISOR_LAYER,
            layer("HasSupervisor", "SupervisorLayer"),
        ),
    ]);
    for feature in features {
        match feature {
            Feature::Arm64 => {
                let layer = layer("HasSupervisorArm64", "SupervisorArm64Layer");
                outputs.insert(output::SUPERVISOR_ARM64_LAYER, layer);
            }
            Feature::Registry => {
                let address = json!({"Fn::GetAtt": ["Registry", "RepositoryUri"]});
                outputs.insert(output::REGISTRY, value(address));
            }
            Feature::Jobs => {
                let arn = |resource: &str| value(json!({"Fn::GetAtt": [resource, "Arn"]}));
                outputs.insert(output::EXECUTION_ROLE, arn("ExecutionRole"));
                outputs.insert(output::INSTANCE_PROFILE, arn("InstanceProfile"));
            }
            Feature::Network => {
                let subnets = json!({"Fn::Sub": "${NetworkSubnet1},${NetworkSubnet2}"});
                let group = json!({"Fn::GetAtt": ["NetworkGroup", "GroupId"]});
                outputs.insert(output::SUBNETS, value(subnets));
                outputs.insert(output::SECURITY_GROUP, value(group));
            }
            Feature::Nodes => {}
            queue => {
                let arn = json!({"Ref": format!("{}Queue", queue.name())});
                outputs.insert(compute::queue_output(*queue), value(arn));
            }
        }
    }
    outputs
}
