//! Joins by run: the proof that every file between what fans out and the join arrives there.
//!
//! A join by run knows how many files a run sends to it from the numbers that each file carries: file 3 of
//! 7, item 2 of 10. So no stage on the way may leave a file alone that was counted. Of the files below a
//! prefix only those are counted that somebody on the way takes.

use std::collections::{BTreeMap, BTreeSet};

use scar_manifest::{Diagnostic, Places, Span};
use scar_schemas::construct::{JoinBy, When};
use scar_schemas::contract::{Counted, OutputKey};
use scar_schemas::glob::Token;
use scar_schemas::inclusion::{TooComplicated, uncovered_key};

use crate::ends::{End, Ends};
use crate::graph::after;
use crate::key_space::examples;
use crate::resolve::span;
use crate::{Stage, Workflow};

/// Files that are counted, by number of the stage and of its output.
pub(crate) type Counts = BTreeMap<(usize, usize), Vec<Counted>>;

/// Reports joins by run that cannot know when they are complete, and finds the outputs of which not every
/// file is counted.
pub(crate) fn check(
    workflow: &Workflow,
    ends: &Ends<'_>,
    places: &Places,
    report: &mut Vec<Diagnostic>,
) -> Counts {
    let stages = workflow.stages.iter().enumerate();
    let joins: Vec<(usize, Span)> = stages
        .filter_map(|(number, stage)| {
            let key = key(stage)?;
            Some((
                number,
                span(places, &format!("stages.{}.{key}", stage.name)),
            ))
        })
        .collect();
    let mut counts = Counts::new();
    if joins.is_empty() {
        return counts;
    }
    let ways = Ways::new(workflow, ends);
    let needs: Vec<Needs<'_>> = joins.iter().map(|(join, _)| ways.needs(*join)).collect();
    for ((join, place), own) in joins.iter().zip(&needs) {
        unwritten(*join, ends, place, report);
        ways.stems_between(*join, place, places, report);
        for (output, readers) in own {
            let Some(lost) = ways.lost(&ends.outputs[*output], readers, *join, place) else {
                continue;
            };
            let is_agreed = needs.iter().all(|needs| agree(needs.get(output), readers));
            match ways
                .counted(&ends.outputs[*output], readers)
                .filter(|_| is_agreed)
            {
                Some((at, counted)) => _ = counts.insert(at, counted),
                None => report.push(lost),
            }
        }
    }
    counts
}

/// Whether another join, if it waits for files of an output at all, waits for the same ones.
fn agree(other: Option<&Vec<&End<'_>>>, readers: &[&End<'_>]) -> bool {
    let ids = |readers: &[&End<'_>]| -> Vec<(usize, usize)> {
        readers.iter().map(|end| (end.stage, end.index)).collect()
    };
    other.is_none_or(|other| ids(other) == ids(readers))
}

/// The key that makes a stage wait for a whole run: also `after` several stages does.
fn key(stage: &Stage) -> Option<&'static str> {
    let by_run = stage
        .join
        .as_ref()
        .is_some_and(|join| join.by == JoinBy::Run);
    match (by_run, stage.after.len()) {
        (true, _) => Some("join"),
        (false, 2..) => Some("after"),
        _ => None,
    }
}

fn unwritten(join: usize, ends: &Ends<'_>, place: &Span, report: &mut Vec<Diagnostic>) {
    let written: BTreeSet<usize> = ends.meetings.iter().map(|m| m.input).collect();
    let inputs = ends.inputs.iter().enumerate();
    for (_, input) in inputs.filter(|(number, end)| end.stage == join && !written.contains(number))
    {
        let summary = format!(
            "stage `{}` joins by run what comes from outside: nobody knows how many objects there will be",
            input.name
        );
        report.push(
            Diagnostic::error("E314", summary)
                .label(input.span.clone(), "no stage writes this")
                .label(place.clone(), "waits for a whole run")
                .help(
                    "join by `stem` or by `window`, or let a stage before it write these objects",
                ),
        );
    }
}

