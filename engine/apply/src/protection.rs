//! What keeps a protected stack from accidents, besides what its plan asks.

use crate::call::failed;
use crate::{Cloud, Error};

/// Switches termination protection and sets the stack policy as planned. A policy that somebody set on a
/// stack that is not protected stays.
pub(crate) async fn apply(
    cloud: &Cloud,
    stack: &str,
    protection: &scar_plan::Protection,
) -> Result<(), Error> {
    let request = cloud.cloudformation.update_termination_protection();
    let request = request
        .stack_name(stack)
        .enable_termination_protection(protection.termination);
    let answer = request.send().await;
    answer.map_err(failed("UpdateTerminationProtection", stack))?;
    if let Some(policy) = &protection.stack_policy {
        let request = cloud.cloudformation.set_stack_policy();
        let request = request
            .stack_name(stack)
            .stack_policy_body(policy.to_string());
        let answer = request.send().await;
        answer.map_err(failed("SetStackPolicy", stack))?;
    }
    Ok(())
}
