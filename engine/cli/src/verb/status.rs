//! `scar status`

use std::time::{SystemTime, UNIX_EPOCH};

use scar_apply::status as observed;
use scar_apply::status::StageStatus;
use scar_apply::trace::State;
use serde_json::{Value, json};

use super::Manifest;
use crate::args::Global;
use crate::error::CliError;
use crate::session;
use crate::view::table::table;
use crate::view::text::{clean, duration};
use crate::view::{Screen, events};

/// Failed tasks that are shown for each stage.
const FAILURES_SHOWN: usize = 3;

/// Show how far each stage is: what waits, what is done, what failed and why.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar status -e prod
  scar status --json")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: Manifest,
}

pub(crate) fn status(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let project = arguments.manifest.load(global, screen)?;
    let stages = session::on_deployment(
        &project,
        global,
        screen,
        session::UNCHANGED,
        async |session, deployment| {
            Ok(observed::status(&session.cloud, &project.workflow, deployment).await?)
        },
    )?;
    if screen.json {
        let stages: Vec<Value> = stages.iter().map(object).collect();
        return screen.document(&json!({ "deployment": project.deployment(), "stages": stages }));
    }
    screen.data(&human(&stages, screen))
}

fn human(stages: &[StageStatus], screen: &Screen) -> String {
    let heads = [
        "stage",
        "waiting",
        "done",
        "failed",
        "superseded",
        "oldest waiting",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(stages.iter().map(row));
    let mut out = table(&rows, &[1, 2, 3, 4, 5]);
    for stage in stages {
        for task in stage.failures.iter().take(FAILURES_SHOWN) {
            if let State::Failed { failure } = &task.state {
                out.push_str(&events::failure_block(task, failure, screen.style));
            }
        }
    }
    out
}

fn row(stage: &StageStatus) -> Vec<String> {
    let oldest = stage
        .oldest_waiting_ms
        .map(|since| duration(now_ms().saturating_sub(since)));
    vec![
        clean(&stage.stage).into_owned(),
        stage.waiting.to_string(),
        stage.done.to_string(),
        stage.failed.to_string(),
        stage.superseded.to_string(),
        oldest.unwrap_or_default(),
    ]
}

fn object(stage: &StageStatus) -> Value {
    json!({
        "stage": stage.stage,
        "inputs": stage.inputs,
        "waiting": stage.waiting,
        "done": stage.done,
        "failed": stage.failed,
        "superseded": stage.superseded,
        "oldest_waiting_ms": stage.oldest_waiting_ms,
        "failures": stage.failures.iter().map(events::task).collect::<Vec<_>>(),
    })
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
