//! The graph of a plan as a tree, with marks on stages and links.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use scar_plan::{Action, LinkChange, Plan, StageChange};

use super::mark;
use crate::view::style::Style;
use crate::view::text::clean;

/// The graph as a tree. A stage with several writers is drawn once and named again where it is met.
pub(super) fn graph(plan: &Plan, style: Style) -> String {
    let mut drawing = Drawing {
        plan,
        style,
        drawn: BTreeSet::new(),
        out: String::from("\n"),
    };
    let fed: BTreeSet<&str> = plan.links.iter().map(|link| link.to.as_str()).collect();
    for stage in plan
        .stages
        .iter()
        .filter(|stage| !fed.contains(stage.name.as_str()))
    {
        let inputs = clean(&stage.inputs.join(" ")).into_owned();
        let _ = writeln!(drawing.out, "  {}", style.dim(&inputs));
        drawing.branch("  ", true, None, stage);
    }
    drawing.out
}

struct Drawing<'a> {
    plan: &'a Plan,
    style: Style,
    drawn: BTreeSet<&'a str>,
    out: String,
}

impl<'a> Drawing<'a> {
    fn branch(
        &mut self,
        indent: &str,
        last: bool,
        link: Option<&LinkChange>,
        stage: &'a StageChange,
    ) {
        let corner = if last { "└─" } else { "├─" };
        let via = link.map(|link| self.via(link)).unwrap_or_default();
        let name = clean(&stage.name);
        if !self.drawn.insert(&stage.name) {
            let _ = writeln!(self.out, "{indent}{corner} {via}{name} (above)");
            return;
        }
        let mark = mark(stage.action, self.style);
        let name = self.style.bold(&name);
        let _ = writeln!(
            self.out,
            "{indent}{corner} {via}{mark} {name}  {}",
            stage.compute
        );
        self.below(
            &format!("{indent}{}", if last { "   " } else { "│  " }),
            stage,
        );
    }

    fn below(&mut self, indent: &str, stage: &'a StageChange) {
        let plan = self.plan;
        let next: Vec<(&LinkChange, &StageChange)> = plan
            .links
            .iter()
            .filter(|link| link.from == stage.name)
            .filter_map(|link| {
                let to = plan.stages.iter().find(|stage| stage.name == link.to)?;
                Some((link, to))
            })
            .collect();
        if next.is_empty() {
            let outputs = clean(&stage.outputs.join(" ")).into_owned();
            let _ = writeln!(self.out, "{indent}└─ {}", self.style.dim(&outputs));
        }
        for (number, (link, to)) in next.iter().enumerate() {
            self.branch(indent, number + 1 == next.len(), Some(link), to);
        }
    }

    /// Where two stages meet, with a mark of its own if that changes.
    fn via(&self, link: &LinkChange) -> String {
        let mark = match link.action {
            Action::Keep => String::new(),
            action => format!("{} ", mark(action, self.style)),
        };
        format!("{mark}{} → ", clean(&link.via))
    }
}
