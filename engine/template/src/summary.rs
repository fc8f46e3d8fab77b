//! A workflow in the words of its manifest, for `Metadata.Scar`.

use std::collections::BTreeMap;

use scar_schemas::construct::Compute;
use scar_schemas::contract::OutputKey;
use scar_schemas::deployed::{Deployed, DeployedLink, DeployedStage, FORMAT};
use scar_schemas::digest::Digest;
use scar_schemas::manifest::Work;
use scar_workflow::{Input, Output, Stage, Workflow};

use crate::{Error, Materials, config, settings};

/// Summary of a whole workflow.
pub(crate) fn summarise(workflow: &Workflow, materials: &Materials) -> Result<Deployed, Error> {
    let stages = workflow
        .stages
        .iter()
        .map(|stage| summarise_stage(stage, materials));
    let link = |link: &scar_workflow::Link| DeployedLink {
        from: link.from.clone(),
        to: link.to.clone(),
        via: link.via.clone(),
    };
    Ok(Deployed {
        format: FORMAT,
        workflow: workflow.name.clone(),
        environment: workflow.environment.clone(),
        manifest: materials.manifest.clone(),
        stages: stages.collect::<Result<_, _>>()?,
        links: workflow.links.iter().map(link).collect(),
        settings: settings::of_workflow(workflow),
    })
}

/// An input as people write it: `bucket:pattern`.
#[must_use]
pub fn input_text(input: &Input) -> String {
    format!("{}:{}", input.bucket, input.pattern)
}

/// An output as people write it: `bucket:prefix/`, `bucket:prefix/ (*.avi)` or `bucket:before*after`.
#[must_use]
pub fn output_text(output: &Output) -> String {
    let bucket = &output.bucket;
    match &output.key {
        OutputKey::Prefix {
            prefix,
            files: None,
        } => format!("{bucket}:{prefix}"),
        OutputKey::Prefix {
            prefix,
            files: Some(files),
        } => format!("{bucket}:{prefix} ({files})"),
        OutputKey::Single { before, after } => format!("{bucket}:{before}*{after}"),
    }
}

fn summarise_stage(stage: &Stage, materials: &Materials) -> Result<DeployedStage, Error> {
    let image = materials.image(stage)?;
    Ok(DeployedStage {
        name: stage.name.clone(),
        compute: match stage.compute {
            Compute::Lambda => "lambda".to_owned(),
            Compute::Batch => "batch".to_owned(),
        },
        image: stage.image.clone(),
        digest: image.digest().clone(),
        inputs: stage.inputs.iter().map(input_text).collect(),
        outputs: stage.outputs.iter().map(output_text).collect(),
        work: work_digest(stage, materials)?,
        variables: variables_digest(&stage.variables),
        fingerprint: config::fingerprint(stage, materials)?,
        memory_mib: stage.memory_mib,
        timeout_s: stage.timeout_s,
        disk_mib: stage.disk_mib,
        attempts: stage.attempts,
        log_days: stage.log_days,
        id: (stage.id != stage.name).then(|| stage.id.clone()),
        settings: settings::of_stage(stage),
    })
}

fn work_digest(stage: &Stage, materials: &Materials) -> Result<Digest, Error> {
    Ok(match &stage.work {
        Work::Run(_) | Work::Script(_) => Digest::of(materials.script(stage)?),
        Work::Command(arguments) => Digest::of(arguments.join("\0").as_bytes()),
        Work::Image => Digest::of(b""),
    })
}

fn variables_digest(variables: &BTreeMap<String, String>) -> Digest {
    let pairs: Vec<String> = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}\0"))
        .collect();
    Digest::of(pairs.concat().as_bytes())
}
