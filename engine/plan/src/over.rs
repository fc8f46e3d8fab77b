//! Several plans for one environment: the first one that is carried out brings the base stack up to date
//! for all of them.

use std::collections::BTreeMap;

use crate::diff::present;
use crate::{Action, ParameterValue, Plan, Snapshot, Stack, StackChange, stack};

impl Plan {
    /// The same plan for a world where the base stack has become just what this plan wants; itself for
    /// every other world, where it is stale if the base stack has changed.
    #[must_use]
    pub fn over(mut self, snapshot: &Snapshot) -> Self {
        let Some(base) = present(snapshot.base.as_ref()) else {
            return self;
        };
        if self.base.action == Action::Keep || !is_wanted(&self.base, base) {
            return self;
        }
        self.base.action = Action::Keep;
        self.base.based_on = Some(stack::basis(base));
        for resource in &mut self.base.resources {
            resource.action = Action::Keep;
            resource.properties.clear();
        }
        self.bootstrap = None;
        let is_missing = |key: &str| !snapshot.assets.contains(key);
        self.uploads.retain(|asset| is_missing(&asset.key));
        self
    }
}

fn is_wanted(wanted: &StackChange, base: &Stack) -> bool {
    let literal = |(name, value): (&String, &ParameterValue)| match value {
        ParameterValue::Literal(text) => Some((name.clone(), text.clone())),
        ParameterValue::BaseOutput(_) => None,
    };
    let parameters: BTreeMap<String, String> =
        wanted.parameters.iter().filter_map(literal).collect();
    base.template == wanted.template && base.parameters == parameters && base.tags == wanted.tags
}
