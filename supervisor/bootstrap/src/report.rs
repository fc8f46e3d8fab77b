//! The report on one event: what Lambda gets as the result, and `once` prints.

use std::collections::BTreeMap;

use scar_schemas::record::TaskState;
use serde_json::{Value, json};

use crate::arrive::Came;
use crate::collect::Collected;
use crate::join::End as JoinEnd;
use crate::route::Ignored;
use crate::step::{End, Ending};
use crate::task::Finished;

/// Most outputs that a report lists for one task: Lambda takes replies of up to 6 MB.
const MAX_OUTPUTS: usize = 100;

/// What an event came to.
#[derive(Debug, Default)]
pub(crate) struct Report {
    tasks: Vec<Value>,
    joins: Vec<Value>,
    scattered: Vec<Value>,
    ignored: BTreeMap<&'static str, u64>,
}

impl Report {
    /// The report on one object.
    pub(crate) fn of(came: Came) -> Self {
        let mut report = Self::default();
        report.add(came);
        report
    }

    /// Objects that were left alone.
    pub(crate) fn ignore(&mut self, reason: Ignored, count: u64) {
        *self.ignored.entry(reason.as_str()).or_default() += count;
    }

    /// What came of an object.
    pub(crate) fn add(&mut self, came: Came) {
        match came {
            Came::Task(finished) => self.tasks.push(task(&finished)),
            Came::Collected(collected) => self.joins.push(json!({
                "group": collected.group,
                "state": joined(&collected),
            })),
            Came::Scattered(input, items) => {
                self.scattered
                    .push(json!({ "input": input, "items": items }));
            }
            Came::Left(reason) => self.ignore(reason, 1),
            Came::Trouble(_) => {}
        }
    }

    /// The report as JSON.
    pub(crate) fn to_json(&self) -> Value {
        let mut value = json!({ "tasks": self.tasks, "ignored": self.ignored });
        if !self.joins.is_empty() {
            value["joins"] = json!(self.joins);
        }
        if !self.scattered.is_empty() {
            value["scattered"] = json!(self.scattered);
        }
        value
    }
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
        End::Closed(_) | End::HandedOver | End::LoopLimit => {}
    }
    value
}

/// What became of a group of a join, in a word.
pub(crate) fn joined(collected: &Collected) -> &'static str {
    match collected.end {
        JoinEnd::Waits => "waits",
        JoinEnd::Fired => "fired",
        JoinEnd::Superseded => "superseded",
        JoinEnd::Collision(_) => "collision",
        JoinEnd::TooFew { .. } => "too-few",
        JoinEnd::Confused => "retry",
    }
}

/// An answer that fits: one that does not is replaced by the fact.
pub(crate) fn within(answer: Value, limit: usize) -> Value {
    let bytes = answer.to_string().len();
    match bytes > limit {
        true => json!({ "truncated": true, "bytes": bytes }),
        false => answer,
    }
}

fn state(end: &End) -> Value {
    json!(match end {
        End::Closed(Ending::Published) => TaskState::Published,
        End::Closed(Ending::Failed(_)) => TaskState::Failed,
        End::Closed(Ending::Superseded) => TaskState::Superseded,
        End::Already(state) => *state,
        End::HandedOver => return json!("handed-over"),
        End::LoopLimit => return json!("loop-limit"),
        End::Retry(_) => return json!("retry"),
    })
}
