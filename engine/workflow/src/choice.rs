//! Stages that share their inputs and tell objects apart by `when`: holes and overlaps between them.

use std::collections::BTreeSet;

use scar_manifest::{Diagnostic, Places};
use scar_schemas::construct::When;

use crate::ends::{End, Ends, Index};
use crate::resolve::span;
use crate::{Workflow, limits};

/// Sizes in bytes: the least, and the first that is too large.
type Range = (u64, Option<u64>);

/// Whether two stages read the same places, and no object is taken by both.
pub(crate) fn are_alternatives(workflow: &Workflow, first: usize, second: usize) -> bool {
    let (first, second) = (&workflow.stages[first], &workflow.stages[second]);
    let (Some(left), Some(right)) = (&first.when, &second.when) else {
        return false;
    };
    let sizes_meet = overlap(range(left), range(right)).is_some();
    let ends_meet = left.suffixes.is_empty()
        || right.suffixes.is_empty()
        || suffixes_meet(left, right).is_some();
    first.name != second.name && first.inputs == second.inputs && !(sizes_meet && ends_meet)
}

/// Reports holes and overlaps.
pub(crate) fn check(
    workflow: &Workflow,
    ends: &Ends<'_>,
    places: &Places,
    report: &mut Vec<Diagnostic>,
) {
    let sized = |end: &End<'_>| sizes(workflow, end).is_some();
    if !ends.inputs.iter().any(sized) {
        return;
    }
    let index = Index::new(&ends.inputs);
    let (mut pairs, mut groups) = (BTreeSet::new(), BTreeSet::new());
    let mut comparisons = 0;
    for (number, first) in ends.inputs.iter().enumerate() {
        let Some(left) = sizes(workflow, first) else {
            continue;
        };
        let near = index.near(&first.space);
        comparisons += near.len();
        // Advice on so many is no help.
        if comparisons > limits::COMPARISONS / 10 {
            return;
        }
        for second in near.iter().filter(|second| **second > number) {
            let second = &ends.inputs[*second];
            let Some(right) = sizes(workflow, second).filter(|_| first.stage != second.stage)
            else {
                continue;
            };
            let Some(key) = first.space.common_key(&second.space) else {
                continue;
            };
            let is_new = pairs.insert((first.stage, second.stage));
            if let Some(both) = overlap(left, right).filter(|_| is_new) {
                report.push(overlapping(workflow, places, [first, second], &key, both));
            }
            let takers: Vec<&End<'_>> = near
                .iter()
                .map(|other| &ends.inputs[*other])
                .filter(|other| other.space.has(first.space.bucket(), &key))
                .collect();
            let stages: BTreeSet<usize> = takers.iter().map(|taker| taker.stage).collect();
            if groups.insert(stages) {
                report.extend(hole(workflow, places, &takers, &key));
            }
        }
    }
}

fn overlapping(
    workflow: &Workflow,
    places: &Places,
    both: [&End<'_>; 2],
    key: &str,
    sizes: Range,
) -> Diagnostic {
    let [first, second] = both;
    let summary = format!(
        "`{}` and `{}` both take an object such as `{key}` of {}",
        first.name,
        second.name,
        show(sizes)
    );
    let mut diagnostic = Diagnostic::warning("W904", summary)
        .help("let one range end where the other begins, unless both shall work on these objects");
    for end in both {
        diagnostic = diagnostic.label(when_place(workflow, places, end), range_text(workflow, end));
    }
    diagnostic
}

/// The sizes of an object that none of its takers takes.
fn hole(
    workflow: &Workflow,
    places: &Places,
    takers: &[&End<'_>],
    key: &str,
) -> Option<Diagnostic> {
    let mut ranges: Vec<Range> = takers
        .iter()
        .map(|taker| sizes(workflow, taker).unwrap_or((0, None)))
        .collect();
    ranges.sort_unstable();
    let mut covered = 0;
    let mut missing = None;
    for (least, below) in ranges {
        if least > covered {
            missing = Some((covered, Some(least)));
            break;
        }
        match below {
            None => return None,
            Some(below) => covered = covered.max(below),
        }
    }
    let missing = missing.unwrap_or((covered, None));
    let summary = format!(
        "no stage takes an object such as `{key}` of {}",
        show(missing)
    );
    let mut diagnostic = Diagnostic::warning("W903", summary)
        .help("let one range begin where the other ends, unless these objects shall be left alone");
    for taker in takers {
        diagnostic = diagnostic.label(
            when_place(workflow, places, taker),
            range_text(workflow, taker),
        );
    }
    Some(diagnostic)
}

fn when_place(workflow: &Workflow, places: &Places, end: &End<'_>) -> scar_manifest::Span {
    let name = &workflow.stages[end.stage].name;
    span(places, &format!("stages.{name}.when.size"))
}

fn range_text(workflow: &Workflow, end: &End<'_>) -> String {
    let sizes = sizes(workflow, end).unwrap_or((0, None));
    format!("`{}` takes {}", end.name, show(sizes))
}

/// The sizes that a stage takes, if it says any.
fn sizes(workflow: &Workflow, end: &End<'_>) -> Option<Range> {
    let when = workflow.stages[end.stage].when.as_ref()?;
    let says = when.min_bytes.is_some() || when.below_bytes.is_some();
    says.then(|| range(when))
}

fn range(when: &When) -> Range {
    (when.min_bytes.unwrap_or(0), when.below_bytes)
}

fn overlap(left: Range, right: Range) -> Option<Range> {
    let least = left.0.max(right.0);
    let below = match (left.1, right.1) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (one, other) => one.or(other),
    };
    below
        .is_none_or(|below| least < below)
        .then_some((least, below))
}

/// A suffix of one that ends in a suffix of the other: keys with it are taken by both.
fn suffixes_meet<'a>(left: &'a When, right: &'a When) -> Option<&'a str> {
    let pairs = left
        .suffixes
        .iter()
        .flat_map(|one| right.suffixes.iter().map(move |other| (one, other)));
    pairs
        .filter_map(|(one, other)| {
            if one.ends_with(other.as_str()) {
                Some(one.as_str())
            } else if other.ends_with(one.as_str()) {
                Some(other.as_str())
            } else {
                None
            }
        })
        .next()
}

fn show((least, below): Range) -> String {
    // As it was written: `<=64MiB` is kept as less than one byte more.
    let is_odd = |count: u64| count % 1024 == 1;
    let from = match least {
        least if is_odd(least) => format!("more than {}", bytes(least - 1)),
        least => format!("{} and more", bytes(least)),
    };
    match below {
        None => from,
        Some(below) if below == least + 1 => format!("exactly {}", bytes(least)),
        Some(below) => {
            let to = if is_odd(below) {
                format!("at most {}", bytes(below - 1))
            } else {
                format!("less than {}", bytes(below))
            };
            if least == 0 {
                to
            } else {
                format!("{from}, {to}")
            }
        }
    }
}

/// A size in the largest unit that is exact.
fn bytes(count: u64) -> String {
    const UNITS: &[(&str, u32)] = &[("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let exact = UNITS
        .iter()
        .find(|(_, shift)| count > 0 && count.is_multiple_of(1 << shift));
    match exact {
        Some((unit, shift)) => format!("{}{unit}", count >> shift),
        None => format!("{count}B"),
    }
}
