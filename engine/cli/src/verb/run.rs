//! `scar run`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use scar_apply::trace::{self, Output, State, TaskView};
use scar_apply::{Deployment, again, data};
use scar_schemas::record::ObjectVersion;
use scar_workflow::Workflow;
use serde_json::json;

use super::approval::{self, Approval};
use super::{Packaging, apply, get};
use crate::args::Global;
use crate::deployment::Prepared;
use crate::error::CliError;
use crate::follow::{Followed, conclude, follow};
use crate::inputs::{self, Input};
use crate::places::{Entry, manifest_name};
use crate::plan_set::{Planned, Wishes};
use crate::project::{self, Project};
use crate::session::{self, Session};
use crate::view::progress::Progress;
use crate::view::text::{bytes, clean, count, parse_duration};
use crate::view::{self, Screen};

/// What a person reads who ends the run while files are put.
const AFTER_PUT: &str =
    "the workflow is deployed; the same command puts the files that are missing and goes on";
/// What a person reads who ends the run while tasks are made ready to run once more.
const AFTER_AGAIN: &str = "all results are there; the same command with --again goes on";

/// Deploy the workflow if needed, put files, wait for all tasks, list the results.
///
/// Files that are there already with the same content are not put again, and tasks that are over are not
/// run again, unless --again says so. Exit code 8 if a task failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar run photo.jpg                          the only manifest of this directory
  scar run thumbs/workflow.yaml *.jpg         another one
  scar run video.mp4 --to results             and copy the results into a directory
  scar run video.mp4 --again                  also if it is done: the script is another now
  scar run a.csv --stage import --timeout 10m")]
pub(crate) struct Arguments {
    /// The manifest, if the first name ends in .yaml, .yml or .toml and -f is not given; then the files.
    #[arg(value_name = "[MANIFEST] FILE…", required = true)]
    words: Vec<PathBuf>,
    #[command(flatten)]
    entry: Entry,
    /// Run tasks that are over once more, those of later stages too. Old results stay until new ones take
    /// their place.
    #[arg(long)]
    again: bool,
    /// Copy the results into this directory.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Give up waiting after this time, for instance 10m; the work itself goes on.
    #[arg(long, value_name = "TIME", value_parser = time_limit)]
    timeout: Option<Duration>,
    #[command(flatten)]
    packaging: Packaging,
    #[command(flatten)]
    wishes: Wishes,
    #[command(flatten)]
    approval: Approval,
}

pub(crate) fn run(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<(), CliError> {
    let (manifest, files) = split(&arguments.words, global);
    let project = Project::load(manifest, global, screen)?;
    if files.is_empty() {
        return Err(CliError::failure("there is no file to run the workflow on")
            .hint("scar run [MANIFEST] FILE…"));
    }
    let wanted = inputs::inputs(files, None, &arguments.entry, &project.workflow)?;
    let region = project.workflow.region.as_deref();
    session::on_cloud(
        global,
        region,
        screen,
        session::UNCHANGED,
        async |session| {
            let changed = Box::pin(deploy(&project, arguments, global, session, screen)).await?;
            session.if_interrupted(AFTER_PUT);
            let deployment = Deployment::find(&session.cloud, &project.workflow).await?;
            let objects = match arguments.again {
                true => {
                    let workflow = &project.workflow;
                    send_again(&wanted, workflow, &deployment, session, screen).await?
                }
                false => send(&wanted, &deployment, session, screen).await?,
            };
            let followed = Followed {
                project: &project,
                deployment: &deployment,
                objects: &objects,
                changed,
            };
            let tasks = follow(&followed, session, arguments.timeout, screen).await?;
            let results = results(&tasks, &project.workflow, &deployment);
            list(&results, &deployment, screen)?;
            if let Some(directory) = &arguments.to {
                fetch(&results, directory, session, screen).await?;
            }
            conclude(&tasks, screen)
        },
    )
}

fn split<'a>(words: &'a [PathBuf], global: &Global) -> (Option<&'a Path>, &'a [PathBuf]) {
    match words {
        [first, files @ ..] if global.file.is_none() && project::is_manifest(first) => {
            (Some(first), files)
        }
        files => (None, files),
    }
}

fn time_limit(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .map(Duration::from_secs)
        .ok_or_else(|| "write a number and a unit: 90s, 10m, 2h".to_owned())
}

