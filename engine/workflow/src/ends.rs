//! Where stages read and write, and where the two meet.

use std::collections::BTreeMap;
use std::ops::Bound;

use scar_manifest::{Places, Span};
use scar_schemas::glob::Token;

use crate::key_space::KeySpace;
use crate::resolve::span;
use crate::{Workflow, limits};

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
pub(crate) struct Meeting {
    pub(crate) output: usize,
    pub(crate) input: usize,
    /// A key that both have.
    pub(crate) key: String,
}

/// Everything that is read and written, and where it meets.
pub(crate) struct Ends<'a> {
    pub(crate) outputs: Vec<End<'a>>,
    pub(crate) inputs: Vec<End<'a>>,
    pub(crate) meetings: Vec<Meeting>,
    /// There was more to compare than anybody should wait for: not all meetings are there.
    pub(crate) is_cut_off: bool,
}

impl<'a> Ends<'a> {
    pub(crate) fn new(workflow: &'a Workflow, places: &Places) -> Self {
        let outputs = outputs(workflow, places);
        let inputs = inputs(workflow, places);
        let (meetings, is_cut_off) = meetings(&outputs, &inputs);
        Self {
            outputs,
            inputs,
            meetings,
            is_cut_off,
        }
    }

    pub(crate) fn writer(&self, meeting: &Meeting) -> &End<'a> {
        &self.outputs[meeting.output]
    }

    pub(crate) fn reader(&self, meeting: &Meeting) -> &End<'a> {
        &self.inputs[meeting.input]
    }

    /// The inputs that an output feeds.
    pub(crate) fn readers(&self, output: usize) -> impl Iterator<Item = &End<'a>> + '_ {
        // Meetings are in the order of outputs.
        let start = self
            .meetings
            .partition_point(|meeting| meeting.output < output);
        let meetings = self.meetings[start..].iter();
        meetings
            .take_while(move |meeting| meeting.output == output)
            .map(|meeting| self.reader(meeting))
    }

    /// Stages that meet in this way, from writer to reader, each pair once.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.meetings
            .iter()
            .map(|meeting| (self.writer(meeting).stage, self.reader(meeting).stage))
    }
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
            let space = KeySpace::of_input(input, stage.when.as_ref());
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

/// All meetings, and whether they were cut off.
fn meetings(outputs: &[End<'_>], inputs: &[End<'_>]) -> (Vec<Meeting>, bool) {
    let index = Index::new(inputs);
    let mut meetings = Vec::new();
    let mut comparisons = 0;
    for (output, writer) in outputs.iter().enumerate() {
        let near = index.near(&writer.space);
        comparisons += near.len();
        if comparisons > limits::COMPARISONS {
            return (meetings, true);
        }
        for input in near {
            if let Some(key) = writer.space.common_key(&inputs[input].space) {
                meetings.push(Meeting { output, input, key });
            }
        }
    }
    (meetings, false)
}

/// Ends by the literal text that all their keys begin with: only those whose beginnings agree can have a
/// key in common, and to look at all pairs would take the square of their number.
pub(crate) struct Index<'a> {
    by_prefix: BTreeMap<(&'a str, String), Vec<usize>>,
}

impl<'a> Index<'a> {
    pub(crate) fn new(ends: &[End<'a>]) -> Self {
        let mut by_prefix: BTreeMap<(&str, String), Vec<usize>> = BTreeMap::new();
        for (number, end) in ends.iter().enumerate() {
            for tokens in end.space.alternatives() {
                by_prefix
                    .entry((end.space.bucket(), literal(tokens)))
                    .or_default()
                    .push(number);
            }
        }
        Self { by_prefix }
    }

    /// The ends whose keys may begin like those of a key space, in order.
    pub(crate) fn near(&self, space: &KeySpace<'a>) -> Vec<usize> {
        let mut found = Vec::new();
        for tokens in space.alternatives() {
            let prefix = literal(tokens);
            let ends = prefix.char_indices().map(|(at, _)| at);
            for end in ends {
                let shorter = (space.bucket(), prefix[..end].to_owned());
                found.extend(self.by_prefix.get(&shorter).into_iter().flatten());
            }
            let from = (space.bucket(), prefix.clone());
            let longer = self
                .by_prefix
                .range((Bound::Included(from), Bound::Unbounded))
                .take_while(|((bucket, text), _)| {
                    *bucket == space.bucket() && text.starts_with(&prefix)
                });
            found.extend(longer.flat_map(|(_, numbers)| numbers));
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The text that every key of an alternative begins with.
fn literal(tokens: &[Token]) -> String {
    let characters = tokens.iter().map_while(|token| match token {
        Token::Literal(character) => Some(*character),
        _ => None,
    });
    characters.collect()
}
