//! What a deployed template says about itself under `Metadata.Scar`, so that a later plan can compare
//! graphs and settings in the words of the manifest without any state file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Format number of [`Deployed`]. A reader that knows only lower ones ignores the summary.
pub const FORMAT: u32 = 1;

/// Key of the summary in the template's `Metadata`.
pub const METADATA_KEY: &str = "Scar";

/// Summary of a deployed workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// [`FORMAT`].
    pub format: u32,
    /// Name of the workflow.
    pub workflow: String,
    /// Name of the environment.
    pub environment: String,
    /// Digest of the manifest's normalised text.
    pub manifest: Digest,
    /// Stages in topological order.
    pub stages: Vec<DeployedStage>,
    /// Which stage feeds which.
    pub links: Vec<DeployedLink>,
    /// Settings of the whole workflow that are not those of a stage, as the manifest says them:
    /// `protect`, `alarm`, `buckets.data.expire`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

/// Summary of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedStage {
    /// Its name.
    pub name: String,
    /// Its name in logical ids, keys and identities, if that is another: the name it was first deployed
    /// under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where it runs: `lambda` or `batch`.
    pub compute: String,
    /// Image as written.
    pub image: String,
    /// Image as pinned.
    pub digest: Digest,
    /// Inputs, as `bucket:pattern`.
    pub inputs: Vec<String>,
    /// Outputs, as `bucket:prefix/` or `bucket:before*after`.
    pub outputs: Vec<String>,
    /// Digest of the script or command.
    pub work: Digest,
    /// Digest of the container's variables.
    pub variables: Digest,
    /// What is part of the identity of its tasks besides their input, with `cache: stage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Digest>,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Seconds a task may take.
    pub timeout_s: u32,
    /// Scratch disk in MiB.
    pub disk_mib: u32,
    /// Starts of one task at most.
    pub attempts: u32,
    /// Days to keep the log.
    pub log_days: u32,
    /// All settings of its constructs, by manifest key, as the manifest says them; what is as it is
    /// without being said is left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

impl DeployedStage {
    /// Its name in logical ids, keys and identities.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.name)
    }
}

/// One stage's output feeds another's input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeployedLink {
    /// Writing stage.
    pub from: String,
    /// Reading stage.
    pub to: String,
    /// Where they meet: `data:grey/*.png`.
    pub via: String,
}
