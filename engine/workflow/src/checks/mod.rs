//! What one stage, environment or bucket may not have, or not together.

mod advice;
mod buckets;
mod combinations;
mod doors;
mod joins;
mod names;
mod safeguards;
mod secrets;
mod services;

use scar_manifest::{Diagnostic, Places, Span};
use scar_schemas::manifest::{self, Manifest};

use crate::{Stage, Workflow};

/// Everything that a check may look at.
pub(crate) struct Look<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) workflow: &'a Workflow,
    pub(crate) places: &'a Places,
}

/// One stage: what was written, and what became of it.
#[derive(Clone, Copy)]
struct One<'a> {
    own: &'a manifest::Stage,
    stage: &'a Stage,
    look: &'a Look<'a>,
}

impl One<'_> {
    /// Where a key of the stage stands; of `defaults`, if it was only said there.
    fn place(&self, key: &str) -> Span {
        let environment = &self.look.workflow.environment;
        let paths = [
            format!("stages.{}.{key}", self.stage.name),
            format!("envs.{environment}.defaults.{key}"),
            format!("defaults.{key}"),
        ];
        let written = paths.iter().find_map(|path| self.look.places.get(path));
        match written {
            Some(place) => place.value.clone(),
            None => self.key(),
        }
    }

    /// Where the key itself stands, for values that are long or maps.
    fn key_of(&self, key: &str) -> Span {
        let path = format!("stages.{}.{key}", self.stage.name);
        let place = self.look.places.get(&path);
        place.map_or_else(|| self.key(), |place| place.key.clone())
    }

    /// Where the stage's name stands.
    fn key(&self) -> Span {
        let path = format!("stages.{}", self.stage.name);
        let place = self.look.places.get(&path);
        place.map_or(0..0, |place| place.key.clone())
    }

    fn name(&self) -> &str {
        &self.stage.name
    }
}

/// Checks every stage, the names between them, buckets and environment.
pub(crate) fn check(look: &Look<'_>, report: &mut Vec<Diagnostic>) {
    for stage in &look.workflow.stages {
        let Some(own) = look.manifest.stages.get(&stage.name) else {
            continue;
        };
        let one = One { own, stage, look };
        combinations::check(one, report);
        doors::check(one, report);
        joins::check(one, report);
        services::check(one, report);
        secrets::check(one, report);
        advice::check(one, report);
    }
    names::check(look, report);
    buckets::check(look, report);
    safeguards::check(look, report);
    secrets::check_defaults(look, report);
    services::check_all(look, report);
    advice::check_all(look, report);
}
