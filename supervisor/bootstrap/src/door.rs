//! HTTP doors and direct calls. What comes through them is data, never an event.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use scar_schemas::construct::{Http, HttpMode};
use scar_schemas::contract::StageConfig;
use scar_schemas::exit_code::STAGE_BAD_INPUT;
use scar_schemas::hand_over::{Cause, body_key, requested_task};
use scar_schemas::record::{Failure, FailureClass, TaskRecord, deployment};
use serde_json::{Value, json};

use crate::answer::Answered;
use crate::arrive::request as job_request;
use crate::event::Rejected;
use crate::failure::chain;
use crate::http_request::{Answer, Request, body_name};
use crate::job::Job;
use crate::log::Log;
use crate::random;
use crate::report;
use crate::setup::Setup;
use crate::staging::input_name;
use crate::step::{Condition, End, Ending, failure};
use crate::store::{Body, Labels, Location, Outcome};
use crate::task::{self, Finished, Invocation};

/// Largest body that Lambda hands over ("Lambda quotas"); larger ones are uploaded.
const MAX_BODY_BYTES: u64 = 6 * 1024 * 1024;
/// How long an address for an upload or a result is good.
const ADDRESS_VALID: Duration = Duration::from_secs(900);
/// Header field that names the task.
const TASK_HEADER: &str = "x-scar-task";

/// Answers a request.
pub(crate) async fn handle(
    setup: &Setup,
    invocation: &Invocation,
    log: &Log,
    request: Request,
) -> Value {
    let Some(http) = &setup.config.more.http else {
        return problem(404, "this stage has no HTTP door").to_event();
    };
    let answer = match (http.mode, request.method.as_str()) {
        (HttpMode::Async, "GET") => status(setup, &request).await,
        (_, "POST" | "PUT") => accept(setup, invocation, log, http, request).await,
        _ => problem(405, "only POST and PUT are taken here"),
    };
    answer.to_event()
}

/// A direct call: the payload is the input, and what the container makes is the result.
pub(crate) async fn payload(
    setup: &Setup,
    invocation: &Invocation,
    log: &Log,
) -> Result<Value, Rejected> {
    let body = Bytes::from(invocation.event.clone());
    let name = "payload.json".to_owned();
    let finished = call(setup, invocation, log, (name, body)).await;
    let mut value = report::task(&finished);
    match (&finished.end, finished.answer) {
        (End::Retry(failure) | End::Closed(Ending::Failed(failure)), _) => Err(Rejected {
            failure: failure.clone(),
        }),
        (_, Some(Answered::Body(media, body))) => {
            value["media_type"] = json!(media);
            match String::from_utf8(body) {
                Ok(text) => value["result"] = json!(text),
                Err(error) => {
                    let body = aws_smithy_types::base64::encode(error.as_bytes());
                    value["result_base64"] = json!(body);
                }
            }
            Ok(value)
        }
        (_, Some(Answered::TooLarge(name, bytes))) => {
            value["too_large"] = json!({ "name": name, "bytes": bytes });
            Ok(value)
        }
        (_, None) => Ok(value),
    }
}

async fn accept(
    setup: &Setup,
    invocation: &Invocation,
    log: &Log,
    http: &Http,
    request: Request,
) -> Answer {
    if let (HttpMode::Async, Some(name)) = (http.mode, request.query.get("upload")) {
        return upload(setup, &request, name).await;
    }
    let limit = http.body_bytes.min(MAX_BODY_BYTES);
    if request.body.len() as u64 > limit {
        return problem(413, &format!("the body may have {limit} bytes"));
    }
    match http.mode {
        HttpMode::Async => later(setup, request).await,
        HttpMode::Sync => now(setup, invocation, log, request).await,
    }
}

/// The result is the answer.
async fn now(setup: &Setup, invocation: &Invocation, log: &Log, request: Request) -> Answer {
    let name = file_name(&request);
    let finished = call(setup, invocation, log, (name, Bytes::from(request.body))).await;
    let mut answer = match (&finished.end, &finished.answer) {
        (End::Retry(failure) | End::Closed(Ending::Failed(failure)), _) => failed(failure),
        (_, Some(Answered::Body(media, body))) => Answer {
            status: 200,
            headers: Vec::new(),
            content_type: media.clone(),
            body: body.clone(),
        },
        (_, Some(Answered::TooLarge(name, bytes))) => {
            too_large(setup, &finished, name, *bytes).await
        }
        (_, None) => Answer::json(200, &report::task(&finished)),
    };
    answer.headers.push((TASK_HEADER, finished.task));
    answer
}

async fn call(
    setup: &Setup,
    invocation: &Invocation,
    log: &Log,
    body: (String, Bytes),
) -> Finished {
    let cause = job_request(Cause::Scheduled(String::new()), String::new());
    let job = Job::of_call(&setup.config, &invocation.request, body, cause);
    let finished = match setup.config.outputs.is_empty() {
        true => Box::pin(task::only_work(setup, invocation, &job, log.clone())).await,
        false => Box::pin(task::run(setup, invocation, &job, log.clone())).await,
    };
    log.info("task ended", report::task(&finished));
    finished
}

