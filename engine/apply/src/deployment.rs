//! A deployed workflow, as far as data and tasks are concerned.

use std::collections::BTreeMap;

use scar_workflow::Workflow;

use crate::{Cloud, Error};

/// Names that only the deployed stack knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Name of the stack, which is part of every task's identity.
    pub name: String,
    /// Real bucket names by manifest name.
    pub buckets: BTreeMap<String, String>,
    /// Real name of the bucket with scar's own records.
    pub state_bucket: String,
}

impl Deployment {
    /// Finds the deployed stack of a workflow.
    ///
    /// # Errors
    /// [`Error::NotDeployed`] if there is none, [`Error::MissingOutput`] if it lacks a bucket of the
    /// workflow (the manifest is newer than what is deployed), [`Error::Call`].
    pub async fn find(cloud: &Cloud, workflow: &Workflow) -> Result<Self, Error> {
        let _ = (cloud, workflow);
        todo!()
    }
}
