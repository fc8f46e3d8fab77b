//! The little language inside `Fn::Sub`.

/// A part of a `Fn::Sub` text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Text as it is.
    Text(&'a str),
    /// `${!name}`: stands for `${name}`.
    Escaped(&'a str),
    /// `${name}` or `${name.attribute}`.
    Variable(&'a str),
}

/// Splits a text. An opening `${` without a closing brace is text.
pub(crate) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start + 2..].find('}') else {
            break;
        };
        if start > 0 {
            parts.push(Part::Text(&rest[..start]));
        }
        let name = &rest[start + 2..start + 2 + length];
        parts.push(
            name.strip_prefix('!')
                .map_or(Part::Variable(name), Part::Escaped),
        );
        rest = &rest[start + 3 + length..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_variables() {
        use Part::{Escaped, Text, Variable};
        assert_eq!(
            parts("a${B.C}${!d}$e${"),
            [Text("a"), Variable("B.C"), Escaped("d"), Text("$e${")]
        );
        assert_eq!(parts(""), []);
    }
}
