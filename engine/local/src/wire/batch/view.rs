//! Jobs as `DescribeJobs` and `ListJobs` show them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Fault, arn};
use crate::batch::{Attempt, Job, Shape};
use crate::services::Services;
use crate::store::Table;

/// What `DescribeJobs` shows of a job.
pub(super) fn described(services: &Services, job: &Job) -> Result<Value, Fault> {
    let mut fields = summary(services, job);
    let last = job.attempts.last();
    let mut container = job.container.clone();
    if let Some(container) = container.as_object_mut() {
        for (name, value) in container_end(last) {
            container.insert(name, value);
        }
        container.remove("mountPoints");
    }
    let attempts = job
        .attempts
        .iter()
        .map(|attempt| shown_attempt(services, attempt));
    let mut more = json!({
        "jobQueue": job.queue,
        "jobDefinition": job.definition,
        "dependsOn": job.depends_on.iter().map(|id| json!({ "jobId": id })).collect::<Vec<_>>(),
        "parameters": job.parameters,
        "tags": job.tags,
        "attempts": attempts.collect::<Vec<_>>(),
        "container": container,
        "isTerminated": job.is_terminated,
        "isCancelled": false,
        "retryStrategy": job.retry,
    });
    if let Some(seconds) = job.timeout_s {
        more["timeout"] = json!({ "attemptDurationSeconds": seconds });
    }
    if let Shape::Array { size } = job.shape {
        let counts = children(services, &job.id)?;
        more["arrayProperties"] = json!({ "size": size, "statusSummary": counts });
    }
    if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Ok(fields)
}

/// What `ListJobs` shows of a job.
pub(super) fn summary(services: &Services, job: &Job) -> Value {
    let mut fields = json!({
        "jobId": job.id,
        "jobArn": arn(services, &format!("job/{}", job.id)),
        "jobName": job.name,
        "createdAt": job.created_ms,
        "status": job.status.name(),
    });
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields[name] = value;
        }
    };
    set("statusReason", job.reason.clone().map(Value::from));
    set("startedAt", job.started_ms.map(Value::from));
    set("stoppedAt", job.stopped_ms.map(Value::from));
    set("jobDefinition", Some(job.definition.clone().into()));
    let last = job.attempts.last();
    let exit = container_end(last)
        .into_iter()
        .filter(|(name, _)| name == "exitCode" || name == "reason");
    set("container", Some(Value::Object(exit.collect())));
    match &job.shape {
        Shape::Array { size } => set("arrayProperties", Some(json!({ "size": size }))),
        Shape::Child { index, .. } => set("arrayProperties", Some(json!({ "index": index }))),
        Shape::MultiNode { nodes, main } => {
            let value = json!({ "numNodes": nodes, "mainNode": main });
            set("nodeProperties", Some(value));
        }
        Shape::Node {
            index, nodes, main, ..
        } => {
            let value =
                json!({ "nodeIndex": index, "isMainNode": index == main, "numNodes": nodes });
            set("nodeProperties", Some(value));
        }
        Shape::Single => {}
    }
    fields
}

fn container_end(last: Option<&Attempt>) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(attempt) = last {
        fields.insert("logStreamName".into(), attempt.log_stream.clone().into());
        if let Some(code) = attempt.exit_code {
            fields.insert("exitCode".into(), code.into());
        }
        if let Some(reason) = &attempt.reason {
            fields.insert("reason".into(), reason.clone().into());
        }
    }
    fields
}

fn shown_attempt(services: &Services, attempt: &Attempt) -> Value {
    let mut container = container_end(Some(attempt));
    let task = arn(services, &format!("task/{}", attempt.task)).replace(":batch:", ":ecs:");
    container.insert("taskArn".into(), task.into());
    let mut fields = json!({ "container": container });
    if let Some(time_ms) = attempt.started_ms {
        fields["startedAt"] = time_ms.into();
    }
    if let Some(time_ms) = attempt.stopped_ms {
        fields["stoppedAt"] = time_ms.into();
    }
    if let Some(reason) = &attempt.status_reason {
        fields["statusReason"] = reason.clone().into();
    }
    fields
}

fn children(services: &Services, id: &str) -> Result<Map<String, Value>, Fault> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, child) in services.store.list::<Job>(Table::Jobs, &format!("{id}:"))? {
        *counts.entry(child.status.name()).or_default() += 1;
    }
    let shown = counts
        .into_iter()
        .map(|(name, count)| (name.to_owned(), count.into()));
    Ok(shown.collect())
}
