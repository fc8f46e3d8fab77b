//! Notifications of buckets that the workflow did not make: own rules exactly, those of others never.

use std::collections::{BTreeMap, BTreeSet};

use scar_template::{NotificationTarget, Rendered};
use scar_workflow::Workflow;

use crate::snapshot::{BucketRule, BucketState};
use crate::{Action, BucketNotifications, NotificationRule, RuleChange, Snapshot};

/// What has to change in each existing bucket that starts a stage.
pub(crate) fn compare(
    rendered: &Rendered,
    workflow: &Workflow,
    snapshot: &Snapshot,
) -> Vec<BucketNotifications> {
    let existing = workflow
        .buckets
        .iter()
        .filter_map(|(bucket, real)| Some((bucket.as_str(), real.as_deref()?)));
    // Two names of the manifest may mean one bucket, which has one set of notifications.
    let distinct: BTreeMap<&str, &str> = existing.map(|(bucket, real)| (real, bucket)).collect();
    let mut all: Vec<BucketNotifications> = distinct
        .into_iter()
        .map(|(real, bucket)| {
            let wanted = rendered.notifications.iter();
            let wanted = wanted.filter(|one| one.bucket == real);
            let wanted: Vec<_> = wanted.map(|one| &one.target).collect();
            of_bucket(&wanted, bucket, real, workflow, snapshot)
        })
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
    wanted: &[&NotificationTarget],
    bucket: &str,
    real: &str,
    workflow: &Workflow,
    snapshot: &Snapshot,
) -> BucketNotifications {
    let unknown = BucketState::default();
    let state = snapshot.buckets.get(real).unwrap_or(&unknown);
    let (own, foreign): (Vec<&BucketRule>, Vec<&BucketRule>) = state
        .rules
        .iter()
        .partition(|rule| is_own(&rule.id, &workflow.name, &workflow.environment));
    let needs_bus = wanted.contains(&&NotificationTarget::EventBridge);
    let switch = if state.event_bridge {
        Action::Keep
    } else {
        Action::Create
    };
    let wanted: BTreeSet<NotificationRule> = wanted.iter().filter_map(|one| rule(one)).collect();
    BucketNotifications {
        bucket: bucket.to_owned(),
        real_name: real.to_owned(),
        event_bridge: needs_bus.then_some(switch),
        rules: rules(&wanted, &own),
        foreign: foreign.iter().map(|rule| rule.id.clone()).collect(),
    }
}

fn rule(target: &NotificationTarget) -> Option<NotificationRule> {
    match target {
        NotificationTarget::EventBridge => None,
        NotificationTarget::Function {
            id,
            logical_id,
            prefix,
            suffix,
            ..
        } => Some(NotificationRule {
            id: id.clone(),
            function: logical_id.clone(),
            prefix: prefix.clone(),
            suffix: suffix.clone(),
        }),
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
}
