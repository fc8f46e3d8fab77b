//! A queue of Batch and the computers behind it, shared or of one stage alone.

use serde_json::{Value, json};

use crate::fragment::Fragments;
use crate::{Error, Feature};

/// Processors that run at once behind one queue.
const VCPU_LIMIT: u32 = 256;
/// Instance families: those that (nearly) all regions have. `optimal` is Batch's own choice of x86.
const X86: [&str; 1] = ["optimal"];
const ARM64: [&str; 3] = ["c6g", "m6g", "r6g"];
const GPU: [&str; 1] = ["g4dn"];
/// Systems of instances ("`Ec2Configuration`" of Batch).
const SYSTEM: &str = "ECS_AL2023";
const GPU_SYSTEM: &str = "ECS_AL2023_NVIDIA";

/// Where computers stand, and the logical ids of what is made.
pub(crate) struct Site {
    pub(crate) compute: String,
    pub(crate) queue: String,
    pub(crate) launch_template: String,
    pub(crate) subnets: Value,
    pub(crate) security_groups: Value,
    pub(crate) profile: Value,
    pub(crate) disk_gib: u32,
}

/// Queue and computers of one kind.
pub(crate) fn resources(
    fragments: &Fragments,
    feature: Feature,
    site: &Site,
) -> Result<Vec<(String, Value)>, Error> {
    let (kind, types) = kind(feature);
    let instances = types.map(|(types, system)| {
        json!({
            "types": types,
            "system": system,
            "profile": site.profile,
            "launch_template": site.launch_template,
        })
    });
    let mut resources = Vec::new();
    if instances.is_some() {
        let values = json!({"disk_gib": site.disk_gib});
        resources.push((
            site.launch_template.clone(),
            fragments.render("launch_template", values)?,
        ));
    }
    let values = json!({
        "kind": kind,
        "vcpu_limit": VCPU_LIMIT,
        "instances": instances,
        "subnets": site.subnets,
        "security_groups": site.security_groups,
    });
    resources.push((site.compute.clone(), fragments.render("compute", values)?));
    let values = json!({"compute": site.compute});
    resources.push((site.queue.clone(), fragments.render("job_queue", values)?));
    Ok(resources)
}

/// Name of the base stack's output with the ARN of the queue.
pub(crate) fn queue_output(feature: Feature) -> &'static str {
    match feature {
        Feature::FargateSpot => "FargateSpotQueueArn",
        Feature::Ec2 => "Ec2QueueArn",
        Feature::Ec2Spot => "Ec2SpotQueueArn",
        Feature::Ec2Arm64 => "Ec2Arm64QueueArn",
        Feature::Ec2Arm64Spot => "Ec2Arm64SpotQueueArn",
        Feature::Gpu => "GpuQueueArn",
        Feature::GpuSpot => "GpuSpotQueueArn",
        _ => "FargateQueueArn",
    }
}

type Types = (&'static [&'static str], &'static str);

fn kind(feature: Feature) -> (&'static str, Option<Types>) {
    match feature {
        Feature::FargateSpot => ("FARGATE_SPOT", None),
        Feature::Ec2 => ("EC2", Some((&X86, SYSTEM))),
        Feature::Ec2Spot => ("SPOT", Some((&X86, SYSTEM))),
        Feature::Ec2Arm64 => ("EC2", Some((&ARM64, SYSTEM))),
        Feature::Ec2Arm64Spot => ("SPOT", Some((&ARM64, SYSTEM))),
        Feature::Gpu => ("EC2", Some((&GPU, GPU_SYSTEM))),
        Feature::GpuSpot => ("SPOT", Some((&GPU, GPU_SYSTEM))),
        _ => ("FARGATE", None),
    }
}
