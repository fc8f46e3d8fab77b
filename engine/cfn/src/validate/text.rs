//! Text that is partly known: `Fn::Sub`, `Fn::Join` and pseudo parameters.

use serde_json::Value;

use super::world::function;
use crate::substitution::{Part, parts};

/// A piece of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it stands in the template.
    Known(String),
    /// What a pseudo parameter could be: its form is known, its length is not.
    Sample(&'static str),
    /// Known only when the stack is there; what is referred to, for instance `Split.Arn`.
    Reference(String),
    /// Anything.
    Unknown,
}

/// Text in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text(pub(super) Vec<Piece>);

impl Text {
    /// The text of a value; `None` if it is no text, or one that nothing is known of.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self(vec![Piece::Known(text.clone())])),
            Value::Number(number) => Some(Self(vec![Piece::Known(number.to_string())])),
            Value::Bool(flag) => Some(Self(vec![Piece::Known(flag.to_string())])),
            _ => Self::of_function(value),
        }
    }

    fn of_function(value: &Value) -> Option<Self> {
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
    pub(super) fn constant(&self) -> Option<String> {
        self.fold(|piece| match piece {
            Piece::Known(text) => Some(text),
            _ => None,
        })
    }

    /// The whole text with pseudo parameters as they could be.
    pub(super) fn sample(&self) -> Option<String> {
        self.fold(|piece| match piece {
            Piece::Known(text) => Some(text),
            Piece::Sample(text) => Some(text),
            _ => None,
        })
    }

    /// The text with a letter where nothing is known.
    pub(super) fn outline(&self) -> String {
        self.fold(|piece| match piece {
            Piece::Known(text) => Some(text),
            Piece::Sample(text) => Some(text),
            Piece::Reference(_) | Piece::Unknown => Some("x"),
        })
        .unwrap_or_default()
    }

    /// What it is, if it is nothing but one reference.
    pub(super) fn reference(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Reference(name)] => Some(name),
            _ => None,
        }
    }

    fn fold<'a>(&'a self, text: impl Fn(&'a Piece) -> Option<&'a str>) -> Option<String> {
        self.0.iter().map(text).collect()
    }
}

/// A reference as `Name` or `Name.Attribute`, if the value is nothing else.
pub(super) fn referred(value: &Value) -> Option<String> {
    if value.is_string() {
        return None;
    }
    Text::of(value)?.reference().map(str::to_owned)
}

fn reference(name: &str) -> Piece {
    match name {
        "AWS::Partition" => Piece::Sample("aws"),
        "AWS::Region" => Piece::Sample("us-east-1"),
        "AWS::AccountId" => Piece::Sample("123456789012"),
        "AWS::URLSuffix" => Piece::Sample("amazonaws.com"),
        "AWS::StackName" => Piece::Sample("stack"),
        "AWS::StackId" | "AWS::NotificationARNs" | "AWS::NoValue" => Piece::Unknown,
        _ => Piece::Reference(name.to_owned()),
    }
}

fn attribute(argument: &Value) -> Option<String> {
    match argument {
        Value::String(path) => Some(path.clone()),
        Value::Array(parts) => parts
            .iter()
            .map(Value::as_str)
            .collect::<Option<Vec<_>>>()
            .map(|parts| parts.join(".")),
        _ => None,
    }
}

fn substitution(argument: &Value) -> Option<Text> {
    let (text, own) = match argument {
        Value::String(text) => (text.as_str(), None),
        Value::Array(items) => (items.first()?.as_str()?, items.get(1)),
        _ => return None,
    };
    let mut pieces = Vec::new();
    for part in parts(text) {
        match part {
            Part::Text(text) => pieces.push(Piece::Known(text.to_owned())),
            Part::Escaped(name) => pieces.push(Piece::Known(format!("${{{name}}}"))),
            Part::Variable(name) => match own.and_then(|own| own.get(name)) {
                Some(value) => pieces.extend(pieces_of(value)),
                None => pieces.push(reference(name)),
            },
        }
    }
    Some(Text(pieces))
}

fn join(argument: &Value) -> Option<Text> {
    let delimiter = argument.get(0)?.as_str()?;
    let mut pieces = Vec::new();
    for (index, item) in argument.get(1)?.as_array()?.iter().enumerate() {
        if index > 0 && !delimiter.is_empty() {
            pieces.push(Piece::Known(delimiter.to_owned()));
        }
        pieces.extend(pieces_of(item));
    }
    Some(Text(pieces))
}

fn pieces_of(value: &Value) -> Vec<Piece> {
    Text::of(value).map_or_else(|| vec![Piece::Unknown], |text| text.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_of_a_text() {
        let value = json!({"Fn::Join": ["-", ["a", {"Fn::Sub": "${AWS::Region}${!b}"}, 1]]});
        let text = Text::of(&value).unwrap_or(Text(vec![]));
        assert_eq!(text.sample().as_deref(), Some("a-us-east-1${b}-1"));
        assert_eq!(text.constant(), None);
        assert_eq!(
            referred(&json!({"Fn::Sub": "${A.Arn}"})).as_deref(),
            Some("A.Arn")
        );
        assert_eq!(referred(&json!({"Fn::Sub": "x${A.Arn}"})), None);
        assert_eq!(Text::of(&json!({"Fn::ImportValue": "x"})), None);
    }
}
