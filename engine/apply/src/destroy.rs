//! A workflow, removed.

use scar_plan::Destruction;

use crate::event::Event;
use crate::{Cloud, Error};

/// What to remove beside the workflow's stack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DestroyOptions {
    /// Empty and delete the buckets that scar made for the workflow.
    pub buckets: bool,
    /// Delete the base stack too, with its bucket, if no other stack of scar needs it.
    pub base: bool,
}

/// What `destroy` came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destroyed {
    /// Buckets that are left with what is in them, real names.
    pub kept_buckets: Vec<String>,
    /// Buckets that were deleted, real names.
    pub deleted_buckets: Vec<String>,
}

/// Deletes the workflow's stack, and more where `options` say so.
///
/// # Errors
/// [`Error::Foreign`], [`Error::Busy`], [`Error::InUse`], [`Error::Stack`], [`Error::Call`].
pub async fn destroy(
    cloud: &Cloud,
    destruction: &Destruction,
    options: DestroyOptions,
    on_event: &mut dyn FnMut(Event),
) -> Result<Destroyed, Error> {
    let _ = (cloud, destruction, options, on_event);
    todo!()
}
