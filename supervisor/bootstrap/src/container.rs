//! The stage's container: what it sees, and what it prints.

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use scar_container::{self as container, Mount, Outcome, Rootfs, Selected, Stream};
use scar_schemas::contract::{Command, container_variable as variable};

use crate::clock;
use crate::directory::PrivateDirectory;
use crate::job::Material;
use crate::log::Log;
use crate::secrets::redact;
use crate::setup::Setup;
use crate::task::{Attempt, Invocation};

/// Paths inside a container that has a root of its own.
const INPUT_DIR: &str = "/scar/in";
const OUTPUT_DIR: &str = "/scar/out";
const SCRIPT: &str = "/scar/script";
/// Time between `SIGTERM` and `SIGKILL`, within the publish margin.
const MAX_GRACE: Duration = Duration::from_secs(2);
/// The kernel takes 128 KiB for one variable (`MAX_ARG_STRLEN`); larger events are not handed on.
const MAX_EVENT_VARIABLE_BYTES: usize = 96 * 1024;
const LOG_TAIL_LINES: usize = 20;
const LOG_TAIL_LINE_CHARS: usize = 300;

/// Everything that is there before the container starts.
pub(crate) struct Ready {
    /// The task's directory.
    pub(crate) directory: PrivateDirectory,
    /// Name of the input's file, if there is one.
    pub(crate) input: Option<String>,
    /// The image.
    pub(crate) rootfs: Rootfs,
    /// What runs it.
    pub(crate) engine: &'static Selected,
    /// Folders of mounts, in the order of the stage's.
    pub(crate) mounts: Vec<PathBuf>,
    /// Values of secret variables.
    pub(crate) secrets: BTreeMap<String, String>,
}

/// Where the container finds what is there for it.
struct Paths {
    input: String,
    output: String,
    script: String,
}

impl Paths {
    /// Where nothing can be mounted, everything is where it is.
    fn of(setup: &Setup, directory: &PrivateDirectory) -> Self {
        let text = |path: PathBuf| path.display().to_string();
        match setup.own_image {
            Some(_) => Self {
                input: text(directory.input()),
                output: text(directory.output()),
                script: text(directory.script()),
            },
            None => Self {
                input: INPUT_DIR.to_owned(),
                output: OUTPUT_DIR.to_owned(),
                script: SCRIPT.to_owned(),
            },
        }
    }
}

/// What a container printed.
#[derive(Debug, Default)]
pub(crate) struct Printed {
    /// The last lines of both streams.
    pub(crate) tail: Vec<String>,
    /// Standard output, up to a limit.
    pub(crate) output: Vec<u8>,
}

/// Where output goes.
pub(crate) struct Sink {
    /// The log.
    pub(crate) log: Log,
    /// What must not be seen.
    pub(crate) hidden: Vec<String>,
    /// Bytes of standard output to keep.
    pub(crate) keep_bytes: usize,
}

/// Runs the container on a thread of its own.
pub(crate) async fn execute(
    engine: &'static Selected,
    rootfs: Rootfs,
    job: container::Job,
    sink: Sink,
) -> (Result<Outcome, container::Error>, Printed) {
    let task = tokio::task::spawn_blocking(move || {
        let mut tail = VecDeque::with_capacity(LOG_TAIL_LINES);
        let mut kept = Vec::new();
        let mut output = |stream: Stream, line: &[u8]| {
            if stream == Stream::Stdout && kept.len() + line.len() < sink.keep_bytes {
                kept.extend_from_slice(line);
                kept.push(b'\n');
            }
            let line = redact(String::from_utf8_lossy(line).into_owned(), &sink.hidden);
            let name = if stream == Stream::Stdout {
                "stdout"
            } else {
                "stderr"
            };
            sink.log.line(name, &line);
            if tail.len() == LOG_TAIL_LINES {
                tail.pop_front();
            }
            tail.push_back(line.chars().take(LOG_TAIL_LINE_CHARS).collect());
        };
        let outcome = engine.engine.run(&rootfs, &job, &mut output);
        let tail = tail.into_iter().collect();
        (outcome, Printed { tail, output: kept })
    });
    task.await.unwrap_or_else(|error| {
        let reason = format!("the engine stopped: {error}");
        (Err(container::Error::Job(reason)), Printed::default())
    })
}

