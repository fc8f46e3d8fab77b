//! The stage package: what the supervisor is told about its stage.

use scar_schemas::contract::{Command, FORMAT, Image, Input, More, Output, StageConfig};
use scar_schemas::digest::hex;
use scar_schemas::manifest::Work;
use scar_workflow::{Stage, Workflow};
use sha2::{Digest as _, Sha256};

use crate::{Asset, Content, Error, Materials, package};

/// Key prefix of stage packages in the artifact bucket.
const PACKAGES: &str = "stages/";

/// The package of a stage, keyed by its digest.
pub(crate) fn stage_package(
    workflow: &Workflow,
    stage: &Stage,
    materials: &Materials,
) -> Result<Asset, Error> {
    let script = match &stage.work {
        Work::Run(_) | Work::Script(_) => Some(materials.script(stage)?),
        Work::Command(_) | Work::Image => None,
    };
    let config = stage_config(workflow, stage, materials.image(stage)?);
    let bootstrap = materials.bundled_supervisor.as_deref();
    let bytes = package::stage_zip(&config, script, bootstrap)?;
    Ok(Asset {
        key: format!("{PACKAGES}{}.zip", hex(&Sha256::digest(&bytes))),
        size_bytes: Some(bytes.len() as u64),
        content: Content::Bytes(bytes),
    })
}

fn stage_config(workflow: &Workflow, stage: &Stage, image: &Image) -> StageConfig {
    let input = |input: &scar_workflow::Input| Input {
        bucket: input.bucket.clone(),
        pattern: input.pattern.clone(),
    };
    let output = |output: &scar_workflow::Output| Output {
        bucket: output.bucket.clone(),
        key: output.key.clone(),
    };
    StageConfig {
        format: FORMAT,
        workflow: workflow.name.clone(),
        environment: workflow.environment.clone(),
        stage: stage.name.clone(),
        image: image.clone(),
        command: command(&stage.work),
        variables: stage.variables.clone(),
        inputs: stage.inputs.iter().map(input).collect(),
        outputs: stage.outputs.iter().map(output).collect(),
        state_bucket: workflow.state_bucket.clone(),
        timeout_s: stage.timeout_s,
        memory_mib: stage.memory_mib,
        disk_mib: stage.disk_mib,
        attempts: stage.attempts,
        more: More::default(),
    }
}

fn command(work: &Work) -> Command {
    match work {
        Work::Run(_) | Work::Script(_) => Command::Script,
        Work::Command(arguments) => Command::Arguments(arguments.clone()),
        Work::Image => Command::Image,
    }
}
