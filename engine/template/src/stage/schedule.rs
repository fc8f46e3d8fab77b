//! Times at which the stage starts, and those at which joins whose time is up are looked for.

use scar_schemas::construct::JoinBy;
use serde_json::json;

use super::{Named, Part};
use crate::{Error, cron, name};

/// What the supervisor is told. The service puts the time in ("Adding context attributes").
const FIRING: &str = r#"{"scar":"schedule","time":"<aws.scheduler.scheduled-time>"}"#;
const SWEEP: &str = r#"{"scar":"sweep"}"#;
/// How often joins are looked at.
const SWEEP_EVERY: &str = "rate(5 minutes)";
/// A sweep that comes late is as good as the next one; a firing is not.
const SWEEP_AGE_S: u32 = 300;
const FIRING_AGE_S: u32 = 86_400;

impl Part<'_> {
    pub(super) fn schedules(&self) -> Result<Vec<Named>, Error> {
        let mut resources = Vec::new();
        if let Some(schedule) = &self.stage.schedule {
            let expression = cron::expression(&schedule.times).ok_or_else(|| Error::Schedule {
                stage: self.stage.name.clone(),
            })?;
            let time_zone = (schedule.time_zone != "UTC").then_some(schedule.time_zone.as_str());
            let resource = self.schedule(&expression, time_zone, FIRING, FIRING_AGE_S)?;
            resources.push((name::schedule_id(self.id()), resource));
        }
        if self.has_sweep() {
            let resource = self.schedule(SWEEP_EVERY, None, SWEEP, SWEEP_AGE_S)?;
            resources.push((name::sweep_id(self.id()), resource));
        }
        if !resources.is_empty() {
            let values = json!({
                "function": name::function_id(self.id()),
                "queue": name::queue_id(self.id()),
                "kms_key": self.kms_key(),
            });
            let role = self.render("scheduler_role", values)?;
            resources.push((name::scheduler_id(self.id()), role));
        }
        Ok(resources)
    }

    fn has_sweep(&self) -> bool {
        let ends = |join: &scar_schemas::construct::Join| {
            join.timeout_s.is_some() && join.by != JoinBy::Window
        };
        self.stage.join.as_ref().is_some_and(ends)
    }

    fn schedule(
        &self,
        expression: &str,
        time_zone: Option<&str>,
        input: &str,
        event_age_s: u32,
    ) -> Result<serde_json::Value, Error> {
        let values = json!({
            "description": self.describe(),
            "expression": expression,
            "time_zone": time_zone,
            "input": input,
            "event_age_s": event_age_s,
            "function": name::function_id(self.id()),
            "queue": name::queue_id(self.id()),
            "role": name::scheduler_id(self.id()),
        });
        self.render("schedule", values)
    }
}
