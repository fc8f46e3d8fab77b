//! The stage package: what the supervisor is told about its stage.

use scar_schemas::construct::{Cache, Compute};
use scar_schemas::contract::{Command, FORMAT, Image, Input, More, Output, StageConfig};
use scar_schemas::digest::{Digest, hex};
use scar_schemas::manifest::Work;
use scar_workflow::{Stage, Workflow};
use sha2::{Digest as _, Sha256};

use crate::stage::Size;
use crate::{Asset, Content, Error, Materials, package};

/// Key prefix of stage packages in the artifact bucket.
const PACKAGES: &str = "stages/";

/// The package of a stage, keyed by its digest.
pub(crate) fn stage_package(
    workflow: &Workflow,
    stage: &Stage,
    materials: &Materials,
) -> Result<Asset, Error> {
    let script = script(stage, materials)?;
    let mut config = stage_config(workflow, stage, materials.image(stage)?);
    config.more.fingerprint = fingerprint(stage, materials)?;
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
    // A function that only submits jobs is not what the container runs in.
    let size = match stage.compute {
        Compute::Lambda => Size::of_function(stage),
        Compute::Batch => Size::asked(stage),
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
        timeout_s: size.timeout_s,
        memory_mib: size.memory_mib,
        disk_mib: size.disk_mib,
        attempts: stage.attempts,
        more: more(stage),
    }
}

fn more(stage: &Stage) -> More {
    let has_jobs = stage.fallback || stage.compute == Compute::Batch;
    More {
        id: (stage.id != stage.name).then(|| stage.id.clone()),
        compute: stage.compute,
        fallback: stage.fallback,
        job_timeout_s: if has_jobs { stage.timeout_s } else { 0 },
        nodes: if stage.nodes > 1 { stage.nodes } else { 0 },
        when: stage.when.clone(),
        join: stage.join.clone(),
        items: stage.items.clone(),
        after: stage.after.clone(),
        announces: stage.announces,
        http: stage.http.clone(),
        scheduled: stage.schedule.is_some(),
        secrets: stage.secrets.clone(),
        mounts: stage.mounts.clone(),
        loop_max: stage.loop_max,
        fingerprint: None,
        retry_only: stage.retry_only.clone(),
        counted: stage.counted.clone(),
    }
}

/// Digest of everything that can make another result of the same input, where that is part of the
/// identity of tasks.
pub(crate) fn fingerprint(stage: &Stage, materials: &Materials) -> Result<Option<Digest>, Error> {
    if stage.cache == Cache::Object {
        return Ok(None);
    }
    let parts = serde_json::json!({
        "image": materials.image(stage)?.digest(),
        "command": command(&stage.work),
        "script": script(stage, materials)?.map(Digest::of),
        "variables": stage.variables,
        "architecture": stage.arch,
    });
    Ok(Some(Digest::of(scar_cfn::canonical(&parts).as_bytes())))
}

fn script<'a>(stage: &Stage, materials: &'a Materials) -> Result<Option<&'a [u8]>, Error> {
    match &stage.work {
        Work::Run(_) | Work::Script(_) => materials.script(stage).map(Some),
        Work::Command(_) | Work::Image => Ok(None),
    }
}

fn command(work: &Work) -> Command {
    match work {
        Work::Run(_) | Work::Script(_) => Command::Script,
        Work::Command(arguments) => Command::Arguments(arguments.clone()),
        Work::Image => Command::Image,
    }
}
