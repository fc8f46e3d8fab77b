//! `scar local`

use std::path::Path;

use clap::Subcommand;
use scar_apply::data;
use scar_local::{Cloud, Running, Settings, find_running};
use serde_json::{Value, json};

use crate::args::Global;
use crate::error::CliError;
use crate::session::{self, block_on, interrupted};
use crate::target::LOCAL_FOLDER;
use crate::view::Screen;

/// Run the local cloud for other programs, or tell about it.
///
/// It speaks the AWS protocols on a loopback address and keeps its state in .scar/local. Verbs of scar
/// need no running one: they open it themselves.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar local up                       until Ctrl-C
  scar local bucket lab-drop          a bucket in the place of one that exists in AWS
  eval \"$(scar local env)\"; aws s3 ls   use it with the AWS command line")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run it until Ctrl-C.
    #[command(after_help = "Examples:
  scar local up               until Ctrl-C, at a free port
  scar local up --port 4566   where other programs expect it")]
    Up {
        /// Port on 127.0.0.1; without it a free one.
        #[arg(long)]
        port: Option<u16>,
    },
    /// Make buckets in it, in the place of those that exist in AWS already.
    #[command(after_help = "Examples:
  scar local bucket lab-sequencer-drop   for `buckets: {drop: {existing: lab-sequencer-drop}}`")]
    Bucket {
        /// Names of buckets.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Tell where the running one is.
    #[command(after_help = "Examples:
  scar local info
  scar local info --json")]
    Info,
    /// Print the variables that make AWS programs use the running one, for `eval`.
    #[command(after_help = "Examples:
  eval \"$(scar local env)\"; aws s3 ls")]
    Env,
}

pub(crate) fn local(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    match &arguments.verb {
        Verb::Up { port } => up(*port, screen),
        Verb::Bucket { names } => bucket(names, global, screen),
        Verb::Info => info(screen),
        Verb::Env => env(screen),
    }
}

fn up(port: Option<u16>, screen: &Screen) -> Result<(), CliError> {
    block_on(async {
        let settings = Settings {
            port,
            ..Settings::new(LOCAL_FOLDER.into())
        };
        let cloud = Cloud::open(settings).await?;
        let running = cloud.running();
        if screen.json {
            screen.object(&object(&running))?;
        } else {
            screen.line(&running.endpoint)?;
            screen.note(&format!(
                "local cloud in {LOCAL_FOLDER}; Ctrl-C ends it, its state stays"
            ));
        }
        interrupted().await;
        screen.note("ending; what is queued goes on the next time");
        cloud.shutdown().await;
        Ok(())
    })
}

fn bucket(names: &[String], global: &Global, screen: &Screen) -> Result<(), CliError> {
    let local = Global {
        local: true,
        ..global.clone()
    };
    let hint = "buckets that are named above are there";
    session::on_cloud(&local, None, screen, hint, async |session| {
        for name in names {
            data::make_bucket(&session.cloud, name).await?;
            match screen.json {
                true => screen.object(&json!({ "type": "bucket", "name": name }))?,
                false => screen.line(name)?,
            }
        }
        Ok(())
    })
}

fn info(screen: &Screen) -> Result<(), CliError> {
    let running = running()?;
    if screen.json {
        return screen.document(&object(&running));
    }
    screen.line(&format!("endpoint  {}", running.endpoint))?;
    screen.line(&format!("region    {}", running.region))?;
    screen.line(&format!("process   {}", running.pid))
}

/// The keys are printed because this is what the verb is for; they are random and die with the cloud.
fn env(screen: &Screen) -> Result<(), CliError> {
    let running = running()?;
    let variables = [
        ("AWS_ENDPOINT_URL", &running.endpoint),
        ("AWS_ACCESS_KEY_ID", &running.access_key),
        ("AWS_SECRET_ACCESS_KEY", &running.secret_key),
        ("AWS_REGION", &running.region),
        ("AWS_DEFAULT_REGION", &running.region),
    ];
    if screen.json {
        let object: serde_json::Map<String, Value> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        return screen.document(&Value::Object(object));
    }
    let lines = variables.map(|(name, value)| format!("export {name}='{value}'\n"));
    screen.data(&lines.concat())?;
    screen.data("unset AWS_SESSION_TOKEN AWS_PROFILE\n")
}

fn running() -> Result<Running, CliError> {
    find_running(Path::new(LOCAL_FOLDER)).ok_or_else(|| {
        CliError::failure(format!("no local cloud runs in {LOCAL_FOLDER}"))
            .hint("start one: `scar local up`")
    })
}

fn object(running: &Running) -> Value {
    json!({
        "type": "local_cloud", "endpoint": running.endpoint, "region": running.region, "pid": running.pid,
    })
}
