//! Key patterns as automata: matching without backtracking, and whether two patterns share a key.
//!
//! A position is a place before a token of one alternative, or a place inside a folder that `**/` has
//! begun and not yet closed. Both questions walk sets of positions, each visited at most once, so no
//! pattern can make them slow.

use std::collections::VecDeque;

use crate::glob::Token;

/// Whether the whole key is in the language of one alternative.
///
/// Takes at most `2 * tokens * characters` steps, whatever the pattern.
#[must_use]
pub fn matches(tokens: &[Token], key: &str) -> bool {
    let mut now = vec![false; 2 * tokens.len() + 2];
    let mut next = now.clone();
    reach(tokens, 0, &mut |position| now[position] = true);
    for character in key.chars() {
        next.fill(false);
        for position in (0..now.len()).filter(|position| now[*position]) {
            if let Some(after) = step(tokens, position, character) {
                reach(tokens, after, &mut |position| next[position] = true);
            }
        }
        std::mem::swap(&mut now, &mut next);
    }
    now[2 * tokens.len()]
}

/// A shortest key that both alternatives match and that can be an object: it does not end in `/`.
///
/// `None` is a proof that there is none.
#[must_use]
pub fn common_key(left: &[Token], right: &[Token]) -> Option<String> {
    if !literals_agree(left.iter(), right.iter())
        || !literals_agree(left.iter().rev(), right.iter().rev())
    {
        return None;
    }
    let mut search = Search::new(left, right);
    while let Some(state) = search.waiting.pop_front() {
        for character in search.candidates(state) {
            if let Some(end) = search.advance(state, character) {
                return Some(search.walk_back(end));
            }
        }
    }
    None
}

/// The keys of an alternative that also end in `suffix`, as alternatives: exact, nothing is lost or added.
///
/// `None` if they would be more than [`MAX_ALTERNATIVES`](crate::glob::MAX_ALTERNATIVES).
#[must_use]
pub fn with_suffix(tokens: &[Token], suffix: &str) -> Option<Vec<Vec<Token>>> {
    let suffix: Vec<char> = suffix.chars().collect();
    let mut found = Vec::new();
    let mut waiting = vec![(tokens.len(), suffix.len())];
    let mut seen = std::collections::BTreeSet::new();
    while let Some((before, rest)) = waiting.pop() {
        if !seen.insert((before, rest)) {
            continue;
        }
        let end = || suffix.iter().map(|c| Token::Literal(*c));
        let head = &tokens[..before];
        if rest == 0 {
            found.push(head.iter().copied().chain(end()).collect());
            continue;
        }
        let (Some(last), character) = (head.last(), suffix[rest - 1]) else {
            continue;
        };
        match last {
            Token::Literal(literal) if *literal == character => {
                waiting.push((before - 1, rest - 1))
            }
            Token::Literal(_) => {}
            Token::One if character != '/' => waiting.push((before - 1, rest - 1)),
            Token::One => {}
            Token::Level | Token::Any | Token::Folders => {
                stars(*last, before, rest, &suffix, &mut waiting);
                if absorbs(*last, &suffix[..rest]) {
                    let star = if *last == Token::Level {
                        Token::Level
                    } else {
                        Token::Any
                    };
                    let all = head[..before - 1].iter().copied().chain([star]);
                    found.push(all.chain(end()).collect());
                }
            }
        }
    }
    found.sort();
    found.dedup();
    (found.len() <= crate::glob::MAX_ALTERNATIVES).then_some(found)
}

/// The ways in which a star can stand for exactly the last characters of `suffix[..rest]`.
fn stars(
    star: Token,
    before: usize,
    rest: usize,
    suffix: &[char],
    waiting: &mut Vec<(usize, usize)>,
) {
    waiting.push((before - 1, rest));
    for taken in 1..=rest {
        if absorbs(star, &suffix[rest - taken..rest]) {
            waiting.push((before - 1, rest - taken));
        }
    }
}

/// Whether a star can stand for text that ends so.
fn absorbs(star: Token, text: &[char]) -> bool {
    match star {
        Token::Level => !text.contains(&'/'),
        Token::Folders => text.ends_with(&['/']),
        _ => true,
    }
}

