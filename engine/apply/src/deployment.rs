//! A deployed workflow, as far as data and tasks are concerned.

use std::collections::BTreeMap;

use scar_schemas::construct::Cache;
use scar_schemas::deployed::{Deployed, DeployedStage, METADATA_KEY};
use scar_schemas::digest::{Digest, hash_parts};
use scar_schemas::record;
use scar_template::name::bucket_output;
use scar_workflow::{Stage, Workflow};

use crate::{Cloud, Error, stack};

/// Names that only the deployed stack knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Name of the stack, which is part of every task's identity.
    pub name: String,
    /// Real bucket names by manifest name.
    pub buckets: BTreeMap<String, String>,
    /// Real name of the bucket with scar's own records.
    pub state_bucket: String,
    /// What is part of the identity of the tasks of stages that want it (`cache: stage`), by stage id.
    pub fingerprints: BTreeMap<String, Digest>,
}

impl Deployment {
    /// Finds the deployed stack of a workflow.
    ///
    /// # Errors
    /// [`Error::NotDeployed`] if there is none, [`Error::MissingOutput`] if it lacks a bucket of the
    /// workflow (the manifest is newer than what is deployed), [`Error::Foreign`], [`Error::Call`].
    pub async fn find(cloud: &Cloud, workflow: &Workflow) -> Result<Self, Error> {
        let name = record::deployment(&workflow.name, &workflow.environment);
        let description = stack::describe(cloud, &name).await?;
        let Some(description) = description.filter(|found| is_there(stack::status(found))) else {
            return Err(Error::NotDeployed { stack: name });
        };
        stack::check_own(&name, &stack::tags(&description))?;
        let mut found = Self::of(workflow, name, &stack::outputs(&description))?;
        if workflow
            .stages
            .iter()
            .any(|stage| stage.cache == Cache::Stage)
        {
            found.fingerprints = fingerprints(cloud, &found.name).await?;
        }
        Ok(found)
    }

    /// Puts together what manifest and stack outputs say.
    fn of(
        workflow: &Workflow,
        name: String,
        outputs: &BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let real = |(bucket, existing): (&String, &Option<String>)| match existing {
            Some(real) => Ok((bucket.clone(), real.clone())),
            None => {
                let output = bucket_output(bucket);
                let real = outputs.get(&output).cloned();
                let real = real.ok_or_else(|| Error::MissingOutput {
                    stack: name.clone(),
                    output,
                })?;
                Ok((bucket.clone(), real))
            }
        };
        let buckets: BTreeMap<_, _> = workflow
            .buckets
            .iter()
            .map(real)
            .collect::<Result<_, Error>>()?;
        let state_bucket = buckets
            .get(&workflow.state_bucket)
            .cloned()
            .ok_or_else(|| Error::MissingOutput {
                stack: name.clone(),
                output: bucket_output(&workflow.state_bucket),
            })?;
        Ok(Self {
            name,
            buckets,
            state_bucket,
            fingerprints: BTreeMap::new(),
        })
    }

    /// An identity that also depends on the stage, where the stage wants that.
    pub(crate) fn cached(&self, stage: &Stage, task: String) -> String {
        match self.fingerprints.get(&stage.id) {
            Some(of) => hash_parts([&b"stage"[..], task.as_bytes(), of.hex().as_bytes()]),
            None => task,
        }
    }

    /// Manifest names of a real bucket; two manifest names may mean one bucket.
    pub(crate) fn manifest_names<'a>(&'a self, real: &'a str) -> impl Iterator<Item = &'a str> {
        self.buckets
            .iter()
            .filter(move |(_, name)| *name == real)
            .map(|(name, _)| name.as_str())
    }
}

/// What the deployed template says of stages whose tasks depend on it.
async fn fingerprints(cloud: &Cloud, name: &str) -> Result<BTreeMap<String, Digest>, Error> {
    let template = stack::template(cloud, name).await?;
    let summary = template.metadata.get(METADATA_KEY).cloned();
    let deployed: Option<Deployed> = summary.and_then(|value| serde_json::from_value(value).ok());
    let stages = deployed.map(|deployed| deployed.stages).unwrap_or_default();
    let of_stage =
        |stage: &DeployedStage| Some((stage.id().to_owned(), stage.fingerprint.clone()?));
    Ok(stages.iter().filter_map(of_stage).collect())
}

/// Statuses without anything to use: never made, or being removed.
fn is_there(status: &str) -> bool {
    !matches!(
        status,
        "REVIEW_IN_PROGRESS"
            | "CREATE_IN_PROGRESS"
            | "CREATE_FAILED"
            | "ROLLBACK_IN_PROGRESS"
            | "ROLLBACK_COMPLETE"
            | "ROLLBACK_FAILED"
            | "DELETE_IN_PROGRESS"
            | "DELETE_COMPLETE"
    )
}
