//! Functions that end before they can take a task. No task fails of it, so the wait would be silent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scar_apply::logs::{self, Line, Query};
use scar_apply::{Cloud, Deployment};
use scar_workflow::Workflow;
use serde_json::{Value, json};

use crate::verb::status::now_ms;
use crate::view::Screen;
use crate::view::text::clean;

/// Most tasks are over by then, and nobody need look into a log.
const PATIENCE: Duration = Duration::from_secs(2);
/// The first attempt may have failed while the wait began.
const BEFORE_MS: u64 = 10_000;
/// Lines that are shown of what the function said.
const TAIL: usize = 5;

/// Follows the logs of all stages and tells each function that cannot start, once. Never returns: it only
/// watches, and a log that cannot be read is no reason to end the wait.
pub(super) async fn tell_failures(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
    screen: &Screen,
    say: &dyn Fn(&str),
) -> ! {
    let query = Query {
        since_ms: Some(now_ms().saturating_sub(BEFORE_MS)),
        follow: true,
        ..Query::default()
    };
    tokio::time::sleep(PATIENCE).await;
    let mut told = BTreeSet::new();
    let mut tails: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut on_line = |line: Line| {
        let Some(why) = failure(&line.message) else {
            let tail = tails.entry(line.stream).or_default();
            tail.extend(spoken(&line.message));
            tail.drain(..tail.len().saturating_sub(TAIL));
            return;
        };
        if told.insert(line.stage.clone()) {
            let tail = tails.remove(&line.stream).unwrap_or_default();
            tell(&line.stage, &why, &tail, screen, say);
        }
    };
    drop(logs::logs(cloud, workflow, deployment, &query, &mut on_line).await);
    std::future::pending().await
}

/// Why the platform gave a function up, if this line of the log says so ("Lambda runtime API: invocation
/// and initialization errors", Lambda developer guide).
fn failure(message: &str) -> Option<String> {
    let record: Value = serde_json::from_str(message).ok()?;
    let at = |name: &str| {
        let text = record[name]
            .as_str()
            .or_else(|| record["record"][name].as_str());
        text.unwrap_or_default()
    };
    let kind = at("errorType");
    if !kind.starts_with("Runtime.") && !kind.starts_with("Extension.") {
        return None;
    }
    let said = at("errorMessage");
    let said = said.split_once(" Error: ").map_or(said, |(_, said)| said);
    Some(format!("{kind} {said}").trim_end().to_owned())
}

/// What the function itself said.
fn spoken(message: &str) -> Option<String> {
    let message = message.trim_end();
    match serde_json::from_str::<Value>(message) {
        Ok(Value::Object(record)) if record.contains_key("record") => None,
        Ok(Value::Object(record)) => {
            let said = record.get("line").or_else(|| record.get("message"))?;
            said.as_str().map(str::to_owned)
        }
        _ => Some(message.to_owned()).filter(|text| !text.is_empty()),
    }
}

fn tell(stage: &str, why: &str, tail: &[String], screen: &Screen, say: &dyn Fn(&str)) {
    if screen.json {
        let value =
            json!({ "type": "function_failed", "stage": stage, "message": why, "log_tail": tail });
        // A reader that went away is noticed by the verb's own last words.
        drop(screen.object(&value));
        return;
    }
    let (mark, stage) = (screen.note_style.red("×"), clean(stage));
    let mut text = format!(
        "\n{mark} the function of stage {stage} ends before it can take a task\n  {}\n",
        clean(why)
    );
    for line in tail {
        text.push_str(&format!("  │ {}\n", clean(line)));
    }
    text.push_str(&format!("  all it said: scar logs {stage} -v\n\n"));
    say(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_says_that_a_function_cannot_start() {
        let at_once = r#"{"errorMessage":"RequestId: 1 Error: Runtime exited with error: exit status 1","errorType":"Runtime.ExitError"}"#;
        let why = "Runtime.ExitError Runtime exited with error: exit status 1";
        assert_eq!(failure(at_once).as_deref(), Some(why));
        let report = r#"{"type":"platform.initReport","record":{"status":"error","errorType":"Runtime.InvalidEntrypoint"}}"#;
        assert_eq!(
            failure(report).as_deref(),
            Some("Runtime.InvalidEntrypoint")
        );
        assert_eq!(
            failure(r#"{"type":"platform.report","record":{"status":"success"}}"#),
            None
        );
        assert_eq!(failure("plain"), None);
    }

    #[test]
    fn only_the_function_is_quoted() {
        assert_eq!(
            spoken(r#"{"stream":"stdout","line":"hi"}"#).as_deref(),
            Some("hi")
        );
        assert_eq!(
            spoken("no such library\n").as_deref(),
            Some("no such library")
        );
        assert_eq!(spoken(r#"{"type":"platform.start","record":{}}"#), None);
    }
}
