//! What a workflow costs in a month: list prices, and assumptions about what nobody can know.
//!
//! The figures compare two plans and warn of surprises; storage, transfer and discounts are not in them.

mod assume;
mod load;
mod price;
mod stage;

use std::collections::{BTreeMap, BTreeSet};

use scar_schemas::deployed::{Deployed, DeployedStage};
use scar_workflow::Workflow;

use crate::{Assumption, Cost, CostLine, MicroDollars};
use load::Loads;
use price::Prices;

pub use assume::{Assumptions, InvalidAssumption};

/// Estimates the planned workflow, and the deployed one under the same assumptions.
pub(crate) fn estimate(
    workflow: &Workflow,
    old: Option<&Deployed>,
    region: &str,
    assumptions: &Assumptions,
) -> Cost {
    let prices = Prices::of(region);
    let loads = Loads::of(workflow, assumptions);
    let mut lines = current(workflow, old, assumptions, &loads, &prices);
    lines.extend(gone(workflow, old, assumptions, &prices));
    let idle = workflow.stages.iter().map(|one| stage::idle(one, &prices));
    let alarms = if workflow.alarm.is_some() {
        prices.alarm_month * 2.0 * count(workflow.stages.len())
    } else {
        0.0
    };
    let idle = MicroDollars::of(idle.sum::<f64>() + alarms);
    Cost {
        prices: prices.name.clone(),
        assumptions: told(workflow, assumptions),
        before: old.map(|_| sum(lines.iter().filter_map(|line| line.before))),
        after: MicroDollars(sum(lines.iter().filter_map(|line| line.after)).0 + idle.0),
        idle,
        limit: workflow.limits.cost_per_month.map(MicroDollars::of),
        lines,
    }
}

fn current(
    workflow: &Workflow,
    old: Option<&Deployed>,
    assumptions: &Assumptions,
    loads: &Loads,
    prices: &Prices,
) -> Vec<CostLine> {
    let stages = old.map(|old| old.stages.as_slice()).unwrap_or_default();
    let by_name: BTreeMap<&str, &DeployedStage> = stages
        .iter()
        .map(|stage| (stage.name.as_str(), stage))
        .collect();
    let line = |one: &scar_workflow::Stage| {
        let tasks = loads.tasks(&one.name);
        let of = |stage: &scar_workflow::Stage| stage::month(stage, tasks, assumptions, prices);
        let before = by_name.get(one.name.as_str());
        let (after, detail) = of(one);
        CostLine {
            stage: Some(one.name.clone()),
            detail,
            before: before
                .map(|before| MicroDollars::of(of(&stage::as_deployed(before, Some(one))).0)),
            after: Some(MicroDollars::of(after)),
        }
    };
    workflow.stages.iter().map(line).collect()
}

fn gone(
    workflow: &Workflow,
    old: Option<&Deployed>,
    assumptions: &Assumptions,
    prices: &Prices,
) -> Vec<CostLine> {
    let known: BTreeSet<&str> = workflow
        .stages
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let is_gone = |before: &&DeployedStage| !known.contains(before.name.as_str());
    let line = |before: &DeployedStage| {
        let stage = stage::as_deployed(before, None);
        let (cost, _) = stage::month(&stage, count64(assumptions.objects), assumptions, prices);
        CostLine {
            stage: Some(before.name.clone()),
            detail: "removed".to_owned(),
            before: Some(MicroDollars::of(cost)),
            after: None,
        }
    };
    let stages = old.map(|old| old.stages.as_slice()).unwrap_or_default();
    stages.iter().filter(is_gone).map(line).collect()
}

fn told(workflow: &Workflow, assumptions: &Assumptions) -> Vec<Assumption> {
    let mut told = assumptions.general();
    let stages = workflow.stages.iter();
    told.extend(stages.map(|stage| assumptions.duration_told(stage)));
    told
}

fn sum(amounts: impl Iterator<Item = MicroDollars>) -> MicroDollars {
    MicroDollars(amounts.map(|amount| amount.0).sum())
}

#[expect(clippy::cast_precision_loss, reason = "counts of an estimate")]
fn count(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts of an estimate")]
fn count64(number: u64) -> f64 {
    number as f64
}