/// What to run, and with what.
pub(crate) fn job(attempt: &Attempt<'_>, ready: &Ready) -> std::io::Result<container::Job> {
    let setup = attempt.setup;
    let directory = &ready.directory;
    let paths = Paths::of(setup, directory);
    let mount = |source, target: &str, read_only| Mount {
        source,
        target: target.to_owned(),
        read_only,
    };
    let mut mounts = vec![
        mount(directory.input(), &paths.input, true),
        mount(directory.output(), &paths.output, false),
    ];
    for (folder, wanted) in ready.mounts.iter().zip(&setup.config.more.mounts) {
        mounts.push(mount(folder.clone(), &wanted.path, true));
    }
    let command = match &setup.config.command {
        Command::Image => container::Command::Image,
        Command::Arguments(arguments) => container::Command::Exec(arguments.clone()),
        Command::Script => {
            mounts.push(mount(directory.script(), &paths.script, true));
            let text = setup.script.as_deref();
            container::Command::Exec(script(text, &directory.script(), paths.script.clone())?)
        }
    };
    let margin = clock::publish_margin(setup.config.timeout_s);
    Ok(container::Job {
        variables: variables(attempt, ready, &paths),
        mounts,
        timeout: clock::left(attempt.invocation.deadline_ms, setup.config.timeout_s),
        grace: MAX_GRACE.min(margin / 4),
        ..container::Job::new(command, directory.scratch())
    })
}

/// Writes the script to where it is executable; `inside` is that place as the container knows it.
fn script(text: Option<&[u8]>, copy: &Path, inside: String) -> std::io::Result<Vec<String>> {
    let text = text.ok_or_else(|| std::io::Error::other("the stage package has no script"))?;
    std::fs::write(copy, text)?;
    std::fs::set_permissions(copy, std::fs::Permissions::from_mode(0o755))?;
    Ok(match text.starts_with(b"#!") {
        true => vec![inside],
        false => vec!["/bin/sh".to_owned(), "-e".to_owned(), inside],
    })
}

/// The contract's variables over secrets over the manifest's: a stage can rely on them.
fn variables(attempt: &Attempt<'_>, ready: &Ready, paths: &Paths) -> BTreeMap<String, String> {
    let mut variables = attempt.setup.config.variables.clone();
    variables.extend(ready.secrets.clone());
    variables.extend(contract(attempt, paths));
    if let Some(name) = &ready.input {
        let input = format!("{}/{name}", paths.input);
        for name in [
            variable::INPUT,
            variable::OLD_INPUT_FILE_PATH,
            variable::OLD_SCAR_INPUT_FILE,
        ] {
            variables.insert(name.to_owned(), input.clone());
        }
    }
    if attempt.invocation.event.len() <= MAX_EVENT_VARIABLE_BYTES {
        let event = attempt.invocation.event.clone();
        variables.insert(variable::OLD_EVENT.to_owned(), event);
    }
    variables
}

fn contract(attempt: &Attempt<'_>, paths: &Paths) -> BTreeMap<String, String> {
    let Attempt { setup, job, .. } = attempt;
    let Invocation { request, .. } = attempt.invocation;
    let mut contract: BTreeMap<&str, String> = [
        (variable::INPUT_DIR, paths.input.as_str()),
        (variable::OUT, &paths.output),
        (variable::STEM, &job.stem),
        (variable::RUN, &attempt.labels.run),
        (variable::TASK, &attempt.labels.task),
        (variable::OLD_TMP_INPUT_DIR, &paths.input),
        (variable::OLD_TMP_OUTPUT_DIR, &paths.output),
        (variable::OLD_EVENT_TIME, &job.request.time),
        (variable::OLD_REQUEST_ID, request),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    if !matches!(job.material, Material::Nothing | Material::Body(..)) {
        contract.insert(variable::KEY, job.key.clone());
        contract.insert(variable::OLD_STORAGE_OBJECT_KEY, job.key.clone());
    }
    if let Some(item) = &job.item {
        contract.insert(variable::ITEM, item.text.clone());
        contract.insert(variable::INDEX, item.index.to_string());
    }
    if let Some(rank) = &setup.rank
        && let Some((node, nodes)) = rank.node
    {
        contract.insert(variable::NODE, node.to_string());
        contract.insert(variable::NODES, nodes.to_string());
        if let Some(main) = &rank.main_node {
            contract.insert(variable::MAIN_NODE, main.clone());
        }
    }
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    contract.into_iter().map(owned).collect()
}
