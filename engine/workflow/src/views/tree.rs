//! Indented text for a terminal.

use std::fmt::Write;

use super::kinds::kinds;
use super::{Edge, Marks, edges, show_input, show_output, show_work, sources, unmarked};
use crate::{Stage, Workflow};

/// Indented text for a terminal: every stage once, below a stage that feeds it.
#[must_use]
pub fn tree(workflow: &Workflow) -> String {
    tree_marked(workflow, &unmarked)
}

/// The same with a mark before every stage that a plan does something with.
#[must_use]
pub fn tree_marked(workflow: &Workflow, marks: Marks<'_>) -> String {
    let edges = edges(workflow);
    // The last of the stages that feed a stage: all others are above it already.
    let parents = (0..workflow.stages.len())
        .map(|stage| {
            let before = edges.iter().filter(|edge| edge.to == stage);
            before
                .map(|edge| edge.from)
                .filter(|from| *from < stage)
                .max()
        })
        .collect();
    let mut out = format!("{} · {}\n", workflow.name, workflow.environment);
    Tree {
        workflow,
        edges,
        parents,
        marks,
    }
    .branches(&mut out, None, "");
    out
}

struct Tree<'a> {
    workflow: &'a Workflow,
    edges: Vec<Edge>,
    /// The stage below which each stage stands.
    parents: Vec<Option<usize>>,
    marks: Marks<'a>,
}

impl Tree<'_> {
    /// The stages below one, or those below none.
    fn children(&self, parent: Option<usize>) -> Vec<usize> {
        let stages = self.parents.iter().enumerate();
        stages
            .filter(|(_, own)| **own == parent)
            .map(|(stage, _)| stage)
            .collect()
    }

    fn branches(&self, out: &mut String, parent: Option<usize>, indent: &str) {
        let stages = self.children(parent);
        for (number, stage) in stages.iter().enumerate() {
            let is_last = number + 1 == stages.len();
            let (fork, down) = if is_last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            let own = &self.workflow.stages[*stage];
            let _ = writeln!(
                out,
                "{indent}{fork}{}{} ({}, {}, {})",
                (self.marks)(&own.name).sign(),
                own.name,
                own.image,
                show_work(own),
                kinds(own).join(", "),
            );
            let below = format!("{indent}{down}");
            let has_children = self.parents.contains(&Some(*stage));
            self.facts(out, *stage, own, &below, has_children);
            self.branches(out, Some(*stage), &below);
        }
    }

    fn facts(
        &self,
        out: &mut String,
        number: usize,
        stage: &Stage,
        indent: &str,
        has_children: bool,
    ) {
        let bar = if has_children { "│ " } else { "  " };
        for input in sources(self.workflow, stage) {
            let _ = writeln!(out, "{indent}{bar}in   {} from outside", show_input(input));
        }
        for edge in self.edges.iter().filter(|edge| edge.to == number) {
            let from = &self.workflow.stages[edge.from].name;
            let _ = writeln!(out, "{indent}{bar}in   {} from {from}", edge.label);
        }
        for output in &stage.outputs {
            let _ = writeln!(out, "{indent}{bar}out  {}", show_output(output));
        }
    }
}