fn failed(failure: &Failure) -> Answer {
    let status = match failure.exit_code {
        Some(STAGE_BAD_INPUT) => 400,
        _ => 500,
    };
    let body = json!({
        "class": failure.class,
        "message": failure.message,
        "exit_code": failure.exit_code,
        "log_tail": failure.log_tail,
    });
    Answer::json(status, &body)
}

/// A result that no answer has room for is where the stage publishes it, if it does.
async fn too_large(setup: &Setup, finished: &Finished, name: &str, bytes: u64) -> Answer {
    let is_it = |(_, key): &&(String, String)| {
        finished.outputs.len() == 1 || key.ends_with(&format!("/{name}")) || key == name
    };
    if let Some((bucket, key)) = finished.outputs.iter().find(is_it) {
        let at = Location::new(bucket, key.as_str());
        if let Ok(address) = setup.cloud.readable(&at, ADDRESS_VALID).await {
            let mut answer = Answer::json(303, &json!({ "location": address }));
            answer.headers.push(("location", address));
            return answer;
        }
    }
    let message = format!(
        "the result {name:?} has {bytes} bytes, more than an answer can have; give the stage an `out`"
    );
    problem(413, &message)
}

/// The body becomes an object; the answer says which task that is.
async fn later(setup: &Setup, request: Request) -> Answer {
    let id = random::attempt();
    let at = body_place(setup, &id, &file_name(&request));
    let task = task_of(&setup.config, &id);
    let labels = Labels {
        task: task.clone(),
        attempt: random::attempt(),
        source: task.clone(),
        run: task.clone(),
        hops: 0,
        input: at.key.clone(),
        items: String::new(),
        rounds: String::new(),
    };
    let body = Body::Bytes(Bytes::from(request.body));
    let store = &setup.store;
    match store.write(&at, body, &labels, &Condition::Absent).await {
        Ok(Outcome::Mine { .. }) => accepted(202, &task, &at, None),
        Ok(_) => problem(500, "the body could not be stored"),
        Err(error) => problem(500, &chain(&error)),
    }
}

/// An address for a body that is too large for a request.
async fn upload(setup: &Setup, _request: &Request, name: &str) -> Answer {
    let id = random::attempt();
    let at = body_place(setup, &id, &input_name(name));
    match setup.cloud.writable(&at, ADDRESS_VALID).await {
        Ok(address) => accepted(200, &task_of(&setup.config, &id), &at, Some(address)),
        Err(error) => problem(500, &chain(&error)),
    }
}

fn accepted(status: u16, task: &str, at: &Location, upload: Option<String>) -> Answer {
    let mut body = json!({
        "task": task,
        "input": format!("s3://{}/{}", at.bucket, at.key),
        "status": format!("?task={task}"),
    });
    if let Some(address) = upload {
        body["upload"] = json!(address);
    }
    let mut answer = Answer::json(status, &body);
    answer.headers.push((TASK_HEADER, task.to_owned()));
    answer
}

/// What a task came to, as far as its record says.
async fn status(setup: &Setup, request: &Request) -> Answer {
    let is_task = |task: &&String| task.len() == 64 && task.bytes().all(|b| b.is_ascii_hexdigit());
    let Some(task) = request.query.get("task").filter(is_task) else {
        return problem(400, "?task= names no task");
    };
    match setup.record(task).await {
        Ok(Some((Ok(record), _))) => Answer::json(200, &told(&record)),
        Ok(Some((Err(message), _))) => problem(500, &message),
        Ok(None) => Answer::json(200, &json!({ "task": task, "state": "waits" })),
        Err(error) => problem(500, &chain(&error)),
    }
}

fn told(record: &TaskRecord) -> Value {
    let outputs = record.outputs.iter();
    let outputs: Vec<String> = outputs
        .map(|one| format!("s3://{}/{}", one.bucket, one.key))
        .collect();
    let failure = record.failure.as_ref().map(|failure| {
        BTreeMap::from([
            ("class", json!(failure.class)),
            ("message", json!(failure.message)),
            ("exit_code", json!(failure.exit_code)),
        ])
    });
    json!({
        "task": record.task,
        "state": record.state,
        "outputs": outputs,
        "failure": failure,
    })
}

fn problem(status: u16, message: &str) -> Answer {
    let failure = failure(FailureClass::Input, message.to_owned());
    let body = json!({ "class": failure.class, "message": failure.message });
    Answer::json(status, &body)
}

fn file_name(request: &Request) -> String {
    match request.query.get("name") {
        Some(name) => input_name(name),
        None => body_name(&request.content_type),
    }
}

fn body_place(setup: &Setup, id: &str, name: &str) -> Location {
    setup.state(body_key(setup.config.id(), id, name))
}

fn task_of(config: &StageConfig, id: &str) -> String {
    let name = deployment(&config.workflow, &config.environment);
    config.cached(requested_task(&name, config.id(), id))
}
