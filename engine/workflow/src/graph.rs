//! Stages linked by where they read and write, and everything that can be wrong with that.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use petgraph::algo::has_path_connecting;
use petgraph::graph::{DiGraph, NodeIndex};
use scar_manifest::{Diagnostic, Places};
use scar_schemas::manifest::Manifest;

use crate::ends::{Ends, Meeting};
use crate::{Link, Workflow, choice, cycles, dead, direct, fan_in, stem, writers};

/// The stages and who starts whom, by objects or by `after`.
pub(crate) struct Graph {
    pub(crate) graph: DiGraph<usize, ()>,
    pub(crate) nodes: Vec<NodeIndex>,
}

impl Graph {
    fn new(workflow: &Workflow, ends: &Ends<'_>) -> Self {
        let mut graph: DiGraph<usize, ()> = DiGraph::new();
        let nodes: Vec<NodeIndex> = (0..workflow.stages.len())
            .map(|stage| graph.add_node(stage))
            .collect();
        let edges: BTreeSet<(usize, usize)> = ends.pairs().chain(after(workflow)).collect();
        for (from, to) in edges {
            graph.add_edge(nodes[from], nodes[to], ());
        }
        Self { graph, nodes }
    }

    pub(crate) fn leads(&self, from: usize, to: usize) -> bool {
        has_path_connecting(&self.graph, self.nodes[from], self.nodes[to], None)
    }
}

/// Pairs of a stage and one that is `after` it.
pub(crate) fn after(workflow: &Workflow) -> impl Iterator<Item = (usize, usize)> + '_ {
    let numbers: std::collections::BTreeMap<&str, usize> = workflow
        .stages
        .iter()
        .enumerate()
        .map(|(number, stage)| (stage.id.as_str(), number))
        .collect();
    let stages = workflow.stages.iter().enumerate();
    stages.flat_map(move |(later, stage)| {
        let earlier: Vec<usize> = stage
            .after
            .iter()
            .filter_map(|id| numbers.get(id.as_str()).copied())
            .collect();
        earlier.into_iter().map(move |earlier| (earlier, later))
    })
}

/// Links the stages, puts them in order, and reports what cannot work.
pub(crate) fn link(
    mut workflow: Workflow,
    manifest: &Manifest,
    places: &Places,
    report: &mut Vec<Diagnostic>,
) -> Option<Workflow> {
    let ends = Ends::new(&workflow, places);
    if ends.is_cut_off {
        report.push(writers::too_many(places));
        return None;
    }
    let graph = Graph::new(&workflow, &ends);
    cycles::own_inputs(&workflow, &ends, report);
    cycles::check(&workflow, &graph, &ends, places, report);
    writers::check(&workflow, &ends, places, report);
    dead_inputs(&workflow, manifest, &graph, &ends, report);
    choice::check(&workflow, &ends, places, report);
    direct::check(&workflow, &ends, report);
    stem::check(&workflow, &ends, places, report);
    let counts = fan_in::check(&workflow, &ends, places, report);
    let mut links: Vec<Link> = ends
        .meetings
        .iter()
        .map(|meeting| to_link(meeting, &ends, &workflow))
        .collect();
    links.sort();
    links.dedup();
    let order = order(&workflow, &graph)?;
    drop(ends);
    for ((stage, output), counted) in counts {
        workflow.stages[stage].counted.insert(output, counted);
    }
    let mut stages: Vec<_> = std::mem::take(&mut workflow.stages)
        .into_iter()
        .map(Some)
        .collect();
    workflow.stages = order
        .into_iter()
        .filter_map(|stage| stages[stage].take())
        .collect();
    workflow.links = links;
    Some(workflow)
}

/// Inputs that nothing feeds although that seems to have been meant.
fn dead_inputs(
    workflow: &Workflow,
    manifest: &Manifest,
    graph: &Graph,
    ends: &Ends<'_>,
    report: &mut Vec<Diagnostic>,
) {
    let fed: BTreeSet<usize> = ends.meetings.iter().map(|m| m.input).collect();
    let search = dead::Search::new(workflow, ends);
    for (number, input) in ends.inputs.iter().enumerate() {
        let written = &manifest.stages[input.name].inputs[input.index];
        if fed.contains(&number) || written.outside {
            continue;
        }
        let follows = |stage: usize| graph.leads(input.stage, stage);
        report.extend(search.diagnose(input, &follows));
    }
}

/// Stages in topological order, ties in file order; `None` if there is a cycle that is not meant.
fn order(workflow: &Workflow, graph: &Graph) -> Option<Vec<usize>> {
    let is_back = cycles::back_edges(workflow, graph);
    let mut missing = vec![0_usize; graph.nodes.len()];
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for edge in graph.graph.edge_indices() {
        let Some((from, to)) = graph.graph.edge_endpoints(edge) else {
            continue;
        };
        let (from, to) = (graph.graph[from], graph.graph[to]);
        if !is_back(from, to) {
            missing[to] += 1;
            next[from].push(to);
        }
    }
    let ready = missing.iter().enumerate().filter(|(_, count)| **count == 0);
    let mut ready: BinaryHeap<Reverse<usize>> = ready.map(|(stage, _)| Reverse(stage)).collect();
    let mut order = Vec::new();
    while let Some(Reverse(stage)) = ready.pop() {
        order.push(stage);
        for later in &next[stage] {
            missing[*later] -= 1;
            if missing[*later] == 0 {
                ready.push(Reverse(*later));
            }
        }
    }
    (order.len() == graph.nodes.len()).then_some(order)
}

fn to_link(meeting: &Meeting, ends: &Ends<'_>, workflow: &Workflow) -> Link {
    let reader = ends.reader(meeting);
    let input = &workflow.stages[reader.stage].inputs[reader.index];
    Link {
        from: ends.writer(meeting).name.to_owned(),
        to: reader.name.to_owned(),
        via: format!("{}:{}", input.bucket, input.pattern),
    }
}
