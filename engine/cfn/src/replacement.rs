//! Which changes of a property replace the whole resource.
//!
//! The table in `data/replacement.json` is derived from AWS' own resource schemas.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// Whether changing a property replaces its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Replacement {
    /// It is changed in place.
    Never,
    /// It depends on other values, or the type is unknown here.
    Maybe,
    /// A new resource is made and the old one removed.
    Always,
}

/// Whether a change at `path` (for instance `Code.S3Key`) replaces a resource of this type.
#[must_use]
pub fn replacement(kind: &str, path: &str) -> Replacement {
    let Some(rules) = TABLE.types.get(kind) else {
        return Replacement::Maybe;
    };
    if rules.always.iter().any(|rule| meets(rule, path)) {
        Replacement::Always
    } else if rules.maybe.iter().any(|rule| meets(rule, path)) {
        Replacement::Maybe
    } else {
        Replacement::Never
    }
}

/// Whether one path lies within the other. List items have numbers in paths and stars in rules.
fn meets(rule: &str, path: &str) -> bool {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let same = |(rule, part): (&str, &str)| rule == part || (rule == "*" && is_number(part));
    rule.split('.').zip(path.split('.')).all(same)
}

#[derive(Deserialize)]
struct Table {
    types: BTreeMap<String, Rules>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rules {
    always: Vec<String>,
    maybe: Vec<String>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // The text is part of the program; a test reads it.
    serde_json::from_str(include_str!("../data/replacement.json")).unwrap_or(Table {
        types: BTreeMap::new(),
    })
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_rules() {
        assert_eq!(TABLE.types.len(), 57);
        assert_eq!(
            replacement("AWS::Lambda::Function", "MemorySize"),
            Replacement::Never
        );
        assert_eq!(
            replacement("AWS::Lambda::Function", "Code.S3Key"),
            Replacement::Never
        );
        assert_eq!(
            replacement("AWS::Lambda::Function", "FunctionName"),
            Replacement::Always
        );
        assert_eq!(
            replacement("AWS::Lambda::LayerVersion", "Content.S3Key"),
            Replacement::Always
        );
        assert_eq!(
            replacement("AWS::S3::Bucket", "BucketNamePrefix"),
            Replacement::Always
        );
        assert_eq!(
            replacement("AWS::Events::Rule", "EventBusName"),
            Replacement::Maybe
        );
        assert_eq!(replacement("Custom::Thing", "X"), Replacement::Maybe);
    }
}
