//! `SubmitJob`: what a request and a definition make of a job.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::resource::{JobDefinition, find_definition, find_queue};
use super::{Job, Shape, Status};
use crate::store::{Table, Transaction};
use crate::{Error, clock, random};

/// Children of an array, "Array jobs" in the AWS Batch user guide.
const ARRAY_SIZES: std::ops::RangeInclusive<u64> = 2..=10_000;
/// Jobs that a job can depend on.
const DEPENDENCIES: usize = 20;

/// Makes a job of a request in the names of the API, and returns it. The text of a refusal is that of a
/// `ClientException`. Ring `Services::jobs` afterwards.
pub(crate) fn submit(
    transaction: &mut Transaction<'_>,
    request: &Value,
) -> Result<Result<Job, String>, Error> {
    let text = |name: &str| {
        request
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let Some(queue) = find_queue(transaction, text("jobQueue"))? else {
        return Ok(Err(format!("JobQueue {} not found.", text("jobQueue"))));
    };
    if !queue.is_enabled() {
        return Ok(Err(format!("JobQueue {} is disabled.", queue.name)));
    }
    let Some(definition) = find_definition(transaction, text("jobDefinition"))? else {
        let name = text("jobDefinition");
        return Ok(Err(format!(
            "JobDefinition {name} does not exist or is not active."
        )));
    };
    let job = match compose(request, &queue.arn, &definition) {
        Ok(job) => job,
        Err(reason) => return Ok(Err(reason)),
    };
    for id in &job.depends_on {
        if !transaction.contains(Table::Jobs, id)? {
            return Ok(Err(format!("Job {id} does not exist.")));
        }
    }
    job.put(transaction)?;
    let parts = parts(&job, request, &definition);
    for part in &parts {
        part.put(transaction)?;
    }
    let waiting = if parts.is_empty() || matches!(job.shape, Shape::MultiNode { .. }) {
        std::slice::from_ref(&job)
    } else {
        &parts
    };
    for one in waiting {
        wait(transaction, one, &job)?;
    }
    Ok(Ok(job))
}

/// Puts a job where the scheduler finds it.
fn wait(transaction: &mut Transaction<'_>, job: &Job, whole: &Job) -> Result<(), Error> {
    if whole.requirement("GPU").is_some_and(|count| count > 0.0) {
        transaction.put(Table::WaitingJobs, &format!("never/{}", job.id), &job.id)
    } else if whole.depends_on.is_empty() {
        make_ready(transaction, &job.id)
    } else {
        transaction.put(Table::WaitingJobs, &format!("after/{}", job.id), &whole.id)
    }
}

/// Puts a job behind all others that wait for a place.
pub(super) fn make_ready(transaction: &mut Transaction<'_>, id: &str) -> Result<(), Error> {
    let id = id.to_owned();
    transaction
        .append(Table::WaitingJobs, "ready/", &id)
        .map(|_| ())
}

fn compose(request: &Value, queue: &str, definition: &JobDefinition) -> Result<Job, String> {
    let name = request
        .get("jobName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let is_named = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(is_named) {
        return Err(format!(
            "Job name {name:?} must match [a-zA-Z0-9_-]{{1,128}}"
        ));
    }
    let defined = &definition.properties;
    let mut parameters = map_of(defined.get("parameters"));
    parameters.extend(map_of(request.get("parameters")));
    let shape = shape(request, defined)?;
    let depends_on = dependencies(request)?;
    let whole = |name: &str| [request, defined].into_iter().find_map(|one| one.get(name));
    let retry = whole("retryStrategy").cloned().unwrap_or(Value::Null);
    let timeout = whole("timeout").and_then(|timeout| timeout["attemptDurationSeconds"].as_u64());
    let timeout_s = timeout.map(|seconds| seconds.max(60));
    let has_gpu = |job: &Job| job.requirement("GPU").is_some_and(|count| count > 0.0);
    let mut job = Job {
        id: random::uuid(),
        name: name.to_owned(),
        queue: queue.to_owned(),
        definition: definition.arn.clone(),
        status: if depends_on.is_empty() {
            Status::Runnable
        } else {
            Status::Pending
        },
        reason: None,
        created_ms: clock::now_ms(),
        started_ms: None,
        stopped_ms: None,
        container: container(request, defined, &shape, 0, &parameters),
        shape,
        retry,
        timeout_s,
        depends_on,
        parameters,
        tags: map_of(request.get("tags")),
        attempts: Vec::new(),
        interruptions: 0,
        children_succeeded: 0,
        children_failed: 0,
        is_terminated: false,
    };
    if has_gpu(&job) {
        let reason = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job requires a GPU, which this \
                      machine cannot give to a local cloud.";
        job.reason = Some(reason.to_owned());
    }
    Ok(job)
}

fn shape(request: &Value, defined: &Value) -> Result<Shape, String> {
    let size = request
        .get("arrayProperties")
        .and_then(|array| array["size"].as_u64());
    let nodes = defined.get("nodeProperties");
    match (size, nodes) {
        (Some(_), Some(_)) => Err("A multi-node job cannot be an array job.".to_owned()),
        (Some(size), None) if ARRAY_SIZES.contains(&size) => Ok(Shape::Array { size }),
        (Some(size), None) => Err(format!(
            "Array size must be between 2 and 10000, not {size}."
        )),
        (None, Some(nodes)) => {
            let overridden = request
                .get("nodeOverrides")
                .and_then(|one| one["numNodes"].as_u64());
            Ok(Shape::MultiNode {
                nodes: overridden
                    .or_else(|| nodes["numNodes"].as_u64())
                    .unwrap_or(1),
                main: nodes["mainNode"].as_u64().unwrap_or(0),
            })
        }
        (None, None) => Ok(Shape::Single),
    }
}

fn dependencies(request: &Value) -> Result<Vec<String>, String> {
    let list = request.get("dependsOn").and_then(Value::as_array);
    let list = list.map(Vec::as_slice).unwrap_or_default();
    if list.len() > DEPENDENCIES {
        return Err(format!("A job can depend on at most {DEPENDENCIES} jobs."));
    }
    let plain = |one: &Value| match (
        one.get("type").and_then(Value::as_str),
        one["jobId"].as_str(),
    ) {
        (None, Some(id)) => Ok(id.to_owned()),
        (Some(kind), _) => Err(format!(
            "the local cloud has no dependencies of type {kind}"
        )),
        (None, None) => Err("A dependency needs a jobId.".to_owned()),
    };
    list.iter().map(plain).collect()
}

/// The children or nodes of a job.
fn parts(job: &Job, request: &Value, definition: &JobDefinition) -> Vec<Job> {
    let part = |id: String, shape: Shape, container: Value| Job {
        id,
        shape,
        container,
        ..job.clone()
    };
    match job.shape {
        Shape::Array { size } => (0..size)
            .map(|index| {
                let parent = job.id.clone();
                let id = format!("{parent}:{index}");
                let child = part(id, Shape::Child { parent, index }, Value::Null);
                Job {
                    retry: Value::Null,
                    parameters: BTreeMap::new(),
                    tags: BTreeMap::new(),
                    ..child
                }
            })
            .collect(),
        Shape::MultiNode { nodes, main } => (0..nodes)
            .map(|index| {
                let parent = job.id.clone();
                let id = format!("{parent}#{index}");
                let defined = &definition.properties;
                let container = container(request, defined, &job.shape, index, &job.parameters);
                let shape = Shape::Node {
                    parent,
                    index,
                    nodes,
                    main,
                };
                part(id, shape, container)
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The container of a job or of one of its nodes: the definition, overridden, with parameters put in.
fn container(
    request: &Value,
    defined: &Value,
    shape: &Shape,
    node: u64,
    parameters: &BTreeMap<String, String>,
) -> Value {
    let (base, overrides) = match shape {
        Shape::MultiNode { nodes, .. } => {
            let ranges = defined["nodeProperties"].get("nodeRangeProperties");
            let changes = request.get("nodeOverrides");
            let changes = changes.and_then(|one| one.get("nodePropertyOverrides"));
            (
                range_of(ranges, node, *nodes).map(|range| &range["container"]),
                range_of(changes, node, *nodes).map(|range| &range["containerOverrides"]),
            )
        }
        _ => (
            defined.get("containerProperties"),
            request.get("containerOverrides"),
        ),
    };
    let mut container = base.cloned().unwrap_or(Value::Null);
    if let (Some(fields), Some(Value::Object(overrides))) = (container.as_object_mut(), overrides) {
        merge(fields, overrides);
    }
    if let Some(Value::Array(command)) = container.get_mut("command") {
        for word in command {
            let reference = word.as_str().and_then(|word| word.strip_prefix("Ref::"));
            if let Some(value) = reference.and_then(|name| parameters.get(name)) {
                *word = value.clone().into();
            }
        }
    }
    container
}

/// The last entry whose `targetNodes` (`0:3`, `:3`, `2:`, `1`) has the node.
fn range_of(ranges: Option<&Value>, node: u64, nodes: u64) -> Option<&Value> {
    let has = |range: &&Value| {
        let text = range["targetNodes"].as_str().unwrap_or_default();
        let (first, last) = text.split_once(':').unwrap_or((text, text));
        let first = first.parse().unwrap_or(0);
        let last = last.parse().unwrap_or_else(|_| nodes.saturating_sub(1));
        (first..=last).contains(&node)
    };
    ranges?.as_array()?.iter().rfind(has)
}

/// Overrides replace, but variables and resource requirements are merged by their names.
fn merge(fields: &mut Map<String, Value>, overrides: &Map<String, Value>) {
    for (name, value) in overrides {
        let by = match name.as_str() {
            "environment" => "name",
            "resourceRequirements" => "type",
            _ => {
                fields.insert(name.clone(), value.clone());
                continue;
            }
        };
        let added = value.as_array().cloned().unwrap_or_default();
        let list = fields
            .entry(name.clone())
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.retain(|one| !added.iter().any(|new| new[by] == one[by]));
            list.extend(added);
        }
    }
}

fn map_of(value: Option<&Value>) -> BTreeMap<String, String> {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    fields
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn overrides_and_parameters_make_the_container() {
        let defined = json!({ "containerProperties": {
            "image": "i", "command": ["run", "Ref::what", "Ref::missing"],
            "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
            "resourceRequirements": [{ "type": "MEMORY", "value": "128" }],
        } });
        let request = json!({ "containerOverrides": {
            "environment": [{ "name": "B", "value": "3" }],
            "resourceRequirements": [{ "type": "MEMORY", "value": "256" }],
        } });
        let parameters = [("what".to_owned(), "x".to_owned())].into();
        let container = container(&request, &defined, &Shape::Single, 0, &parameters);
        assert_eq!(container["command"], json!(["run", "x", "Ref::missing"]));
        assert_eq!(
            container["environment"][1],
            json!({ "name": "B", "value": "3" })
        );
        assert_eq!(container["environment"].as_array().unwrap().len(), 2);
        assert_eq!(container["resourceRequirements"][0]["value"], "256");
    }

    #[test]
    fn nodes_are_found_by_range() {
        let ranges = json!([{ "targetNodes": "0:", "n": 1 }, { "targetNodes": "2:3", "n": 2 }]);
        let found = |node| range_of(Some(&ranges), node, 4).map(|range| range["n"].clone());
        assert_eq!(found(1), Some(json!(1)));
        assert_eq!(found(3), Some(json!(2)));
        assert_eq!(range_of(Some(&json!([{ "targetNodes": "1" }])), 0, 4), None);
    }
}
