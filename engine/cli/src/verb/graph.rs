//! `scar graph`

use super::Manifest;
use crate::args::Global;
use crate::error::CliError;
use crate::view::Screen;
use crate::whereabouts::Reach;

/// Draw the workflow: which stage feeds which.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  scar graph                     as text
  scar graph --mermaid           for a Markdown page
  scar graph --svg > graph.svg   as a picture that is light or dark as the reader's system is")]
pub(crate) struct Arguments {
    #[command(flatten)]
    manifest: Manifest,
    /// Print a Mermaid flowchart.
    #[arg(long, group = "form")]
    mermaid: bool,
    /// Print a Graphviz digraph.
    #[arg(long, group = "form")]
    dot: bool,
    /// Print an SVG picture.
    #[arg(long, group = "form")]
    svg: bool,
}

pub(crate) fn graph(
    arguments: &Arguments,
    global: &Global,
    screen: &Screen,
) -> Result<(), CliError> {
    let is_drawn = arguments.mermaid || arguments.dot || arguments.svg;
    if screen.json && is_drawn {
        let two = "--json and another form of the graph exclude each other";
        return Err(CliError::failure(two).hint("leave one of them out"));
    }
    let project = arguments
        .manifest
        .load(&global.reaching(Reach::Any), screen)?;
    let workflow = &project.workflow;
    let draw = match arguments {
        Arguments { mermaid: true, .. } => scar_workflow::mermaid,
        Arguments { dot: true, .. } => scar_workflow::dot,
        Arguments { svg: true, .. } => scar_workflow::svg,
        _ if screen.json => return screen.document(&document(workflow)),
        _ => scar_workflow::tree,
    };
    screen.line(draw(workflow).trim_end())
}

fn document(workflow: &scar_workflow::Workflow) -> serde_json::Value {
    let stages: Vec<_> = workflow
        .stages
        .iter()
        .map(|stage| stage.name.as_str())
        .collect();
    let links: Vec<_> = workflow
        .links
        .iter()
        .map(|link| serde_json::json!({ "from": link.from, "to": link.to, "via": link.via }))
        .collect();
    serde_json::json!({
        "workflow": workflow.name, "environment": workflow.environment,
        "stages": stages, "links": links,
    })
}
