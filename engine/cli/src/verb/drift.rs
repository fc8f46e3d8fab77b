//! `scar drift`

use std::path::PathBuf;

use scar_plan::{Drift, DriftChange};
use serde_json::{Value, json};

use super::Packaging;
use super::plan::write;
use crate::args::Global;
use crate::error::{CliError, Kind};
use crate::plan_set::{self, Asked, Wishes};
use crate::project::Project;
use crate::session;
use crate::view::Screen;
use crate::view::text::clean;
use crate::workspace;

/// Tell what is otherwise than what was deployed, although nobody planned it.
///
/// Resources that were changed or deleted by hand, tags of images that moved, notifications that are
/// gone. Exit code 2 if there is any.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar drift -e prod
  scar drift workflows/ -e prod --markdown drift.md   every night, in a pipeline")]
pub(crate) struct Arguments {
    /// Manifests, and directories with manifests below them; the same as -f for a single one.
    #[arg(value_name = "MANIFEST|DIR")]
    what: Vec<PathBuf>,
    /// Write a comment to a file.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    #[command(flatten)]
    packaging: Packaging,
}

/// What drifted of one deployment.
struct Found {
    deployment: String,
    drifts: Vec<Drift>,
}

pub(crate) fn drift(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let projects = match arguments.what.as_slice() {
        [] => vec![Project::load(None, global, screen)?],
        paths => workspace::load(paths, global, screen)?,
    };
    let asked = Asked {
        packaging: &arguments.packaging,
        wishes: &Wishes::default(),
        jobs: plan_set::JOBS,
        orphans: None,
    };
    let set = plan_set::observed(projects, &asked, global, screen)?;
    let mut all = Vec::new();
    for one in &set.plans {
        let region = Some(one.plan.region.as_str()).filter(|region| !region.is_empty());
        let hint = session::UNCHANGED;
        let drifts = session::on_cloud(global, region, screen, hint, async |session| {
            Ok(scar_apply::drift(&session.cloud, &one.plan).await?)
        })?;
        let deployment = one.plan.stack.name.clone();
        all.push(Found { deployment, drifts });
    }
    if let Some(path) = &arguments.markdown {
        write(path, &markdown(&all), "the comment")?;
    }
    show(&all, screen)?;
    match all.iter().all(|one| one.drifts.is_empty()) {
        true => Ok(()),
        false => Err(CliError::silent(Kind::Differences)),
    }
}

fn show(all: &[Found], screen: &Screen) -> Result<(), CliError> {
    if screen.json {
        let all: Vec<Value> = all.iter().map(object).collect();
        return screen.document(&json!({ "deployments": all }));
    }
    for one in all {
        let name = clean(&one.deployment);
        if one.drifts.is_empty() {
            screen.line(&format!("{name}  as it was deployed"))?;
        }
        for drift in &one.drifts {
            screen.line(&format!("{name}  {}", line(drift)))?;
        }
    }
    Ok(())
}

fn object(one: &Found) -> Value {
    let drifts: Vec<Value> = one
        .drifts
        .iter()
        .map(|drift| {
            json!({
                "subject": drift.subject, "kind": drift.kind, "stage": drift.stage,
                "what": words(&drift.change),
            })
        })
        .collect();
    json!({ "deployment": one.deployment, "drift": drifts })
}

fn markdown(all: &[Found]) -> String {
    let mut out = String::from("### scar drift\n\n");
    for one in all {
        let name = clean(&one.deployment).replace('`', "'");
        if one.drifts.is_empty() {
            out.push_str(&format!("- `{name}` is as it was deployed\n"));
        }
        for drift in &one.drifts {
            out.push_str(&format!(
                "- `{name}`: `{}`\n",
                line(drift).replace('`', "'")
            ));
        }
    }
    out.push_str("<!-- scar:drift -->\n");
    out
}

fn line(drift: &Drift) -> String {
    let stage = drift.stage.as_deref().map(|stage| format!(" of {stage}"));
    let stage = stage.unwrap_or_default();
    let text = format!(
        "{} ({}){stage}: {}",
        drift.subject,
        drift.kind,
        words(&drift.change)
    );
    clean(&text).into_owned()
}

fn words(change: &DriftChange) -> String {
    let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    match change {
        DriftChange::Deleted => "is gone".to_owned(),
        DriftChange::Property {
            path,
            expected,
            actual,
        } => format!("{path} is {}, was {}", or_none(actual), or_none(expected)),
        DriftChange::Code { .. } => "has other code than was deployed".to_owned(),
        DriftChange::TagMoved { deployed, now } => format!("means {now} now, was {deployed}"),
        DriftChange::Notification { id } => format!("notification {id} is gone or changed"),
        DriftChange::EventBridgeOff => "tells EventBridge of nothing any more".to_owned(),
        DriftChange::Unknown { reason } => format!("cannot be looked at: {reason}"),
    }
}
