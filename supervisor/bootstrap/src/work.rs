//! The work of an attempt: input and image in, container, outputs collected. Nothing is published here.

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use scar_container as container;
use scar_container::{
    Cache, Client, Credentials, Limits, Mount, Outcome, Reference, Rootfs, Selected, Stream,
};
use scar_schemas::contract::{Command, Image, SCRIPT_FILE, container_variable as variable, stem};
use scar_schemas::record::{FailureClass, metadata};

use crate::blob::BucketImage;
use crate::crash::crash_at;
use crate::directory::{PrivateDirectory, is_full};
use crate::log::Log;
use crate::outputs::{self, Placed};
use crate::staging::input_name;
use crate::step::{Reply, failure as new_failure};
use crate::task::{Attempt, Invocation};
use crate::{clock, failure};

/// Paths inside the container.
const INPUT_DIR: &str = "/scar/in";
const OUTPUT_DIR: &str = "/scar/out";
const SCRIPT: &str = "/scar/script";
/// Time between `SIGTERM` and `SIGKILL`, within the publish margin.
const MAX_GRACE: Duration = Duration::from_secs(2);
/// Stages that one chain may pass. More means that a stage feeds itself.
const MAX_HOPS: u32 = 16;
/// The kernel takes 128 KiB for one variable (`MAX_ARG_STRLEN`); larger events are not handed on.
const MAX_EVENT_VARIABLE_BYTES: usize = 96 * 1024;
const LOG_TAIL_LINES: usize = 20;
const LOG_TAIL_LINE_CHARS: usize = 300;

/// What a successful work leaves: the files and the directory that they live in.
pub(crate) struct Harvest {
    /// Outputs and their places.
    pub(crate) placed: Vec<Placed>,
    /// Keeps the files alive.
    pub(crate) _directory: PrivateDirectory,
}

/// Does the work. What it learns goes into `attempt`: run, hops, report and outputs.
pub(crate) async fn work(attempt: &mut Attempt<'_>) -> Reply {
    let config = &attempt.setup.config;
    let left = clock::left(attempt.invocation.deadline_ms, config.timeout_s);
    // Only what happens before the container is cut off here; the engine ends the container itself.
    let prepared = tokio::time::timeout(left, prepare(attempt)).await;
    let ready = match prepared {
        Err(_) => return failure::out_of_time(&attempt.setup.config),
        Ok(Err(reply)) => return reply,
        Ok(Ok(ready)) => ready,
    };
    match run(attempt, &ready).await {
        Err(reply) => reply,
        Ok(placed) => {
            attempt.harvest = Some(Harvest {
                placed,
                _directory: ready.directory,
            });
            Reply::Worked
        }
    }
}

struct Ready {
    directory: PrivateDirectory,
    input: String,
    rootfs: Rootfs,
    engine: &'static Selected,
}

async fn prepare(attempt: &mut Attempt<'_>) -> Result<Ready, Reply> {
    let setup = attempt.setup;
    let disk_mib = setup.config.disk_mib;
    let directory = PrivateDirectory::create(&setup.work_dir, &attempt.labels.attempt)
        .map_err(|error| failure::of_file("make a private directory", &error, disk_mib))?;
    let input = input_name(&attempt.job.object.key);
    let path = directory.input().join(&input);
    let engine = engine(setup.engine.as_deref(), disk_mib)?;
    let fetch = setup.store.fetch(&attempt.job.object, &path);
    let (fetched, image) = tokio::join!(fetch, image(attempt));
    let store_failed = |error| Reply::Failed {
        failure: failure::of_store(&error, disk_mib),
        retry: true,
    };
    let Some(metadata) = fetched.map_err(store_failed)? else {
        return Err(Reply::InputGone);
    };
    crash_at("fetched");
    let (rootfs, image_ms) = image?;
    attempt.report.image_ms = image_ms;
    attempt.report.engine.clone_from(&engine.reason);
    attempt.report.image = Some(rootfs.digest.clone());
    inherit(attempt, &metadata)?;
    Ok(Ready {
        directory,
        input,
        rootfs,
        engine,
    })
}

