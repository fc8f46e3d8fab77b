//! `scar invoke`

use std::io::Read;
use std::path::PathBuf;

use scar_apply::{Deployment, data, start};
use scar_schemas::construct::Http;
use serde_json::{Value, json};

use crate::args::Global;
use crate::encoding::{base64, from_base64};
use crate::error::{CliError, Kind};
use crate::project::Project;
use crate::session::{self, Session};
use crate::view::Screen;

/// Bodies from this size on are put into the bucket; a call holds 6 MB of base64 ("Lambda quotas").
const BODY_MAX_BYTES: usize = 4 * 1024 * 1024;
const AFTER_INTERRUPT: &str = "the stage may go on; `scar status` tells";

/// Call a stage: through its HTTP door if it has one, else with a JSON event.
///
/// The call is signed with your AWS credentials and made through the Lambda API, so that it works for
/// every kind of `auth`. The result goes to stdout.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar invoke shout hello.txt        the file is the body
  echo hello | scar invoke shout -   stdin is the body
  scar invoke import event.json      a stage without a door gets the JSON as its event")]
pub(crate) struct Arguments {
    /// The stage.
    #[arg(value_name = "STAGE")]
    stage: String,
    /// File with the body, `-` for stdin; without it the body is empty.
    #[arg(value_name = "FILE")]
    body: Option<PathBuf>,
    /// Ask what became of a task of an asynchronous door instead.
    #[arg(long, value_name = "TASK", conflicts_with = "body")]
    task: Option<String>,
}

pub(crate) fn invoke(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let project = Project::load(None, global, screen)?;
    let stage = project.stage(&arguments.stage)?;
    let body = body(arguments)?;
    session::on_deployment(
        &project,
        global,
        screen,
        AFTER_INTERRUPT,
        async |session, deployment| {
            let function = start::function(&session.cloud, deployment, stage).await?;
            let answer = match &stage.http {
                None => plain(&function, &body, session).await?,
                Some(http) if body.len() > BODY_MAX_BYTES => {
                    upload(http, arguments, &function, deployment, session).await?
                }
                Some(http) => {
                    let event = request(http, arguments, &body);
                    start::invoke(&session.cloud, &function, event).await?
                }
            };
            session.settle().await?;
            show(&answer, stage.http.is_some(), screen)
        },
    )
}

fn body(arguments: &Arguments) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    match &arguments.body {
        None => {}
        Some(path) if path.as_os_str() == "-" => {
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|error| CliError::caused("cannot read stdin", &error))?;
        }
        Some(path) => {
            bytes = std::fs::read(path).map_err(|error| {
                CliError::caused(format!("cannot read {}", path.display()), &error)
            })?;
        }
    }
    Ok(bytes)
}

async fn plain(function: &str, body: &[u8], session: &Session) -> Result<Value, CliError> {
    let event = match body {
        [] => json!({}),
        body => serde_json::from_slice(body).map_err(|error| {
            CliError::caused("a stage without an HTTP door takes a JSON event", &error)
                .hint("a file for the workflow is put with `scar put`")
        })?,
    };
    Ok(start::invoke(&session.cloud, function, event).await?)
}

/// The event that a function URL makes of a request ("Invoking Lambda function URLs", payload 2.0).
fn request(http: &Http, arguments: &Arguments, body: &[u8]) -> Value {
    let name = arguments.body.as_ref().and_then(|path| path.file_name());
    let name = name
        .and_then(|name| name.to_str())
        .filter(|name| *name != "-");
    let (method, query) = match (&arguments.task, name) {
        (Some(task), _) => ("GET", vec![("task", task.as_str())]),
        (None, Some(name)) => ("POST", vec![("name", name)]),
        (None, None) => ("POST", Vec::new()),
    };
    event(http, method, &query, body)
}

fn event(http: &Http, method: &str, query: &[(&str, &str)], body: &[u8]) -> Value {
    let parameters: serde_json::Map<String, Value> = query
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": http.path,
        "rawQueryString": pairs.join("&"),
        "headers": { "content-type": "application/octet-stream" },
        "queryStringParameters": parameters,
        "requestContext": {
            "http": { "method": method, "path": http.path, "sourceIp": "127.0.0.1", "protocol": "HTTP/1.1" },
            "requestId": "by-hand", "stage": "$default",
        },
        "body": base64(body),
        "isBase64Encoded": true,
    })
}

/// Asks where a large body goes, and puts it there.
async fn upload(
    http: &Http,
    arguments: &Arguments,
    function: &str,
    deployment: &Deployment,
    session: &Session,
) -> Result<Value, CliError> {
    let path = arguments
        .body
        .clone()
        .filter(|path| path.as_os_str() != "-");
    let path = path.ok_or_else(|| {
        CliError::failure("a body of this size must be a file").hint("scar invoke STAGE FILE")
    })?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let event = event(http, "POST", &[("upload", &name)], &[]);
    let answer = start::invoke(&session.cloud, function, event).await?;
    let said: Value = serde_json::from_slice(&content(&answer)).unwrap_or_default();
    let Some(input) = said["input"].as_str() else {
        return Ok(answer);
    };
    let bucket = &deployment.state_bucket;
    let key = input
        .strip_prefix(&format!("s3://{bucket}/"))
        .unwrap_or(input);
    let upload = data::Upload {
        path,
        key: key.to_owned(),
    };
    data::put(&session.cloud, bucket, &[upload], &mut |_| ()).await?;
    Ok(json!({ "statusCode": 202, "body": json!({ "input": input }).to_string() }))
}

/// The body of a door's answer.
fn content(answer: &Value) -> Vec<u8> {
    let body = answer["body"].as_str().unwrap_or_default();
    match answer["isBase64Encoded"].as_bool() {
        Some(true) => from_base64(body).unwrap_or_default(),
        _ => body.as_bytes().to_vec(),
    }
}

/// The body goes to stdout as it is; a refusal is an error with the body as its cause.
fn show(answer: &Value, is_door: bool, screen: &Screen) -> Result<(), CliError> {
    if screen.json || !is_door {
        return screen.document(answer);
    }
    let content = content(answer);
    let status = answer["statusCode"].as_u64().unwrap_or(200);
    if status < 400 {
        return screen.bytes(&content);
    }
    let mut error = CliError::new(
        Kind::TasksFailed,
        format!("the stage answered with {status}"),
    );
    let said = String::from_utf8_lossy(&content).into_owned();
    error
        .causes
        .extend(said.lines().take(20).map(str::to_owned));
    Err(error)
}