/// The position after `character`, if one can be there. Skipping is left to [`reach`].
pub(crate) fn step(tokens: &[Token], position: usize, character: char) -> Option<usize> {
    let (index, inside) = (position / 2, position % 2 == 1);
    let (here, after) = (2 * index, 2 * index + 2);
    let in_level = character != '/';
    match tokens.get(index)? {
        Token::Folders if in_level => Some(here + 1),
        Token::Folders => Some(here),
        _ if inside => None,
        Token::Literal(literal) => (*literal == character).then_some(after),
        Token::One => in_level.then_some(after),
        Token::Level => in_level.then_some(here),
        Token::Any => Some(here),
    }
}

/// Visits a position and those that it reaches without a character.
pub(crate) fn reach(tokens: &[Token], position: usize, visit: &mut dyn FnMut(usize)) {
    visit(position);
    let mut position = position;
    while position.is_multiple_of(2)
        && let Some(Token::Level | Token::Any | Token::Folders) = tokens.get(position / 2)
    {
        position += 2;
        visit(position);
    }
}

/// Whether the literal beginnings, or ends, allow a common key; answers most questions at once.
fn literals_agree<'a>(
    left: impl Iterator<Item = &'a Token>,
    right: impl Iterator<Item = &'a Token>,
) -> bool {
    for pair in left.zip(right) {
        match pair {
            (Token::Literal(a), Token::Literal(b)) if a == b => {}
            (Token::Literal(_), Token::Literal(_)) => return false,
            _ => return true,
        }
    }
    true
}

/// Where a state of the search came from: the state before it and the character between them.
type Origin = Option<(usize, char)>;

/// Breadth-first search over pairs of positions.
struct Search<'a> {
    left: &'a [Token],
    right: &'a [Token],
    /// A character that neither side names: stands for all others.
    other: char,
    seen: Vec<bool>,
    /// Every state found, as the pair of positions, with its origin.
    states: Vec<(usize, usize, Origin)>,
    waiting: VecDeque<usize>,
}

impl<'a> Search<'a> {
    fn new(left: &'a [Token], right: &'a [Token]) -> Self {
        let unnamed = |character: &char| {
            !left
                .iter()
                .chain(right)
                .any(|token| *token == Token::Literal(*character))
        };
        let mut search = Self {
            left,
            right,
            other: ('a'..='z')
                .chain('0'..='\u{ffff}')
                .find(unnamed)
                .unwrap_or('\u{10ffff}'),
            seen: vec![false; (2 * left.len() + 2) * (2 * right.len() + 2)],
            states: Vec::new(),
            waiting: VecDeque::new(),
        };
        search.add(0, 0, None);
        search
    }

    /// Adds all pairs that are reached without a character; gives the accepting one, if it is there.
    fn add(&mut self, left: usize, right: usize, origin: Origin) -> Option<usize> {
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        reach(self.left, left, &mut |position| lefts.push(position));
        reach(self.right, right, &mut |position| rights.push(position));
        let end = (2 * self.left.len(), 2 * self.right.len());
        let is_object = origin.is_some_and(|(_, character)| character != '/');
        for left in lefts {
            for &right in &rights {
                if (left, right) == end && is_object {
                    self.states.push((left, right, origin));
                    return Some(self.states.len() - 1);
                }
                let slot = left * (end.1 + 2) + right;
                if !std::mem::replace(&mut self.seen[slot], true) {
                    self.waiting.push_back(self.states.len());
                    self.states.push((left, right, origin));
                }
            }
        }
        None
    }

    fn candidates(&self, state: usize) -> Vec<char> {
        let (left, right, _) = self.states[state];
        let literal = |token: Option<&Token>| match token {
            Some(Token::Literal(character)) => Some(*character),
            _ => None,
        };
        match (
            literal(self.left.get(left / 2)),
            literal(self.right.get(right / 2)),
        ) {
            (Some(only), _) | (None, Some(only)) => vec![only],
            (None, None) => vec![self.other, '/'],
        }
    }

