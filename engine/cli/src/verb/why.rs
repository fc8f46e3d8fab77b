//! `scar why`

use scar_apply::trace::{self, State, TaskView};
use scar_apply::{Deployment, start};
use scar_schemas::record::{Failure, FailureClass, ObjectVersion};
use scar_workflow::Stage;
use serde_json::{Value, json};

use crate::args::Global;
use crate::error::CliError;
use crate::inputs;
use crate::project::Project;
use crate::session::{self, Session};
use crate::view::text::clean;
use crate::view::{Screen, events};

/// Explain what became of a task, and what to do about it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar why 91c2            a task, by the beginning of its identity
  scar why burn/lecture    what a stage made of the input with this stem
  scar why texts/a.txt     what became of an object, in every stage that takes it")]
pub(crate) struct Arguments {
    /// Beginning of a task's identity, STAGE/STEM, or an object's key.
    #[arg(value_name = "TASK|STAGE/STEM|KEY")]
    what: String,
}

pub(crate) fn why(arguments: &Arguments, global: &Global, screen: &Screen) -> Result<(), CliError> {
    let project = Project::load(None, global, screen)?;
    session::on_deployment(
        &project,
        global,
        screen,
        session::UNCHANGED,
        async |session, deployment| {
            let tasks = find(&arguments.what, &project, deployment, session).await?;
            if tasks.is_empty() {
                let what = &arguments.what;
                return Err(
                    CliError::failure(format!("no task is known by {what}")).hint(
                        "`scar status` shows which tasks failed, `scar ls` which inputs there are",
                    ),
                );
            }
            if screen.json {
                let all: Vec<Value> = tasks.iter().map(|task| object(task, &project)).collect();
                return screen.document(&json!({ "tasks": all }));
            }
            let texts = tasks.iter().map(|task| human(task, &project, screen));
            screen.data(&texts.collect::<String>())
        },
    )
}

async fn find(
    what: &str,
    project: &Project,
    deployment: &Deployment,
    session: &Session,
) -> Result<Vec<TaskView>, CliError> {
    let is_identity = what.len() >= 4 && what.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut tasks = by_input(what, project, deployment, session).await?;
    if tasks.is_empty() && is_identity {
        tasks = by_record(what, project, deployment, session).await?;
    }
    Ok(tasks)
}

/// Tasks of inputs that are there: by identity, by stage and stem, or by key.
async fn by_input(
    what: &str,
    project: &Project,
    deployment: &Deployment,
    session: &Session,
) -> Result<Vec<TaskView>, CliError> {
    let there = inputs::there(&session.cloud, &project.workflow, deployment).await?;
    let mut objects: Vec<ObjectVersion> = there.into_values().map(|one| one.object).collect();
    let is_meant = |stage: &Stage, object: &ObjectVersion| {
        let of_stage = what
            .split_once('/')
            .is_some_and(|(name, stem)| name == stage.name && stem_of(&object.key) == stem);
        let is_task = what.len() >= 4 && object.task(&deployment.name, &stage.id).starts_with(what);
        of_stage || is_task || object.key == what
    };
    let stages = &project.workflow.stages;
    objects.retain(|object| stages.iter().any(|stage| is_meant(stage, object)));
    let mut tasks = trace::trace(&session.cloud, &project.workflow, deployment, &objects).await?;
    tasks.retain(|task| {
        let stage = project.stage(&task.stage);
        stage.is_ok_and(|stage| is_meant(stage, &task.input)) || task.task.starts_with(what)
    });
    Ok(tasks)
}

/// A failed task whose input is gone is known by its record alone.
async fn by_record(
    what: &str,
    project: &Project,
    deployment: &Deployment,
    session: &Session,
) -> Result<Vec<TaskView>, CliError> {
    let mut tasks = Vec::new();
    for stage in &project.workflow.stages {
        for one in start::failures(&session.cloud, deployment, stage).await? {
            let record = one.record;
            let Some(failure) = record.failure.filter(|_| record.task.starts_with(what)) else {
                continue;
            };
            tasks.push(TaskView {
                stage: stage.name.clone(),
                task: record.task,
                stem: stem_of(&record.input.key).to_owned(),
                input: record.input,
                group: None,
                parent: None,
                state: State::Failed { failure },
                report: Some(record.report),
            });
        }
    }
    Ok(tasks)
}

fn stem_of(key: &str) -> &str {
    let name = key.rsplit('/').next().unwrap_or(key);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn human(task: &TaskView, project: &Project, screen: &Screen) -> String {
    let mut out = match &task.state {
        State::Failed { failure } => events::failure_block(task, failure, screen.style),
        _ => format!("\n{}\n", events::task_line(task, screen.style)),
    };
    out.push_str(&format!("  {}\n", clean(&advice(task, project))));
    out
}

fn object(task: &TaskView, project: &Project) -> Value {
    let mut value = events::task(task);
    value["advice"] = json!(advice(task, project));
    value
}

/// What a person can do.
fn advice(task: &TaskView, project: &Project) -> String {
    match &task.state {
        State::Published { .. } => "done; a changed input is a new task, and `scar run --again` runs it once more".to_owned(),
        State::Superseded => "a newer version of the input took its place".to_owned(),
        State::Failed { failure } => {
            let stage = project.stage(&task.stage).ok();
            let place = project.place(&format!("stages.{}", task.stage));
            let line = place.map(|place| format!(" ({}:{})", place.file, place.line));
            format!(
                "fix: {}{}; then `scar redrive {}`",
                remedy(failure, stage),
                line.unwrap_or_default(),
                task.task.chars().take(12).collect::<String>()
            )
        }
        _ => {
            "not begun, or running: `scar logs` follows it; if no event reached it, `scar reconcile` starts it".to_owned()
        }
    }
}

fn remedy(failure: &Failure, stage: Option<&Stage>) -> String {
    let has_fallback = stage.is_none_or(|stage| stage.fallback);
    let or_batch = if has_fallback {
        ""
    } else {
        ", or add `fallback: batch`"
    };
    match failure.class {
        FailureClass::Timeout => format!("give the stage a longer `timeout`{or_batch}"),
        FailureClass::Memory => format!("give the stage more `memory`{or_batch}"),
        FailureClass::Disk => format!("give the stage more `disk`{or_batch}"),
        FailureClass::Container if failure.exit_code == Some(65) => {
            "the script refuses this input: put a right one in its place".to_owned()
        }
        FailureClass::Container => "see what the script said above, and mend it".to_owned(),
        FailureClass::Image => "make the image readable for the stage, or name another".to_owned(),
        FailureClass::Input => "put the input again".to_owned(),
        FailureClass::Output => "give each output a place of its own".to_owned(),
        FailureClass::Cloud => {
            "nothing in the manifest: the cloud refused or did not answer".to_owned()
        }
        FailureClass::Internal => "nothing in the manifest: this is a defect of scar".to_owned(),
    }
}
