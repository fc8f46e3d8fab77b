//! One change of one resource: the provider's act, and the two events that tell of it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::engine::{Action, event};
use super::provider::{self, Context, Refusal};
use super::{Resource, Stack, tell};
use crate::clock;
use crate::lambda::Package;
use crate::store::{Table, Transaction};

/// One change of one resource.
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) existing: Option<Resource>,
    pub(super) wanted: scar_cfn::Resource,
    pub(super) properties: BTreeMap<String, Value>,
    pub(super) package: Option<Package>,
    pub(super) context: Context,
}

impl Step {
    /// Does it, within the transaction that also stores the stack.
    pub(super) fn run(self, transaction: &mut Transaction<'_>, name: &str) -> Result<(), Refusal> {
        let Some(mut stack) = transaction.get::<Stack>(Table::Stacks, name)? else {
            return Ok(());
        };
        let resource = self.act(transaction, &mut stack)?;
        if self.action != Action::Keep {
            self.announce(transaction, &stack, &resource)?;
        }
        stack
            .resources
            .insert(self.context.logical_id.clone(), resource);
        Ok(stack.put(transaction)?)
    }

    fn act(
        &self,
        transaction: &mut Transaction<'_>,
        stack: &mut Stack,
    ) -> Result<Resource, Refusal> {
        match (self.action, &self.existing) {
            (Action::Keep, Some(existing)) => Ok(self.resource(
                existing.physical_id.clone(),
                existing.attributes.clone(),
                &existing.status,
            )),
            (Action::Update, Some(existing)) => {
                let package = self.package.as_ref();
                let made = provider::update(
                    transaction,
                    &self.context,
                    existing,
                    &self.properties,
                    package,
                )?;
                Ok(self.resource(made.physical_id, made.attributes, "UPDATE_COMPLETE"))
            }
            _ => self.create(transaction, stack),
        }
    }

    /// Makes a new one; what it replaces is removed when the whole operation is done.
    fn create(
        &self,
        transaction: &mut Transaction<'_>,
        stack: &mut Stack,
    ) -> Result<Resource, Refusal> {
        let package = self.package.as_ref();
        let kind = &self.wanted.kind;
        let made = provider::create(transaction, &self.context, kind, &self.properties, package)?;
        if let (Some(existing), Some(operation)) = (&self.existing, stack.operation.as_mut()) {
            operation.leftovers.push(existing.clone());
        }
        let status = format!("{}_COMPLETE", self.verb());
        let resource = self.resource(made.physical_id, made.attributes, &status);
        Ok(Resource {
            is_imported: made.is_imported,
            ..resource
        })
    }

    fn announce(
        &self,
        transaction: &mut Transaction<'_>,
        stack: &Stack,
        resource: &Resource,
    ) -> Result<(), Refusal> {
        let (id, kind) = (&self.context.logical_id, &resource.kind);
        let reason = (self.action == Action::Replace).then_some(
            "Requested update requires the creation of a new physical resource; hence creating one.",
        );
        let before = self
            .existing
            .as_ref()
            .map_or("", |existing| existing.physical_id.as_str());
        let started = event(
            id,
            before,
            kind,
            &format!("{}_IN_PROGRESS", self.verb()),
            reason,
        );
        tell(transaction, &stack.id, &started)?;
        let ended = event(id, &resource.physical_id, kind, &resource.status, None);
        Ok(tell(transaction, &stack.id, &ended)?)
    }

    fn verb(&self) -> &'static str {
        if self.action == Action::Create {
            "CREATE"
        } else {
            "UPDATE"
        }
    }

    fn resource(
        &self,
        physical_id: String,
        attributes: BTreeMap<String, Value>,
        status: &str,
    ) -> Resource {
        let kept = self
            .existing
            .as_ref()
            .and_then(|existing| existing.package.clone());
        Resource {
            logical_id: self.context.logical_id.clone(),
            kind: self.wanted.kind.clone(),
            physical_id,
            status: status.to_owned(),
            time_ms: clock::now_ms(),
            properties: self.properties.clone(),
            attributes,
            is_imported: self
                .existing
                .as_ref()
                .is_some_and(|existing| existing.is_imported),
            package: self.package.clone().or(kept),
            deletion_policy: self.wanted.deletion_policy.clone(),
            replace_policy: self.wanted.update_replace_policy.clone(),
        }
    }
}
