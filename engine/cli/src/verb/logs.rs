//! `scar logs`

use scar_apply::logs::{self as observed, Line, Query};
use serde_json::{Value, json};

use super::status::now_ms;
use crate::args::Global;
use crate::error::{CliError, Kind};
use crate::project::Project;
use crate::session;
use crate::view::Screen;
use crate::view::text::{clean, parse_duration, time};

/// Show what the stages logged.
///
/// Lines of a container are marked with a bar; lines of the platform are shown with -v.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar logs                       all stages
  scar logs shrink --since 10m    one stage, the last ten minutes
  scar logs --follow              and go on with what comes
  scar logs --task 91c2           one task, by the beginning of its identity")]
pub(crate) struct Arguments {
    /// Stages; without any all of them.
    #[arg(value_name = "STAGE")]
    stages: Vec<String>,
    /// Go on with what comes, until Ctrl-C.
    #[arg(long)]
    follow: bool,
    /// Only lines of the task whose identity begins so.
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    /// Not older than this, for instance 10m or 2d.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    since: Option<u64>,
}

pub(crate) fn logs(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let project = Project::load(None, global, screen)?;
    check_stages(arguments, &project)?;
    let query = Query {
        stages: arguments.stages.clone(),
        task: arguments.task.clone(),
        since_ms: arguments
            .since
            .map(|seconds| now_ms().saturating_sub(seconds * 1_000)),
        until_ms: None,
        follow: arguments.follow,
    };
    let result =
        session::on_deployment(&project, global, screen, "", async |session, deployment| {
            let (closed, mut reader_left) = tokio::sync::mpsc::unbounded_channel();
            let mut on_line = |line: Line| {
                if let Err(error) = show(&line, screen) {
                    // The receiver lives as long as this closure.
                    drop(closed.send(error));
                }
            };
            let lines = observed::logs(
                &session.cloud,
                &project.workflow,
                deployment,
                &query,
                &mut on_line,
            );
            tokio::select! {
                result = lines => Ok(result?),
                Some(error) = reader_left.recv() => Err(error),
            }
        });
    match result {
        // To stop following is the only way to end it.
        Err(error) if error.kind == Kind::Interrupted && arguments.follow => Ok(()),
        other => other,
    }
}

fn seconds(text: &str) -> Result<u64, String> {
    parse_duration(text).ok_or_else(|| "write a number and a unit: 90s, 10m, 2h, 1d".to_owned())
}

fn check_stages(arguments: &Arguments, project: &Project) -> Result<(), CliError> {
    let known: Vec<&str> = project
        .workflow
        .stages
        .iter()
        .map(|stage| stage.name.as_str())
        .collect();
    match arguments
        .stages
        .iter()
        .find(|stage| !known.contains(&stage.as_str()))
    {
        Some(stage) => Err(
            CliError::failure(format!("the workflow has no stage {stage}"))
                .hint(format!("it has: {}", known.join(", "))),
        ),
        None => Ok(()),
    }
}

fn show(line: &Line, screen: &Screen) -> Result<(), CliError> {
    if screen.json {
        return screen.object(&json!({
            "type": "log", "time": time(line.time_ms), "stage": line.stage,
            "stream": line.stream, "message": line.message,
        }));
    }
    match words(&line.message, screen.verbose) {
        Some(words) => screen.line(&format!(
            "{}  {:<12}  {words}",
            screen.style.dim(&time(line.time_ms)),
            clean(&line.stage),
        )),
        None => Ok(()),
    }
}

/// What to show of a line: a container's words behind a bar, the supervisor's message with its level, the
/// platform's lines only when more is wanted.
fn words(message: &str, verbose: bool) -> Option<String> {
    let message = message.trim_end();
    let Ok(Value::Object(record)) = serde_json::from_str::<Value>(message) else {
        let platform = ["START ", "END ", "REPORT ", "INIT_START "];
        let shown = verbose || !platform.iter().any(|word| message.starts_with(word));
        return shown.then(|| clean(message).into_owned());
    };
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    if text("type").is_some_and(|kind| kind.starts_with("platform.")) && !verbose {
        return None;
    }
    if let Some(line) = text("line") {
        return Some(format!("| {}", clean(line)));
    }
    match (text("level"), text("message")) {
        (Some(level), Some(said)) => {
            let task = text("task").map(|task| {
                format!(
                    "  task {}",
                    clean(&task.chars().take(12).collect::<String>())
                )
            });
            Some(format!(
                "{} {}{}{}",
                clean(level),
                clean(said),
                outcome(text("input"), text("state")),
                task.unwrap_or_default()
            ))
        }
        _ => Some(clean(message).into_owned()),
    }
}

/// What became of which input, in the record of a task's end.
fn outcome(input: Option<&str>, state: Option<&str>) -> String {
    match (input, state) {
        (Some(input), Some(state)) => format!("  {} {}", clean(input), clean(state)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn lines_are_shown_by_their_origin() {
        assert_eq!(
            words(r#"{"stream":"stdout","line":"hi\u001b[2J"}"#, false).unwrap(),
            "| hi\\u{1b}[2J"
        );
        assert_eq!(words("START RequestId: x", false), None);
        assert_eq!(words(r#"{"type":"platform.start"}"#, false), None);
        assert_eq!(
            words("START RequestId: x", true).unwrap(),
            "START RequestId: x"
        );
        let record = r#"{"level":"info","message":"committed","task":"0123456789abcdef"}"#;
        assert_eq!(
            words(record, false).unwrap(),
            "info committed  task 0123456789ab"
        );
        let ended = r#"{"level":"info","message":"task ended","input":"in/a","state":"failed"}"#;
        assert_eq!(words(ended, false).unwrap(), "info task ended  in/a failed");
    }
}
