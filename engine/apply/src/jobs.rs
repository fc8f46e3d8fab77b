//! Jobs of AWS Batch: which there are, where they stand, and why they wait or failed, in words.

use scar_cfn::Resource;
use scar_plan::Stack;
use scar_schemas::contract::function_variable::{BATCH_QUEUE, STAGE};
use scar_workflow::{Stage, Workflow};
use serde_json::{Value, json};

use crate::service::{Ask, Service};
use crate::{Cloud, Deployment, Error, stack};

/// A job as the service tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// Name of its stage.
    pub stage: String,
    /// `SUBMITTED`, `PENDING`, `RUNNABLE`, `STARTING`, `RUNNING`, `SUCCEEDED`, `FAILED`.
    pub status: String,
    /// Why it waits or failed, in words; what the service said, if that is not known here.
    pub reason: Option<String>,
    /// When it was submitted, milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// Exit code of its container, if it ended.
    pub exit_code: Option<i64>,
}

/// States of jobs that have not ended.
const OPEN: [&str; 5] = ["SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"];

/// The jobs of all stages that have not ended, and those that failed while the service remembers them.
///
/// # Errors
/// [`Error::NotDeployed`], [`Error::Call`].
pub async fn jobs(
    cloud: &Cloud,
    workflow: &Workflow,
    deployment: &Deployment,
) -> Result<Vec<JobView>, Error> {
    let Some(deployed) = stack::observe(cloud, &deployment.name).await? else {
        return Err(Error::NotDeployed {
            stack: deployment.name.clone(),
        });
    };
    let mut all = Vec::new();
    for stage in &workflow.stages {
        if let Some(queue) = queue(&deployed, stage) {
            for status in OPEN.iter().chain(&["FAILED"]) {
                all.extend(listed(cloud, workflow, stage, &queue, status).await?);
            }
        }
    }
    Ok(all)
}

/// The queue that a deployed stage submits to: its function is told a parameter of the stack.
fn queue(deployed: &Stack, stage: &Stage) -> Option<String> {
    let variables = |resource: &Resource| {
        resource
            .properties
            .get("Environment")?
            .get("Variables")
            .cloned()
    };
    let of_stage = |variables: &Value| variables[STAGE] == stage.name.as_str();
    let found = deployed.template.resources.values().filter_map(variables);
    let found = found
        .filter(of_stage)
        .find_map(|variables| variables.get(BATCH_QUEUE).cloned())?;
    match found {
        Value::String(arn) => Some(arn),
        reference => deployed.parameters.get(reference["Ref"].as_str()?).cloned(),
    }
}

async fn listed(
    cloud: &Cloud,
    workflow: &Workflow,
    stage: &Stage,
    queue: &str,
    status: &str,
) -> Result<Vec<JobView>, Error> {
    let name = format!("{}-{}-{}", workflow.name, workflow.environment, stage.name);
    let mut all = Vec::new();
    let mut next = Value::Null;
    loop {
        let mut body = json!({ "jobQueue": queue, "jobStatus": status });
        if !next.is_null() {
            body["nextToken"] = next;
        }
        let ask = Ask {
            service: Service::Batch,
            operation: "ListJobs",
            subject: format!("of stage {}", stage.name),
            method: "POST",
            path: "/v1/listjobs".to_owned(),
            body,
        };
        let answer = cloud.wire.ask(&ask).await?;
        let jobs = answer["jobSummaryList"].as_array().cloned();
        let own = jobs.unwrap_or_default();
        all.extend(
            own.iter()
                .filter(|job| job["jobName"] == name.as_str())
                .map(|job| view(stage, job)),
        );
        next = answer["nextToken"].clone();
        if next.as_str().is_none_or(str::is_empty) {
            return Ok(all);
        }
    }
}

fn view(stage: &Stage, job: &Value) -> JobView {
    let container = &job["container"];
    let reason = job["statusReason"]
        .as_str()
        .or_else(|| container["reason"].as_str());
    JobView {
        id: job["jobId"].as_str().unwrap_or_default().to_owned(),
        stage: stage.name.clone(),
        status: job["status"].as_str().unwrap_or_default().to_owned(),
        reason: reason.map(explain),
        created_ms: job["createdAt"].as_u64().unwrap_or_default(),
        exit_code: container["exitCode"].as_i64(),
    }
}

/// Beginnings of the service's reasons ("Jobs stuck in RUNNABLE status", AWS Batch user guide), and what
/// they mean for whoever waits.
const REASONS: [(&str, &str); 9] = [
    (
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        "the queue's largest size is too small for the job: ask for less vcpu or memory",
    ),
    (
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
        "no instance type of the queue is large enough: ask for less vcpu, memory or gpu",
    ),
    (
        "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS",
        "Batch may not start computers: its service role lacks permissions",
    ),
    (
        "MISCONFIGURATION",
        "the queue cannot run the job as it is configured",
    ),
    (
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        "AWS has no free computers of this kind at present; without spot there are more",
    ),
    (
        "CAPACITY",
        "no capacity at present; the job starts when there is some",
    ),
    ("ACTION_REQUIRED", "the queue needs an administrator"),
    (
        "Host EC2",
        "the computer was taken away; the job is tried again elsewhere",
    ),
    (
        "OutOfMemoryError",
        "the job needed more memory than the stage has: raise memory",
    ),
];

/// A reason of the service as a sentence, with its own words behind.
#[must_use]
pub fn explain(reason: &str) -> String {
    let known = REASONS.iter().find(|(start, _)| reason.starts_with(start));
    match known {
        Some((_, words)) => format!("{words} ({reason})"),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_reason_is_told() {
        let told = explain("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - no instance");
        assert!(told.starts_with("no instance type of the queue"), "{told}");
        assert!(explain("MISCONFIGURATION:NEW").starts_with("the queue cannot run"));
        assert_eq!(
            explain("Essential container in task exited"),
            "Essential container in task exited"
        );
    }
}
