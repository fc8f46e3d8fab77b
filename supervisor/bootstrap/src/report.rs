//! The report on one event: what Lambda gets as the result, and `once` prints.

use scar_schemas::record::TaskState;
use serde_json::{Value, json};

use crate::route::Routed;
use crate::step::{End, Ending};
use crate::task::Finished;

/// Most outputs that a report lists for one task: Lambda takes replies of up to 6 MB.
const MAX_OUTPUTS: usize = 100;

/// The report as JSON.
pub(crate) fn report(routed: &Routed, finished: &[Finished]) -> Value {
    let ignored = routed
        .ignored
        .iter()
        .map(|(reason, count)| (reason.as_str().to_owned(), json!(count)));
    json!({
        "tasks": finished.iter().map(task).collect::<Vec<_>>(),
        "ignored": Value::Object(ignored.collect()),
    })
}

/// What one task came to.
pub(crate) fn task(finished: &Finished) -> Value {
    let outputs = finished.outputs.iter().take(MAX_OUTPUTS);
    let outputs: Vec<Value> = outputs
        .map(|(bucket, key)| json!({ "bucket": bucket, "key": key }))
        .collect();
    let mut value = json!({
        "task": finished.task,
        "input": finished.input,
        "state": state(&finished.end),
        "outputs": outputs,
        "output_count": finished.outputs.len(),
        "duration_ms": finished.report.duration_ms,
        "image_ms": finished.report.image_ms,
        "container_ms": finished.report.container_ms,
    });
    match &finished.end {
        End::Already(_) => value["already"] = json!(true),
        End::Closed(Ending::Failed(failure)) | End::Retry(failure) => {
            value["failure"] = json!(failure);
        }
        End::Closed(_) => {}
    }
    value
}

fn state(end: &End) -> Value {
    json!(match end {
        End::Closed(Ending::Published) => TaskState::Published,
        End::Closed(Ending::Failed(_)) => TaskState::Failed,
        End::Closed(Ending::Superseded) => TaskState::Superseded,
        End::Already(state) => *state,
        End::Retry(_) => return json!("retry"),
    })
}
