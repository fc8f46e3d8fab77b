//! Jobs of AWS Batch: how a function submits one, and what a job is told about itself.
//!
//! Shapes: `SubmitJob` in the API reference, "Job environment variables" in the user guide.

use scar_schemas::contract::function_variable;
use scar_schemas::hand_over::{Cause, FORMAT, JOB_VARIABLE, JobRequest};
use scar_schemas::record::deployment;
use serde_json::{Value, json};

use crate::cloud::{Call, CloudError};
use crate::json;
use crate::setup::{Environment, Setup};

/// Longest text of a request in a variable. All overrides of a job together may have 8,192 characters
/// ("Service quotas" of Batch); a longer request stays in the marker that is written anyway.
const MAX_REQUEST_CHARS: usize = 6_000;
/// Longest name of a job.
const MAX_NAME_CHARS: usize = 128;

/// Where jobs of a stage are submitted.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    queue: String,
    definition: String,
}

/// Which part of a job this process is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rank {
    /// Item of an array job.
    pub(crate) item: u32,
    /// This computer, from 0, and how many there are, in a job of several.
    pub(crate) node: Option<(u32, u32)>,
    /// Address of computer 0, where it is another.
    pub(crate) main_node: Option<String>,
    /// Batch's identity of the job.
    pub(crate) job: String,
}

impl Batch {
    /// As the function's variables say.
    pub(crate) fn of(environment: &Environment) -> Option<Self> {
        Some(Self {
            queue: environment.optional(&[function_variable::BATCH_QUEUE])?,
            definition: environment.optional(&[function_variable::BATCH_DEFINITION])?,
        })
    }
}

impl Rank {
    /// As the job's variables say.
    pub(crate) fn of(environment: &Environment) -> Self {
        let number = |name: &str| environment.optional(&[name])?.parse::<u32>().ok();
        let count = number("AWS_BATCH_JOB_NUM_NODES").filter(|count| *count > 1);
        let node = count.map(|count| (number("AWS_BATCH_JOB_NODE_INDEX").unwrap_or(0), count));
        Self {
            item: number("AWS_BATCH_JOB_ARRAY_INDEX").unwrap_or_default(),
            node,
            main_node: environment.optional(&["AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"]),
            job: environment
                .optional(&["AWS_BATCH_JOB_ID"])
                .unwrap_or_default(),
        }
    }

    /// Whether what this process makes counts.
    pub(crate) fn is_main(&self) -> bool {
        self.node.is_none_or(|(index, _)| index == 0)
    }
}

/// Submits the job of a task. `marker` is the key of the marker that holds the request too.
pub(crate) async fn submit(
    setup: &Setup,
    request: &JobRequest,
    marker: String,
    items: usize,
) -> Result<String, CloudError> {
    let Some(batch) = &setup.batch else {
        return Err(CloudError::NoAnswer {
            service: "batch",
            operation: "submitjob".to_owned(),
            reason: format!("{} is not set", function_variable::BATCH_QUEUE),
        });
    };
    let call = Call {
        service: "batch",
        path: "/v1/submitjob",
        target: None,
        body: body(setup, batch, request, marker, items),
    };
    let answer = setup.cloud.call(&call).await?;
    let job = answer.get("jobId").and_then(Value::as_str);
    Ok(job.unwrap_or_default().to_owned())
}

fn body(setup: &Setup, batch: &Batch, request: &JobRequest, marker: String, items: usize) -> Value {
    let config = &setup.config;
    let name = format!(
        "{}-{}",
        deployment(&config.workflow, &config.environment).trim_start_matches("scar-"),
        config.stage
    );
    let name: String = name.chars().take(MAX_NAME_CHARS).collect();
    let variable = json!([{ "name": JOB_VARIABLE, "value": variable(request, marker) }]);
    let mut body = json!({
        "jobName": name,
        "jobQueue": batch.queue,
        "jobDefinition": batch.definition,
    });
    match config.more.nodes {
        0 | 1 => body["containerOverrides"] = json!({ "environment": variable }),
        _ => {
            let overrides = json!({ "environment": variable });
            let all = json!([{ "targetNodes": "0:", "containerOverrides": overrides }]);
            body["nodeOverrides"] = json!({ "nodePropertyOverrides": all });
        }
    }
    // Batch takes arrays of 2 to 10,000.
    if items > 1 {
        body["arrayProperties"] = json!({ "size": items });
    }
    body
}

/// The value of [`JOB_VARIABLE`].
fn variable(request: &JobRequest, marker: String) -> String {
    let text = encoded(request);
    if text.len() <= MAX_REQUEST_CHARS {
        return text;
    }
    encoded(&JobRequest {
        format: FORMAT,
        cause: Cause::Stored(marker),
        time: String::new(),
    })
}

fn encoded(request: &JobRequest) -> String {
    let text = json::write(request);
    aws_smithy_types::base64::encode(text)
}

#[cfg(test)]
mod tests {
    use scar_schemas::record::ObjectVersion;

    use super::*;

    fn request(key: String) -> JobRequest {
        let object = ObjectVersion {
            bucket: "b".into(),
            key,
            etag: "e".into(),
            size: 1,
            version_id: None,
        };
        JobRequest {
            format: FORMAT,
            cause: Cause::Object(object),
            time: "2026-01-01T00:00:00Z".into(),
        }
    }

    fn read(text: &str) -> JobRequest {
        serde_json::from_slice(&aws_smithy_types::base64::decode(text).unwrap()).unwrap()
    }

    #[test]
    fn any_key_gets_to_its_job() {
        let odd = request("in/\"'\n${x}\u{1f600}".into());
        assert_eq!(read(&variable(&odd, "marker".into())), odd);
        let worst = variable(&request("\u{1}".repeat(1_000)), "marker".into());
        assert!(worst.len() <= MAX_REQUEST_CHARS);
        assert_eq!(read(&worst).cause, Cause::Stored("marker".into()));
    }
}
