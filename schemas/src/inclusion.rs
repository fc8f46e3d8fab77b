//! Whether some key patterns take every key of another one.

use std::collections::{BTreeSet, VecDeque};

use crate::automaton::{reach, step};
use crate::glob::Token;

/// Most states of one search: patterns of people need a few dozen.
const MOST_STATES: usize = 20_000;

/// The question has more cases than anybody should wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the patterns are too complicated to be compared")]
pub struct TooComplicated;

/// A shortest key of `left` that none of `rights` takes and that can be an object: it does not end in
/// `/`. `None` is a proof that there is none.
///
/// # Errors
/// [`TooComplicated`], for patterns that were made to be so.
pub fn uncovered_key(
    left: &[Token],
    rights: &[&[Token]],
) -> Result<Option<String>, TooComplicated> {
    let mut search = Search::new(left, rights);
    while let Some(number) = search.waiting.pop_front() {
        for character in search.candidates(number) {
            if let Some(end) = search.advance(number, character) {
                return Ok(Some(search.walk_back(end)));
            }
            if search.states.len() > MOST_STATES {
                return Err(TooComplicated);
            }
        }
    }
    Ok(None)
}

/// A place in the left pattern, and all places in which the others can be at the same time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    left: usize,
    rights: BTreeSet<(usize, usize)>,
}

struct Search<'a> {
    left: &'a [Token],
    rights: &'a [&'a [Token]],
    /// A character that no pattern names: stands for all others.
    other: char,
    seen: BTreeSet<State>,
    /// Every state found, with the state before it and the character between them.
    states: Vec<(State, Option<(usize, char)>)>,
    waiting: VecDeque<usize>,
}

impl<'a> Search<'a> {
    fn new(left: &'a [Token], rights: &'a [&'a [Token]]) -> Self {
        let named = |character: char| {
            let all = rights.iter().flat_map(|tokens| tokens.iter()).chain(left);
            all.into_iter()
                .any(|token| *token == Token::Literal(character))
        };
        let mut search = Self {
            left,
            rights,
            other: ('a'..='z')
                .chain('0'..='\u{ffff}')
                .find(|character| !named(*character))
                .unwrap_or('\u{10ffff}'),
            seen: BTreeSet::new(),
            states: Vec::new(),
            waiting: VecDeque::new(),
        };
        let mut starts = BTreeSet::new();
        for (number, tokens) in rights.iter().enumerate() {
            reach(tokens, 0, &mut |position| {
                starts.insert((number, position));
            });
        }
        search.add(0, &starts, None);
        search
    }

    /// Adds the states of a left position; gives the one that is an answer, if it is there.
    fn add(
        &mut self,
        left: usize,
        rights: &BTreeSet<(usize, usize)>,
        origin: Option<(usize, char)>,
    ) -> Option<usize> {
        let mut lefts = Vec::new();
        reach(self.left, left, &mut |position| lefts.push(position));
        let is_taken = self
            .rights
            .iter()
            .enumerate()
            .any(|(number, tokens)| rights.contains(&(number, 2 * tokens.len())));
        let is_object = origin.is_some_and(|(_, character)| character != '/');
        for left in lefts {
            let state = State {
                left,
                rights: rights.clone(),
            };
            let is_answer = left == 2 * self.left.len() && is_object && !is_taken;
            if is_answer || self.seen.insert(state.clone()) {
                self.states.push((state, origin));
                if is_answer {
                    return Some(self.states.len() - 1);
                }
                self.waiting.push_back(self.states.len() - 1);
            }
        }
        None
    }

    fn candidates(&self, number: usize) -> Vec<char> {
        let state = &self.states[number].0;
        if let Some(Token::Literal(only)) = self.left.get(state.left / 2) {
            return vec![*only];
        }
        let literals = state.rights.iter().filter_map(|(number, position)| {
            match self.rights[*number].get(position / 2) {
                Some(Token::Literal(character)) => Some(*character),
                _ => None,
            }
        });
        let named: BTreeSet<char> = literals.collect();
        [self.other, '/'].into_iter().chain(named).collect()
    }

    fn advance(&mut self, number: usize, character: char) -> Option<usize> {
        let state = &self.states[number].0;
        let left = step(self.left, state.left, character)?;
        let mut rights = BTreeSet::new();
        for (number, position) in &state.rights {
            if let Some(after) = step(self.rights[*number], *position, character) {
                reach(self.rights[*number], after, &mut |position| {
                    rights.insert((*number, position));
                });
            }
        }
        self.add(left, &rights, Some((number, character)))
    }

    fn walk_back(&self, end: usize) -> String {
        let mut characters = Vec::new();
        let mut number = end;
        while let Some((before, character)) = self.states[number].1 {
            characters.push(character);
            number = before;
        }
        characters.iter().rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::glob::Glob;

    fn uncovered(left: &str, right: &str) -> Option<String> {
        let (left, right): (Glob, Glob) = (left.parse().unwrap(), right.parse().unwrap());
        let rights: Vec<&[Token]> = right.alternatives().iter().map(Vec::as_slice).collect();
        uncovered_key(&left.alternatives()[0], &rights).unwrap()
    }

    #[test]
    fn inclusion() {
        assert_eq!(uncovered("a/*.png", "a/*"), None);
        assert_eq!(uncovered("a/*", "a/*.{png,jpg}").as_deref(), Some("a/b"));
        assert_eq!(uncovered("a/**", "a/*").as_deref(), Some("a//b"));
        assert_eq!(uncovered("a/**/*.x", "a/**.x"), None);
        assert_eq!(uncovered("a/b*", "a/{b,c}*"), None);
    }

    #[test]
    fn hostile_patterns_end() {
        let left: Glob = "**".parse().unwrap();
        let right: Glob = format!("**a{}", "?".repeat(60)).parse().unwrap();
        let rights: Vec<&[Token]> = right.alternatives().iter().map(Vec::as_slice).collect();
        let answer = uncovered_key(&left.alternatives()[0], &rights);
        assert!(matches!(answer, Ok(Some(_)) | Err(TooComplicated)));
    }

    proptest! {
        #[test]
        fn what_is_uncovered_is_left_only(left in "[ab/*?]{1,7}", right in "[ab/*?]{1,7}") {
            if let Some(key) = uncovered(&left, &right) {
                prop_assert!(left.parse::<Glob>().unwrap().matches(&key));
                prop_assert!(!right.parse::<Glob>().unwrap().matches(&key));
            }
        }

        #[test]
        fn covered_means_every_key(
            left in "[ab/*?]{1,6}", right in "[ab/*?]{1,6}", key in "[ab/]{0,5}[ab]"
        ) {
            let is_left = left.parse::<Glob>().unwrap().matches(&key);
            let is_right = right.parse::<Glob>().unwrap().matches(&key);
            prop_assert!(!is_left || is_right || uncovered(&left, &right).is_some());
        }
    }
}
