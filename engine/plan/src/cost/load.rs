//! How many tasks each stage has in a month.

use std::collections::BTreeMap;

use scar_schemas::construct::{JoinBy, Schedule, Times};
use scar_workflow::{Stage, Workflow};

use super::{Assumptions, count, count64};

/// Minutes of a month of 30 days.
const MINUTES: f64 = 43_200.0;

/// Tasks by name of the stage.
pub(super) struct Loads {
    tasks: BTreeMap<String, f64>,
}

impl Loads {
    /// Follows the links from the objects that come from outside; what a cycle brings back is left out.
    pub(super) fn of(workflow: &Workflow, assumptions: &Assumptions) -> Self {
        let mut loads = Self {
            tasks: BTreeMap::new(),
        };
        let before = Before::of(workflow);
        for stage in &workflow.stages {
            let tasks = loads.of_stage(&before, stage, assumptions);
            loads.tasks.insert(stage.name.clone(), tasks);
        }
        loads
    }

    /// Tasks of a stage.
    pub(super) fn tasks(&self, stage: &str) -> f64 {
        self.tasks.get(stage).copied().unwrap_or_default()
    }

    fn of_stage(&self, before: &Before<'_>, stage: &Stage, assumptions: &Assumptions) -> f64 {
        let objects = count64(assumptions.objects);
        if let Some(schedule) = &stage.schedule {
            return firings(schedule);
        }
        let items = count(stage.items.len().max(1));
        let fed = self.arriving(before, stage);
        let arriving = fed.unwrap_or(objects);
        let tasks = match stage.join.as_ref().map(|join| join.by) {
            Some(JoinBy::Stem) => arriving / count(stage.inputs.len().max(1)),
            // A run is what one object from outside became.
            Some(JoinBy::Run) => objects.min(arriving),
            _ if stage.after.len() > 1 => objects.min(arriving),
            _ => arriving,
        };
        tasks * items
    }

    /// Objects that other stages bring, one for each of their tasks; `None` if none does.
    fn arriving(&self, before: &Before<'_>, stage: &Stage) -> Option<f64> {
        let feeding = before.by_link.get(stage.name.as_str());
        let after = stage
            .after
            .iter()
            .filter_map(|id| before.by_id.get(id.as_str()));
        let names = feeding.into_iter().flatten().chain(after);
        let all: Vec<f64> = names
            .filter_map(|name| self.tasks.get(*name))
            .copied()
            .collect();
        (!all.is_empty()).then(|| all.iter().sum())
    }
}

/// Which stages come before others.
struct Before<'a> {
    /// Stages that feed a stage, by its name.
    by_link: BTreeMap<&'a str, Vec<&'a str>>,
    /// Names by ids.
    by_id: BTreeMap<&'a str, &'a str>,
}

impl<'a> Before<'a> {
    fn of(workflow: &'a Workflow) -> Self {
        let mut by_link: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for link in &workflow.links {
            by_link.entry(&link.to).or_default().push(&link.from);
        }
        let stages = workflow.stages.iter();
        let by_id = stages
            .map(|stage| (stage.id.as_str(), stage.name.as_str()))
            .collect();
        Self { by_link, by_id }
    }
}

/// Times a schedule fires in a month. Of a cron expression only minute, hour and days count: a list or a
/// step as many times as it says.
fn firings(schedule: &Schedule) -> f64 {
    match &schedule.times {
        Times::EveryMinutes(minutes) => MINUTES / count64(*minutes.max(&1)),
        Times::Cron(text) => {
            let fields: Vec<&str> = text.split_whitespace().collect();
            let of = |index: usize, size: f64| fields.get(index).map_or(size, |it| times(it, size));
            let days = of(2, 30.0) * of(4, 7.0) / 7.0;
            of(0, 60.0) * of(1, 24.0) * days * of(3, 12.0) / 12.0
        }
    }
}

fn times(field: &str, size: f64) -> f64 {
    let one = |part: &str| match (part.split_once('/'), part.split_once('-')) {
        (Some((_, step)), _) => size / step.parse::<f64>().unwrap_or(1.0).max(1.0),
        (None, Some((from, to))) => match (from.parse::<f64>(), to.parse::<f64>()) {
            (Ok(from), Ok(to)) if to >= from => to - from + 1.0,
            _ => size,
        },
        _ if part == "*" || part == "?" => size,
        _ => 1.0,
    };
    field.split(',').map(one).sum::<f64>().min(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_fire_as_often_as_they_say() {
        let cron = |text: &str| {
            firings(&Schedule {
                times: Times::Cron(text.to_owned()),
                time_zone: "UTC".to_owned(),
            })
        };
        assert_eq!(cron("0 3 * * *").round(), 30.0);
        assert_eq!(cron("*/15 * * * *").round(), 2_880.0);
        assert_eq!(cron("0 9-17 * * 1-5").round(), 193.0);
        assert_eq!(cron("0 0 1 * *").round(), 1.0);
    }
}
