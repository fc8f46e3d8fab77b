//! What one stack can have ("CloudFormation quotas" in its user guide).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use scar_template::Rendered;

use crate::Plan;

/// Largest template in bytes, that of an object in S3.
const TEMPLATE_BYTES: usize = 1_000_000;
/// Most resources.
pub(crate) const RESOURCES: usize = 500;
/// Most outputs.
const OUTPUTS: usize = 200;
/// How many of the largest stages are named.
const LARGEST: usize = 3;

/// Why the workflow is too large for one stack, if it is.
pub(crate) fn excess(plan: &Plan, rendered: &Rendered) -> Option<String> {
    let template = &plan.stack.template;
    let sizes = [
        (template.resources.len(), RESOURCES, "resources"),
        (template.outputs.len(), OUTPUTS, "outputs"),
        (plan.stack.text.len(), TEMPLATE_BYTES, "bytes of template"),
    ];
    let (count, limit, what) = sizes.into_iter().find(|(count, limit, _)| count > limit)?;
    Some(format!(
        "the stack has {count} {what}, CloudFormation takes {limit}: make several workflows of it; the \
         largest stages are {}",
        largest(rendered)
    ))
}

/// Stages with most resources, and how many.
fn largest(rendered: &Rendered) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for stage in rendered
        .origins
        .values()
        .filter_map(|one| one.stage.as_deref())
    {
        *counts.entry(stage).or_default() += 1;
    }
    let mut ranking: Vec<(&str, usize)> = counts.into_iter().collect();
    ranking.sort_by_key(|(_, count)| Reverse(*count));
    let shown = ranking.iter().take(LARGEST);
    let texts: Vec<String> = shown
        .map(|(stage, count)| format!("{stage} ({count} resources)"))
        .collect();
    texts.join(", ")
}
