//! Text that other programs draw.

use std::fmt::Write;

use super::{show_input, show_output, sources};
use crate::Workflow;

/// A Mermaid flowchart.
#[must_use]
pub fn mermaid(workflow: &Workflow) -> String {
    let escape = |text: &str| {
        text.replace('&', "#amp;")
            .replace('"', "#quot;")
            .replace('<', "#lt;")
            .replace('>', "#gt;")
    };
    let mut out = "flowchart LR\n".to_owned();
    for (number, stage) in workflow.stages.iter().enumerate() {
        let _ = writeln!(out, "  s{number}[\"{}\"]", escape(&stage.name));
    }
    for edge in edges(workflow) {
        let (from, to) = (edge.from.mermaid(&escape), edge.to.mermaid(&escape));
        let _ = writeln!(out, "  {from} -->|\"{}\"| {to}", escape(&edge.label));
    }
    out
}

/// A Graphviz digraph.
#[must_use]
pub fn dot(workflow: &Workflow) -> String {
    let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut out = format!(
        "digraph {} {{\n  rankdir=LR\n  node [shape=box]\n",
        quote(&workflow.name)
    );
    for (number, stage) in workflow.stages.iter().enumerate() {
        let _ = writeln!(out, "  s{number} [label={}]", quote(&stage.name));
    }
    for edge in edges(workflow) {
        for node in [&edge.from, &edge.to] {
            if let Node::Place(id, label) = node {
                let _ = writeln!(out, "  {id} [label={} shape=plaintext]", quote(label));
            }
        }
        let _ = writeln!(
            out,
            "  {} -> {} [label={}]",
            edge.from.id(),
            edge.to.id(),
            quote(&edge.label)
        );
    }
    out + "}\n"
}

struct Edge {
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

fn edges(workflow: &Workflow) -> Vec<Edge> {
    let mut edges = Vec::new();
    let number = |name: &str| {
        workflow
            .stages
            .iter()
            .position(|stage| stage.name == name)
            .unwrap_or(0)
    };
    for (at, stage) in workflow.stages.iter().enumerate() {
        for (index, input) in sources(workflow, stage).enumerate() {
            let from = Node::Place(format!("in{at}_{index}"), "outside".to_owned());
            edges.push(Edge {
                from,
                to: Node::Stage(format!("s{at}")),
                label: show_input(input),
            });
        }
        for link in workflow.links.iter().filter(|link| link.from == stage.name) {
            let to = Node::Stage(format!("s{}", number(&link.to)));
            edges.push(Edge {
                from: Node::Stage(format!("s{at}")),
                to,
                label: link.via.clone(),
            });
        }
        if !workflow.links.iter().any(|link| link.from == stage.name) {
            for (index, output) in stage.outputs.iter().enumerate() {
                let to = Node::Place(format!("out{at}_{index}"), "result".to_owned());
                edges.push(Edge {
                    from: Node::Stage(format!("s{at}")),
                    to,
                    label: show_output(output),
                });
            }
        }
    }
    edges
}