/// The outputs whose files a join counts, by number, with who takes them on the way to it.
type Needs<'a> = BTreeMap<usize, Vec<&'a End<'a>>>;

/// Who comes before whom.
struct Ways<'a> {
    workflow: &'a Workflow,
    ends: &'a Ends<'a>,
    /// The stages that start a stage.
    before: BTreeMap<usize, BTreeSet<usize>>,
}

impl<'a> Ways<'a> {
    fn new(workflow: &'a Workflow, ends: &'a Ends<'a>) -> Self {
        let mut before: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (from, to) in ends.pairs().chain(after(workflow)) {
            before.entry(to).or_default().insert(from);
        }
        Self {
            workflow,
            ends,
            before,
        }
    }

    fn join(&self, stage: usize) -> Option<JoinBy> {
        let stage = &self.workflow.stages[stage];
        match key(stage) {
            Some(_) => Some(JoinBy::Run),
            None => stage.join.as_ref().map(|join| join.by),
        }
    }

    /// What leads to a join. Another join that makes one task of a whole run or window begins anew.
    fn leading(&self, join: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::from([join]);
        let mut waiting = vec![join];
        while let Some(stage) = waiting.pop() {
            let begins = matches!(self.join(stage), Some(JoinBy::Run | JoinBy::Window));
            if begins && stage != join {
                continue;
            }
            for earlier in self.before.get(&stage).into_iter().flatten() {
                if found.insert(*earlier) {
                    waiting.push(*earlier);
                }
            }
        }
        found
    }

    /// The outputs of a stage that fan out by themselves.
    fn fans_out(&self, end: &End<'_>) -> bool {
        let stage = &self.workflow.stages[end.stage];
        let is_many = matches!(stage.outputs[end.index].key, OutputKey::Prefix { .. });
        is_many || !stage.items.is_empty()
    }

    /// Of the stages that lead to a join, those of which a run can have several tasks.
    fn several(&self, leading: &BTreeSet<usize>, join: usize) -> BTreeSet<usize> {
        let mut several = BTreeSet::new();
        let mut waiting: Vec<usize> = Vec::new();
        let outputs = self.ends.outputs.iter().enumerate();
        for (number, output) in outputs.filter(|(_, output)| leading.contains(&output.stage)) {
            if self.fans_out(output) {
                waiting.extend(self.ends.readers(number).map(|reader| reader.stage));
            }
        }
        let mut next: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (to, before) in &self.before {
            for from in before {
                next.entry(*from).or_default().push(*to);
            }
        }
        while let Some(stage) = waiting.pop() {
            let begins = matches!(self.join(stage), Some(JoinBy::Run | JoinBy::Window));
            if stage != join && !begins && leading.contains(&stage) && several.insert(stage) {
                waiting.extend(next.get(&stage).into_iter().flatten());
            }
        }
        several
    }

    /// Reports joins by stem that make one file of several that are counted.
    fn stems_between(
        &self,
        join: usize,
        place: &Span,
        places: &Places,
        report: &mut Vec<Diagnostic>,
    ) {
        let leading = self.leading(join);
        for stage in self.several(&leading, join) {
            if self.join(stage) == Some(JoinBy::Stem) {
                report.push(self.join_between(stage, join, place, places));
            }
        }
    }

