//! `scar reconcile`

use scar_apply::trace::{self, State, TaskView};
use scar_apply::{Deployment, start};
use scar_schemas::record::ObjectVersion;
use serde_json::json;

use super::approval::{Approval, approve};
use super::status::now_ms;
use crate::args::Global;
use crate::error::CliError;
use crate::inputs;
use crate::project::Project;
use crate::session::{self, Session};
use crate::view::Screen;
use crate::view::text::{clean, count, duration, parse_duration};

const AFTER_INTERRUPT: &str = "those that were told started run; the same command starts the rest";
/// What a task may take beyond its own time before somebody should wonder.
const GRACE_S: u64 = 300;

/// Find inputs that no event ever reached, and start their tasks.
///
/// Files that were there before their stage was deployed, and events that got lost: what waits for longer
/// than its stage may take. A task that runs all the same is not run twice. What attempts that were killed
/// have left in the state bucket goes away.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar reconcile -e prod                  what waits, and since when
  scar reconcile -e prod --start          and start it
  scar reconcile --older-than 0s --start  whatever waits, the files of a bucket that was there before")]
pub(crate) struct Arguments {
    /// Only stages of these names.
    #[arg(value_name = "STAGE")]
    stages: Vec<String>,
    /// Start what waits; without it nothing is changed.
    #[arg(long)]
    start: bool,
    /// Only what waits for longer than this; else for longer than the stage may take.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    older_than: Option<u64>,
    #[command(flatten)]
    approval: Approval,
}

fn seconds(text: &str) -> Result<u64, String> {
    parse_duration(text).ok_or_else(|| "write a number and a unit: 90s, 10m, 2h, 1d".to_owned())
}

pub(crate) fn reconcile(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let project = Project::load(None, global, screen)?;
    for stage in &arguments.stages {
        project.stage(stage)?;
    }
    session::on_deployment(
        &project,
        global,
        screen,
        session::UNCHANGED,
        async |session, deployment| {
            let waiting = waiting(&project, deployment, arguments, session).await?;
            for (task, since_ms) in &waiting {
                show(task, *since_ms, screen)?;
            }
            if waiting.is_empty() {
                screen.note("nothing waits for longer than it should");
            } else if !arguments.start {
                let tasks = count(waiting.len(), "task");
                screen.note(&format!("{tasks} can be started: `scar reconcile --start`"));
            }
            if !arguments.start {
                return Ok(());
            }
            let (environment, approval) = (&project.workflow.environment, &arguments.approval);
            approve(environment, &[], approval, session, screen).await?;
            session.if_interrupted(AFTER_INTERRUPT);
            begin(&project, deployment, &waiting, session).await?;
            screen.note(&format!("{} started", count(waiting.len(), "task")));
            session.settle().await
        },
    )
}

/// Tasks that wait for too long, with the time since when.
async fn waiting(
    project: &Project,
    deployment: &Deployment,
    arguments: &Arguments,
    session: &Session,
) -> Result<Vec<(TaskView, u64)>, CliError> {
    let objects = inputs::there(&session.cloud, &project.workflow, deployment).await?;
    let versions: Vec<ObjectVersion> = objects.values().map(|one| one.object.clone()).collect();
    let workflow = &project.workflow;
    let tasks = trace::trace(&session.cloud, workflow, deployment, &versions).await?;
    let now = now_ms();
    let late = |task: TaskView| {
        let stage = project.stage(&task.stage).ok()?;
        let key = (task.input.bucket.clone(), task.input.key.clone());
        let since_ms = objects.get(&key)?.modified_ms;
        let allowed_s = u64::from(stage.timeout_s) + GRACE_S;
        let limit_ms = arguments.older_than.unwrap_or(allowed_s) * 1_000;
        let is_meant = arguments.stages.is_empty() || arguments.stages.contains(&task.stage);
        let is_late = now.saturating_sub(since_ms) >= limit_ms;
        (task.state == State::Waiting && is_meant && is_late).then_some((task, since_ms))
    };
    Ok(tasks.into_iter().filter_map(late).collect())
}

/// Tells every stage of its inputs, and to look after its joins and what killed attempts have left.
async fn begin(
    project: &Project,
    deployment: &Deployment,
    waiting: &[(TaskView, u64)],
    session: &Session,
) -> Result<(), CliError> {
    for stage in &project.workflow.stages {
        let function = start::function(&session.cloud, deployment, stage).await?;
        for (task, _) in waiting.iter().filter(|(task, _)| task.stage == stage.name) {
            start::deliver(&session.cloud, &function, &task.input).await?;
        }
        start::sweep(&session.cloud, &function).await?;
    }
    Ok(())
}

fn show(task: &TaskView, since_ms: u64, screen: &Screen) -> Result<(), CliError> {
    let waited_ms = now_ms().saturating_sub(since_ms);
    if screen.json {
        return screen.object(&json!({
            "type": "waiting_task", "stage": task.stage, "task": task.task, "waited_ms": waited_ms,
            "input": { "bucket": task.input.bucket, "key": task.input.key },
        }));
    }
    let (stage, key) = (clean(&task.stage), clean(&task.input.key));
    screen.line(&format!(
        "{stage}  {key}  waits for {}",
        duration(waited_ms)
    ))
}
