//! Where the jobs of a stage run: which queue, and how much of a computer each gets.

use scar_schemas::construct::{Architecture, Compute, Network};
use scar_workflow::Stage;

use crate::Feature;

/// Processors, in thousandths, and the memory that Fargate has for them: smallest, largest and step in
/// MiB ("Fargate task sizes" of Batch).
const FARGATE_SIZES: [(u32, u32, u32, u32); 7] = [
    (250, 512, 2_048, 512),
    (500, 1_024, 4_096, 1_024),
    (1_000, 2_048, 8_192, 1_024),
    (2_000, 4_096, 16_384, 1_024),
    (4_000, 8_192, 30_720, 1_024),
    (8_000, 16_384, 61_440, 4_096),
    (16_000, 32_768, 122_880, 8_192),
];
/// Disk in GiB that every Fargate task has, and the most it can have ("Fargate task ephemeral storage").
const FARGATE_DISK_GIB: (u32, u32) = (20, 200);
/// Disk in GiB of the instances that all stages share; who needs more gets instances of its own.
pub(crate) const SHARED_DISK_GIB: u32 = 100;
/// What the system of an instance and the images on it take, in GiB.
const SYSTEM_DISK_GIB: u32 = 30;

/// Where the jobs of a stage run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The kind of computers.
    pub(crate) feature: Feature,
    /// The stage has a queue and computers of its own.
    pub(crate) is_own: bool,
    /// Processors, as Batch writes them.
    pub(crate) vcpu: String,
    /// Memory in MiB.
    pub(crate) memory_mib: u32,
    /// Disk of a Fargate task in GiB if it needs more than every one has; of an own instance in any case.
    pub(crate) disk_gib: u32,
}

impl Placement {
    pub(crate) fn is_fargate(&self) -> bool {
        matches!(self.feature, Feature::Fargate | Feature::FargateSpot)
    }
}

/// Where the jobs of a stage run; `None` if it has none.
pub(crate) fn placement(stage: &Stage) -> Option<Placement> {
    if stage.compute != Compute::Batch && !stage.fallback {
        return None;
    }
    Some(fargate(stage).unwrap_or_else(|| instances(stage)))
}

fn fargate(stage: &Stage) -> Option<Placement> {
    let disk_gib = stage.disk_mib.div_ceil(1024);
    // Spare capacity of Fargate is x86 only.
    let has_none = stage.spot && stage.arch == Architecture::Arm64;
    if stage.gpu > 0 || stage.nodes > 1 || has_none || disk_gib > FARGATE_DISK_GIB.1 {
        return None;
    }
    let (vcpu_milli, memory_mib) = fargate_size(stage.vcpu_milli, stage.memory_mib)?;
    Some(Placement {
        feature: if stage.spot {
            Feature::FargateSpot
        } else {
            Feature::Fargate
        },
        is_own: stage.network != Network::Auto,
        vcpu: processors(vcpu_milli),
        memory_mib,
        disk_gib: if disk_gib > FARGATE_DISK_GIB.0 {
            disk_gib
        } else {
            0
        },
    })
}

fn instances(stage: &Stage) -> Placement {
    let disk_gib = stage.disk_mib.div_ceil(1024) + SYSTEM_DISK_GIB;
    let feature = match (stage.gpu > 0, stage.arch, stage.spot) {
        (true, _, false) => Feature::Gpu,
        (true, _, true) => Feature::GpuSpot,
        (false, Architecture::X86_64, false) => Feature::Ec2,
        (false, Architecture::X86_64, true) => Feature::Ec2Spot,
        (false, Architecture::Arm64, false) => Feature::Ec2Arm64,
        (false, Architecture::Arm64, true) => Feature::Ec2Arm64Spot,
    };
    Placement {
        feature,
        is_own: stage.network != Network::Auto || disk_gib > SHARED_DISK_GIB,
        vcpu: stage.vcpu_milli.div_ceil(1_000).max(1).to_string(),
        memory_mib: stage.memory_mib,
        disk_gib,
    }
}

/// The smallest size that has both; `None` if there is none.
fn fargate_size(vcpu_milli: u32, memory_mib: u32) -> Option<(u32, u32)> {
    let fits = |(vcpu, _, most, _): &&(u32, u32, u32, u32)| {
        *vcpu >= vcpu_milli && *most >= memory_mib.max(1)
    };
    let (vcpu, least, _, step) = FARGATE_SIZES.iter().find(fits)?;
    let above = memory_mib.saturating_sub(*least).div_ceil(*step);
    // The smallest size has 0.5, 1 and 2 GiB only.
    let memory = match least + above * step {
        1_536 => 2_048,
        other => other,
    };
    Some((*vcpu, memory))
}

fn processors(milli: u32) -> String {
    match milli % 1_000 {
        0 => (milli / 1_000).to_string(),
        250 => format!("{}.25", milli / 1_000),
        _ => format!("{}.5", milli / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_up_to_what_fargate_has() {
        assert_eq!(fargate_size(0, 0), Some((250, 512)));
        assert_eq!(fargate_size(250, 1_100), Some((250, 2_048)));
        assert_eq!(fargate_size(1_000, 1_024), Some((1_000, 2_048)));
        assert_eq!(fargate_size(1_000, 9_000), Some((2_000, 9_216)));
        assert_eq!(fargate_size(8_000, 17_000), Some((8_000, 20_480)));
        assert_eq!(fargate_size(16_000, 122_880), Some((16_000, 122_880)));
        assert_eq!(fargate_size(16_001, 1_024), None);
        assert_eq!(fargate_size(1_000, 122_881), None);
        assert_eq!(processors(250), "0.25");
        assert_eq!(processors(500), "0.5");
        assert_eq!(processors(16_000), "16");
    }

    #[test]
    fn what_is_asked_for_decides_the_kind() {
        let kind = |change: fn(&mut Stage)| {
            let mut stage = Stage {
                compute: Compute::Batch,
                vcpu_milli: 1_000,
                memory_mib: 2_048,
                nodes: 1,
                ..Stage::default()
            };
            change(&mut stage);
            placement(&stage).map(|it| (it.feature, it.is_own))
        };
        assert_eq!(kind(|_| {}), Some((Feature::Fargate, false)));
        assert_eq!(
            kind(|it| it.spot = true),
            Some((Feature::FargateSpot, false))
        );
        assert_eq!(kind(|it| it.nodes = 2), Some((Feature::Ec2, false)));
        assert_eq!(
            kind(|it| it.disk_mib = 300 * 1024),
            Some((Feature::Ec2, true))
        );
        assert_eq!(kind(|it| it.gpu = 1), Some((Feature::Gpu, false)));
        assert_eq!(kind(|it| it.compute = Compute::Lambda), None);
        let arm = |it: &mut Stage| {
            it.arch = Architecture::Arm64;
            it.spot = true;
        };
        assert_eq!(kind(arm), Some((Feature::Ec2Arm64Spot, false)));
    }
}
