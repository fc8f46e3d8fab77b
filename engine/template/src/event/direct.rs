//! Events that S3 sends straight to a function: prefix and suffix instead of patterns.

use std::collections::{BTreeMap, BTreeSet};

use scar_schemas::construct::Events;
use scar_schemas::glob::Token;
use scar_workflow::Stage;

use crate::event::has_main_events;

/// What a key begins and ends with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Filter {
    pub(crate) prefix: String,
    pub(crate) suffix: String,
}

impl Filter {
    /// S3 refuses two filters of a bucket that one key can pass ("Configuring event notifications using
    /// object key name filtering" of S3).
    fn overlaps(&self, other: &Self) -> bool {
        let starts =
            self.prefix.starts_with(&other.prefix) || other.prefix.starts_with(&self.prefix);
        let ends = self.suffix.ends_with(&other.suffix) || other.suffix.ends_with(&self.suffix);
        starts && ends
    }

    /// The narrowest filter that takes what either takes, where they overlap.
    fn or(self, other: Self) -> Self {
        let shorter = |one: String, two: String| if one.len() <= two.len() { one } else { two };
        Self {
            prefix: shorter(self.prefix, other.prefix),
            suffix: shorter(self.suffix, other.suffix),
        }
    }
}

/// Filters by manifest name of the bucket; none if the stage's events do not come this way. They may
/// take more than the stage does: the supervisor looks once more.
pub(crate) fn filters(stage: &Stage) -> BTreeMap<&str, BTreeSet<Filter>> {
    let mut filters: BTreeMap<&str, BTreeSet<Filter>> = BTreeMap::new();
    if stage.events != Events::Direct || !has_main_events(stage) {
        return filters;
    }
    let suffixes = stage.when.iter().flat_map(|when| &when.suffixes);
    let suffixes: Vec<&str> = suffixes.map(String::as_str).collect();
    for input in &stage.inputs {
        let all = filters.entry(&input.bucket).or_default();
        for tokens in input.pattern.alternatives() {
            for filter in ending(filter(tokens), &suffixes) {
                add(all, filter);
            }
        }
    }
    filters
}

fn filter(tokens: &[Token]) -> Filter {
    let literal = |token: &Token| match token {
        Token::Literal(character) => Some(*character),
        _ => None,
    };
    let prefix: String = tokens.iter().map_while(literal).collect();
    let end: Vec<char> = tokens.iter().rev().map_while(literal).collect();
    Filter {
        prefix,
        suffix: end.into_iter().rev().collect(),
    }
}

fn ending(filter: Filter, suffixes: &[&str]) -> Vec<Filter> {
    if suffixes.is_empty() {
        return vec![filter];
    }
    let narrowed = suffixes.iter().filter_map(|suffix| {
        if filter.suffix.ends_with(suffix) {
            return Some(filter.clone());
        }
        suffix.ends_with(&filter.suffix).then(|| Filter {
            prefix: filter.prefix.clone(),
            suffix: (*suffix).to_owned(),
        })
    });
    narrowed.collect()
}

fn add(filters: &mut BTreeSet<Filter>, mut filter: Filter) {
    while let Some(other) = filters
        .iter()
        .find(|other| other.overlaps(&filter))
        .cloned()
    {
        filters.remove(&other);
        filter = filter.or(other);
    }
    filters.insert(filter);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, suffixes: &[&str]) -> Vec<(String, String)> {
        let stage = Stage {
            events: Events::Direct,
            inputs: vec![scar_workflow::Input {
                bucket: "data".to_owned(),
                pattern: pattern.parse().unwrap(),
            }],
            when: Some(scar_schemas::construct::When {
                suffixes: suffixes.iter().map(|it| (*it).to_owned()).collect(),
                ..Default::default()
            }),
            ..Stage::default()
        };
        let filters = filters(&stage).remove("data").unwrap_or_default();
        filters
            .into_iter()
            .map(|it| (it.prefix, it.suffix))
            .collect()
    }

    #[test]
    fn filters_never_overlap() {
        let pair = |prefix: &str, suffix: &str| (prefix.to_owned(), suffix.to_owned());
        assert_eq!(found("in/*.jpg", &[]), [pair("in/", ".jpg")]);
        assert_eq!(
            found("in/*.{jpg,png}", &[]),
            [pair("in/", ".jpg"), pair("in/", ".png")]
        );
        assert_eq!(found("{a/*.x,a/b/*}", &[]), [pair("a/", "")]);
        assert_eq!(found("in/a.txt", &[]), [pair("in/a.txt", "in/a.txt")]);
        assert_eq!(found("in/*", &[".gz"]), [pair("in/", ".gz")]);
        assert!(found("in/*.xz", &[".gz"]).is_empty());
    }
}
