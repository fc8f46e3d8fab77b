//! Cycles: stages that start each other for ever, unless one of them says how often.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::algo::tarjan_scc;
use petgraph::graph::NodeIndex;
use scar_manifest::{Diagnostic, Places};

use crate::Workflow;
use crate::ends::Ends;
use crate::graph::{Graph, after};
use crate::resolve::span;

/// Stages that write what starts them again.
pub(crate) fn own_inputs(workflow: &Workflow, ends: &Ends<'_>, report: &mut Vec<Diagnostic>) {
    for meeting in &ends.meetings {
        let (writer, reader) = (ends.writer(meeting), ends.reader(meeting));
        if writer.stage != reader.stage || workflow.stages[writer.stage].loop_max.is_some() {
            continue;
        }
        let summary = format!(
            "stage `{}` writes what starts it again, for instance `{}`",
            writer.name, meeting.key
        );
        report.push(
            Diagnostic::error("E303", summary)
                .label(reader.span.clone(), "starts on these objects")
                .label(writer.span.clone(), "and writes some of them")
                .help(
                    "write to another prefix, make the input's pattern narrower, or say that it is meant: `loop: {max: 3}`",
                ),
        );
    }
}

/// Reports cycles without a stage that has `loop`, and `loop` where there is no cycle.
pub(crate) fn check(
    workflow: &Workflow,
    graph: &Graph,
    ends: &Ends<'_>,
    places: &Places,
    report: &mut Vec<Diagnostic>,
) {
    let bounded = |node: NodeIndex| workflow.stages[graph.graph[node]].loop_max.is_some();
    // What is left without the stages that count rounds must have no cycle.
    let unbounded = graph.graph.filter_map(
        |node, stage| (!bounded(node)).then_some(*stage),
        |_, ()| Some(()),
    );
    let hops = Hops::new(workflow, ends, places);
    for component in tarjan_scc(&unbounded) {
        if component.len() < 2 {
            continue;
        }
        let stages: BTreeSet<usize> = component.iter().map(|node| unbounded[*node]).collect();
        if let Some(cycle) = shortest(graph, &stages) {
            report.push(hops.report(&cycle));
        }
    }
    idle_loops(workflow, graph, places, report);
}

fn idle_loops(workflow: &Workflow, graph: &Graph, places: &Places, report: &mut Vec<Diagnostic>) {
    let looping = components(graph);
    for (number, stage) in workflow.stages.iter().enumerate() {
        if stage.loop_max.is_none() || looping.contains_key(&number) {
            continue;
        }
        let summary = format!(
            "stage `{}` is in no cycle: its `loop` does nothing",
            stage.name
        );
        report.push(
            Diagnostic::warning("W907", summary)
                .label(
                    span(places, &format!("stages.{}.loop", stage.name)),
                    "no cycle",
                )
                .help("remove it"),
        );
    }
}

/// The stages that are in cycles, each with the number of its component.
fn components(graph: &Graph) -> BTreeMap<usize, usize> {
    let is_own = |node: NodeIndex| graph.graph.contains_edge(node, node);
    let mut found = BTreeMap::new();
    for (number, component) in tarjan_scc(&graph.graph).iter().enumerate() {
        if component.len() > 1 || component.iter().any(|node| is_own(*node)) {
            found.extend(component.iter().map(|node| (graph.graph[*node], number)));
        }
    }
    found
}

/// Whether an edge closes a cycle that is meant: it leads to a stage with `loop`, from within its cycle.
pub(crate) fn back_edges(workflow: &Workflow, graph: &Graph) -> impl Fn(usize, usize) -> bool {
    let components = components(graph);
    let bounded: Vec<bool> = workflow
        .stages
        .iter()
        .map(|stage| stage.loop_max.is_some())
        .collect();
    move |from, to| {
        let together = components
            .get(&from)
            .is_some_and(|component| components.get(&to) == Some(component));
        together && bounded[to]
    }
}

/// The stages of a shortest cycle through the first of some stages, within them.
fn shortest(graph: &Graph, within: &BTreeSet<usize>) -> Option<Vec<usize>> {
    let start = *within.first()?;
    let mut before: BTreeMap<usize, usize> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(stage) = waiting.pop_front() {
        let next = graph.graph.neighbors(graph.nodes[stage]);
        let next: BTreeSet<usize> = next.map(|node| graph.graph[node]).collect();
        for later in next.intersection(within) {
            if *later == start && stage != start {
                return Some(walk_back(&before, start, stage));
            }
            if *later != start && !before.contains_key(later) {
                before.insert(*later, stage);
                waiting.push_back(*later);
            }
        }
    }
    None
}

fn walk_back(before: &BTreeMap<usize, usize>, start: usize, last: usize) -> Vec<usize> {
    let mut cycle = vec![last];
    let mut stage = last;
    while let Some(earlier) = before.get(&stage) {
        cycle.push(*earlier);
        stage = *earlier;
    }
    debug_assert_eq!(stage, start);
    cycle.reverse();
    cycle
}

/// What the steps of a cycle are.
struct Hops<'a> {
    workflow: &'a Workflow,
    ends: &'a Ends<'a>,
    places: &'a Places,
    after: BTreeSet<(usize, usize)>,
}

impl<'a> Hops<'a> {
    fn new(workflow: &'a Workflow, ends: &'a Ends<'a>, places: &'a Places) -> Self {
        Self {
            workflow,
            ends,
            places,
            after: after(workflow).collect(),
        }
    }

    fn report(&self, cycle: &[usize]) -> Diagnostic {
        let steps = || {
            let next = cycle.iter().skip(1).chain(cycle.first());
            cycle.iter().copied().zip(next.copied())
        };
        let name = |stage: &usize| self.workflow.stages[*stage].name.as_str();
        let names: Vec<&str> = cycle.iter().chain(cycle.first()).map(name).collect();
        let waits = steps().all(|step| self.after.contains(&step));
        let mut diagnostic = if waits {
            Diagnostic::error(
                "E311",
                format!("stages wait for each other: {}", names.join(" → ")),
            )
            .help("remove one of these `after`")
        } else {
            let help = "write to a prefix or with a suffix that no stage before it takes, or say that it is meant: \
                        `loop: {max: 3}`";
            Diagnostic::error("E302", format!("endless loop: {}", names.join(" → "))).help(help)
        };
        for (from, to) in steps() {
            diagnostic = self.label(diagnostic, from, to);
        }
        diagnostic
    }

    fn label(&self, diagnostic: Diagnostic, from: usize, to: usize) -> Diagnostic {
        let meeting = self.ends.meetings.iter().find(|meeting| {
            self.ends.writer(meeting).stage == from && self.ends.reader(meeting).stage == to
        });
        let Some(meeting) = meeting else {
            let stage = &self.workflow.stages[to];
            let place = span(self.places, &format!("stages.{}.after", stage.name));
            let earlier = &self.workflow.stages[from].name;
            return diagnostic.label(place, format!("`{}` waits for `{earlier}`", stage.name));
        };
        let (writer, reader) = (self.ends.writer(meeting), self.ends.reader(meeting));
        diagnostic
            .label(
                writer.span.clone(),
                format!("`{}` writes, for instance, `{}`", writer.name, meeting.key),
            )
            .label(reader.span.clone(), format!("`{}` takes it", reader.name))
    }
}
