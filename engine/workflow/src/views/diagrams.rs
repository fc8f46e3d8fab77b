//! Text that other programs draw.

use std::fmt::Write;

use super::kinds::kinds;
use super::{Mark, Marks, edges, show_input, show_output, sources, unmarked};
use crate::Workflow;

/// A Mermaid flowchart.
#[must_use]
pub fn mermaid(workflow: &Workflow) -> String {
    mermaid_marked(workflow, &unmarked)
}

/// The same with the stages that a plan does something with marked and coloured.
#[must_use]
pub fn mermaid_marked(workflow: &Workflow, marks: Marks<'_>) -> String {
    let escape = |text: &str| {
        text.replace('&', "#amp;")
            .replace('"', "#quot;")
            .replace('<', "#lt;")
            .replace('>', "#gt;")
    };
    let mut out = "flowchart LR\n".to_owned();
    for (number, stage) in workflow.stages.iter().enumerate() {
        let mark = marks(&stage.name);
        let _ = writeln!(
            out,
            "  s{number}[\"{}{}<br/>{}<br/>{}\"]",
            mark.sign(),
            escape(&stage.name),
            escape(&kinds(stage).join(", ")),
            escape(&stage.image),
        );
        if let Some((_, colour)) = colour(mark) {
            let _ = writeln!(out, "  style s{number} stroke:{colour},stroke-width:2px");
        }
    }
    for arrow in arrows(workflow) {
        let (from, to) = (arrow.from.mermaid(&escape), arrow.to.mermaid(&escape));
        let _ = writeln!(out, "  {from} -->|\"{}\"| {to}", escape(&arrow.label));
    }
    out
}

/// A Graphviz digraph.
#[must_use]
pub fn dot(workflow: &Workflow) -> String {
    dot_marked(workflow, &unmarked)
}

/// The same with the stages that a plan does something with marked and coloured.
#[must_use]
pub fn dot_marked(workflow: &Workflow, marks: Marks<'_>) -> String {
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let quote = |text: &str| format!("\"{}\"", escape(text));
    let mut out = format!(
        "digraph {} {{\n  rankdir=LR\n  node [shape=box]\n",
        quote(&workflow.name)
    );
    for (number, stage) in workflow.stages.iter().enumerate() {
        let mark = marks(&stage.name);
        let colour =
            colour(mark).map_or(String::new(), |(_, colour)| format!(" color=\"{colour}\""));
        let _ = writeln!(
            out,
            "  s{number} [label=\"{}{}\\n{}\\n{}\"{colour}]",
            mark.sign(),
            escape(&stage.name),
            escape(&kinds(stage).join(", ")),
            escape(&stage.image),
        );
    }
    for arrow in arrows(workflow) {
        for node in [&arrow.from, &arrow.to] {
            if let Node::Place(id, label) = node {
                let _ = writeln!(out, "  {id} [label={} shape=plaintext]", quote(label));
            }
        }
        let _ = writeln!(
            out,
            "  {} -> {} [label={}]",
            arrow.from.id(),
            arrow.to.id(),
            quote(&arrow.label)
        );
    }
    out + "}\n"
}

/// Class and colour of a mark: green, amber, red of middle brightness, for light and dark paper.
pub(super) fn colour(mark: Mark) -> Option<(&'static str, &'static str)> {
    match mark {
        Mark::Same => None,
        Mark::Created => Some(("created", "#2da44e")),
        Mark::Changed => Some(("changed", "#bf8700")),
        Mark::Removed => Some(("removed", "#cf222e")),
    }
}

struct Arrow {
    from: Node,
    to: Node,
    label: String,
}

enum Node {
    Stage(String),
    /// Where objects come from or stay, with its id and name.
    Place(String, String),
}

impl Node {
    fn id(&self) -> &str {
        match self {
            Self::Stage(id) | Self::Place(id, _) => id,
        }
    }

    fn mermaid(&self, escape: &dyn Fn(&str) -> String) -> String {
        match self {
            Self::Stage(id) => id.clone(),
            Self::Place(id, label) => format!("{id}([\"{}\"])", escape(label)),
        }
    }
}

fn arrows(workflow: &Workflow) -> Vec<Arrow> {
    let stage = |number: usize| Node::Stage(format!("s{number}"));
    let edges = edges(workflow);
    let mut arrows = Vec::new();
    for (at, own) in workflow.stages.iter().enumerate() {
        for (index, input) in sources(workflow, own).enumerate() {
            arrows.push(Arrow {
                from: Node::Place(format!("in{at}_{index}"), "outside".to_owned()),
                to: stage(at),
                label: show_input(input),
            });
        }
        for edge in edges.iter().filter(|edge| edge.from == at) {
            arrows.push(Arrow {
                from: stage(at),
                to: stage(edge.to),
                label: edge.label.clone(),
            });
        }
        if !workflow.links.iter().any(|link| link.from == own.name) {
            for (index, output) in own.outputs.iter().enumerate() {
                arrows.push(Arrow {
                    from: stage(at),
                    to: Node::Place(format!("out{at}_{index}"), "result".to_owned()),
                    label: show_output(output),
                });
            }
        }
    }
    arrows
}
