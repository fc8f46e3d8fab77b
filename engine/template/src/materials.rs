//! Looking up what the shell has gathered.

use scar_schemas::contract::Image;
use scar_workflow::Stage;

use crate::{Error, Materials};

impl Materials {
    pub(crate) fn image(&self, stage: &Stage) -> Result<&Image, Error> {
        self.images
            .get(&stage.name)
            .ok_or_else(|| missing(stage, "image"))
    }

    pub(crate) fn script(&self, stage: &Stage) -> Result<&[u8], Error> {
        self.scripts
            .get(&stage.name)
            .map(Vec::as_slice)
            .ok_or_else(|| missing(stage, "script"))
    }
}

fn missing(stage: &Stage, what: &'static str) -> Error {
    Error::Missing {
        stage: stage.name.clone(),
        what,
    }
}
