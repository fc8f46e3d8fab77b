//! A drawing of the graph, with nothing but SVG.

use std::fmt::Write;

use super::{show_input, show_output, sources};
use crate::Workflow;

const BOX_WIDTH: usize = 180;
const BOX_HEIGHT: usize = 54;
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
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .quiet { fill: #9198a1; }
    .stage { fill: #212830; stroke: #656c76; }
    .edge { stroke: #656c76; }
    .paper { fill: #0d1117; }
    .tip { fill: #656c76; }
    .label { stroke: #0d1117; }
  }
";

/// A self-contained SVG drawing, light or dark as the reader's system is.
#[must_use]
pub fn svg(workflow: &Workflow) -> String {
    let drawing = Drawing::new(workflow);
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

/// Where each stage stands: its column is the longest way to it.
struct Drawing<'a> {
    workflow: &'a Workflow,
    /// Column and row of each stage.
    cells: Vec<(usize, usize)>,
}

impl<'a> Drawing<'a> {
    fn new(workflow: &'a Workflow) -> Self {
        let mut cells: Vec<(usize, usize)> = Vec::new();
        for stage in &workflow.stages {
            let before = workflow.links.iter().filter(|link| link.to == stage.name);
            let feeders = before.filter_map(|link| position(workflow, &link.from));
            let column = feeders
                .filter_map(|feeder| cells.get(feeder))
                .map(|cell| cell.0 + 1)
                .max()
                .unwrap_or(0);
            let row = cells.iter().filter(|cell| cell.0 == column).count();
            cells.push((column, row));
        }
        Self { workflow, cells }
    }

    fn size(&self) -> (usize, usize) {
        let columns = self.cells.iter().map(|cell| cell.0 + 1).max().unwrap_or(1);
        let rows = self.cells.iter().map(|cell| cell.1 + 1).max().unwrap_or(1);
        let width = 2 * MARGIN + 2 * SIDE + columns * BOX_WIDTH + (columns - 1) * GAP_X;
        (
            width,
            2 * MARGIN + TOP + rows * BOX_HEIGHT + (rows - 1) * GAP_Y,
        )
    }

    /// Top left corner of a stage's box.
    fn corner(&self, stage: usize) -> (usize, usize) {
        let (column, row) = self.cells[stage];
        (
            MARGIN + SIDE + column * (BOX_WIDTH + GAP_X),
            MARGIN + TOP + row * (BOX_HEIGHT + GAP_Y),
        )
    }

    fn stage(&self, out: &mut String, number: usize) {
        let (x, y) = self.corner(number);
        let stage = &self.workflow.stages[number];
        let facts = format!("{} MiB · {} s", stage.memory_mib, stage.timeout_s);
        let _ = writeln!(
            out,
            "<g><title>{}</title><rect class=\"stage\" x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" \
             rx=\"8\"/><text x=\"{tx}\" y=\"{ty}\">{}</text><text class=\"quiet\" x=\"{tx}\" y=\"{fy}\">{facts}</text></g>",
            escape(&stage.image),
            escape(&shorten(&stage.name, 22)),
            tx = x + 12,
            ty = y + 23,
            fy = y + 41,
        );
    }

    fn links(&self, out: &mut String) {
        for link in &self.workflow.links {
            let ends = (
                position(self.workflow, &link.from),
                position(self.workflow, &link.to),
            );
            let (Some(from), Some(to)) = ends else {
                continue;
            };
            let ((fx, fy), (tx, ty)) = (self.corner(from), self.corner(to));
            let start = (fx + BOX_WIDTH, fy + BOX_HEIGHT / 2);
            let end = (tx, ty + BOX_HEIGHT / 2);
            let middle = start.0.midpoint(end.0);
            let path = format!(
                "M{} {}C{middle} {} {middle} {} {} {}",
                start.0, start.1, start.1, end.1, end.0, end.1
            );
            let _ = writeln!(
                out,
                "<path class=\"edge\" marker-end=\"url(#tip)\" d=\"{path}\"/>"
            );
            let height = start.1.midpoint(end.1) - 8;
            label(out, middle, height, "middle", &link.via);
        }
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
        if stage.outputs.is_empty()
            || self
                .workflow
                .links
                .iter()
                .any(|link| link.from == stage.name)
        {
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

fn position(workflow: &Workflow, name: &str) -> Option<usize> {
    workflow.stages.iter().position(|stage| stage.name == name)
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

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
