//! Indented text for a terminal.

use std::fmt::Write;

use super::{show_input, show_output, show_work, sources};
use crate::{Stage, Workflow};

/// Indented text for a terminal: every stage once, below a stage that feeds it.
#[must_use]
pub fn tree(workflow: &Workflow) -> String {
    let mut out = format!("{} · {}\n", workflow.name, workflow.environment);
    let roots: Vec<&Stage> = workflow
        .stages
        .iter()
        .filter(|stage| parent(workflow, stage).is_none())
        .collect();
    branches(&mut out, workflow, &roots, "");
    out
}

fn branches(out: &mut String, workflow: &Workflow, stages: &[&Stage], indent: &str) {
    for (number, stage) in stages.iter().enumerate() {
        let is_last = number + 1 == stages.len();
        let (fork, down) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        let _ = writeln!(
            out,
            "{indent}{fork}{} ({}, {})",
            stage.name,
            stage.image,
            show_work(stage)
        );
        let below = format!("{indent}{down}");
        let children: Vec<&Stage> = workflow
            .stages
            .iter()
            .filter(|child| parent(workflow, child).is_some_and(|name| name == stage.name))
            .collect();
        facts(out, workflow, stage, &below, !children.is_empty());
        branches(out, workflow, &children, &below);
    }
}

fn facts(out: &mut String, workflow: &Workflow, stage: &Stage, indent: &str, has_children: bool) {
    let bar = if has_children { "│ " } else { "  " };
    for input in sources(workflow, stage) {
        let _ = writeln!(out, "{indent}{bar}in   {} from outside", show_input(input));
    }
    for link in workflow.links.iter().filter(|link| link.to == stage.name) {
        let _ = writeln!(out, "{indent}{bar}in   {} from {}", link.via, link.from);
    }
    for output in &stage.outputs {
        let _ = writeln!(out, "{indent}{bar}out  {}", show_output(output));
    }
}

/// The last of the stages that feed this one: all others are above it already.
fn parent<'a>(workflow: &'a Workflow, stage: &Stage) -> Option<&'a str> {
    let feeds = |other: &&Stage| {
        workflow
            .links
            .iter()
            .any(|link| link.from == other.name && link.to == stage.name)
    };
    workflow
        .stages
        .iter()
        .rev()
        .find(feeds)
        .map(|stage| stage.name.as_str())
}
