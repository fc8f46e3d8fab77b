//! Event patterns: which events a rule takes.
//!
//! Operators and their meaning: "Comparison operators for use in event patterns" in the `EventBridge`
//! user guide. A pattern is parsed once, so a rule with an unknown operator never comes into being.

mod parse;

use parse::{invalid, parse_fields};
use serde_json::Value;

/// A parsed event pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pattern {
    fields: Vec<(String, Node)>,
    alternatives: Vec<Vec<Pattern>>,
}

/// Why a pattern was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event pattern is not valid at {path}: {reason}")]
pub(crate) struct InvalidPattern {
    /// Dotted path of the place.
    pub(crate) path: String,
    /// What is wrong there.
    pub(crate) reason: &'static str,
}

impl Pattern {
    /// Parses a pattern in its JSON form.
    pub(crate) fn parse(value: &Value) -> Result<Self, InvalidPattern> {
        match value {
            Value::Object(fields) if !fields.is_empty() => parse_fields(fields, "$"),
            _ => Err(invalid("$", "expected an object that is not empty")),
        }
    }

    /// Whether an event matches.
    pub(crate) fn matches(&self, event: &Value) -> bool {
        self.matches_at(Some(event))
    }

    fn matches_at(&self, value: Option<&Value>) -> bool {
        // An array of objects matches if one of its objects does.
        if let Some(Value::Array(items)) = value {
            return items.iter().any(|item| self.matches_at(Some(item)));
        }
        let field = |name: &String| value.and_then(|value| value.get(name));
        self.fields
            .iter()
            .all(|(name, node)| node.matches(field(name)))
            && self
                .alternatives
                .iter()
                .all(|any| any.iter().any(|one| one.matches_at(value)))
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Nested(Pattern),
    Leaf(Vec<Matcher>),
}

#[derive(Debug, Clone, PartialEq)]
enum Matcher {
    Equals(Value),
    EqualsIgnoreCase(String),
    Prefix(String),
    PrefixIgnoreCase(String),
    Suffix(String),
    SuffixIgnoreCase(String),
    Wildcard(String),
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
    AnythingBut(Vec<Matcher>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Node {
    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Nested(pattern) => pattern.matches_at(value),
            Self::Leaf(matchers) => matchers.iter().any(|matcher| matcher.matches(value)),
        }
    }
}

impl Matcher {
    fn matches(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Exists(wanted), value) => {
                value.is_some_and(|value| !value.is_object()) == *wanted
            }
            (_, None) => false,
            (Self::AnythingBut(refused), Some(value)) => {
                !value.is_object() && !refused.iter().any(|matcher| matcher.matches(Some(value)))
            }
            (matcher, Some(Value::Array(items))) => items.iter().any(|item| matcher.accepts(item)),
            (matcher, Some(value)) => matcher.accepts(value),
        }
    }

    fn accepts(&self, value: &Value) -> bool {
        let text = || value.as_str().unwrap_or_default();
        let has_text = value.is_string();
        match self {
            Self::Equals(wanted) => same(wanted, value),
            Self::EqualsIgnoreCase(wanted) => has_text && lower(wanted) == lower(text()),
            Self::Prefix(prefix) => has_text && text().starts_with(prefix),
            Self::PrefixIgnoreCase(prefix) => has_text && lower(text()).starts_with(&lower(prefix)),
            Self::Suffix(suffix) => has_text && text().ends_with(suffix),
            Self::SuffixIgnoreCase(suffix) => has_text && lower(text()).ends_with(&lower(suffix)),
            Self::Wildcard(wildcard) => has_text && wildcard_matches(wildcard, text()),
            Self::Numeric(bounds) => value.as_f64().is_some_and(|number| {
                bounds
                    .iter()
                    .all(|(comparison, bound)| comparison.holds(number, *bound))
            }),
            Self::Exists(_) | Self::AnythingBut(_) => self.matches(Some(value)),
        }
    }
}

impl Comparison {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "=" => Some(Self::Equal),
            "<" => Some(Self::Less),
            "<=" => Some(Self::LessOrEqual),
            ">" => Some(Self::Greater),
            ">=" => Some(Self::GreaterOrEqual),
            _ => None,
        }
    }

    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Equal => (number - bound).abs() < f64::EPSILON,
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Greater => number > bound,
            Self::GreaterOrEqual => number >= bound,
        }
    }
}

