//! `scar redrive`

use scar_apply::start::{self, Failed};
use scar_apply::{Deployment, Error};
use scar_workflow::Stage;
use serde_json::json;

use super::approval::{Approval, approve};
use crate::args::Global;
use crate::error::CliError;
use crate::project::Project;
use crate::session::{self, Session};
use crate::view::Screen;
use crate::view::text::{clean, count};

const AFTER_INTERRUPT: &str =
    "those that were told started run; `scar redrive` again starts the rest";

/// Start failed tasks again, after their cause is mended.
///
/// A failed task stays failed until somebody says otherwise: this is how to say it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar redrive                  all failed tasks of the workflow
  scar redrive shrink           those of one stage
  scar redrive 91c2             one task, by the beginning of its identity
  scar redrive --dry-run        only say which they are")]
pub(crate) struct Arguments {
    /// Stages, or beginnings of tasks' identities; without any all failed tasks.
    #[arg(value_name = "STAGE|TASK")]
    what: Vec<String>,
    /// Only say which tasks would be started.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    approval: Approval,
}

pub(crate) fn redrive(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let project = Project::load(None, global, screen)?;
    session::on_deployment(
        &project,
        global,
        screen,
        session::UNCHANGED,
        async |session, deployment| {
            let chosen = chosen(&project, deployment, &arguments.what, session).await?;
            for (stage, one) in &chosen {
                show(stage, one, screen)?;
            }
            if chosen.is_empty() {
                screen.note("no failed task is meant");
            }
            if arguments.dry_run || chosen.is_empty() {
                return Ok(());
            }
            let (environment, approval) = (&project.workflow.environment, &arguments.approval);
            approve(environment, &[], approval, session, screen).await?;
            session.if_interrupted(AFTER_INTERRUPT);
            let mut started = 0;
            for (stage, one) in &chosen {
                started += usize::from(restart(stage, one, deployment, session).await?);
            }
            screen.note(&format!("{} started again", count(started, "task")));
            session.settle().await
        },
    )
}

async fn chosen<'a>(
    project: &'a Project,
    deployment: &Deployment,
    what: &[String],
    session: &Session,
) -> Result<Vec<(&'a Stage, Failed)>, CliError> {
    let mut all = Vec::new();
    for stage in &project.workflow.stages {
        let failed = start::failures(&session.cloud, deployment, stage).await?;
        all.extend(failed.into_iter().map(|one| (stage, one)));
    }
    let is_meant = |word: &String, stage: &Stage, one: &Failed| {
        *word == stage.name || one.record.task.starts_with(word.as_str())
    };
    let unknown = what.iter().find(|word| {
        let is_stage = project
            .workflow
            .stages
            .iter()
            .any(|stage| stage.name == **word);
        !is_stage && !all.iter().any(|(stage, one)| is_meant(word, stage, one))
    });
    if let Some(word) = unknown {
        return Err(
            CliError::failure(format!("{word} is neither a stage nor a failed task"))
                .hint("`scar status` shows which tasks failed"),
        );
    }
    all.retain(|(stage, one)| {
        what.is_empty() || what.iter().any(|word| is_meant(word, stage, one))
    });
    Ok(all)
}

/// Forgets the failure, then tells the stage of the input again.
async fn restart(
    stage: &Stage,
    one: &Failed,
    deployment: &Deployment,
    session: &Session,
) -> Result<bool, Error> {
    let function = start::function(&session.cloud, deployment, stage).await?;
    if !start::forget(&session.cloud, deployment, stage, one).await? {
        return Ok(false);
    }
    start::deliver(&session.cloud, &function, &one.record.input).await?;
    Ok(true)
}

fn show(stage: &Stage, one: &Failed, screen: &Screen) -> Result<(), CliError> {
    let record = &one.record;
    if screen.json {
        return screen.object(&json!({
            "type": "failed_task", "stage": stage.name, "task": record.task,
            "input": { "bucket": record.input.bucket, "key": record.input.key },
            "message": record.failure.as_ref().map(|failure| &failure.message),
        }));
    }
    let why = record
        .failure
        .as_ref()
        .map_or("", |failure| &failure.message);
    let task: String = record.task.chars().take(12).collect();
    let (key, why) = (clean(&record.input.key), clean(why));
    screen.line(&format!("{task}  {}  {key}  {why}", stage.name))
}
