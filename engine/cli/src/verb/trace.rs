//! `scar trace`

use scar_apply::Deployment;
use scar_apply::origin::{Origin, origins};
use serde_json::{Value, json};

use crate::args::Global;
use crate::error::CliError;
use crate::places::{Place, manifest_name};
use crate::project::Project;
use crate::session;
use crate::view::Screen;
use crate::view::text::{bytes, clean, duration};

/// Tell where a result came from: which task of which stage made it, of which input, and so on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar trace top/rain.txt
  scar trace s3://quickstart-dev-123456789012-eu-west-1-an/top/rain.txt")]
pub(crate) struct Arguments {
    /// The object: `[BUCKET:]KEY`, or `s3://REAL-BUCKET/KEY`.
    #[arg(value_name = "OBJECT")]
    object: String,
}

pub(crate) fn trace(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let project = Project::load(None, global, screen)?;
    let workflow = &project.workflow;
    session::on_deployment(
        &project,
        global,
        screen,
        session::UNCHANGED,
        async |session, deployment| {
            let (bucket, key) = match url(&arguments.object) {
                Some((bucket, key)) => (bucket.to_owned(), key.to_owned()),
                None => {
                    let place = Place::parse(&arguments.object, workflow);
                    (place.real_bucket(deployment)?.to_owned(), place.key)
                }
            };
            let steps = origins(&session.cloud, workflow, deployment, &bucket, &key).await?;
            if steps.is_empty() {
                return Err(
                    CliError::failure(format!("there is no object {bucket}/{key}"))
                        .hint("`scar ls` lists what is there"),
                );
            }
            if screen.json {
                let steps: Vec<Value> = steps.iter().map(object).collect();
                return screen.document(&json!({ "steps": steps }));
            }
            screen.data(&human(&steps, deployment))
        },
    )
}

fn url(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("s3://")?.split_once('/')
}

fn human(steps: &[Origin], deployment: &Deployment) -> String {
    let mut out = String::new();
    for (depth, step) in steps.iter().enumerate() {
        let indent = "   ".repeat(depth.saturating_sub(1));
        let corner = if depth == 0 { "" } else { "└─ " };
        let bucket = manifest_name(&step.object.bucket, deployment);
        let (key, size) = (clean(&step.object.key), bytes(step.object.size));
        out.push_str(&format!(
            "{indent}{corner}{bucket}:{key}  {size}{}\n",
            made(step)
        ));
    }
    out
}

/// By whom an object was made, and how long that took.
fn made(step: &Origin) -> String {
    let Some(task) = &step.task else {
        return "  from outside".to_owned();
    };
    let short: String = task.task.chars().take(12).collect();
    let stage = task.stage.as_deref().unwrap_or("a stage that is no more");
    let report = task.record.as_ref().map(|record| &record.report);
    let time = report.map(|report| {
        let (took, memory) = (duration(report.duration_ms), report.peak_memory_mib);
        format!(", {took}, {memory} MiB")
    });
    format!(
        "  ← {}  task {short}{}",
        clean(stage),
        time.unwrap_or_default()
    )
}

fn object(step: &Origin) -> Value {
    let task = step.task.as_ref().map(|task| {
        let report = task.record.as_ref().map(|record| &record.report);
        json!({
            "task": task.task, "stage": task.stage, "input": task.input,
            "duration_ms": report.map(|report| report.duration_ms),
            "peak_memory_mib": report.map(|report| report.peak_memory_mib),
            "image": report.and_then(|report| report.image.as_ref()).map(ToString::to_string),
        })
    });
    json!({
        "bucket": step.object.bucket, "key": step.object.key, "size": step.object.size,
        "run": step.run, "made_by": task,
    })
}
