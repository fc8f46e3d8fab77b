//! What is deployed, read only.

use scar_plan::Snapshot;
use scar_template::Rendered;

use crate::{Cloud, Error};

/// Looks at both stacks and at the wanted assets. Nothing is written, no change set is made.
///
/// # Errors
/// [`Error::Foreign`] if a stack of that name is not ours, [`Error::Template`], [`Error::Call`].
pub async fn observe(cloud: &Cloud, rendered: &Rendered) -> Result<Snapshot, Error> {
    let keys = rendered.assets.iter().map(|asset| asset.key.as_str()).collect::<Vec<_>>();
    observe_stacks(cloud, &rendered.base_name, &rendered.stack_name, &keys).await
}

/// The same by names, for `destroy` and saved plans.
///
/// # Errors
/// Those of [`observe`].
pub async fn observe_stacks(
    cloud: &Cloud,
    base_name: &str,
    stack_name: &str,
    asset_keys: &[&str],
) -> Result<Snapshot, Error> {
    let _ = (cloud, base_name, stack_name, asset_keys);
    todo!()
}
