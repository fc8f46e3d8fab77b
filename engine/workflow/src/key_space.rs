//! Sets of keys: what an output can write and an input can take, and whether they meet.

use scar_schemas::automaton;
use scar_schemas::construct::When;
use scar_schemas::contract::OutputKey;
use scar_schemas::glob::Token;

use crate::{Input, Output};

/// All keys of one bucket that match at least one alternative.
pub(crate) struct KeySpace<'a> {
    bucket: &'a str,
    alternatives: Vec<Vec<Token>>,
}

impl<'a> KeySpace<'a> {
    /// What an input takes, of objects of any size.
    pub(crate) fn of_input(input: &'a Input, when: Option<&When>) -> Self {
        let mut alternatives = input.pattern.alternatives().to_vec();
        if let Some(when) = when.filter(|when| !when.suffixes.is_empty()) {
            alternatives = alternatives
                .iter()
                .flat_map(|tokens| ending(tokens, &when.suffixes))
                .collect();
        }
        Self {
            bucket: &input.bucket,
            alternatives,
        }
    }

    pub(crate) fn bucket(&self) -> &'a str {
        self.bucket
    }

    pub(crate) fn alternatives(&self) -> &[Vec<Token>] {
        &self.alternatives
    }

    /// Whether a key of a bucket is in it.
    pub(crate) fn has(&self, bucket: &str, key: &str) -> bool {
        let mut alternatives = self.alternatives.iter();
        self.bucket == bucket && alternatives.any(|tokens| automaton::matches(tokens, key))
    }

    /// What an output can write.
    pub(crate) fn of_output(output: &'a Output) -> Self {
        let alternatives = match &output.key {
            OutputKey::Single { before, after } => {
                let stem = std::iter::once(Token::Level);
                vec![
                    literals(before)
                        .chain(stem)
                        .chain(literals(after))
                        .collect(),
                ]
            }
            OutputKey::Prefix {
                prefix,
                files: None,
            } => {
                vec![literals(prefix).chain([Token::Any]).collect()]
            }
            OutputKey::Prefix {
                prefix,
                files: Some(files),
            } => {
                // A pattern without `/` is matched against the base name, in whatever folder.
                let folders = (!files.as_str().contains('/')).then_some(Token::Folders);
                let below = |tokens: &Vec<Token>| {
                    literals(prefix)
                        .chain(folders)
                        .chain(tokens.iter().copied())
                        .collect()
                };
                files.alternatives().iter().map(below).collect()
            }
        };
        Self {
            bucket: &output.bucket,
            alternatives,
        }
    }

    /// One of the alternatives alone.
    pub(crate) fn only(&self, alternative: usize) -> Self {
        Self {
            bucket: self.bucket,
            alternatives: self.alternatives[alternative..=alternative].to_vec(),
        }
    }

    /// One of its keys.
    pub(crate) fn example(&self) -> Option<String> {
        self.common_key(self)
    }

    /// A key in both, or the proof (`None`) that there is none.
    pub(crate) fn common_key(&self, other: &KeySpace<'_>) -> Option<String> {
        if self.bucket != other.bucket {
            return None;
        }
        let others = &other.alternatives;
        self.alternatives
            .iter()
            .flat_map(|left| others.iter().map(move |right| (left, right)))
            .find_map(|(left, right)| {
                let shortest = automaton::common_key(left, right)?;
                Some(automaton::common_key(&filled(left), &filled(right)).unwrap_or(shortest))
            })
    }
}

/// The keys of an alternative that end in one of these. Where that would be too many alternatives, all of
/// them: the supervisor looks again at every object.
fn ending(tokens: &[Token], suffixes: &[String]) -> Vec<Vec<Token>> {
    let each = suffixes
        .iter()
        .map(|suffix| automaton::with_suffix(tokens, suffix));
    match each.collect::<Option<Vec<_>>>() {
        Some(found) => found.into_iter().flatten().collect(),
        None => vec![tokens.to_vec()],
    }
}

/// An alternative's keys in the order in which they are good examples: without needless folders, with one
/// folder, and all of them.
pub(crate) fn examples(tokens: &[Token]) -> [Vec<Token>; 3] {
    let folders = |folder: &[Token]| {
        let each = |token: &Token| match token {
            Token::Folders => folder.to_vec(),
            _ => vec![*token],
        };
        let plain: Vec<Token> = tokens.iter().flat_map(each).collect();
        filled(&plain)
    };
    let one = [Token::One, Token::Literal('/')];
    [folders(&[]), folders(&one), tokens.to_vec()]
}

/// The same with at least one character for every star: its keys read better as examples.
fn filled(tokens: &[Token]) -> Vec<Token> {
    let fill = |token: &Token| match token {
        Token::Level | Token::Any => vec![Token::One, *token],
        _ => vec![*token],
    };
    tokens.iter().flat_map(fill).collect()
}

fn literals(text: &str) -> impl Iterator<Item = Token> {
    text.chars().map(Token::Literal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(prefix: &str, files: Option<&str>) -> Output {
        let files = files.map(|files| files.parse().unwrap());
        Output {
            bucket: "data".into(),
            key: OutputKey::Prefix {
                prefix: prefix.into(),
                files,
            },
        }
    }

    fn meets(output: &Output, pattern: &str) -> Option<String> {
        let input = Input {
            bucket: "data".into(),
            pattern: pattern.parse().unwrap(),
        };
        KeySpace::of_output(output).common_key(&KeySpace::of_input(&input, None))
    }

    #[test]
    fn outputs_meet_inputs() {
        let single = OutputKey::Single {
            before: "a/".into(),
            after: ".txt".into(),
        };
        let single = Output {
            bucket: "data".into(),
            key: single,
        };
        assert_eq!(meets(&single, "a/*.txt").as_deref(), Some("a/b.txt"));
        assert_eq!(meets(&single, "a/*/*.txt"), None);
        assert!(meets(&prefix("a/", None), "a/b/**").is_some());
        assert!(meets(&prefix("a/", Some("*.avi")), "a/x/*.avi").is_some());
        assert_eq!(meets(&prefix("a/", Some("x/*.avi")), "a/*.avi"), None);
        assert_eq!(meets(&prefix("a/", Some("*.avi")), "a/*.wav"), None);
    }
}
