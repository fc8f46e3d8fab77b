//! Text that is partly known: `Fn::Sub`, `Fn::Join` and pseudo parameters.

use std::borrow::Cow;

use serde_json::Value;

use super::world::function;
use crate::substitution::{Part, parts};

/// A piece of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// As it stands in the template.
    Known(Cow<'a, str>),
    /// What a pseudo parameter could be: its form is known, its length is not.
    Sample(&'static str),
    /// Known only when the stack is there; what is referred to, for instance `Split.Arn`.
    Reference(Cow<'a, str>),
    /// Anything.
    Unknown,
}

/// Text in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Vec<Piece<'a>>);

impl<'a> Text<'a> {
    /// The text of a value; `None` if it is no text, or one that nothing is known of.
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self(vec![Piece::Known(text.into())])),
            Value::Number(number) => Some(Self(vec![Piece::Known(number.to_string().into())])),
            Value::Bool(flag) => Some(Self(vec![Piece::Known(flag.to_string().into())])),
            _ => Self::of_function(value),
        }
    }

    fn of_function(value: &'a Value) -> Option<Self> {
        let (name, argument) = function(value)?;
        match name {
            "Ref" => Some(Self(vec![reference(argument.as_str()?)])),
            "Fn::GetAtt" => Some(Self(vec![Piece::Reference(attribute(argument)?)])),
            "Fn::Sub" => substitution(argument),
            "Fn::Join" => join(argument),
            _ => None,
        }
    }

    /// The whole text, if it is the same in every stack.
    pub(super) fn constant(self) -> Option<Cow<'a, str>> {
        self.join(|piece| match piece {
            Piece::Known(text) => Some(text),
            _ => None,
        })
    }

    /// The whole text with pseudo parameters as they could be.
    pub(super) fn sample(self) -> Option<Cow<'a, str>> {
        self.join(|piece| match piece {
            Piece::Known(text) => Some(text),
            Piece::Sample(text) => Some(text.into()),
            _ => None,
        })
    }

    /// The text with a letter where nothing is known.
    pub(super) fn outline(self) -> Cow<'a, str> {
        self.join(|piece| match piece {
            Piece::Known(text) => Some(text),
            Piece::Sample(text) => Some(text.into()),
            Piece::Reference(_) | Piece::Unknown => Some("x".into()),
        })
        .unwrap_or_default()
    }

    /// Whether it is the same in every stack.
    pub(super) fn is_constant(&self) -> bool {
        self.0.iter().all(|piece| matches!(piece, Piece::Known(_)))
    }

    /// Whether it is nothing but one reference.
    pub(super) fn is_reference(&self) -> bool {
        matches!(self.0.as_slice(), [Piece::Reference(_)])
    }

    fn join(self, text: impl Fn(Piece<'a>) -> Option<Cow<'a, str>>) -> Option<Cow<'a, str>> {
        let mut pieces = self.0.into_iter();
        pieces.try_fold(Cow::default(), |all, piece| Some(all + text(piece)?))
    }
}

/// A reference as `Name` or `Name.Attribute`, if the value is nothing else.
pub(super) fn referred(value: &Value) -> Option<Cow<'_, str>> {
    let Text(mut pieces) = Text::of_function(value)?;
    match pieces.pop()? {
        Piece::Reference(name) if pieces.is_empty() => Some(name),
        _ => None,
    }
}

fn reference(name: &str) -> Piece<'_> {
    match name {
        "AWS::Partition" => Piece::Sample("aws"),
        "AWS::Region" => Piece::Sample("us-east-1"),
        "AWS::AccountId" => Piece::Sample("123456789012"),
        "AWS::URLSuffix" => Piece::Sample("amazonaws.com"),
        "AWS::StackName" => Piece::Sample("stack"),
        "AWS::StackId" | "AWS::NotificationARNs" | "AWS::NoValue" => Piece::Unknown,
        _ => Piece::Reference(name.into()),
    }
}

fn attribute(argument: &Value) -> Option<Cow<'_, str>> {
    match argument {
        Value::String(path) => Some(path.into()),
        Value::Array(parts) => parts
            .iter()
            .map(Value::as_str)
            .collect::<Option<Vec<_>>>()
            .map(|parts| parts.join(".").into()),
        _ => None,
    }
}

fn substitution(argument: &Value) -> Option<Text<'_>> {
    let (text, own) = match argument {
        Value::String(text) => (text.as_str(), None),
        Value::Array(items) => (items.first()?.as_str()?, items.get(1)),
        _ => return None,
    };
    let mut pieces = Vec::new();
    for part in parts(text) {
        match part {
            Part::Text(text) => pieces.push(Piece::Known(text.into())),
            Part::Escaped(name) => pieces.push(Piece::Known(format!("${{{name}}}").into())),
            Part::Variable(name) => match own.and_then(|own| own.get(name)) {
                Some(value) => pieces.extend(pieces_of(value)),
                None => pieces.push(reference(name)),
            },
        }
    }
    Some(Text(pieces))
}

fn join(argument: &Value) -> Option<Text<'_>> {
    let delimiter = argument.get(0)?.as_str()?;
    let mut pieces = Vec::new();
    for (index, item) in argument.get(1)?.as_array()?.iter().enumerate() {
        if index > 0 && !delimiter.is_empty() {
            pieces.push(Piece::Known(delimiter.into()));
        }
        pieces.extend(pieces_of(item));
    }
    Some(Text(pieces))
}

fn pieces_of(value: &Value) -> Vec<Piece<'_>> {
    Text::of(value).map_or_else(|| vec![Piece::Unknown], |text| text.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_of_a_text() {
        let value = json!({"Fn::Join": ["-", ["a", {"Fn::Sub": "${AWS::Region}${!b}"}, 1]]});
        let text = || Text::of(&value).unwrap_or(Text(vec![]));
        assert_eq!(text().sample().as_deref(), Some("a-us-east-1${b}-1"));
        assert_eq!(text().constant(), None);
        assert_eq!(
            referred(&json!({"Fn::Sub": "${A.Arn}"})).as_deref(),
            Some("A.Arn")
        );
        assert_eq!(referred(&json!({"Fn::Sub": "x${A.Arn}"})), None);
        assert_eq!(Text::of(&json!({"Fn::ImportValue": "x"})), None);
    }
}
