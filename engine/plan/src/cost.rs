//! What a workflow costs in a month: list prices, and assumptions about what nobody can know.
//!
//! The figures compare two plans and warn of surprises; storage of objects, transfer and discounts are not in them.

mod assume;
mod load;
mod price;
mod stage;

use std::collections::{BTreeMap, BTreeSet};

use scar_schemas::construct::Package;
use scar_schemas::deployed::{Deployed, DeployedStage};
use scar_workflow::{Stage, Workflow};

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
    let stages = old.map(|old| old.stages.as_slice()).unwrap_or_default();
    let is_deployed = |one: &&Stage| stages.iter().any(|stage| stage.name == one.name);
    let idle = |is_counted: &dyn Fn(&&Stage) -> bool| {
        let counted: Vec<&Stage> = workflow.stages.iter().filter(is_counted).collect();
        idle(workflow, &counted, assumptions, &prices)
    };
    let (idle_before, idle) = (idle(&is_deployed), idle(&|_| true));
    let before = sum(lines.iter().filter_map(|line| line.before));
    Cost {
        prices: prices.name.clone(),
        assumptions: told(workflow, assumptions),
        before: old.map(|_| MicroDollars(before.0 + idle_before.0)),
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

/// A month in which nothing happens, for these stages as they are planned.
fn idle(
    workflow: &Workflow,
    stages: &[&Stage],
    assumptions: &Assumptions,
    prices: &Prices,
) -> MicroDollars {
    let waiting: f64 = stages.iter().map(|one| stage::idle(one, prices)).sum();
    let alarms = match workflow.alarm {
        Some(_) => prices.alarm_month * 2.0 * count(stages.len()),
        None => 0.0,
    };
    // The environment's registry keeps the images of image functions; stages of one image share its layers.
    let images: BTreeSet<&str> = stages
        .iter()
        .filter(|one| one.package == Package::Image)
        .map(|one| one.image.as_str())
        .collect();
    let gibibytes = count64(assumptions.image_bytes) / f64::from(1 << 30);
    let registry = count(images.len()) * gibibytes * prices.registry_gb_month;
    MicroDollars::of(waiting + alarms + registry)
}

fn told(workflow: &Workflow, assumptions: &Assumptions) -> Vec<Assumption> {
    let has_images = workflow
        .stages
        .iter()
        .any(|one| one.package == Package::Image);
    let mut told = assumptions.general(has_images);
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
