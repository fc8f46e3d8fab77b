//! Batch: submitting jobs, looking at them, and ending them.

mod view;

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::json::{answer, input};
use super::{Fault, authorize};
use crate::auth::Identity;
use crate::batch::{self, ComputeEnvironment, Job, JobDefinition, JobQueue};
use crate::services::Services;
use crate::store::{Table, Transaction};

/// Jobs that one call describes at most.
const DESCRIBED: usize = 100;

/// Answers one request.
pub(super) async fn handle(
    services: Arc<Services>,
    request: &Request<Bytes>,
    identity: &Identity,
) -> Result<Response<Bytes>, Fault> {
    let input: Value = input(request.body())?;
    let path = request.uri().path().trim_start_matches("/v1/");
    let may = |action: &str, resource: &str| authorize(&services, identity, action, resource);
    match path {
        "submitjob" => {
            authorize_submit(&services, identity, &input)?;
            submit(&services, input).await
        }
        "describejobs" => {
            may("batch:DescribeJobs", "*")?;
            describe_jobs(&services, &input)
        }
        "listjobs" => {
            may("batch:ListJobs", "*")?;
            list_jobs(&services, &input)
        }
        "canceljob" | "terminatejob" => {
            let id = text(&input, "jobId")?;
            let action = if path == "canceljob" {
                "CancelJob"
            } else {
                "TerminateJob"
            };
            may(
                &format!("batch:{action}"),
                &arn(&services, &format!("job/{id}")),
            )?;
            let reason = text(&input, "reason")?;
            batch::stop(&services, id, reason, path == "canceljob").await?;
            answer(&json!({}))
        }
        "registerjobdefinition" => {
            may("batch:RegisterJobDefinition", "*")?;
            register(&services, input).await
        }
        "deregisterjobdefinition" => {
            may("batch:DeregisterJobDefinition", "*")?;
            deregister(&services, text(&input, "jobDefinition")?).await
        }
        "describejobdefinitions" => {
            may("batch:DescribeJobDefinitions", "*")?;
            describe_definitions(&services, &input)
        }
        "describejobqueues" => {
            may("batch:DescribeJobQueues", "*")?;
            describe_queues(&services, &input)
        }
        "describecomputeenvironments" => {
            may("batch:DescribeComputeEnvironments", "*")?;
            describe_environments(&services, &input)
        }
        other => Err(
            Fault::new("UnknownOperationException", format!("no operation {other}"))
                .with_status(StatusCode::NOT_FOUND),
        ),
    }
}

fn arn(services: &Services, resource: &str) -> String {
    let settings = &services.settings;
    format!(
        "arn:aws:batch:{}:{}:{resource}",
        settings.region, settings.account
    )
}

fn text<'a>(input: &'a Value, name: &str) -> Result<&'a str, Fault> {
    let value = input.get(name).and_then(Value::as_str);
    value.ok_or_else(|| client(format!("{name} is required")))
}

fn client(message: impl Into<String>) -> Fault {
    Fault::new("ClientException", message)
}

/// A caller needs the queue and the definition; a grant for a definition without a revision is one for
/// all of its revisions only with a wildcard, as in IAM.
fn authorize_submit(services: &Services, identity: &Identity, input: &Value) -> Result<(), Fault> {
    for (name, kind) in [
        ("jobQueue", "job-queue"),
        ("jobDefinition", "job-definition"),
    ] {
        let named = text(input, name)?;
        let resource = match named.starts_with("arn:") {
            true => named.to_owned(),
            false => arn(services, &format!("{kind}/{named}")),
        };
        authorize(services, identity, "batch:SubmitJob", &resource)?;
    }
    Ok(())
}

async fn submit(services: &Services, input: Value) -> Result<Response<Bytes>, Fault> {
    let change = move |transaction: &mut Transaction<'_>| {
        batch::submit(transaction, &input)?.map_err(client)
    };
    let job: Job = services.store.transact(change).await?;
    services.jobs.notify_one();
    answer(&json!({
        "jobId": job.id,
        "jobName": job.name,
        "jobArn": arn(services, &format!("job/{}", job.id)),
    }))
}

