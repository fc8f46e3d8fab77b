//! What a stage is, in a few words.

use scar_schemas::construct::{Compute, HttpMode, JoinBy, Times};

use crate::Stage;

/// Where it runs and what constructs it has, the most important first.
pub(super) fn kinds(stage: &Stage) -> Vec<String> {
    let mut kinds = vec![place(stage)];
    if let Some(http) = &stage.http {
        let mode = match http.mode {
            HttpMode::Sync => "",
            HttpMode::Async => ", async",
        };
        kinds.push(format!("http {}{mode}", http.path));
    }
    if let Some(schedule) = &stage.schedule {
        kinds.push(match &schedule.times {
            Times::Cron(cron) => format!("at {cron}"),
            Times::EveryMinutes(minutes) => format!("every {minutes} min"),
        });
    }
    if let Some(join) = &stage.join {
        let by = match join.by {
            JoinBy::Stem => "stem",
            JoinBy::Run => "run",
            JoinBy::Window => "window",
        };
        kinds.push(format!("join by {by}"));
    }
    if !stage.items.is_empty() {
        kinds.push(format!("scatter × {}", stage.items.len()));
    }
    if let Some(max) = stage.loop_max {
        kinds.push(format!("loop ≤ {max}"));
    }
    kinds
}

fn place(stage: &Stage) -> String {
    let mut place = match (stage.compute, stage.fallback) {
        (Compute::Lambda, false) => "lambda".to_owned(),
        (Compute::Lambda, true) => "lambda, else batch".to_owned(),
        (Compute::Batch, _) => "batch".to_owned(),
    };
    if stage.compute == Compute::Batch {
        if stage.gpu > 0 {
            place += &format!(" gpu × {}", stage.gpu);
        }
        if stage.nodes > 1 {
            place += &format!(" × {} nodes", stage.nodes);
        }
        if stage.spot {
            place += " spot";
        }
    }
    place
}
