//! The stage's jobs: definition, role, and a queue of their own where the shared ones do not do.

use std::collections::BTreeMap;

use scar_schemas::construct::Architecture;
use scar_schemas::contract::{DEFAULT_WORK_DIR, function_variable};
use serde_json::{Value, json};

use super::{Named, Part};
use crate::base::compute::{self, Site};
use crate::placement::Placement;
use crate::{Error, Feature, name, output};

/// The region, as SDKs look for it: Batch sets it on Fargate only.
const REGION: &str = "AWS_REGION";
/// Shortest time of an attempt that Batch takes (API reference, `JobTimeout`).
const MIN_TIMEOUT_S: u32 = 60;

impl Part<'_> {
    pub(super) fn job(&self) -> Result<Vec<Named>, Error> {
        let Some(placement) = &self.placement else {
            return Ok(Vec::new());
        };
        let mut resources = vec![
            (name::job_role_id(self.id()), self.job_role()?),
            (name::job_id(self.id()), self.definition(placement)?),
        ];
        if placement.is_own {
            resources.extend(self.own_queue(placement)?);
        }
        Ok(resources)
    }

    /// ARN of the queue that the stage's jobs go to, if it has any.
    pub(super) fn job_queue(&self) -> Option<Value> {
        let placement = self.placement.as_ref()?;
        Some(if placement.is_own {
            json!({ "Ref": name::job_queue_id(self.id()) })
        } else {
            json!({ "Ref": compute::queue_output(placement.feature) })
        })
    }

    fn definition(&self, placement: &Placement) -> Result<Value, Error> {
        let stage = self.stage;
        let fargate = placement.is_fargate().then(|| {
            json!({
                "disk_gib": placement.disk_gib,
                "public_address": if placement.is_own { "DISABLED" } else { "ENABLED" },
                "architecture": match stage.arch {
                    Architecture::X86_64 => "X86_64",
                    Architecture::Arm64 => "ARM64",
                },
            })
        });
        let values = json!({
            "nodes": stage.nodes,
            "fargate": fargate,
            "attempts": stage.attempts,
            // The supervisor keeps to a shorter time itself.
            "timeout_s": stage.timeout_s.max(MIN_TIMEOUT_S),
            "supervisor_image": self.supervisor_image()?,
            "variables": self.job_variables(),
            "role": name::job_role_id(self.id()),
            "log_group": name::log_group_id(self.id()),
            "gpu": (stage.gpu > 0).then(|| stage.gpu.to_string()),
            "vcpu": placement.vcpu,
            "memory_mib": placement.memory_mib.to_string(),
        });
        self.render("job", values)
    }

    fn supervisor_image(&self) -> Result<String, Error> {
        let images = &self.context.materials.supervisor_images;
        let digest = images
            .get(&self.stage.arch)
            .ok_or_else(|| self.no_supervisor())?;
        Ok(format!("${{{}}}@{digest}", output::REGISTRY))
    }

    fn job_variables(&self) -> BTreeMap<String, Value> {
        let mut variables = self.variables();
        variables.insert(REGION.to_owned(), json!({"Ref": "AWS::Region"}));
        let mut add = |name: &str, value: &str| variables.insert(name.to_owned(), json!(value));
        add(function_variable::PACKAGE_KEY, self.package);
        add(function_variable::WORK_DIR, DEFAULT_WORK_DIR);
        variables
    }

    fn own_queue(&self, placement: &Placement) -> Result<Vec<Named>, Error> {
        let (subnets, security_groups) = match self.private_network() {
            Some((subnets, groups)) => (json!(subnets), json!(groups)),
            None => (
                json!({"Fn::Split": [",", {"Ref": output::SUBNETS}]}),
                json!([{"Ref": output::SECURITY_GROUP}]),
            ),
        };
        compute::resources(
            self.context.fragments,
            placement.feature,
            &Site {
                compute: name::compute_id(self.id()),
                queue: name::job_queue_id(self.id()),
                launch_template: name::machine_id(self.id()),
                subnets,
                security_groups,
                profile: json!({"Ref": output::INSTANCE_PROFILE}),
                disk_gib: placement.disk_gib,
            },
        )
    }
}

/// Parameters of the workflow's stack that jobs of this kind need.
pub(crate) fn parameters(part: &Part<'_>) -> Vec<&'static str> {
    let Some(placement) = &part.placement else {
        return Vec::new();
    };
    let mut names = vec![output::REGISTRY, output::EXECUTION_ROLE];
    match (placement.is_own, part.private_network().is_some()) {
        (false, _) => names.push(compute::queue_output(placement.feature)),
        (true, false) => names.extend([output::SUBNETS, output::SECURITY_GROUP]),
        (true, true) => {}
    }
    if placement.is_own && !placement.is_fargate() {
        names.push(output::INSTANCE_PROFILE);
    }
    names
}

/// What the base stack must have for the stage.
pub(crate) fn features(part: &Part<'_>) -> Vec<Feature> {
    let mut features = Vec::new();
    if part.stage.arch == Architecture::Arm64 {
        features.push(Feature::Arm64);
    }
    if part.fetches_package() {
        features.push(Feature::Registry);
    }
    let Some(placement) = &part.placement else {
        return features;
    };
    features.push(Feature::Jobs);
    if part.private_network().is_none() {
        features.push(Feature::Network);
    }
    if part.stage.nodes > 1 {
        features.push(Feature::Nodes);
    }
    if !placement.is_own {
        features.push(placement.feature);
    }
    features
}