/// Takes over run and hops from the stage before. Anybody may have written these metadata, so only
/// what has the right form counts.
#[expect(
    clippy::result_large_err,
    reason = "made once per attempt; it is the reply itself"
)]
fn inherit(attempt: &mut Attempt<'_>, metadata: &BTreeMap<String, String>) -> Result<(), Reply> {
    let is_identity = |run: &&String| run.len() == 64 && run.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(run) = metadata.get(metadata::RUN).filter(is_identity) {
        attempt.labels.run.clone_from(run);
    }
    let hops = metadata
        .get(metadata::HOPS)
        .and_then(|hops| hops.parse::<u32>().ok());
    let hops = hops.unwrap_or_default();
    if hops >= MAX_HOPS {
        let message = format!("the input has passed {hops} stages; a stage seems to feed itself");
        let failure = new_failure(FailureClass::Input, message);
        return Err(Reply::Failed {
            failure,
            retry: false,
        });
    }
    attempt.labels.hops = hops + 1;
    Ok(())
}

/// The container engine, chosen once per process.
#[expect(
    clippy::result_large_err,
    reason = "made once per attempt; it is the reply itself"
)]
fn engine(forced: Option<&str>, disk_mib: u32) -> Result<&'static Selected, Reply> {
    static ENGINE: OnceLock<Selected> = OnceLock::new();
    if let Some(selected) = ENGINE.get() {
        return Ok(selected);
    }
    let selected =
        container::select(forced).map_err(|error| failure::of_container(&error, disk_mib))?;
    Ok(ENGINE.get_or_init(|| selected))
}

/// The root file system, and how many milliseconds it took if it was not cached.
async fn image(attempt: &Attempt<'_>) -> Result<(Rootfs, u64), Reply> {
    let setup = attempt.setup;
    let image = &setup.config.image;
    let cache = Cache::new(&setup.image_cache);
    if let Some(rootfs) = cache.get(image.digest()) {
        return Ok((rootfs, 0));
    }
    let started = Instant::now();
    let limits = Limits::default();
    let pulled = match image {
        Image::Bucket {
            bucket,
            prefix,
            digest,
            ..
        } => {
            let bucket = setup.bucket(bucket);
            let source = BucketImage {
                store: &setup.store,
                bucket,
                prefix,
            };
            cache.ensure(&source, digest, &limits).await
        }
        Image::Registry {
            reference,
            digest,
            plain_http,
        } => match client(reference, *plain_http) {
            Ok(client) => cache.ensure(&client, digest, &limits).await,
            Err(error) => Err(error),
        },
    };
    let rootfs = pulled.map_err(|error| failure::of_container(&error, setup.config.disk_mib))?;
    let took = milliseconds(started.elapsed()).max(1);
    let fields = serde_json::json!({ "image": image.reference(), "image_ms": took });
    attempt.log.info("image is ready", fields);
    Ok((rootfs, took))
}

fn client(reference: &str, plain_http: bool) -> Result<Client, container::Error> {
    match Reference::parse(reference)? {
        Reference::Registry(reference) => {
            Client::new(&reference, Credentials::default(), plain_http)
        }
        other => Err(container::Error::Job(format!(
            "{other} is not an image of a registry"
        ))),
    }
}

async fn run(attempt: &mut Attempt<'_>, ready: &Ready) -> Result<Vec<Placed>, Reply> {
    let config = &attempt.setup.config;
    let disk_mib = config.disk_mib;
    let job = job(attempt, ready)
        .map_err(|error| failure::of_file("prepare the container", &error, disk_mib))?;
    let (outcome, tail) = execute(ready, job, attempt.log.clone()).await;
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
    if let Some(reply) = failure::of_outcome(&outcome, config, is_full, tail) {
        return Err(reply);
    }
    let files =
        outputs::list(&ready.directory.output()).map_err(|error| failure::of_output(&error))?;
    let placed = outputs::place(&files, config, &attempt.job.object.key)
        .map_err(|error| failure::of_output(&error))?;
    if !files.is_empty() && placed.is_empty() {
        let fields = serde_json::json!({ "files": files.len() });
        attempt
            .log
            .warn("no output of the stage takes any of the files made", fields);
    }
    Ok(placed)
}

