//! The work of an attempt: input and image in, container, outputs collected. Nothing is published here.

use std::path::PathBuf;
use std::time::Duration;

use crate::answer::{self, MAX_ANSWER_BYTES};
use crate::container::{self, Printed, Ready, Sink};
use crate::crash::crash_at;
use crate::directory::{PrivateDirectory, is_full};
use crate::image::{engine, image};
use crate::inputs::{self, Fetched};
use crate::mounts;
use crate::outputs::{self, Placed};
use crate::secrets;
use crate::step::Reply;
use crate::task::Attempt;
use crate::{clock, failure, own_root};

/// What a successful work leaves: the files and the directory that they live in.
pub(crate) struct Harvest {
    /// Outputs and their places.
    pub(crate) placed: Vec<Placed>,
    /// Keeps the files alive.
    pub(crate) _directory: PrivateDirectory,
}

/// Does the work. What it learns goes into `attempt`: run, hops, report and outputs.
pub(crate) async fn work(attempt: &mut Attempt<'_>) -> Reply {
    let reply = match try_work(attempt).await {
        Ok(harvest) => {
            attempt.harvest = Some(harvest);
            Reply::Worked
        }
        Err(reply) => reply,
    };
    failure::as_wanted(&attempt.setup.config, reply)
}

async fn try_work(attempt: &mut Attempt<'_>) -> Result<Harvest, Reply> {
    let config = &attempt.setup.config;
    let left = clock::left(attempt.invocation.deadline_ms, config.timeout_s);
    // Only what happens before the container is cut off here; the engine ends the container itself.
    let prepared = tokio::time::timeout(left, prepare(attempt)).await;
    let ready = prepared.map_err(|_| failure::out_of_time(&attempt.setup.config))??;
    let placed = run(attempt, &ready).await?;
    Ok(Harvest {
        placed,
        _directory: ready.directory,
    })
}

async fn prepare(attempt: &mut Attempt<'_>) -> Result<Ready, Reply> {
    let setup = attempt.setup;
    let disk_mib = setup.config.disk_mib;
    own_root::tidy(setup);
    let directory = PrivateDirectory::create(&setup.work_dir, &attempt.labels.attempt)
        .map_err(|error| failure::of_file("make a private directory", &error, disk_mib))?;
    let engine = engine(setup)?;
    let folder = directory.input();
    let fetch = inputs::fetch(attempt, &folder);
    let values = setup
        .secrets
        .resolve(&setup.cloud, &setup.config.more.secrets);
    let (fetched, image, mounts, values) =
        tokio::join!(fetch, image(attempt), fetch_mounts(attempt), values);
    let fetched: Fetched = fetched?;
    crash_at("fetched");
    let (rootfs, image_ms) = image?;
    attempt.report.image_ms = image_ms;
    attempt.report.engine.clone_from(&engine.reason);
    attempt.report.image = Some(rootfs.digest.clone());
    inputs::inherit(attempt, &fetched)?;
    Ok(Ready {
        directory,
        input: fetched.name,
        rootfs,
        engine,
        mounts: mounts?,
        secrets: values.map_err(|error| failure::of_secret(&error))?,
    })
}

async fn fetch_mounts(attempt: &Attempt<'_>) -> Result<Vec<PathBuf>, Reply> {
    let mut folders = Vec::new();
    for mount in &attempt.setup.config.more.mounts {
        let fetched = mounts::fetch(attempt.setup, mount).await;
        folders.push(fetched.map_err(|error| failure::of_mount(&error))?);
    }
    Ok(folders)
}

async fn run(attempt: &mut Attempt<'_>, ready: &Ready) -> Result<Vec<Placed>, Reply> {
    let config = &attempt.setup.config;
    let disk_mib = config.disk_mib;
    let job = container::job(attempt, ready)
        .map_err(|error| failure::of_file("prepare the container", &error, disk_mib))?;
    let sink = Sink {
        log: attempt.log.clone(),
        hidden: secrets::hidden(&ready.secrets),
        keep_bytes: if attempt.job.answers {
            MAX_ANSWER_BYTES
        } else {
            0
        },
    };
    let (outcome, printed) =
        container::execute(ready.engine, ready.rootfs.clone(), job, sink).await;
    crash_at("ran");
    let outcome = outcome.map_err(|error| failure::of_container(&error, disk_mib))?;
    if outcome.output_truncated {
        attempt
            .log
            .warn("output of the container was cut", serde_json::json!({}));
    }
    attempt.report.container_ms = milliseconds(outcome.duration);
    attempt.report.peak_memory_mib = outcome.peak_memory_bytes.div_ceil(1024 * 1024);
    let is_full = is_full(&ready.directory.output());
    let Printed { tail, output } = printed;
    if let Some(reply) = failure::of_outcome(&outcome, config, is_full, tail) {
        return Err(reply);
    }
    collect(attempt, ready, output)
}

#[expect(
    clippy::result_large_err,
    reason = "made once per attempt; it is the reply itself"
)]
fn collect(
    attempt: &mut Attempt<'_>,
    ready: &Ready,
    printed: Vec<u8>,
) -> Result<Vec<Placed>, Reply> {
    let files =
        outputs::list(&ready.directory.output()).map_err(|error| failure::of_output(&error))?;
    if attempt.job.answers {
        attempt.answer = Some(answer::of_files(&files, printed));
    }
    let config = &attempt.setup.config;
    let placed = outputs::place(&files, config, &attempt.job.stem)
        .map_err(|error| failure::of_output(&error))?;
    if !files.is_empty() && placed.is_empty() && !attempt.job.answers {
        let fields = serde_json::json!({ "files": files.len() });
        attempt
            .log
            .warn("no output of the stage takes any of the files made", fields);
    }
    Ok(placed)
}

/// Whole milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