/// Whether `text` matches a wildcard pattern: `*` is any text, `\` takes the next character literally.
fn wildcard_matches(wildcard: &str, text: &str) -> bool {
    let pieces = wildcard_pieces(wildcard);
    let Some((first, rest)) = pieces.split_first() else {
        return text.is_empty();
    };
    let Some((last, middle)) = rest.split_last() else {
        return text == first;
    };
    let Some(mut remaining) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    for piece in middle {
        match remaining.find(piece.as_str()) {
            Some(at) => remaining = &remaining[at + piece.len()..],
            None => return false,
        }
    }
    remaining.ends_with(last.as_str())
}

/// The literal texts between the stars.
fn wildcard_pieces(wildcard: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut characters = wildcard.chars();
    while let Some(character) = characters.next() {
        let literal = match character {
            '*' => None,
            '\\' => Some(characters.next().unwrap_or('\\')),
            other => Some(other),
        };
        match (literal, pieces.last_mut()) {
            (Some(literal), Some(piece)) => piece.push(literal),
            _ => pieces.push(String::new()),
        }
    }
    pieces
}

fn same(wanted: &Value, value: &Value) -> bool {
    match (wanted.as_f64(), value.as_f64()) {
        (Some(a), Some(b)) => Comparison::Equal.holds(a, b),
        _ => wanted == value,
    }
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(pattern: Value, event: &Value) -> bool {
        Pattern::parse(&pattern).unwrap().matches(event)
    }

    #[test]
    fn operators() {
        let event = json!({"a": "in/x.JPG", "n": 7, "list": ["p", "q"], "deep": {"b": null}});
        let cases = [
            (json!({"a": ["in/x.JPG"]}), true),
            (json!({"a": ["in/x.jpg"]}), false),
            (json!({"a": [{"equals-ignore-case": "IN/x.jpg"}]}), true),
            (json!({"a": [{"prefix": "in/"}]}), true),
            (
                json!({"a": [{"suffix": {"equals-ignore-case": ".jpg"}}]}),
                true,
            ),
            (json!({"a": [{"wildcard": "in/*.JPG"}]}), true),
            (json!({"a": [{"wildcard": "in/*.JPG*x"}]}), false),
            (json!({"a": [{"wildcard": "*"}]}), true),
            (json!({"a": [{"anything-but": ["in/x.JPG", 3]}]}), false),
            (json!({"a": [{"anything-but": {"prefix": "out/"}}]}), true),
            (
                json!({"a": [{"anything-but": {"wildcard": ["*.JPG", "b"]}}]}),
                false,
            ),
            (json!({"n": [{"numeric": [">", 5, "<=", 7]}]}), true),
            (json!({"n": [{"numeric": ["<", 7]}]}), false),
            (json!({"n": [7.0]}), true),
            (json!({"list": ["q"]}), true),
            (json!({"zzz": [{"exists": false}]}), true),
            (json!({"no": {"way": [{"exists": false}]}}), true),
            (json!({"a": [{"exists": false}]}), false),
            (json!({"deep": {"b": [null]}}), true),
            (json!({"$or": [{"a": ["no"]}, {"n": [7]}]}), true),
            (json!({"$or": [{"a": ["no"]}, {"n": [8]}], "n": [7]}), false),
        ];
        for (pattern, expected) in cases {
            assert_eq!(check(pattern.clone(), &event), expected, "{pattern}");
        }
    }

    #[test]
    fn escaped_stars_are_literal() {
        let event = json!({"a": "x*y\\z"});
        assert!(check(json!({"a": [{"wildcard": "x\\*y\\\\*"}]}), &event));
        assert!(!check(json!({"a": [{"wildcard": "x\\*z"}]}), &event));
    }

    #[test]
    fn mistakes_are_refused() {
        for bad in [
            json!([]),
            json!({}),
            json!({"a": "text"}),
            json!({"a": []}),
            json!({"a": [{"like": "x"}]}),
            json!({"a": [{"numeric": ["~", 1]}]}),
            json!({"a": [{"wildcard": "x**y"}]}),
            json!({"a": [{"prefix": "a", "suffix": "b"}]}),
        ] {
            assert!(Pattern::parse(&bad).is_err(), "{bad}");
        }
    }
}
