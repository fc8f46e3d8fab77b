//! The graph for people, four ways.

mod diagrams;
mod kinds;
mod layout;
mod svg;
mod tree;

pub use diagrams::{dot, dot_marked, mermaid, mermaid_marked};
pub use svg::{svg, svg_marked};
pub use tree::{tree, tree_marked};

use scar_schemas::manifest::Work;

use crate::{Input, Stage, Workflow};

/// What a plan does with a stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    #[default]
    Same,
    /// It is made.
    Created,
    /// It is changed.
    Changed,
    /// It is removed.
    Removed,
}

impl Mark {
    /// As plans write it, with a space behind it; empty for [`Mark::Same`].
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Same => "",
            Self::Created => "+ ",
            Self::Changed => "~ ",
            Self::Removed => "- ",
        }
    }
}

/// The mark of a stage, by its name.
pub type Marks<'a> = &'a dyn Fn(&str) -> Mark;

/// No marks.
fn unmarked(_: &str) -> Mark {
    Mark::Same
}

/// One stage starts another.
struct Edge {
    /// Number of the stage that comes first.
    from: usize,
    to: usize,
    /// Where they meet.
    label: String,
}

/// All edges, those of `after` too.
fn edges(workflow: &Workflow) -> Vec<Edge> {
    let numbers: std::collections::BTreeMap<&str, usize> = workflow
        .stages
        .iter()
        .enumerate()
        .map(|(number, stage)| (stage.name.as_str(), number))
        .collect();
    let links = workflow.links.iter().filter_map(|link| {
        Some(Edge {
            from: *numbers.get(link.from.as_str())?,
            to: *numbers.get(link.to.as_str())?,
            label: link.via.clone(),
        })
    });
    let after = crate::graph::after(workflow).map(|(from, to)| Edge {
        from,
        to,
        label: "when done".to_owned(),
    });
    let mut edges: Vec<Edge> = links.chain(after).collect();
    edges.sort_by(|one, other| {
        (one.from, one.to, &one.label).cmp(&(other.from, other.to, &other.label))
    });
    edges
}

/// The key pattern of an output, as it was meant.
fn show_output(output: &crate::Output) -> String {
    format!("{}:{}", output.bucket, crate::dead::show(output))
}

fn show_input(input: &Input) -> String {
    format!("{}:{}", input.bucket, input.pattern)
}

/// Inputs that no stage feeds: what comes from outside.
fn sources<'a>(workflow: &'a Workflow, stage: &'a Stage) -> impl Iterator<Item = &'a Input> {
    stage.inputs.iter().filter(|input| {
        let via = show_input(input);
        !workflow
            .links
            .iter()
            .any(|link| link.to == stage.name && link.via == via)
    })
}

/// What a stage runs, in a few words.
fn show_work(stage: &Stage) -> String {
    match &stage.work {
        Work::Run(_) => "inline script".to_owned(),
        Work::Script(path) => path.clone(),
        Work::Command(arguments) => arguments.first().cloned().unwrap_or_default(),
        Work::Image => "the image's own command".to_owned(),
    }
}
