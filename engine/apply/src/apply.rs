//! A plan, carried out.

use std::collections::BTreeMap;

use scar_plan::Plan;

use crate::event::Event;
use crate::transfer::Artifacts;
use crate::{Cloud, Error};

/// What `apply` came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Whether anything changed at all.
    pub changed: bool,
    /// Objects uploaded.
    pub uploaded: usize,
    /// Outputs of the workflow's stack.
    pub outputs: BTreeMap<String, String>,
}

/// Carries out a plan: base stack, uploads, base stack with the supervisor's layer, workflow stack.
///
/// It may be dropped at any await: a change set that was started goes on in the cloud, and the next
/// apply starts from what it finds.
///
/// # Errors
/// [`Error::Stale`] before anything is written; [`Error::Busy`]; [`Error::Stack`] tells the first cause
/// and whether everything is as before; [`Error::Refused`], [`Error::Artifact`], [`Error::Call`].
pub async fn apply(
    cloud: &Cloud,
    plan: &Plan,
    artifacts: &dyn Artifacts,
    on_event: &mut dyn FnMut(Event),
) -> Result<Applied, Error> {
    let _ = (cloud, plan, artifacts, on_event);
    todo!()
}