    fn advance(&mut self, state: usize, character: char) -> Option<usize> {
        let (left, right, _) = self.states[state];
        let left = step(self.left, left, character)?;
        let right = step(self.right, right, character)?;
        self.add(left, right, Some((state, character)))
    }

    fn walk_back(&self, end: usize) -> String {
        let mut characters = Vec::new();
        let mut state = end;
        while let (_, _, Some((before, character))) = self.states[state] {
            characters.push(character);
            state = before;
        }
        characters.iter().rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::glob::Glob;

    /// The meaning of tokens, as plainly as it can be said.
    fn definition(tokens: &[Token], key: &[char]) -> bool {
        let Some((first, rest)) = tokens.split_first() else {
            return key.is_empty();
        };
        match first {
            Token::Literal(c) => key.first() == Some(c) && definition(rest, &key[1..]),
            Token::One => key.first().is_some_and(|c| *c != '/') && definition(rest, &key[1..]),
            Token::Level => {
                let level = key.iter().position(|c| *c == '/').unwrap_or(key.len());
                (0..=level).any(|end| definition(rest, &key[end..]))
            }
            Token::Any => (0..=key.len()).any(|end| definition(rest, &key[end..])),
            Token::Folders => (0..=key.len())
                .filter(|end| *end == 0 || key[end - 1] == '/')
                .any(|end| definition(rest, &key[end..])),
        }
    }

    fn common(left: &str, right: &str) -> Option<String> {
        let (left, right): (Glob, Glob) = (left.parse().unwrap(), right.parse().unwrap());
        common_key(&left.alternatives()[0], &right.alternatives()[0])
    }

    proptest! {
        #[test]
        fn matching_is_as_defined(pattern in "[ab/*?]{1,9}", key in "[ab/]{0,9}") {
            let glob: Glob = pattern.parse().unwrap();
            let tokens = &glob.alternatives()[0];
            let characters: Vec<char> = key.chars().collect();
            prop_assert_eq!(matches(tokens, &key), definition(tokens, &characters));
        }

        #[test]
        fn suffixes_are_exact(
            pattern in "[ab/*?]{1,7}", suffix in "[ab/]{1,3}", key in "[ab/]{0,8}"
        ) {
            let glob: Glob = pattern.parse().unwrap();
            let tokens = &glob.alternatives()[0];
            if let Some(both) = with_suffix(tokens, &suffix) {
                let is_in = both.iter().any(|tokens| matches(tokens, &key));
                let expected = matches(tokens, &key) && key.ends_with(&suffix);
                prop_assert_eq!(is_in, expected, "{:?}", both);
            }
        }

        #[test]
        fn common_keys_match_both(left in "[ab/*?]{1,9}", right in "[ab/*?]{1,9}") {
            if let Some(key) = common(&left, &right) {
                prop_assert!(left.parse::<Glob>().unwrap().matches(&key), "{} {}", left, key);
                prop_assert!(right.parse::<Glob>().unwrap().matches(&key), "{} {}", right, key);
                prop_assert!(!key.ends_with('/'));
            }
        }

        #[test]
        fn a_shared_key_is_found(
            left in "[ab/*?]{1,9}", right in "[ab/*?]{1,9}", key in "[ab/]{0,5}[ab]"
        ) {
            let both = [&left, &right].iter().all(|p| p.parse::<Glob>().unwrap().matches(&key));
            prop_assert!(!both || common(&left, &right).is_some());
        }
    }

    #[test]
    fn common_keys() {
        assert_eq!(common("a/*.png", "a/b*").as_deref(), Some("a/b.png"));
        assert_eq!(common("a/*.png", "a/*.jpg"), None);
        assert_eq!(common("a/**", "a/b/"), None);
        assert_eq!(common("**/x", "a/*/x").as_deref(), Some("a//x"));
    }

    #[test]
    fn hostile_patterns_stay_linear() {
        let glob: Glob = "*?".repeat(500).parse().unwrap();
        assert!(!glob.matches(&"a".repeat(400)));
        let glob: Glob = format!("{}b", "**a".repeat(300)).parse().unwrap();
        assert!(!glob.matches(&"a".repeat(1000)));
    }
}