    fn needs(&self, join: usize) -> Needs<'a> {
        let leading = self.leading(join);
        let several = self.several(&leading, join);
        let outputs = self.ends.outputs.iter().enumerate();
        let counted = outputs.filter(|(_, output)| {
            let is_counted = self.fans_out(output) || several.contains(&output.stage);
            is_counted && output.stage != join && leading.contains(&output.stage)
        });
        let readers = counted.map(|(number, _)| {
            let readers = self.ends.readers(number);
            let on_the_way = readers.filter(|reader| leading.contains(&reader.stage));
            (number, on_the_way.collect::<Vec<_>>())
        });
        readers.filter(|(_, readers)| !readers.is_empty()).collect()
    }

    /// What is counted of an output that writes whatever files a task makes: those that are taken.
    fn counted(
        &self,
        output: &End<'_>,
        readers: &[&End<'_>],
    ) -> Option<((usize, usize), Vec<Counted>)> {
        let stages = &self.workflow.stages;
        let OutputKey::Prefix { .. } = stages[output.stage].outputs[output.index].key else {
            return None;
        };
        let taken = readers.iter().map(|reader| Counted {
            pattern: stages[reader.stage].inputs[reader.index].pattern.clone(),
            when: stages[reader.stage].when.clone(),
        });
        Some(((output.stage, output.index), taken.collect()))
    }

    fn join_between(&self, stage: usize, join: usize, place: &Span, places: &Places) -> Diagnostic {
        let name = |stage: usize| &self.workflow.stages[stage].name;
        let summary = format!(
            "`{}` cannot count a run: `{}` joins by stem on the way",
            name(join),
            name(stage)
        );
        let own = span(places, &format!("stages.{}.join", name(stage)));
        Diagnostic::error("E320", summary)
            .label(own, "makes one of several")
            .label(place.clone(), "waits for all files of a run")
            .help("join by run there too, or only once")
    }

    /// A file that none of the readers takes.
    fn lost(
        &self,
        output: &End<'_>,
        readers: &[&End<'_>],
        join: usize,
        place: &Span,
    ) -> Option<Diagnostic> {
        let name = &self.workflow.stages[join].name;
        let (summary, help) = match self.untaken(output, readers) {
            Ok(None) => return None,
            Ok(Some((key, size))) => (
                format!(
                    "the join of `{name}` would wait for ever for a file such as `{key}`{size} of `{}`",
                    output.name
                ),
                "write only what is taken, for instance `out: parts/*.vcf`, or take everything: `in: parts/*`",
            ),
            Err(TooComplicated) => (
                format!(
                    "nobody can prove that the join of `{name}` gets all files of `{}`",
                    output.name
                ),
                "write and read with simpler patterns",
            ),
        };
        let mut diagnostic = Diagnostic::error("E315", summary)
            .label(
                output.span.clone(),
                format!("`{}` can write it", output.name),
            )
            .help(help);
        for reader in readers {
            let label = format!("`{}` does not take it", reader.name);
            diagnostic = diagnostic.label(reader.span.clone(), label);
        }
        Some(diagnostic.label(place.clone(), "waits for all files of a run"))
    }

    /// A key that an output can have and that no reader takes, with its size if that matters.
    fn untaken(
        &self,
        output: &End<'_>,
        readers: &[&End<'_>],
    ) -> Result<Option<(String, String)>, TooComplicated> {
        let whens = |reader: &&End<'_>| self.workflow.stages[reader.stage].when.clone();
        let whens: Vec<Option<When>> = readers.iter().map(whens).collect();
        for size in sizes(&whens) {
            let takes = |when: &Option<When>| {
                when.as_ref().is_none_or(|when| {
                    when.min_bytes.is_none_or(|min| size >= min)
                        && when.below_bytes.is_none_or(|below| size < below)
                })
            };
            let active = readers.iter().zip(&whens).filter(|(_, when)| takes(when));
            let rights: Vec<&[Token]> = active
                .flat_map(|(reader, _)| reader.space.alternatives())
                .map(Vec::as_slice)
                .collect();
            let alternatives = output.space.alternatives().iter();
            for tokens in alternatives.flat_map(|tokens| examples(tokens)) {
                if let Some(key) = uncovered_key(&tokens, &rights)? {
                    let only_then = size > 0 || rights.is_empty();
                    let size = only_then.then(|| format!(" of {size} bytes"));
                    return Ok(Some((key, size.unwrap_or_default())));
                }
            }
        }
        Ok(None)
    }
}

/// One size of every range between the bounds that somebody names.
fn sizes(whens: &[Option<When>]) -> BTreeSet<u64> {
    let bounds = whens.iter().flatten();
    let bounds = bounds.flat_map(|when| [when.min_bytes, when.below_bytes]);
    bounds.flatten().chain([0]).collect()
}
