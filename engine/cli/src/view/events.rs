//! Single events: as a line for people, as an object for programs.

use scar_apply::data::Transfer;
use scar_apply::trace::{State, TaskView};
use scar_apply::{Event, Operation, Progress};
use scar_schemas::record::{Failure, FailureClass};
use serde_json::{Value, json};

use super::style::Style;
use super::text::{clean, count, duration};

/// `RoleCount (AWS::IAM::Role) of count: created`.
pub(crate) fn resource_line(progress: &Progress, style: Style) -> String {
    let status = progress.status.to_lowercase().replace('_', " ");
    let status = if progress.status.ends_with("_FAILED") {
        style.red(&status)
    } else {
        status
    };
    let stage = progress
        .stage
        .as_deref()
        .map(|stage| format!(" of {}", clean(stage)));
    let reason = progress
        .reason
        .as_deref()
        .map(|reason| format!(": {}", clean(reason)));
    format!(
        "{} ({}){} {status}{}",
        clean(&progress.logical_id),
        progress.kind,
        stage.unwrap_or_default(),
        reason.unwrap_or_default(),
    )
}

/// `✓ count     texts/rain.txt → counts/rain.tsv   120 ms`.
pub(crate) fn task_line(task: &TaskView, style: Style) -> String {
    let (stage, input) = (clean(&task.stage), clean(&task.input.key));
    let time = task
        .report
        .as_ref()
        .map(|report| format!("  {}", duration(report.duration_ms)));
    let time = time.unwrap_or_default();
    match &task.state {
        State::Waiting => format!("  · {stage}  {input}  waiting"),
        State::Superseded => format!("  – {stage}  {input}  superseded by a newer version"),
        State::Incomplete { arrived } => {
            format!("  · {stage}  {input}  waits for more objects ({arrived} arrived)")
        }
        State::Published { outputs } => {
            let made = match outputs.as_slice() {
                [one] => clean(&one.key).into_owned(),
                several => count(several.len(), "file"),
            };
            format!("  {} {stage}  {input} → {made}{time}", style.green("✓"))
        }
        State::Failed { failure } => {
            format!(
                "  {} {stage}  {input}  failed: {}{time}",
                style.red("×"),
                cause(failure)
            )
        }
    }
}

/// Why a task failed and the last lines it said, for the end of a run.
pub(crate) fn failure_block(task: &TaskView, failure: &Failure, style: Style) -> String {
    let mut out = format!(
        "\n{} {} of {} failed\n  {}\n",
        style.red("×"),
        clean(&task.stage),
        clean(&task.input.key),
        cause(failure),
    );
    for line in &failure.log_tail {
        out.push_str(&format!("  │ {}\n", clean(line)));
    }
    out.push_str(&format!(
        "  task {}\n",
        &task.task[..task.task.len().min(12)]
    ));
    out
}

fn cause(failure: &Failure) -> String {
    let class = class(failure.class);
    let message = clean(&failure.message);
    match failure.exit_code {
        Some(code) if !message.contains(&format!("exit code {code}")) => {
            format!("{class}: {message} (exit code {code})")
        }
        _ => format!("{class}: {message}"),
    }
}

fn class(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Container => "container",
        FailureClass::Timeout => "timeout",
        FailureClass::Memory => "memory",
        FailureClass::Disk => "disk",
        FailureClass::Image => "image",
        FailureClass::Input => "input",
        FailureClass::Output => "output",
        FailureClass::Cloud => "cloud",
        FailureClass::Internal => "internal",
    }
}

/// An event of `apply` or `destroy`.
pub(crate) fn deployment(event: &Event) -> Value {
    match event {
        Event::CleanUp { stack, status } => {
            json!({ "type": "clean_up", "stack": stack, "status": status })
        }
        Event::UploadStarted { objects } => json!({ "type": "upload_start", "objects": objects }),
        Event::Uploaded { key, size_bytes } => {
            json!({ "type": "uploaded", "key": key, "size": size_bytes })
        }
        Event::PushStarted { tag, stage } => {
            json!({ "type": "push_start", "tag": tag, "stage": stage })
        }
        Event::PushedLayer { tag, size_bytes } => {
            json!({ "type": "pushed_layer", "tag": tag, "size": size_bytes })
        }
        Event::Pushed { tag, size_bytes } => {
            json!({ "type": "pushed", "tag": tag, "size": size_bytes })
        }
        Event::Notified { bucket } => json!({ "type": "notified", "bucket": bucket }),
        Event::StackStarted { stack, operation } => {
            json!({ "type": "apply_start", "stack": stack, "operation": word(*operation) })
        }
        Event::Resource(progress) => resource("apply_progress", progress),
        Event::RollbackStarted { stack, cause } => {
            let cause = cause.as_ref().map(|cause| resource("cause", cause));
            json!({ "type": "rollback_start", "stack": stack, "cause": cause })
        }
        Event::RolledBack { stack } => json!({ "type": "rollback_complete", "stack": stack }),
        Event::StackFinished {
            stack,
            operation,
            changed,
        } => json!({
            "type": "apply_complete", "stack": stack, "operation": word(*operation), "changed": changed,
        }),
        Event::BucketDeleted { bucket, objects } => {
            json!({ "type": "bucket_deleted", "bucket": bucket, "objects": objects })
        }
    }
}

fn resource(kind: &str, progress: &Progress) -> Value {
    json!({
        "type": kind,
        "stack": progress.stack,
        "stage": progress.stage,
        "id": progress.logical_id,
        "kind": progress.kind,
        "status": progress.status,
        "reason": progress.reason,
    })
}

fn word(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "create",
        Operation::Update => "update",
        Operation::Delete => "delete",
    }
}

/// A finished transfer; progress in bytes is for people only.
pub(crate) fn transfer(transfer: &Transfer) -> Option<Value> {
    match transfer {
        Transfer::Bytes { .. } => None,
        Transfer::Done { object } => Some(json!({
            "type": "copied", "bucket": object.bucket, "key": object.key, "size": object.size,
        })),
    }
}

/// A task.
pub(crate) fn task(task: &TaskView) -> Value {
    let (state, outputs, failure) = match &task.state {
        State::Waiting => ("waiting", None, None),
        State::Superseded => ("superseded", None, None),
        State::Incomplete { .. } => ("incomplete", None, None),
        State::Failed { failure } => ("failed", None, Some(failure)),
        State::Published { outputs } => ("published", Some(outputs), None),
    };
    let outputs = outputs.map(|outputs| {
        let each = |one: &scar_apply::trace::Output| {
            json!({ "bucket": one.bucket, "key": one.key, "size": one.size })
        };
        outputs.iter().map(each).collect::<Vec<_>>()
    });
    let failure = failure.map(|failure| {
        json!({
            "class": class(failure.class), "message": failure.message,
            "exit_code": failure.exit_code, "log_tail": failure.log_tail,
        })
    });
    json!({
        "type": "task",
        "stage": task.stage,
        "task": task.task,
        "input": { "bucket": task.input.bucket, "key": task.input.key },
        "parent": task.parent,
        "state": state,
        "outputs": outputs,
        "failure": failure,
        "duration_ms": task.report.as_ref().map(|report| report.duration_ms),
    })
}
