//! The wait for tasks, and what is said when it is over.

mod functions;

use std::collections::BTreeSet;
use std::time::Duration;

use scar_apply::Deployment;
use scar_apply::trace::{self, State, TaskView};
use scar_schemas::record::ObjectVersion;
use serde_json::json;

use crate::error::{CliError, Kind};
use crate::project::Project;
use crate::session::Session;
use crate::view::progress::Progress;
use crate::view::text::{clean, count};
use crate::view::{Screen, events};
use functions::tell_failures;

/// What a person reads who ends the wait.
const AFTER_INTERRUPT: &str = "nothing is lost: in AWS it goes on, in the local cloud it goes on the next time; see `scar status`";
/// How long records may take to show after a local cloud has nothing left to do.
const QUIET_MAX: Duration = Duration::from_secs(10);
/// Failed tasks that are shown in full.
const FAILURES_SHOWN: usize = 5;

/// Objects whose tasks are followed.
pub(crate) struct Followed<'a> {
    /// The workflow.
    pub(crate) project: &'a Project,
    /// Where it is.
    pub(crate) deployment: &'a Deployment,
    /// What starts the tasks.
    pub(crate) objects: &'a [ObjectVersion],
    /// Whether this verb has just deployed something else than what was there.
    pub(crate) changed: bool,
}

/// Waits until no task of the objects is left to do. Ends with an error if some wait but the local cloud
/// of this process has nothing left to do: nobody would ever start them.
pub(crate) async fn follow(
    followed: &Followed<'_>,
    session: &Session,
    limit: Option<Duration>,
    screen: &Screen,
) -> Result<Vec<TaskView>, CliError> {
    let Followed {
        project,
        deployment,
        objects,
        changed,
    } = followed;
    session.if_interrupted(AFTER_INTERRUPT);
    let workflow = &project.workflow;
    let before = trace::trace(&session.cloud, workflow, deployment, objects).await?;
    let done = before.iter().filter(|task| task.state != State::Waiting);
    let done: BTreeSet<&str> = done.map(|task| task.task.as_str()).collect();
    if *changed && !done.is_empty() {
        let tasks = count(done.len(), "task");
        screen.note(&format!(
            "{tasks} ended before this change of the workflow and will not run again; `scar run --again` runs them as it is now"
        ));
    }
    let mut progress = Progress::new(screen);
    let above = progress.above();
    let mut on_change = |task: &TaskView| progress.task(task, done.contains(task.task.as_str()));
    let wait = trace::wait(
        &session.cloud,
        workflow,
        deployment,
        objects,
        limit,
        &mut on_change,
    );
    let tasks = tokio::select! {
        tasks = wait => tasks?,
        stalled = session.stalled(QUIET_MAX) => return Err(stalled),
        never = tell_failures(&session.cloud, workflow, deployment, screen, &above) => never,
    };
    progress.finish();
    session.settle().await?;
    Ok(tasks)
}

/// Says how many tasks there were and why those that failed did.
pub(crate) fn conclude(tasks: &[TaskView], screen: &Screen) -> Result<(), CliError> {
    let failed: Vec<_> = tasks
        .iter()
        .filter_map(|task| match &task.state {
            State::Failed { failure } => Some((task, failure)),
            _ => None,
        })
        .collect();
    let is_incomplete = |task: &&TaskView| matches!(task.state, State::Incomplete { .. });
    let incomplete = tasks.iter().filter(is_incomplete).count();
    if screen.json {
        screen.object(&json!({
            "type": "summary", "tasks": tasks.len(), "failed": failed.len(), "incomplete": incomplete,
        }))?;
    } else {
        note_incomplete(incomplete, screen);
        for (task, failure) in failed.iter().take(FAILURES_SHOWN) {
            screen.complain(&events::failure_block(task, failure, screen.note_style));
        }
    }
    match failed.first() {
        None => Ok(()),
        Some((first, _)) => {
            let tasks = count(tasks.len(), "task");
            Err(CliError::new(
                Kind::TasksFailed,
                format!("{} of {tasks} failed", failed.len()),
            )
            .hint(format!(
                "`scar logs {}` shows all that the stage said",
                clean(&first.stage)
            ))
            .hint(
                "a failed task is not run again by itself; after its cause is mended, `scar redrive` starts it, and a changed file is a new task",
            ))
        }
    }
}

/// Joins whose other members are not on their way are not mistakes, but nothing happens without them.
fn note_incomplete(number: usize, screen: &Screen) {
    let waiting = match number {
        0 => return,
        1 => "1 task waits".to_owned(),
        more => format!("{more} tasks wait"),
    };
    screen.note(&format!(
        "{waiting} for objects that nothing under way will bring; put them, and the rest follows"
    ));
}
