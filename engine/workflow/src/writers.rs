//! Outputs that can write the same object, files that go two ways, and files that nobody reads.

use scar_manifest::{Diagnostic, Places};
use scar_schemas::contract::OutputKey;

use crate::choice::are_alternatives;
use crate::dead::show;
use crate::ends::{End, Ends, Index};
use crate::key_space::KeySpace;
use crate::{Workflow, limits};

/// Reports what is wrong with outputs, seen together.
pub(crate) fn check(
    workflow: &Workflow,
    ends: &Ends<'_>,
    places: &Places,
    report: &mut Vec<Diagnostic>,
) {
    shared(workflow, ends, places, report);
    two_ways(workflow, ends, report);
    unread(workflow, ends, report);
}

/// Says that the whole cannot be compared in reasonable time.
pub(crate) fn too_many(places: &Places) -> Diagnostic {
    let stages = places.get("stages");
    let stages = stages.map_or(0..0, |place| place.key.clone());
    Diagnostic::error("E321", "too many stages read and write in the same folders")
        .label(
            stages,
            format!("more than {} pairs to compare", limits::COMPARISONS),
        )
        .help("give each kind of file a folder of its own, or make several workflows of it")
}

fn shared(workflow: &Workflow, ends: &Ends<'_>, places: &Places, report: &mut Vec<Diagnostic>) {
    let index = Index::new(&ends.outputs);
    let mut comparisons = 0;
    for (number, second) in ends.outputs.iter().enumerate() {
        let near = index.near(&second.space);
        comparisons += near.len();
        if comparisons > limits::COMPARISONS {
            report.push(too_many(places));
            return;
        }
        for first in near.into_iter().filter(|first| *first < number) {
            let first = &ends.outputs[first];
            // An object that only one of the two takes gives results of only one of them.
            if are_alternatives(workflow, first.stage, second.stage) {
                continue;
            }
            if let Some(key) = first.space.common_key(&second.space) {
                report.push(match is_chosen(workflow, first, second) {
                    true => perhaps_shared_by(first, second, &key),
                    false => shared_by(first, second, &key),
                });
            }
        }
    }
}

/// Whether it is up to the scripts of two stages that they write different names.
fn is_chosen(workflow: &Workflow, first: &End<'_>, second: &End<'_>) -> bool {
    let writes_any = |end: &End<'_>| {
        let output = &workflow.stages[end.stage].outputs[end.index];
        matches!(output.key, OutputKey::Prefix { .. })
    };
    first.stage != second.stage && (writes_any(first) || writes_any(second))
}

fn perhaps_shared_by(first: &End<'_>, second: &End<'_>, key: &str) -> Diagnostic {
    let summary = format!(
        "`{}` and `{}` may write the same object, for instance `{key}`: the later task would fail",
        first.name, second.name
    );
    both_write(Diagnostic::warning("W917", summary), first, second)
        .help("if their scripts may use the same names, give each a prefix or a suffix of its own: `out: {parts/: \"*.srt\"}`")
}

fn shared_by(first: &End<'_>, second: &End<'_>, key: &str) -> Diagnostic {
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
    both_write(Diagnostic::error("E304", summary), first, second).help(
        "give each a prefix or a suffix of its own: `out: {parts/: \"*.srt\"}`, `out: parts/*.srt`",
    )
}

fn both_write(diagnostic: Diagnostic, first: &End<'_>, second: &End<'_>) -> Diagnostic {
    diagnostic
        .label(
            second.span.clone(),
            format!("`{}` writes here", second.name),
        )
        .label(first.span.clone(), format!("`{}` writes here", first.name))
}

/// Files that two patterns of one `out` match are stored in both places.
fn two_ways(workflow: &Workflow, ends: &Ends<'_>, report: &mut Vec<Diagnostic>) {
    for (number, second) in ends.outputs.iter().enumerate() {
        let earlier = ends.outputs[..number].iter().rev();
        for first in earlier.take_while(|first| first.stage == second.stage) {
            let file = file_in_both(workflow, first, second);
            let Some(file) = file else { continue };
            let summary = format!(
                "stage `{}` stores a file such as `{file}` in two places",
                first.name
            );
            report.push(
                Diagnostic::warning("W906", summary)
                    .label(second.span.clone(), "also here")
                    .label(first.span.clone(), "here")
                    .help("make one of the patterns narrower, unless both copies are meant"),
            );
        }
    }
}

fn file_in_both(workflow: &Workflow, first: &End<'_>, second: &End<'_>) -> Option<String> {
    let files = |end: &End<'_>| match &workflow.stages[end.stage].outputs[end.index].key {
        OutputKey::Prefix {
            files: Some(files), ..
        } => Some(files.clone()),
        _ => None,
    };
    let (first, second) = (files(first)?, files(second)?);
    let space = |files| {
        let key = OutputKey::Prefix {
            prefix: String::new(),
            files: Some(files),
        };
        crate::Output {
            bucket: String::new(),
            key,
        }
    };
    let (first, second) = (space(first), space(second));
    KeySpace::of_output(&first).common_key(&KeySpace::of_output(&second))
}

/// Kinds of files that nobody reads although their siblings of the same output are read.
fn unread(workflow: &Workflow, ends: &Ends<'_>, report: &mut Vec<Diagnostic>) {
    for (number, output) in ends.outputs.iter().enumerate() {
        let kinds = output.space.alternatives().len();
        if kinds < 2 {
            continue;
        }
        let readers: Vec<&End<'_>> = ends.readers(number).collect();
        let unread: Vec<usize> = (0..kinds)
            .filter(|kind| {
                let only = output.space.only(*kind);
                !readers
                    .iter()
                    .any(|reader| only.common_key(&reader.space).is_some())
            })
            .collect();
        if readers.is_empty() || unread.is_empty() {
            continue;
        }
        let example = output.space.only(unread[0]).example().unwrap_or_default();
        let written = show(&workflow.stages[output.stage].outputs[output.index]);
        let summary = format!(
            "nobody reads some files of `{written}` of stage `{}`, for instance `{example}`",
            output.name
        );
        let mut diagnostic = Diagnostic::warning("W905", summary)
            .label(output.span.clone(), "written here")
            .help("take them in a stage, or give them an output of their own if they are results");
        for reader in readers {
            diagnostic = diagnostic.label(
                reader.span.clone(),
                format!("`{}` reads only these", reader.name),
            );
        }
        report.push(diagnostic);
    }
}
