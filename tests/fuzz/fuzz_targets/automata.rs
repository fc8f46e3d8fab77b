//! Three patterns of a few pieces: what the automata say of them is what looking at every short key says.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scar_schemas::automaton::{common_key, matches, with_suffix};
use scar_schemas::glob::{Glob, Token};
use scar_schemas::inclusion::uncovered_key;

const PIECES: [&str; 11] = ["a", "b", "/", "*", "?", "**/", "**", "{", ",", "}", "a/"];
const LONGEST_PATTERN: usize = 10;
const LONGEST_KEY: usize = 5;
const SUFFIXES: [&str; 3] = ["/a", "ab", "b/b"];

/// Every key of a few characters.
static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut all = vec![String::new()];
    let mut begin = 0;
    for _ in 0..LONGEST_KEY {
        let end = all.len();
        for index in begin..end {
            for character in ['a', 'b', '/'] {
                all.push(format!("{}{character}", all[index]));
            }
        }
        begin = end;
    }
    all
});

fuzz_target!(|bytes: &[u8]| {
    let patterns: Option<Vec<Glob>> = bytes.splitn(3, |byte| *byte == 255).map(pattern).collect();
    let Some(patterns) = patterns else { return };
    let all: Vec<&Vec<Token>> = patterns.iter().flat_map(Glob::alternatives).collect();
    // Braces make more of them; a few of each kind are enough.
    let some = &all[..all.len().min(3)];
    for tokens in some {
        check_matches(tokens);
        check_suffixes(tokens);
        let others: Vec<&[Token]> = some
            .iter()
            .filter(|other| *other != tokens)
            .map(|one| one.as_slice())
            .collect();
        check_cover(tokens, &others);
        for other in &others {
            check_common(tokens, other);
        }
    }
});

fn pattern(bytes: &[u8]) -> Option<Glob> {
    let bytes = bytes.get(..LONGEST_PATTERN).unwrap_or(bytes);
    let pieces = bytes
        .iter()
        .map(|byte| PIECES[usize::from(*byte) % PIECES.len()]);
    pieces.collect::<String>().parse().ok()
}

fn is_object(key: &str) -> bool {
    !key.is_empty() && !key.ends_with('/')
}

fn check_matches(tokens: &[Token]) {
    for key in KEYS.iter() {
        let characters: Vec<char> = key.chars().collect();
        assert_eq!(
            matches(tokens, key),
            naive(tokens, &characters),
            "{tokens:?} {key:?}"
        );
    }
}

/// The same question, with backtracking.
fn naive(tokens: &[Token], key: &[char]) -> bool {
    let Some((token, rest)) = tokens.split_first() else {
        return key.is_empty();
    };
    let ends = |is_end: &dyn Fn(&[char]) -> bool| {
        (0..=key.len()).any(|end| is_end(&key[..end]) && naive(rest, &key[end..]))
    };
    match token {
        Token::Literal(character) => key.first() == Some(character) && naive(rest, &key[1..]),
        Token::One => key.first().is_some_and(|one| *one != '/') && naive(rest, &key[1..]),
        Token::Level => ends(&|text| !text.contains(&'/')),
        Token::Any => ends(&|_| true),
        Token::Folders => ends(&|text| text.is_empty() || text.ends_with(&['/'])),
    }
}

fn check_suffixes(tokens: &[Token]) {
    for suffix in SUFFIXES {
        let Some(found) = with_suffix(tokens, suffix) else {
            continue;
        };
        for key in KEYS.iter() {
            let expected = matches(tokens, key) && key.ends_with(suffix);
            let actual = found.iter().any(|one| matches(one, key));
            assert_eq!(actual, expected, "{tokens:?} {suffix:?} {key:?}");
        }
    }
}

fn check_common(left: &[Token], right: &[Token]) {
    let is_common = |key: &str| matches(left, key) && matches(right, key);
    let found = common_key(left, right);
    if let Some(key) = &found {
        assert!(
            is_common(key) && !key.ends_with('/'),
            "{left:?} {right:?} {key:?}"
        );
    }
    let shortest = KEYS.iter().find(|key| is_object(key) && is_common(key));
    check_shortest(shortest, found.as_ref(), &(left, right));
}

fn check_cover(left: &[Token], rights: &[&[Token]]) {
    let is_uncovered =
        |key: &str| matches(left, key) && !rights.iter().any(|right| matches(right, key));
    let Ok(found) = uncovered_key(left, rights) else {
        return;
    };
    if let Some(key) = &found {
        assert!(
            is_uncovered(key) && !key.ends_with('/'),
            "{left:?} {rights:?} {key:?}"
        );
    }
    let shortest = KEYS.iter().find(|key| is_object(key) && is_uncovered(key));
    check_shortest(shortest, found.as_ref(), &(left, rights));
}

/// `None` is a proof that there is no such key, and a key is a shortest one.
fn check_shortest(looked_up: Option<&String>, found: Option<&String>, of: &dyn std::fmt::Debug) {
    if let Some(key) = looked_up {
        let found = found.unwrap_or_else(|| panic!("{key:?} was not found for {of:?}"));
        assert!(
            found.chars().count() <= key.chars().count(),
            "{key:?} {found:?} {of:?}"
        );
    }
}