fn describe_jobs(services: &Services, input: &Value) -> Result<Response<Bytes>, Fault> {
    let ids = input
        .get("jobs")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let mut jobs = Vec::new();
    for id in ids.filter_map(Value::as_str).take(DESCRIBED) {
        let id = id.rsplit('/').next().unwrap_or(id);
        if let Some(job) = batch::find(services, id)? {
            jobs.push(view::described(services, &job)?);
        }
    }
    answer(&json!({ "jobs": jobs }))
}

fn list_jobs(services: &Services, input: &Value) -> Result<Response<Bytes>, Fault> {
    let named = |name: &str| input.get(name).and_then(Value::as_str);
    let prefix = match (named("arrayJobId"), named("multiNodeJobId")) {
        (Some(id), _) => format!("{id}:"),
        (None, Some(id)) => format!("{id}#"),
        (None, None) => String::new(),
    };
    let queue = named("jobQueue").map(|queue| queue.rsplit('/').next().unwrap_or(queue));
    // Without filters only running jobs are listed, as Batch does.
    let has_filters = input
        .get("filters")
        .and_then(Value::as_array)
        .is_some_and(|all| !all.is_empty());
    let status = named("jobStatus").or_else(|| (!has_filters).then_some("RUNNING"));
    let is_wanted = |job: &Job| {
        let own_queue = job.queue.rsplit('/').next();
        prefix.is_empty() != job.parent().is_some()
            && queue.is_none_or(|queue| own_queue == Some(queue))
            && status.is_none_or(|status| job.status.name() == status)
            && passes(job, input)
    };
    let jobs = services.store.list::<Job>(Table::Jobs, &prefix)?;
    let mut found: Vec<Job> = jobs
        .into_iter()
        .map(|(_, job)| job)
        .filter(is_wanted)
        .collect();
    found.sort_by_key(|job| std::cmp::Reverse(job.created_ms));
    let start: usize = named("nextToken")
        .and_then(|token| token.parse().ok())
        .unwrap_or(0);
    let limit = input
        .get("maxResults")
        .and_then(Value::as_u64)
        .unwrap_or(100)
        .clamp(1, 100);
    let limit = usize::try_from(limit).unwrap_or(DESCRIBED);
    let next = (found.len() > start + limit).then(|| (start + limit).to_string());
    let page = found
        .iter()
        .skip(start)
        .take(limit)
        .map(|job| view::summary(services, job));
    let mut output = json!({ "jobSummaryList": page.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = next.into();
    }
    answer(&output)
}

/// The filters `JOB_NAME` and `JOB_DEFINITION`, whose values may end with a star.
fn passes(job: &Job, input: &Value) -> bool {
    let filters = input.get("filters").and_then(Value::as_array);
    filters.into_iter().flatten().all(|filter| {
        let definition = job.definition.rsplit('/').next().unwrap_or_default();
        let actual = match filter["name"].as_str() {
            Some("JOB_NAME") => job.name.as_str(),
            Some("JOB_DEFINITION") => definition,
            _ => return true,
        };
        let values = filter["values"].as_array().into_iter().flatten();
        values
            .filter_map(Value::as_str)
            .any(|value| match value.strip_suffix('*') {
                Some(start) => actual.starts_with(start),
                None => actual == value,
            })
    })
}

async fn register(services: &Services, input: Value) -> Result<Response<Bytes>, Fault> {
    batch::check_definition(&input).map_err(client)?;
    let name = text(&input, "jobDefinitionName")?.to_owned();
    let prefix = arn(services, "");
    let tags = input.get("tags").cloned().unwrap_or_else(|| json!({}));
    let tags = serde_json::from_value(tags).map_err(|error| client(error.to_string()))?;
    let change = move |transaction: &mut Transaction<'_>| {
        batch::register(transaction, &name, &prefix, input, tags).map_err(Fault::from)
    };
    let made: JobDefinition = services.store.transact(change).await?;
    answer(&json!({
        "jobDefinitionName": made.name,
        "jobDefinitionArn": made.arn,
        "revision": made.revision,
    }))
}

