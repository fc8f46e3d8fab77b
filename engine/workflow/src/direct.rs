//! `events: direct`: what S3 refuses in the notifications of one bucket.

use std::collections::BTreeMap;

use scar_manifest::Diagnostic;
use scar_schemas::construct::Events;
use scar_schemas::glob::Token;

use crate::Workflow;
use crate::ends::{End, Ends};

/// Notifications of one bucket (Amazon S3 User Guide, "Amazon S3 event notifications").
const MOST: usize = 100;

/// One notification as S3 has it: a key begins and ends so.
struct Filter<'a> {
    end: &'a End<'a>,
    prefix: String,
    suffix: String,
}

/// Reports notifications that overlap, and buckets that would have too many.
pub(crate) fn check(workflow: &Workflow, ends: &Ends<'_>, report: &mut Vec<Diagnostic>) {
    let mut buckets: BTreeMap<&str, Vec<Filter<'_>>> = BTreeMap::new();
    let direct = |end: &&End<'_>| workflow.stages[end.stage].events == Events::Direct;
    for end in ends.inputs.iter().filter(direct) {
        let filters = buckets.entry(end.space.bucket()).or_default();
        for tokens in end.space.alternatives() {
            filters.push(Filter {
                end,
                prefix: literal(tokens.iter()),
                suffix: literal(tokens.iter().rev()).chars().rev().collect(),
            });
        }
    }
    for (bucket, mut filters) in buckets {
        if too_many(bucket, &filters, report) {
            continue;
        }
        filters.sort_by(|left, right| left.prefix.cmp(&right.prefix));
        overlaps(&filters, report);
    }
}

fn literal<'a>(tokens: impl Iterator<Item = &'a Token>) -> String {
    let characters = tokens.map_while(|token| match token {
        Token::Literal(character) => Some(*character),
        _ => None,
    });
    characters.collect()
}

fn too_many(bucket: &str, filters: &[Filter<'_>], report: &mut Vec<Diagnostic>) -> bool {
    let Some(first) = filters.get(MOST) else {
        return false;
    };
    let summary = format!(
        "bucket `{bucket}` would have {} notifications, S3 allows {MOST}",
        filters.len()
    );
    report.push(
        Diagnostic::error("E219", summary)
            .label(first.end.span.clone(), "one too many")
            .help("leave out `events: direct` for some of these stages"),
    );
    true
}

/// Sorted by prefix, everything that begins like a filter stands right behind it.
fn overlaps(filters: &[Filter<'_>], report: &mut Vec<Diagnostic>) {
    for (number, first) in filters.iter().enumerate() {
        let rest = filters[number + 1..].iter();
        let near = rest.take_while(|other| other.prefix.starts_with(&first.prefix));
        for second in near {
            let ends_meet =
                first.suffix.ends_with(&second.suffix) || second.suffix.ends_with(&first.suffix);
            if ends_meet {
                report.push(overlap(first, second));
            }
        }
    }
}

fn overlap(first: &Filter<'_>, second: &Filter<'_>) -> Diagnostic {
    let show = |filter: &Filter<'_>| format!("`{}…{}`", filter.prefix, filter.suffix);
    let summary = format!(
        "S3 refuses two direct notifications for the same objects: {} and {}",
        show(first),
        show(second)
    );
    let label = |filter: &Filter<'_>| format!("`{}` gets these", filter.end.name);
    Diagnostic::error("E318", summary)
        .label(second.end.span.clone(), label(second))
        .label(first.end.span.clone(), label(first))
        .help("leave out `events: direct` for one of them: events through EventBridge may overlap")
}
