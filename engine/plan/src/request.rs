//! What planning is asked for, besides what is wanted and what is there.

use std::collections::{BTreeMap, BTreeSet};

use scar_schemas::digest::Digest;

use crate::{Assumptions, Place, Policy};

/// Tells where a path of the manifest stands.
pub type Places<'a> = dyn Fn(&str) -> Option<Place> + 'a;

/// What planning is asked for. The default knows no places, allows what the manifest allows, and guesses.
#[derive(Default)]
pub struct Request<'a> {
    /// What the cost is computed with.
    pub assumptions: Assumptions,
    /// What must not be planned.
    pub policy: Policy,
    /// Stages whose image the lock file holds.
    pub locked: BTreeSet<String>,
    /// What the tag of a stage's image means now, where the lock file holds another digest.
    pub moved: BTreeMap<String, Digest>,
    /// Where a path of the manifest stands, for instance `stages.resize.memory`.
    pub places: Option<&'a Places<'a>>,
}

impl Request<'_> {
    /// The place of the first path that stands in the manifest.
    pub(crate) fn place<'p>(&self, paths: impl IntoIterator<Item = &'p str>) -> Option<Place> {
        let places = self.places?;
        paths.into_iter().find_map(places)
    }
}
