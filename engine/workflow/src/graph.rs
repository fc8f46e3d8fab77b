//! Stages linked by where they read and write, and everything that can be wrong with that.

use petgraph::algo::{has_path_connecting, tarjan_scc};
use petgraph::graph::{DiGraph, NodeIndex};
use scar_manifest::{Diagnostic, Places, Span};
use scar_schemas::manifest::Manifest;

use crate::key_space::KeySpace;
use crate::resolve::span;
use crate::{Link, Workflow, dead};

/// One output or input of a stage.
pub(crate) struct End<'a> {
    /// Number of the stage, in file order.
    pub(crate) stage: usize,
    /// Name of the stage.
    pub(crate) name: &'a str,
    /// Number of the output or input.
    pub(crate) index: usize,
    pub(crate) space: KeySpace<'a>,
    pub(crate) span: Span,
}

/// An output that meets an input.
struct Meeting {
    output: usize,
    input: usize,
    /// A key that both have.
    key: String,
}

/// Links the stages, puts them in order, and reports what cannot work.
pub(crate) fn link(
    mut workflow: Workflow,
    manifest: &Manifest,
    places: &Places,
    report: &mut Vec<Diagnostic>,
) -> Option<Workflow> {
    let outputs = outputs(&workflow, places);
    let inputs = inputs(&workflow, places);
    let meetings = meetings(&outputs, &inputs);
    let mut graph: DiGraph<usize, ()> = DiGraph::new();
    let nodes: Vec<NodeIndex> = (0..workflow.stages.len())
        .map(|stage| graph.add_node(stage))
        .collect();
    for meeting in &meetings {
        graph.update_edge(
            nodes[outputs[meeting.output].stage],
            nodes[inputs[meeting.input].stage],
            (),
        );
    }
    own_inputs(&meetings, &outputs, &inputs, report);
    shared_outputs(&outputs, report);
    loops(&graph, &meetings, &outputs, &inputs, report);
    let is_read = |output: usize| meetings.iter().any(|meeting| meeting.output == output);
    let is_fed = |input: usize| meetings.iter().any(|meeting| meeting.input == input);
    let follows = |later: usize, earlier: usize| {
        has_path_connecting(&graph, nodes[earlier], nodes[later], None)
    };
    for (_, input) in inputs
        .iter()
        .enumerate()
        .filter(|(number, _)| !is_fed(*number))
    {
        if !manifest.stages[input.stage].inputs[input.index].outside {
            let near = outputs
                .iter()
                .enumerate()
                .filter(|(_, output)| !follows(output.stage, input.stage));
            let near = near.map(|(number, output)| (output, is_read(number)));
            report.extend(dead::diagnose(&workflow, input, near));
        }
    }
    let mut links: Vec<Link> = meetings
        .iter()
        .map(|meeting| to_link(meeting, &outputs, &inputs, &workflow))
        .collect();
    links.sort();
    links.dedup();
    let order = order(&graph, &nodes)?;
    drop((outputs, inputs));
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

fn outputs<'a>(workflow: &'a Workflow, places: &Places) -> Vec<End<'a>> {
    let mut ends = Vec::new();
    for (number, stage) in workflow.stages.iter().enumerate() {
        for (index, output) in stage.outputs.iter().enumerate() {
            let span = whole(places, &format!("stages.{}.out.{index}", stage.name), "out");
            let space = KeySpace::of_output(output);
            ends.push(End {
                stage: number,
                name: &stage.name,
                index,
                space,
                span,
            });
        }
    }
    ends
}

fn inputs<'a>(workflow: &'a Workflow, places: &Places) -> Vec<End<'a>> {
    let mut ends = Vec::new();
    for (number, stage) in workflow.stages.iter().enumerate() {
        for (index, input) in stage.inputs.iter().enumerate() {
            let span = span(places, &format!("stages.{}.in.{index}", stage.name));
            let space = KeySpace::of_input(input);
            ends.push(End {
                stage: number,
                name: &stage.name,
                index,
                space,
                span,
            });
        }
    }
    ends
}

/// An entry of the map form is shown with its key, everything else by its value.
fn whole(places: &Places, path: &str, list: &str) -> Span {
    let parent = path.rfind(list).map_or(path, |at| &path[..at + list.len()]);
    match (places.find(path), places.find(parent)) {
        (Some(place), Some(parent)) if place != parent => place.whole(),
        (Some(place), _) => place.value.clone(),
        (None, _) => 0..0,
    }
}

fn meetings(outputs: &[End<'_>], inputs: &[End<'_>]) -> Vec<Meeting> {
    let mut meetings = Vec::new();
    for (output, writer) in outputs.iter().enumerate() {
        for (input, reader) in inputs.iter().enumerate() {
            if let Some(key) = writer.space.common_key(&reader.space) {
                meetings.push(Meeting { output, input, key });
            }
        }
    }
    meetings
}

