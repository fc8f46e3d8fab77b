//! What must be allowed by name before a plan may be carried out.

use std::collections::BTreeMap;

use scar_template::name;
use scar_workflow::Workflow;

use crate::{Action, Block, BlockCode, CheckOutcome, Plan, Policy};

/// Everything that stands in the way of a plan that is otherwise complete.
pub(crate) fn blocks(plan: &Plan, workflow: &Workflow, policy: &Policy) -> Vec<Block> {
    let mut blocks = failures(plan);
    blocks.extend(policy.check(plan));
    blocks.extend(widening(plan));
    blocks.extend(data(plan, workflow));
    blocks.extend(protected(plan));
    blocks.extend(cost(plan));
    blocks
}

fn failures(plan: &Plan) -> Vec<Block> {
    let failed = plan
        .checks
        .iter()
        .filter(|check| check.outcome == CheckOutcome::Failed);
    let block = |check: &crate::Check| Block {
        code: match check.code.as_str() {
            "account" => BlockCode::Account,
            _ => BlockCode::Check,
        },
        subject: check.stage.clone().unwrap_or_else(|| check.code.clone()),
        reason: check.summary.clone(),
        allow: None,
    };
    failed.map(block).collect()
}

/// A first deployment is asked about as a whole; later, roles that come to reach further are asked about.
fn widening(plan: &Plan) -> Vec<Block> {
    let mut by_stage: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let wider = plan.permissions.iter().filter(|one| one.widens);
    for one in wider.filter(|_| plan.stack.based_on.is_some()) {
        let resources = by_stage.entry(&one.stage).or_default();
        if !resources.contains(&one.resource.as_str()) {
            resources.push(&one.resource);
        }
    }
    let block = |(stage, resources): (&str, Vec<&str>)| Block {
        code: BlockCode::Widen,
        subject: stage.to_owned(),
        reason: format!(
            "stage {stage} gains access beyond this workflow: {}",
            resources.join(", ")
        ),
        allow: Some("widen".to_owned()),
    };
    by_stage.into_iter().map(block).collect()
}

fn data(plan: &Plan, workflow: &Workflow) -> Vec<Block> {
    let resources = plan.base.resources.iter().chain(&plan.stack.resources);
    let lost = resources.filter(|one| plan.summary.data_at_risk.contains(&one.logical_id));
    let block = |change: &crate::ResourceChange| {
        let known = workflow
            .buckets
            .keys()
            .find(|bucket| name::bucket_id(bucket) == change.logical_id);
        let bucket = known.unwrap_or(&change.logical_id);
        let fate = match (change.action, change.retained) {
            (Action::Replace, _) => "is replaced by a new, empty one",
            (_, true) => {
                "leaves the workflow; its objects stay where they are, but nothing reads them"
            }
            (_, false) => "is deleted",
        };
        Block {
            code: BlockCode::DeleteData,
            subject: bucket.clone(),
            reason: format!("bucket {bucket} {fate}"),
            allow: Some(format!("delete-data:{bucket}")),
        }
    };
    lost.map(block).collect()
}

/// A protected environment may be added to and changed in place, but nothing goes without a word.
fn protected(plan: &Plan) -> Option<Block> {
    let removes = plan.summary.delete + plan.summary.replace > 0;
    (plan.protect && removes).then(|| Block {
        code: BlockCode::Protected,
        subject: plan.environment.clone(),
        reason: format!(
            "environment {} is protected, and this deletes or replaces {} resources",
            plan.environment,
            plan.summary.delete + plan.summary.replace
        ),
        allow: Some("protected".to_owned()),
    })
}

fn cost(plan: &Plan) -> Option<Block> {
    let limit = plan.cost.limit.filter(|limit| plan.cost.after > *limit)?;
    Some(Block {
        code: BlockCode::Cost,
        subject: plan.environment.clone(),
        reason: format!(
            "it costs about ${:.2} a month, environment {} may cost ${:.2}",
            plan.cost.after.dollars(),
            plan.environment,
            limit.dollars()
        ),
        allow: Some("cost".to_owned()),
    })
}
