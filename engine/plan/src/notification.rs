//! Notifications of buckets that the workflow did not make: own rules exactly, those of others never.

use std::collections::BTreeSet;

use scar_schemas::construct::Events;
use scar_schemas::digest::Digest;
use scar_schemas::glob::{Glob, Token};
use scar_template::name;
use scar_workflow::{Stage, Workflow};

use crate::snapshot::{BucketRule, BucketState};
use crate::{Action, BucketNotifications, NotificationRule, RuleChange, Snapshot};

/// What has to change in each existing bucket that starts a stage.
pub(crate) fn compare(workflow: &Workflow, snapshot: &Snapshot) -> Vec<BucketNotifications> {
    let existing = workflow
        .buckets
        .iter()
        .filter_map(|(bucket, real)| Some((bucket.as_str(), real.as_deref()?)));
    let mut all: Vec<BucketNotifications> = existing
        .map(|(bucket, real)| of_bucket(workflow, bucket, real, snapshot))
        .collect();
    // A bucket that nobody listens to is not touched.
    all.retain(|one| one.event_bridge.is_some() || !one.rules.is_empty());
    all
}

/// Prefix of the ids of all rules of a deployment; the stage follows it.
#[must_use]
pub fn rule_prefix(workflow: &str, environment: &str) -> String {
    format!("scar.{workflow}.{environment}.")
}

/// Whether a rule of a bucket is this deployment's own: its id says so exactly, not by its first letters.
#[must_use]
pub fn is_own(id: &str, workflow: &str, environment: &str) -> bool {
    let rest = id.strip_prefix(&rule_prefix(workflow, environment));
    let parts = rest.and_then(|rest| rest.split_once('.'));
    parts.is_some_and(|(stage, hash)| {
        !stage.is_empty()
            && hash.len() == HASH_LENGTH
            && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

const HASH_LENGTH: usize = 8;

fn of_bucket(
    workflow: &Workflow,
    bucket: &str,
    real: &str,
    snapshot: &Snapshot,
) -> BucketNotifications {
    let unknown = BucketState::default();
    let state = snapshot.buckets.get(real).unwrap_or(&unknown);
    let wanted = wanted(workflow, bucket);
    let (own, foreign): (Vec<&BucketRule>, Vec<&BucketRule>) = state
        .rules
        .iter()
        .partition(|rule| is_own(&rule.id, &workflow.name, &workflow.environment));
    let needs_bus = listeners(workflow, bucket).any(|(stage, _)| stage.events != Events::Direct);
    BucketNotifications {
        bucket: bucket.to_owned(),
        real_name: real.to_owned(),
        event_bridge: needs_bus.then_some(if state.event_bridge {
            Action::Keep
        } else {
            Action::Create
        }),
        rules: rules(&wanted, &own),
        foreign: foreign.iter().map(|rule| rule.id.clone()).collect(),
    }
}

/// The id holds a digest of what the rule says, so a rule of that id is the wanted one, unless somebody
/// changed it.
fn rules(wanted: &BTreeSet<NotificationRule>, own: &[&BucketRule]) -> Vec<RuleChange> {
    let current = wanted.iter().map(|rule| {
        let found = own.iter().find(|own| own.id == rule.id);
        let is_same =
            found.is_some_and(|own| own.prefix == rule.prefix && own.suffix == rule.suffix);
        let action = match (found.is_some(), is_same) {
            (false, _) => Action::Create,
            (true, false) => Action::Update,
            (true, true) => Action::Keep,
        };
        RuleChange {
            action,
            rule: rule.clone(),
        }
    });
    let gone = own
        .iter()
        .filter(|own| !wanted.iter().any(|rule| rule.id == own.id));
    let gone = gone.map(|own| RuleChange {
        action: Action::Delete,
        rule: NotificationRule {
            id: own.id.clone(),
            function: String::new(),
            prefix: own.prefix.clone(),
            suffix: own.suffix.clone(),
        },
    });
    current.chain(gone).collect()
}

fn listeners<'a>(
    workflow: &'a Workflow,
    bucket: &'a str,
) -> impl Iterator<Item = (&'a Stage, &'a Glob)> {
    workflow.stages.iter().flat_map(move |stage| {
        let inputs = stage.inputs.iter().filter(move |one| one.bucket == bucket);
        inputs.map(move |input| (stage, &input.pattern))
    })
}

fn wanted(workflow: &Workflow, bucket: &str) -> BTreeSet<NotificationRule> {
    let direct = listeners(workflow, bucket).filter(|(stage, _)| stage.events == Events::Direct);
    direct
        .flat_map(|(stage, pattern)| {
            let ends = pattern.alternatives();
            let rule = |tokens: &Vec<Token>| rule(workflow, stage, tokens);
            ends.iter().map(rule).collect::<Vec<_>>()
        })
        .collect()
}

fn rule(workflow: &Workflow, stage: &Stage, tokens: &[Token]) -> NotificationRule {
    let (prefix, suffix) = ends(tokens);
    let content = Digest::of(format!("{prefix}\0{suffix}").as_bytes());
    let hash: String = content.hex().chars().take(HASH_LENGTH).collect();
    NotificationRule {
        id: format!(
            "{}{}.{hash}",
            rule_prefix(&workflow.name, &workflow.environment),
            stage.id
        ),
        function: name::function_id(&stage.id),
        prefix,
        suffix,
    }
}

/// Literal text before the first and after the last wildcard: all that S3 filters by. The supervisor
/// leaves alone what the pattern does not take.
fn ends(tokens: &[Token]) -> (String, String) {
    let literal = |token: &Token| match token {
        Token::Literal(character) => Some(*character),
        _ => None,
    };
    let prefix: String = tokens.iter().map_while(literal).collect();
    let is_literal = tokens.iter().all(|token| literal(token).is_some());
    let mut suffix: Vec<char> = match is_literal {
        true => Vec::new(),
        false => tokens.iter().rev().map_while(literal).collect(),
    };
    suffix.reverse();
    (prefix, suffix.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_only_begins_alike_is_not_ours() {
        assert!(is_own("scar.img.dev.resize.0123abcd", "img", "dev"));
        for foreign in [
            "scar.img-resize.dev.a.0123abcd",
            "scar.img.dev.resize",
            "scar.img.dev.resize.more.0123abcd",
            "scar.img.dev.resize.0123abcx",
            "scar.img.dev..0123abcd",
            "image",
        ] {
            assert!(!is_own(foreign, "img", "dev"), "{foreign}");
        }
    }

    #[test]
    fn a_pattern_has_two_literal_ends() {
        let of = |text: &str| {
            let pattern: Glob = text.parse().unwrap();
            ends(&pattern.alternatives()[0])
        };
        assert_eq!(of("in/*.jpg"), ("in/".into(), ".jpg".into()));
        assert_eq!(of("in/a.jpg"), ("in/a.jpg".into(), String::new()));
        assert_eq!(of("**"), (String::new(), String::new()));
    }
}
