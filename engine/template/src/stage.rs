//! A stage → its resources.

use std::collections::BTreeSet;

use scar_schemas::construct::{Compute, Network};
use scar_schemas::contract::Image;
use scar_workflow::{Stage, Workflow};
use serde_json::Value;

use crate::buckets::Buckets;
use crate::event::{self, Rule};
use crate::fragment::Fragments;
use crate::placement::{Placement, placement};
use crate::{Error, Materials};

mod alarm;
mod function;
mod http;
mod job;
mod role;
mod schedule;
mod size;
mod trigger;

pub(crate) use job::features;
pub(crate) use size::Size;

/// Logical id and resource.
pub(crate) type Named = (String, Value);

/// A workflow with what all of its stages need.
pub(crate) struct Context<'a> {
    pub(crate) fragments: &'a Fragments,
    pub(crate) workflow: &'a Workflow,
    pub(crate) materials: &'a Materials,
    pub(crate) buckets: Buckets<'a>,
    /// KMS keys that encrypt what stages read and write.
    pub(crate) keys: BTreeSet<String>,
}

/// A stage with what its resources need.
pub(crate) struct Part<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) stage: &'a Stage,
    /// Key of its package in the artifact bucket.
    pub(crate) package: &'a str,
    pub(crate) image: &'a Image,
    /// Where its jobs run, if it has any.
    pub(crate) placement: Option<Placement>,
    /// What starts it through the bus.
    pub(crate) rules: Vec<Rule>,
}

impl<'a> Part<'a> {
    pub(crate) fn new(
        context: &'a Context<'a>,
        stage: &'a Stage,
        package: &'a str,
    ) -> Result<Self, Error> {
        Ok(Self {
            context,
            stage,
            package,
            image: context.materials.image(stage)?,
            placement: placement(stage),
            rules: event::rules(context.workflow, stage)?,
        })
    }

    /// All resources of the stage.
    pub(crate) fn resources(&self) -> Result<Vec<Named>, Error> {
        let parts = [
            self.function()?,
            self.job()?,
            self.triggers()?,
            self.schedules()?,
            self.door()?,
            self.alarms()?,
        ];
        let mut resources: Vec<Named> = parts.into_iter().flatten().collect();
        for (_, resource) in &mut resources {
            add_tags(resource, self.stage);
        }
        Ok(resources)
    }

    /// Its name in logical ids, keys and identities.
    pub(crate) fn id(&self) -> &'a str {
        &self.stage.id
    }

    fn render(&self, fragment: &'static str, values: Value) -> Result<Value, Error> {
        self.context.fragments.render(fragment, values)
    }

    /// KMS key that encrypts what the workflow's stack stores.
    fn kms_key(&self) -> Option<&'a str> {
        self.context.workflow.safeguards.kms_key.as_deref()
    }

    /// Whether the function only takes events and submits jobs.
    fn is_intake(&self) -> bool {
        self.stage.compute == Compute::Batch
    }

    fn describe(&self) -> String {
        let Workflow {
            name, environment, ..
        } = self.context.workflow;
        let stage = &self.stage.name;
        format!("scar: stage {stage} of workflow {name} ({environment})")
    }

    fn private_network(&self) -> Option<(&'a [String], &'a [String])> {
        match &self.stage.network {
            Network::Auto => None,
            Network::Private {
                subnets,
                security_groups,
            } => Some((subnets, security_groups)),
        }
    }
}

/// Parameters of the workflow's stack that the stage needs.
pub(crate) fn parameters(part: &Part<'_>) -> Result<Vec<&'static str>, Error> {
    let mut names = job::parameters(part);
    if part.fetches_package() {
        names.push(crate::output::REGISTRY);
    } else {
        names.push(part.layer()?);
    }
    Ok(names)
}

/// Tags of the stage alone; those of the workflow come from the stack.
fn add_tags(resource: &mut Value, stage: &Stage) {
    let kind = resource["Type"].as_str().unwrap_or_default();
    let tags = match kind {
        _ if stage.tags.is_empty() => return,
        "AWS::Batch::JobDefinition" => serde_json::json!(stage.tags),
        "AWS::Lambda::Function"
        | "AWS::IAM::Role"
        | "AWS::Logs::LogGroup"
        | "AWS::SQS::Queue"
        | "AWS::CloudWatch::Alarm" => {
            let pair = |(key, value)| serde_json::json!({"Key": key, "Value": value});
            stage.tags.iter().map(pair).collect()
        }
        _ => return,
    };
    resource["Properties"]["Tags"] = tags;
}
