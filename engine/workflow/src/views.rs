//! The graph for people, four ways.

use crate::Workflow;

/// Indented text for a terminal.
#[must_use]
pub fn tree(workflow: &Workflow) -> String {
    workflow.name.clone()
}

/// A Mermaid flowchart.
#[must_use]
pub fn mermaid(workflow: &Workflow) -> String {
    workflow.name.clone()
}

/// A Graphviz digraph.
#[must_use]
pub fn dot(workflow: &Workflow) -> String {
    workflow.name.clone()
}

/// A self-contained SVG drawing, light or dark as the reader's system is.
#[must_use]
pub fn svg(workflow: &Workflow) -> String {
    workflow.name.clone()
}