async fn deregister(services: &Services, named: &str) -> Result<Response<Bytes>, Fault> {
    let named = named.to_owned();
    let change = move |transaction: &mut Transaction<'_>| {
        batch::deregister(transaction, &named).map_err(Fault::from)
    };
    services.store.transact(change).await?;
    answer(&json!({}))
}

fn describe_definitions(services: &Services, input: &Value) -> Result<Response<Bytes>, Fault> {
    let all = services
        .store
        .list::<JobDefinition>(Table::JobDefinitions, "")?;
    let names = list(input, "jobDefinitions");
    let name = input.get("jobDefinitionName").and_then(Value::as_str);
    let status = input.get("status").and_then(Value::as_str);
    let is_wanted = |one: &JobDefinition| {
        let short = format!("{}:{}", one.name, one.revision);
        let is_named = |named: &&str| *named == one.arn || *named == short || *named == one.name;
        (names.is_empty() || names.iter().any(is_named))
            && name.is_none_or(|name| one.name == name)
            && status.is_none_or(|status| status == state(one))
    };
    let found = all.iter().map(|(_, one)| one).filter(|one| is_wanted(one));
    let shown = found.rev().map(|one| {
        let mut fields = one.properties.clone();
        fields["jobDefinitionName"] = one.name.clone().into();
        fields["jobDefinitionArn"] = one.arn.clone().into();
        fields["revision"] = one.revision.into();
        fields["status"] = state(one).into();
        fields["tags"] = json!(one.tags);
        fields
    });
    answer(&json!({ "jobDefinitions": shown.collect::<Vec<_>>() }))
}

fn state(definition: &JobDefinition) -> &'static str {
    if definition.is_active {
        "ACTIVE"
    } else {
        "INACTIVE"
    }
}

fn list<'a>(input: &'a Value, name: &str) -> Vec<&'a str> {
    let items = input.get(name).and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn describe_queues(services: &Services, input: &Value) -> Result<Response<Bytes>, Fault> {
    let all = services.store.list::<JobQueue>(Table::JobQueues, "")?;
    let all = all
        .into_iter()
        .map(|(_, one)| (one.name, one.arn, one.properties));
    let shown = described(all, &list(input, "jobQueues"), "jobQueue", "JobQueue");
    answer(&json!({ "jobQueues": shown }))
}

fn describe_environments(services: &Services, input: &Value) -> Result<Response<Bytes>, Fault> {
    let all = services
        .store
        .list::<ComputeEnvironment>(Table::ComputeEnvironments, "")?;
    let all = all
        .into_iter()
        .map(|(_, one)| (one.name, one.arn, one.properties));
    let names = list(input, "computeEnvironments");
    let shown = described(all, &names, "computeEnvironment", "ComputeEnvironment");
    answer(&json!({ "computeEnvironments": shown }))
}

/// Those with one of these names or ARNs, or all, as the service describes things that have a name, an ARN
/// and properties. Nothing is unhealthy here.
fn described(
    all: impl Iterator<Item = (String, String, Value)>,
    names: &[&str],
    field: &str,
    kind: &str,
) -> Vec<Value> {
    let is_wanted = |(name, arn, _): &(String, String, Value)| {
        names.is_empty() || names.iter().any(|one| one == name || one == arn)
    };
    all.filter(is_wanted)
        .map(|(name, arn, mut fields)| {
            fields[format!("{field}Name")] = name.into();
            fields[format!("{field}Arn")] = arn.into();
            fields["status"] = "VALID".into();
            fields["statusReason"] = format!("{kind} Healthy").into();
            fields
        })
        .collect()
}
