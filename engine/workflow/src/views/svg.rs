//! A drawing of the graph, with nothing but SVG.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::diagrams::colour;
use super::kinds::kinds;
use super::layout::{ROW, cells};
use super::{Edge, Marks, edges, show_input, show_output, sources, unmarked};
use crate::Workflow;

const BOX_WIDTH: usize = 220;
const BOX_HEIGHT: usize = 70;
const GAP_X: usize = 230;
const GAP_Y: usize = 46;
const MARGIN: usize = 24;
/// Room for what comes from outside and what stays as a result.
const SIDE: usize = 210;
/// Room for the title.
const TOP: usize = 44;

/// Plain colours first: many programs that draw SVG know neither variables nor media queries.
const STYLE: &str = "
  :root { color-scheme: light dark; }
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .quiet { font-size: 11px; fill: #59636e; }
  .stage { fill: #f6f8fa; stroke: #8c959f; }
  .edge { fill: none; stroke: #8c959f; stroke-width: 1.5; }
  .paper { fill: #ffffff; }
  .tip { fill: #8c959f; }
  .label { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
  .batch { stroke-width: 2.5; stroke-dasharray: 6 3; }
  .created { stroke: #2da44e; stroke-width: 2.5; }
  .changed { stroke: #bf8700; stroke-width: 2.5; }
  .removed { stroke: #cf222e; stroke-width: 2.5; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .quiet { fill: #9198a1; }
    .stage { fill: #212830; }
    .stage:not(.created):not(.changed):not(.removed) { stroke: #656c76; }
    .edge { stroke: #656c76; }
    .paper { fill: #0d1117; }
    .tip { fill: #656c76; }
    .label { stroke: #0d1117; }
  }
";

/// A self-contained SVG drawing, light or dark as the reader's system is.
#[must_use]
pub fn svg(workflow: &Workflow) -> String {
    svg_marked(workflow, &unmarked)
}

/// The same with the stages that a plan does something with marked and coloured.
#[must_use]
pub fn svg_marked(workflow: &Workflow, marks: Marks<'_>) -> String {
    let drawing = Drawing::new(workflow, marks);
    let (width, height) = drawing.size();
    let title = escape(&format!("{} · {}", workflow.name, workflow.environment));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n<style>{STYLE}</style>\n<defs><marker id=\"tip\" \
         viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">\
         <path class=\"tip\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"{MARGIN}\" y=\"30\">{title}</text>\n"
    );
    drawing.links(&mut out);
    for stage in 0..workflow.stages.len() {
        drawing.stage(&mut out, stage);
        drawing.outside(&mut out, stage);
        drawing.results(&mut out, stage);
    }
    out + "</svg>\n"
}

struct Drawing<'a> {
    workflow: &'a Workflow,
    marks: Marks<'a>,
    edges: Vec<Edge>,
    /// Column, and row in hundredths, of each stage.
    cells: Vec<(usize, usize)>,
}

impl<'a> Drawing<'a> {
    fn new(workflow: &'a Workflow, marks: Marks<'a>) -> Self {
        let edges = edges(workflow);
        Self {
            workflow,
            marks,
            cells: cells(workflow.stages.len(), &edges),
            edges,
        }
    }

    fn size(&self) -> (usize, usize) {
        let columns = self.cells.iter().map(|cell| cell.0 + 1).max().unwrap_or(1);
        let low = self.cells.iter().map(|cell| cell.1).max().unwrap_or(0);
        let width = 2 * MARGIN + 2 * SIDE + columns * BOX_WIDTH + (columns - 1) * GAP_X;
        (
            width,
            2 * MARGIN + TOP + BOX_HEIGHT + low * (BOX_HEIGHT + GAP_Y) / ROW.unsigned_abs(),
        )
    }

    /// Top left corner of a stage's box.
    fn corner(&self, stage: usize) -> (usize, usize) {
        let (column, row) = self.cells[stage];
        (
            MARGIN + SIDE + column * (BOX_WIDTH + GAP_X),
            MARGIN + TOP + row * (BOX_HEIGHT + GAP_Y) / ROW.unsigned_abs(),
        )
    }

    fn stage(&self, out: &mut String, number: usize) {
        let (x, y) = self.corner(number);
        let stage = &self.workflow.stages[number];
        let mark = (self.marks)(&stage.name);
        let mut class = "stage".to_owned();
        if stage.compute == scar_schemas::construct::Compute::Batch {
            class += " batch";
        }
        if let Some((name, _)) = colour(mark) {
            class = format!("{class} {name}");
        }
        let facts = format!("{} MiB · {} s", stage.memory_mib, stage.timeout_s);
        let kinds = kinds(stage).join(" · ");
        let _ = writeln!(
            out,
            "<g><title>{title}</title><rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" \
             height=\"{BOX_HEIGHT}\" rx=\"8\"/><text x=\"{tx}\" y=\"{ty}\">{name}</text><text class=\"quiet\" \
             x=\"{tx}\" y=\"{ky}\">{kind}</text><text class=\"quiet\" x=\"{tx}\" y=\"{iy}\">{image}</text></g>",
            title = escape(&format!("{}\n{kinds}\n{facts}", stage.image)),
            name = escape(&shorten(&format!("{}{}", mark.sign(), stage.name), 28)),
            kind = escape(&shorten(&kinds, 34)),
            image = escape(&end_of(&stage.image, 31)),
            tx = x + 12,
            ty = y + 22,
            ky = y + 40,
            iy = y + 57,
        );
    }

    fn links(&self, out: &mut String) {
        for edge in &self.edges {
            let ((fx, fy), (tx, ty)) = (self.corner(edge.from), self.corner(edge.to));
            let start = (fx + BOX_WIDTH, fy + BOX_HEIGHT / 2);
            let end = (tx, ty + BOX_HEIGHT / 2);
            let middle = start.0.midpoint(end.0);
            // A way back leaves to the right and comes from the left, in a bow below the boxes.
            let path = if end.0 <= start.0 {
                let low = start.1.max(end.1) + BOX_HEIGHT;
                format!(
                    "M{} {}C{} {low} {} {low} {} {}",
                    start.0,
                    start.1,
                    start.0 + GAP_X / 2,
                    end.0.saturating_sub(GAP_X / 2),
                    end.0,
                    end.1
                )
            } else {
                format!(
                    "M{} {}C{middle} {} {middle} {} {} {}",
                    start.0, start.1, start.1, end.1, end.0, end.1
                )
            };
            let _ = writeln!(
                out,
                "<path class=\"edge\" marker-end=\"url(#tip)\" d=\"{path}\"/>"
            );
        }
        // After all edges, so that none is drawn across a label.
        for edge in &self.edges {
            self.edge_label(out, edge);
        }
    }

    /// Beside the stage that reads: there the edges of one writer have parted.
    fn edge_label(&self, out: &mut String, edge: &Edge) {
        let (x, y) = self.corner(edge.to);
        let same = self.edges.iter().filter(|other| other.to == edge.to);
        let before: BTreeSet<&str> = same
            .take_while(|other| !std::ptr::eq(*other, edge))
            .map(|other| other.label.as_str())
            .collect();
        if before.contains(edge.label.as_str()) {
            return;
        }
        let above = before.len();
        label(
            out,
            x.saturating_sub(14),
            y + BOX_HEIGHT / 2 - 8 + 14 * above,
            "end",
            &edge.label,
        );
    }

    fn outside(&self, out: &mut String, number: usize) {
        let (x, y) = self.corner(number);
        let inputs: Vec<String> = sources(self.workflow, &self.workflow.stages[number])
            .map(show_input)
            .collect();
        if inputs.is_empty() {
            return;
        }
        let middle = y + BOX_HEIGHT / 2;
        let start = x - SIDE + 10;
        let _ = writeln!(
            out,
            "<path class=\"edge\" marker-end=\"url(#tip)\" d=\"M{start} {middle}H{x}\"/>"
        );
        label(out, start, middle - 8, "start", &shared(&inputs));
    }

    fn results(&self, out: &mut String, number: usize) {
        let (x, y) = self.corner(number);
        let stage = &self.workflow.stages[number];
        if stage.outputs.is_empty() || self.edges.iter().any(|edge| edge.from == number) {
            return;
        }
        let outputs: Vec<String> = stage.outputs.iter().map(show_output).collect();
        let (start, middle) = (x + BOX_WIDTH, y + BOX_HEIGHT / 2);
        let end = start + SIDE - 10;
        let _ = writeln!(
            out,
            "<path class=\"edge\" marker-end=\"url(#tip)\" d=\"M{start} {middle}H{end}\"/>"
        );
        label(out, start + 10, middle - 8, "start", &shared(&outputs));
    }
}

fn label(out: &mut String, x: usize, y: usize, anchor: &str, text: &str) {
    let _ = writeln!(
        out,
        "<text class=\"quiet label\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\"><title>{}</title>{}</text>",
        escape(text),
        escape(&shorten(text, 32)),
    );
}

/// The first of several, and how many more.
fn shared(texts: &[String]) -> String {
    match texts {
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} +{}", rest.len()),
        [] => String::new(),
    }
}

fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// The end of a long text: of an image's name it says most.
fn end_of(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let end = text.chars().skip(count + 1 - most);
    std::iter::once('…').chain(end).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
