//! What the base stack of an environment can have beyond its bucket and layer.

use std::collections::{BTreeMap, BTreeSet};

use scar_cfn::Document;
use scar_schemas::manifest::Safeguards;

use crate::safeguard;

/// Key of the list of features in the base template's `Metadata`.
pub(crate) const METADATA_KEY: &str = "ScarFeatures";

/// Something of the base stack that is only there when a workflow has needed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Layer with the supervisor for 64-bit ARM.
    Arm64,
    /// Repository for container images.
    Registry,
    /// What starts jobs, and what instances of Batch are.
    Jobs,
    /// Small public network for Batch.
    Network,
    /// Jobs of several computers may talk to each other within the network.
    Nodes,
    /// Queue for Fargate.
    Fargate,
    /// Queue for spare capacity of Fargate.
    FargateSpot,
    /// Queue for instances.
    Ec2,
    /// Queue for spare instances.
    Ec2Spot,
    /// Queue for 64-bit ARM instances.
    Ec2Arm64,
    /// Queue for spare 64-bit ARM instances.
    Ec2Arm64Spot,
    /// Queue for instances with GPUs.
    Gpu,
    /// Queue for spare instances with GPUs.
    GpuSpot,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Arm64,
        Self::Registry,
        Self::Jobs,
        Self::Network,
        Self::Nodes,
        Self::Fargate,
        Self::FargateSpot,
        Self::Ec2,
        Self::Ec2Spot,
        Self::Ec2Arm64,
        Self::Ec2Arm64Spot,
        Self::Gpu,
        Self::GpuSpot,
    ];

    /// Its name in the template's metadata, and the first part of its logical ids.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "Arm64",
            Self::Registry => "Registry",
            Self::Jobs => "Jobs",
            Self::Network => "Network",
            Self::Nodes => "Nodes",
            Self::Fargate => "Fargate",
            Self::FargateSpot => "FargateSpot",
            Self::Ec2 => "Ec2",
            Self::Ec2Spot => "Ec2Spot",
            Self::Ec2Arm64 => "Ec2Arm64",
            Self::Ec2Arm64Spot => "Ec2Arm64Spot",
            Self::Gpu => "Gpu",
            Self::GpuSpot => "GpuSpot",
        }
    }
}

/// The features with all that they need themselves.
pub(crate) fn closed(mut features: BTreeSet<Feature>) -> BTreeSet<Feature> {
    if features.iter().any(|feature| *feature >= Feature::Fargate) {
        features.insert(Feature::Network);
        features.insert(Feature::Jobs);
    }
    if features.contains(&Feature::Nodes) {
        features.insert(Feature::Network);
    }
    if features.contains(&Feature::Jobs) {
        features.insert(Feature::Registry);
    }
    features
}

/// What the environment's base stack has at present. The default is one that is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeployedBase {
    /// Features, none of which is ever taken away: another workflow may use it.
    pub features: BTreeSet<Feature>,
    /// Values of its parameters.
    pub parameters: BTreeMap<String, String>,
    /// How it keeps what it stores safe. None of it is ever taken away either.
    pub safeguards: Safeguards,
}

impl DeployedBase {
    /// Adds what another workflow of the environment needs, when both are rendered before either is deployed.
    /// Its safeguards stand before those that are there.
    pub fn add(&mut self, other: &Self) {
        self.features.extend(&other.features);
        self.safeguards = safeguard::of_base(&other.safeguards, &self.safeguards);
    }

    /// Reads what a deployed base template says it has.
    #[must_use]
    pub fn new(template: &Document, parameters: BTreeMap<String, String>) -> Self {
        let names = template.metadata.get(METADATA_KEY);
        let names = names.and_then(|names| names.as_array());
        let names: BTreeSet<&str> = names
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str())
            .collect();
        let is_there = |feature: &Feature| names.contains(feature.name());
        Self {
            features: Feature::ALL.into_iter().filter(is_there).collect(),
            parameters,
            safeguards: safeguard::deployed(template),
        }
    }
}
