//! Key patterns, one language for manifest, planner, rule and supervisor.
//!
//! `*` and `?` stay within one level of a key, `**` crosses levels (and as a whole segment may match
//! none), `{a,b}` alternates. There is no escaping and no character class.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::automaton;

/// Longest pattern in bytes: the longest key that S3 has (Amazon S3 User Guide, "Naming Amazon S3 objects").
pub const MAX_LENGTH: usize = 1024;

/// More alternatives than this after expansion are refused: each one becomes an event rule matcher.
pub const MAX_ALTERNATIVES: usize = 64;

/// A parsed key pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Glob {
    text: String,
    alternatives: Vec<Vec<Token>>,
}

/// One element of an alternative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Token {
    /// Exactly this character.
    Literal(char),
    /// Any one character but `/`.
    One,
    /// Any characters but `/`, also none.
    Level,
    /// Any characters at all, also none.
    Any,
    /// `**/`: nothing, or any characters that end in `/`.
    Folders,
}

/// Why a pattern was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGlob {
    /// An opening brace has no closing one, or the other way round.
    #[error("unbalanced braces")]
    Braces,
    /// Braces within braces.
    #[error("nested braces")]
    Nested,
    /// Too many alternatives.
    #[error("more than {MAX_ALTERNATIVES} alternatives")]
    TooMany,
    /// The pattern is empty.
    #[error("empty pattern")]
    Empty,
    /// No key is that long.
    #[error("longer than {MAX_LENGTH} bytes")]
    TooLong,
}

impl Glob {
    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The alternatives, braces expanded.
    #[must_use]
    pub fn alternatives(&self) -> &[Vec<Token>] {
        &self.alternatives
    }

    /// Whether a whole key matches.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        self.alternatives
            .iter()
            .any(|tokens| automaton::matches(tokens, key))
    }

    /// The longest literal text that every matching key starts with.
    #[must_use]
    pub fn literal_prefix(&self) -> String {
        let literal = |tokens: &Vec<Token>| -> Vec<char> {
            tokens
                .iter()
                .map_while(|token| match token {
                    Token::Literal(character) => Some(*character),
                    _ => None,
                })
                .collect()
        };
        let mut prefixes = self.alternatives.iter().map(literal);
        let first = prefixes.next().unwrap_or_default();
        let shared = prefixes.fold(first, |shared, next| {
            shared
                .into_iter()
                .zip(next)
                .take_while(|(a, b)| a == b)
                .map(|(a, _)| a)
                .collect()
        });
        shared.into_iter().collect()
    }

    /// `EventBridge` `wildcard` patterns that together match at least what this pattern matches.
    ///
    /// There `*` crosses `/`, so they may match more: the supervisor checks [`Glob::matches`] again.
    #[must_use]
    pub fn wildcards(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .alternatives
            .iter()
            .map(|tokens| wildcard(tokens))
            .collect();
        all.sort();
        all.dedup();
        all
    }
}

fn wildcard(tokens: &[Token]) -> String {
    let mut out = String::new();
    for token in tokens {
        match token {
            // A backslash escapes in EventBridge wildcard patterns.
            Token::Literal('\\') => out.push_str("\\\\"),
            Token::Literal(character) => out.push(*character),
            _ if out.ends_with('*') => {}
            _ => out.push('*'),
        }
    }
    out
}

fn expand(text: &str) -> Result<Vec<String>, InvalidGlob> {
    let mut results = vec![String::new()];
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        if rest.as_bytes()[open] == b'}' {
            return Err(InvalidGlob::Braces);
        }
        let close = rest[open..].find('}').ok_or(InvalidGlob::Braces)? + open;
        let (head, inner) = (&rest[..open], &rest[open + 1..close]);
        if inner.contains('{') {
            return Err(InvalidGlob::Nested);
        }
        // Counted before they are made, so that a hostile pattern costs no more than its own length.
        if results.len() * inner.split(',').count() > MAX_ALTERNATIVES {
            return Err(InvalidGlob::TooMany);
        }
        results = results
            .iter()
            .flat_map(|done| {
                inner
                    .split(',')
                    .map(move |choice| format!("{done}{head}{choice}"))
            })
            .collect();
        rest = &rest[close + 1..];
    }
    Ok(results.into_iter().map(|done| done + rest).collect())
}

fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let at_segment = matches!(
            out.last(),
            None | Some(Token::Literal('/') | Token::Folders)
        );
        let (token, length) = match character {
            '*' if rest.starts_with("**/") && at_segment => (Token::Folders, 3),
            '*' if rest.starts_with("**") => (Token::Any, 2),
            '*' => (Token::Level, 1),
            '?' => (Token::One, 1),
            other => (Token::Literal(other), other.len_utf8()),
        };
        // Two stars of one kind in a row mean the same as one; folding them keeps matching cheap.
        if out.last() != Some(&token) || matches!(token, Token::Literal(_) | Token::One) {
            out.push(token);
        }
        rest = &rest[length..];
    }
    out
}

impl FromStr for Glob {
    type Err = InvalidGlob;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(InvalidGlob::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(InvalidGlob::TooLong);
        }
        let alternatives = expand(text)?.iter().map(|one| tokens(one)).collect();
        Ok(Self {
            text: text.to_owned(),
            alternatives,
        })
    }
}

impl TryFrom<String> for Glob {
    type Error = InvalidGlob;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> Self {
        glob.text
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> Glob {
        text.parse().unwrap()
    }

    #[test]
    fn stars_respect_levels() {
        assert!(glob("in/*.jpg").matches("in/a.jpg"));
        assert!(!glob("in/*.jpg").matches("in/b/a.jpg"));
        assert!(glob("in/**/*.jpg").matches("in/a.jpg"));
        assert!(glob("in/**/*.jpg").matches("in/b/c/a.jpg"));
        assert!(glob("in/**").matches("in/b/c/a.jpg"));
        assert!(glob("in/?.{jpg,png}").matches("in/é.png"));
        assert!(!glob("in/?.{jpg,png}").matches("in/ab.png"));
    }

    #[test]
    fn wildcards_cover_at_least_the_matches() {
        assert_eq!(glob("in/*.{jpg,png}").wildcards(), ["in/*.jpg", "in/*.png"]);
        assert_eq!(glob("in/**/*.gz").wildcards(), ["in/*.gz"]);
        assert_eq!(glob("in/{a,b}*").literal_prefix(), "in/");
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!("a{b".parse::<Glob>(), Err(InvalidGlob::Braces));
        assert_eq!("a}b".parse::<Glob>(), Err(InvalidGlob::Braces));
        assert_eq!("{a,{b}}".parse::<Glob>(), Err(InvalidGlob::Nested));
        assert_eq!("".parse::<Glob>(), Err(InvalidGlob::Empty));
        assert_eq!("a".repeat(1025).parse::<Glob>(), Err(InvalidGlob::TooLong));
        let many = format!("{{{}}}", "a,".repeat(80));
        assert_eq!(many.parse::<Glob>(), Err(InvalidGlob::TooMany));
    }
}