/// Runs the container on a thread of its own and keeps the last lines of its output.
async fn execute(
    ready: &Ready,
    job: container::Job,
    log: Log,
) -> (Result<Outcome, container::Error>, Vec<String>) {
    let (engine, rootfs) = (ready.engine, ready.rootfs.clone());
    let task = tokio::task::spawn_blocking(move || {
        let mut tail = VecDeque::with_capacity(LOG_TAIL_LINES);
        let mut output = |stream: Stream, line: &[u8]| {
            let line = String::from_utf8_lossy(line);
            let name = if stream == Stream::Stdout {
                "stdout"
            } else {
                "stderr"
            };
            log.line(name, &line);
            if tail.len() == LOG_TAIL_LINES {
                tail.pop_front();
            }
            tail.push_back(line.chars().take(LOG_TAIL_LINE_CHARS).collect());
        };
        let outcome = engine.engine.run(&rootfs, &job, &mut output);
        (outcome, tail.into_iter().collect())
    });
    task.await.unwrap_or_else(|error| {
        let reason = format!("the engine stopped: {error}");
        (Err(container::Error::Job(reason)), Vec::new())
    })
}

fn job(attempt: &Attempt<'_>, ready: &Ready) -> std::io::Result<container::Job> {
    let setup = attempt.setup;
    let directory = &ready.directory;
    let mount = |source, target: &str, read_only| Mount {
        source,
        target: target.to_owned(),
        read_only,
    };
    let mut mounts = vec![
        mount(directory.input(), INPUT_DIR, true),
        mount(directory.output(), OUTPUT_DIR, false),
    ];
    let command = match &setup.config.command {
        Command::Image => container::Command::Image,
        Command::Arguments(arguments) => container::Command::Exec(arguments.clone()),
        Command::Script => {
            mounts.push(mount(directory.script(), SCRIPT, true));
            container::Command::Exec(script(&setup.package, &directory.script())?)
        }
    };
    let margin = clock::publish_margin(setup.config.timeout_s);
    Ok(container::Job {
        variables: variables(attempt, &ready.input),
        mounts,
        timeout: clock::left(attempt.invocation.deadline_ms, setup.config.timeout_s),
        grace: MAX_GRACE.min(margin / 4),
        ..container::Job::new(command, directory.scratch())
    })
}

/// Copies the script to where it may be executable: a package need not keep modes.
fn script(package: &Path, copy: &Path) -> std::io::Result<Vec<String>> {
    let text = std::fs::read(package.join(SCRIPT_FILE))?;
    std::fs::write(copy, &text)?;
    std::fs::set_permissions(copy, std::fs::Permissions::from_mode(0o755))?;
    let command: &[&str] = match text.starts_with(b"#!") {
        true => &[SCRIPT],
        false => &["/bin/sh", "-e", SCRIPT],
    };
    Ok(command.iter().map(|&word| word.to_owned()).collect())
}

/// The contract's variables over the manifest's: a stage can rely on them.
fn variables(attempt: &Attempt<'_>, input: &str) -> BTreeMap<String, String> {
    let Attempt {
        setup,
        invocation,
        job,
        labels,
        ..
    } = attempt;
    let Invocation { request, event, .. } = invocation;
    let key = &job.object.key;
    let input = format!("{INPUT_DIR}/{input}");
    let contract = [
        (variable::INPUT, input.as_str()),
        (variable::INPUT_DIR, INPUT_DIR),
        (variable::OUT, OUTPUT_DIR),
        (variable::STEM, stem(key)),
        (variable::KEY, key),
        (variable::RUN, &labels.run),
        (variable::TASK, &labels.task),
        (variable::OLD_INPUT_FILE_PATH, &input),
        (variable::OLD_SCAR_INPUT_FILE, &input),
        (variable::OLD_TMP_INPUT_DIR, INPUT_DIR),
        (variable::OLD_TMP_OUTPUT_DIR, OUTPUT_DIR),
        (variable::OLD_STORAGE_OBJECT_KEY, key),
        (variable::OLD_EVENT_TIME, &job.time),
        (variable::OLD_REQUEST_ID, request),
    ];
    let mut variables = setup.config.variables.clone();
    variables.extend(contract.map(|(name, value)| (name.to_owned(), value.to_owned())));
    if event.len() <= MAX_EVENT_VARIABLE_BYTES {
        variables.insert(variable::OLD_EVENT.to_owned(), event.clone());
    }
    variables
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