/// Whether anything that was there before is another now.
async fn deploy(
    project: &Project,
    arguments: &Arguments,
    global: &Global,
    session: &Session,
    screen: &Screen,
) -> Result<bool, CliError> {
    let prepared = Prepared::prepare(project, &arguments.packaging, session, global).await?;
    let request = arguments.wishes.request(project, screen)?;
    let plan = prepared.plan(project, session, request).await?;
    if plan.is_empty() {
        return Ok(false);
    }
    // The plan is no result of this verb, so it goes where remarks go; nobody need read the whole of it
    // before their own machine is changed.
    match session.is_local && !screen.verbose {
        true => screen.note(&view::plan::summary_line(&plan)),
        false => screen.note(&view::plan::human(&plan, screen.note_style, screen.verbose)),
    }
    let (environment, approval) = (&plan.environment, &arguments.approval);
    approval::approve_plans(environment, &[&plan], approval, session, screen).await?;
    let has_changed = plan.summary.update + plan.summary.replace > 0;
    let planned = Planned {
        plan,
        manifest: project.source.name.clone(),
        assets: Some(prepared.assets),
    };
    apply::execute(&planned, session, screen).await?;
    Ok(has_changed)
}

/// Puts the files whose content is not there yet; the answer has the objects of all of them.
async fn send(
    wanted: &[Input],
    deployment: &Deployment,
    session: &Session,
    screen: &Screen,
) -> Result<Vec<ObjectVersion>, CliError> {
    let same = inputs::unchanged(&session.cloud, deployment, wanted).await?;
    let changed: Vec<(usize, &Input)> = wanted
        .iter()
        .enumerate()
        .filter(|(number, _)| !same.contains_key(number))
        .collect();
    if !same.is_empty() {
        screen.note(&format!("{} there already", count(same.len(), "file")));
    }
    let files: Vec<&Input> = changed.iter().map(|(_, input)| *input).collect();
    let made = put(&files, deployment, session, screen).await?;
    let mut objects = same;
    objects.extend(changed.iter().map(|(number, _)| *number).zip(made));
    Ok(objects.into_values().collect())
}

/// Puts all files, whatever is there, after what their tasks came to is forgotten.
async fn send_again(
    wanted: &[Input],
    workflow: &Workflow,
    deployment: &Deployment,
    session: &Session,
    screen: &Screen,
) -> Result<Vec<ObjectVersion>, CliError> {
    let there = inputs::unchanged(&session.cloud, deployment, wanted).await?;
    let there: Vec<ObjectVersion> = there.into_values().collect();
    let tasks = trace::trace(&session.cloud, workflow, deployment, &there).await?;
    if let Some(object) = again::too_large(&tasks) {
        let large = format!("{} is too large to be made again in place", object.key);
        return Err(CliError::failure(large)
            .hint("it has more than 5 GiB: delete it first, or put the file under another name"));
    }
    session.if_interrupted(AFTER_AGAIN);
    again::renew(&session.cloud, workflow, deployment, &tasks).await?;
    let all: Vec<&Input> = wanted.iter().collect();
    put(&all, deployment, session, screen).await
}

async fn put(
    files: &[&Input],
    deployment: &Deployment,
    session: &Session,
    screen: &Screen,
) -> Result<Vec<ObjectVersion>, CliError> {
    let mut progress = Progress::new(screen);
    inputs::put(&session.cloud, deployment, files, &mut progress).await
}

/// Outputs that no stage takes as its input, in the order of their tasks.
fn results<'a>(
    tasks: &'a [TaskView],
    workflow: &Workflow,
    deployment: &Deployment,
) -> Vec<&'a Output> {
    let is_taken = |output: &Output| {
        let mut inputs = workflow.stages.iter().flat_map(|stage| &stage.inputs);
        inputs.any(|input| {
            deployment.buckets.get(&input.bucket) == Some(&output.bucket)
                && input.pattern.matches(&output.key)
        })
    };
    let mut seen = BTreeMap::new();
    for task in tasks {
        let State::Published { outputs } = &task.state else {
            continue;
        };
        for output in outputs.iter().filter(|output| !is_taken(output)) {
            seen.insert((output.bucket.as_str(), output.key.as_str()), output);
        }
    }
    seen.into_values().collect()
}

fn list(results: &[&Output], deployment: &Deployment, screen: &Screen) -> Result<(), CliError> {
    for output in results {
        let bucket = manifest_name(&output.bucket, deployment);
        if screen.json {
            screen.object(&json!({
                "type": "result", "bucket": bucket, "real_bucket": output.bucket,
                "key": output.key, "size": output.size,
            }))?;
        } else {
            screen.line(&format!(
                "{bucket}:{}  {}",
                clean(&output.key),
                bytes(output.size)
            ))?;
        }
    }
    Ok(())
}

async fn fetch(
    results: &[&Output],
    directory: &Path,
    session: &Session,
    screen: &Screen,
) -> Result<(), CliError> {
    let objects: Vec<ObjectVersion> = results
        .iter()
        .filter_map(|output| output.object.clone())
        .collect();
    let mut progress = Progress::new(screen);
    let mut on_transfer = |transfer| progress.transfer(&transfer);
    let received =
        data::get_objects(&session.cloud, &objects, "", directory, &mut on_transfer).await?;
    drop(progress);
    get::show(&received, screen)
}
