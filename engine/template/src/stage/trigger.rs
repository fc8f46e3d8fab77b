//! What starts the stage when objects come: rules, a queue, or the bucket itself.

use scar_schemas::construct::Events;
use serde_json::json;

use super::{Named, Part, Size};
use crate::event::direct;
use crate::{Error, name};

/// A message stays hidden for six times as long as the function may take ("Using Lambda with Amazon SQS"),
/// and never longer than twelve hours ("Amazon SQS visibility timeout").
const VISIBILITY_FACTOR: u32 = 6;
const MAX_VISIBILITY_S: u32 = 43_200;
/// A function that is throttled gives a message back, so that fewer tries would lose some.
const MIN_RECEIVES: u32 = 3;

impl Part<'_> {
    pub(super) fn triggers(&self) -> Result<Vec<Named>, Error> {
        let mut resources = self.rules()?;
        if self.has_inbox() {
            resources.extend(self.inbox()?);
        }
        for (index, bucket) in direct::filters(self.stage).into_keys().enumerate() {
            let values = json!({
                "function": name::function_id(self.id()),
                "bucket": self.context.buckets.arn(bucket),
            });
            resources.push((
                name::permission_id(self.id(), self.rules.len() + index),
                self.render("direct_permission", values)?,
            ));
        }
        Ok(resources)
    }

    /// Whether events wait in a queue.
    pub(super) fn has_inbox(&self) -> bool {
        self.stage.events == Events::Queue && !self.rules.is_empty()
    }

    /// Rules, each with the permission to call the function unless a queue stands between them.
    fn rules(&self) -> Result<Vec<Named>, Error> {
        let function = name::function_id(self.id());
        let sink = if self.has_inbox() {
            name::inbox_id(self.id())
        } else {
            function.clone()
        };
        let mut resources = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let rule_id = name::rule_id(self.id(), index);
            let values = json!({
                "description": self.describe(),
                "bucket": self.context.buckets.name(&rule.bucket),
                "keys": rule.keys,
                "size": rule.size,
                "target": self.id(),
                "sink": sink,
            });
            let permission = json!({"function": function, "rule": rule_id});
            resources.push((rule_id, self.render("rule", values)?));
            if !self.has_inbox() {
                resources.push((
                    name::permission_id(self.id(), index),
                    self.render("rule_permission", permission)?,
                ));
            }
        }
        Ok(resources)
    }

    fn inbox(&self) -> Result<Vec<Named>, Error> {
        let inbox = name::inbox_id(self.id());
        let timeout_s = Size::of_function(self.stage).timeout_s;
        let queue = json!({
            "failed": name::queue_id(self.id()),
            "kms_key": self.kms_key(),
            "receives": self.stage.attempts.max(MIN_RECEIVES),
            "visibility_s": timeout_s.saturating_mul(VISIBILITY_FACTOR).min(MAX_VISIBILITY_S),
        });
        let rules: Vec<String> = (0..self.rules.len())
            .map(|index| name::rule_id(self.id(), index))
            .collect();
        let source = json!({
            "inbox": inbox,
            "function": name::function_id(self.id()),
            "concurrency": self.stage.concurrency.filter(|limit| *limit >= 2),
        });
        let policy = json!({"inbox": inbox, "rules": rules});
        Ok(vec![
            (
                name::inbox_policy_id(self.id()),
                self.render("inbox_policy", policy)?,
            ),
            (name::source_id(self.id()), self.render("source", source)?),
            (inbox, self.render("inbox", queue)?),
        ])
    }
}