fn own_inputs(
    meetings: &[Meeting],
    outputs: &[End<'_>],
    inputs: &[End<'_>],
    report: &mut Vec<Diagnostic>,
) {
    for Meeting { output, input, key } in meetings {
        let (writer, reader) = (&outputs[*output], &inputs[*input]);
        if writer.stage == reader.stage {
            let summary = format!(
                "stage `{}` writes what starts it again, for instance `{key}`",
                writer.name
            );
            report.push(
                Diagnostic::error("E303", summary)
                    .label(reader.span.clone(), "starts on these objects")
                    .label(writer.span.clone(), "and writes some of them")
                    .help("write to another prefix, or make the input's pattern narrower"),
            );
        }
    }
}

fn shared_outputs(outputs: &[End<'_>], report: &mut Vec<Diagnostic>) {
    for (number, second) in outputs.iter().enumerate() {
        for first in &outputs[..number] {
            let Some(key) = first.space.common_key(&second.space) else {
                continue;
            };
            let summary = if first.stage == second.stage {
                format!(
                    "stage `{}` can write the same object twice, for instance `{key}`",
                    first.name
                )
            } else {
                format!(
                    "`{}` and `{}` can write the same object, for instance `{key}`",
                    first.name, second.name
                )
            };
            report.push(
                Diagnostic::error("E304", summary)
                    .label(second.span.clone(), format!("`{}` writes here", second.name))
                    .label(first.span.clone(), format!("`{}` writes here", first.name))
                    .help("give each a prefix or a suffix of its own: `out: {parts/: \"*.srt\"}`, `out: parts/*.srt`"),
            );
        }
    }
}

fn loops(
    graph: &DiGraph<usize, ()>,
    meetings: &[Meeting],
    outputs: &[End<'_>],
    inputs: &[End<'_>],
    report: &mut Vec<Diagnostic>,
) {
    for component in tarjan_scc(graph)
        .iter()
        .filter(|component| component.len() > 1)
    {
        let Some(path) = shortest_loop(graph, component) else {
            continue;
        };
        let hops = path.iter().zip(path.iter().cycle().skip(1));
        let hops: Vec<&Meeting> = hops
            .filter_map(|(from, to)| {
                meetings.iter().find(|meeting| {
                    outputs[meeting.output].stage == *from && inputs[meeting.input].stage == *to
                })
            })
            .collect();
        let mut names: Vec<&str> = hops.iter().map(|hop| outputs[hop.output].name).collect();
        names.extend(names.first().copied());
        let mut diagnostic =
            Diagnostic::error("E302", format!("endless loop: {}", names.join(" → ")));
        for hop in hops {
            let (writer, reader) = (&outputs[hop.output], &inputs[hop.input]);
            diagnostic = diagnostic
                .label(
                    writer.span.clone(),
                    format!("`{}` writes, for instance, `{}`", writer.name, hop.key),
                )
                .label(reader.span.clone(), format!("`{}` takes it", reader.name));
        }
        report.push(
            diagnostic.help("write to a prefix or with a suffix that no stage before it takes"),
        );
    }
}

/// The stages of a shortest loop through the first stage (in file order) of a component.
fn shortest_loop(graph: &DiGraph<usize, ()>, component: &[NodeIndex]) -> Option<Vec<usize>> {
    let start = *component.iter().min()?;
    let mut paths = std::collections::VecDeque::from([vec![start]]);
    let mut seen = std::collections::BTreeSet::new();
    while let Some(path) = paths.pop_front() {
        let mut next: Vec<NodeIndex> = graph.neighbors(*path.last()?).collect();
        next.sort();
        for node in next {
            if node == start && path.len() > 1 {
                return Some(path.iter().map(|node| graph[*node]).collect());
            }
            if node != start && seen.insert(node) {
                paths.push_back(path.iter().copied().chain([node]).collect());
            }
        }
    }
    None
}

/// Stages in topological order, ties in file order; `None` if there is a loop.
fn order(graph: &DiGraph<usize, ()>, nodes: &[NodeIndex]) -> Option<Vec<usize>> {
    use petgraph::Direction::Incoming;
    let mut order: Vec<usize> = Vec::new();
    while order.len() < nodes.len() {
        let is_ready = |stage: &usize| {
            !order.contains(stage)
                && graph
                    .neighbors_directed(nodes[*stage], Incoming)
                    .all(|before| order.contains(&graph[before]))
        };
        let next = (0..nodes.len()).find(is_ready)?;
        order.push(next);
    }
    Some(order)
}

fn to_link(
    meeting: &Meeting,
    outputs: &[End<'_>],
    inputs: &[End<'_>],
    workflow: &Workflow,
) -> Link {
    let reader = &inputs[meeting.input];
    let input = &workflow.stages[reader.stage].inputs[reader.index];
    Link {
        from: outputs[meeting.output].name.to_owned(),
        to: reader.name.to_owned(),
        via: format!("{}:{}", input.bucket, input.pattern),
    }
}
