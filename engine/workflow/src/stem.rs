//! Joins by stem: whether their inputs can have a stem in common at all.

use scar_manifest::{Diagnostic, Places};
use scar_schemas::automaton;
use scar_schemas::construct::JoinBy;
use scar_schemas::glob::Token;

use crate::Workflow;
use crate::ends::{End, Ends};
use crate::resolve::span;

/// Reports joins that can never be complete, and members that have two places.
pub(crate) fn check(
    workflow: &Workflow,
    ends: &Ends<'_>,
    places: &Places,
    report: &mut Vec<Diagnostic>,
) {
    for inputs in ends.inputs.chunk_by(|one, other| one.stage == other.stage) {
        let stage = &workflow.stages[inputs[0].stage];
        let by = stage.join.as_ref().map(|join| join.by);
        if by != Some(JoinBy::Stem) {
            continue;
        }
        if let [only] = inputs {
            let place = span(places, &format!("stages.{}.join", stage.name));
            report.push(lonely(only, place));
        }
        for (number, second) in inputs.iter().enumerate() {
            for first in &inputs[..number] {
                report.extend(pair(first, second));
            }
        }
    }
}

fn lonely(input: &End<'_>, join: scar_manifest::Span) -> Diagnostic {
    let summary = format!(
        "stage `{}` joins by stem, but has one input only",
        input.name
    );
    Diagnostic::error("E317", summary)
        .label(join, "nothing to wait for")
        .label(input.span.clone(), "every object here is complete at once")
        .help("name the other inputs, or remove `join`")
}

fn pair(first: &End<'_>, second: &End<'_>) -> Option<Diagnostic> {
    if let Some(key) = first.space.common_key(&second.space) {
        let summary = format!(
            "two inputs of the join of `{}` take the same object, for instance `{key}`",
            first.name
        );
        return Some(
            Diagnostic::error("E319", summary)
                .label(second.span.clone(), "taken here")
                .label(first.span.clone(), "and here")
                .help("tell the inputs apart by folder or by suffix"),
        );
    }
    if can_share(first, second) {
        return None;
    }
    let summary = format!(
        "the join of `{}` can never be complete: no stem is possible for both inputs",
        first.name
    );
    Some(
        Diagnostic::error("E316", summary)
            .label(second.span.clone(), "no stem of these")
            .label(first.span.clone(), "is a stem of these")
            .help("a stem is the key below the pattern's folder, without the last suffix: make the rest of the names equal"),
    )
}

fn can_share(first: &End<'_>, second: &End<'_>) -> bool {
    let stems = |end: &End<'_>| -> Vec<Vec<Token>> {
        end.space
            .alternatives()
            .iter()
            .map(|tokens| stem(tokens))
            .collect()
    };
    let (left, right) = (stems(first), stems(second));
    left.iter().any(|left| {
        right
            .iter()
            .any(|right| automaton::common_key(left, right).is_some())
    })
}

/// All stems of an alternative's keys, and perhaps some more: enough to prove that two have none in common.
fn stem(tokens: &[Token]) -> Vec<Token> {
    let is_literal = |token: &Token| matches!(token, Token::Literal(_));
    let first_wild = tokens.iter().position(|token| !is_literal(token));
    let folder = tokens[..first_wild.unwrap_or(tokens.len())]
        .iter()
        .rposition(|token| *token == Token::Literal('/'))
        .map_or(0, |slash| slash + 1);
    let below = &tokens[folder..];
    let dot = below
        .iter()
        .rposition(|token| *token == Token::Literal('.'));
    let tail_is_suffix = |dot: usize| {
        below[dot + 1..]
            .iter()
            .all(|token| matches!(token, Token::Literal(c) if *c != '/'))
    };
    match dot {
        Some(dot) if tail_is_suffix(dot) => below[..dot].to_vec(),
        // The last dot may be anywhere behind the first star.
        _ => {
            let known = below.iter().take_while(|token| is_literal(token)).copied();
            let known: Vec<Token> = known.collect();
            let end = known.iter().position(|token| *token == Token::Literal('.'));
            let mut stem = known[..end.unwrap_or(known.len())].to_vec();
            stem.push(Token::Any);
            stem
        }
    }
}
