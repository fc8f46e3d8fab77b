//! One task in a world of a few attempts: an input of several versions, and a storage that is a map with
//! conditional writes.

use std::collections::{BTreeMap, BTreeSet};

use scar_schemas::contract::Mode;
use scar_schemas::digest::Digest;
use scar_schemas::record::{ObjectVersion, OutputRecord, RunReport, TaskRecord, TaskState};

use super::broken::Variant;
use crate::step::{Facts, Place, Seen, Step, first};

pub(super) const OUTPUTS: usize = 2;

/// An object in an output's place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Object {
    pub(super) version: u8,
    pub(super) attempt: u8,
    pub(super) etag: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) version: u8,
    pub(super) attempt: u8,
    pub(super) step: Step,
    /// Place within a step that makes several requests.
    pub(super) at: usize,
    pub(super) taken: Vec<(usize, Seen)>,
    pub(super) tries: u8,
    pub(super) dead: bool,
    pub(super) place: Place,
    /// What a look at the input said that came too early.
    pub(super) remembered: bool,
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) mode: Mode,
    pub(super) current: u8,
    pub(super) versions: u8,
    pub(super) finals: [Option<Object>; OUTPUTS],
    /// Output events: how often a key was written, by version.
    pub(super) events: BTreeMap<(usize, u8), u8>,
    pub(super) newest: [u8; OUTPUTS],
    pub(super) records: BTreeMap<u8, (TaskRecord, u32)>,
    pub(super) commits: BTreeMap<u8, u8>,
    /// Version, attempt and number of every staged output.
    pub(super) staged: BTreeSet<(u8, u8, usize)>,
    pub(super) markers: BTreeMap<(u8, u32), u8>,
    pub(super) processes: Vec<Process>,
    pub(super) etag: u32,
    pub(super) next_attempt: u8,
    pub(super) kills: u8,
    /// Somebody was killed.
    pub(super) killed: bool,
    pub(super) losses: u8,
    /// Looks after what nobody does any more.
    pub(super) sweeps: u8,
    /// Removals of what is staged and needed by nobody.
    pub(super) removals: u8,
    /// Outputs that a user may delete.
    pub(super) deletes: u8,
    pub(super) fails: bool,
    pub(super) variant: Variant,
    pub(super) announces: bool,
    /// Functions are too small for the work, jobs are not.
    pub(super) too_small: bool,
    /// Markers of attempts at work, by version.
    pub(super) started: BTreeMap<u8, u8>,
    /// Markers of tasks that go to Batch: whose, and whether the job is known.
    pub(super) handed: BTreeMap<u8, (u8, bool)>,
    pub(super) jobs: BTreeMap<u8, u8>,
    pub(super) announced: BTreeSet<u8>,
}

impl World {
    /// A process for each of these versions of the input, of which there are so many.
    pub(super) fn new(mode: Mode, versions: &[u8], newest: u8) -> Self {
        let mut world = Self {
            mode,
            current: 1,
            versions: newest,
            finals: [None, None],
            events: BTreeMap::new(),
            newest: [0; OUTPUTS],
            records: BTreeMap::new(),
            commits: BTreeMap::new(),
            staged: BTreeSet::new(),
            markers: BTreeMap::new(),
            processes: Vec::new(),
            etag: 0,
            next_attempt: 0,
            kills: 1,
            killed: false,
            losses: 1,
            sweeps: 0,
            removals: 0,
            deletes: 0,
            fails: false,
            variant: Variant::Right,
            announces: false,
            too_small: false,
            started: BTreeMap::new(),
            handed: BTreeMap::new(),
            jobs: BTreeMap::new(),
            announced: BTreeSet::new(),
        };
        for version in versions {
            world.begin(*version, 2);
        }
        world
    }

    /// The same world in functions that hand over to Batch.
    pub(super) fn in_functions(mut self, place: Place) -> Self {
        for process in &mut self.processes {
            process.place = place;
        }
        self.too_small = true;
        self.announces = true;
        self
    }

    /// The same world where every event comes once, and an operator looks after what is left.
    pub(super) fn swept(mut self) -> Self {
        for process in &mut self.processes {
            process.tries = 1;
        }
        self.sweeps = 1;
        self
    }

    /// An event that is delivered at most so often.
    pub(super) fn begin(&mut self, version: u8, tries: u8) {
        self.processes.push(Process {
            version,
            attempt: self.next_attempt,
            step: first(&facts(self.mode, version)),
            at: 0,
            taken: Vec::new(),
            tries,
            dead: false,
            place: Place::Here,
            remembered: true,
        });
        self.next_attempt += 1;
    }

    pub(super) fn facts_of(&self, process: &Process) -> Facts {
        Facts {
            place: process.place,
            announces: self.announces,
            input: process.attempt.to_string(),
            ..facts(self.mode, process.version)
        }
    }

    /// Attempts that may still make requests.
    pub(super) fn is_alive(&self, attempt: u8) -> bool {
        let mut alive = self.processes.iter().filter(|one| !one.is_over());
        alive.any(|one| one.attempt == attempt)
    }

    pub(super) fn state_of(&self, version: u8) -> Option<TaskState> {
        self.records.get(&version).map(|(record, _)| record.state)
    }
}

impl Process {
    pub(super) fn is_over(&self) -> bool {
        self.dead || matches!(self.step, Step::End(_))
    }
}

pub(super) fn facts(mode: Mode, version: u8) -> Facts {
    Facts {
        task: format!("task{version}"),
        source: "source".into(),
        mode,
        attempts: 2,
        input: "in/a".into(),
        place: Place::Here,
        announces: false,
    }
}

pub(super) fn record(version: u8, attempt: u8, state: TaskState) -> TaskRecord {
    let output = |index: usize| OutputRecord {
        bucket: "b".into(),
        key: format!("out/{index}"),
        size: 1,
        digest: Digest::of(&[attempt]),
        staged: format!("{attempt}/{index}"),
    };
    TaskRecord {
        format: 1,
        task: format!("task{version}"),
        stage: "s".into(),
        attempt: attempt.to_string(),
        run: "run".into(),
        state,
        input: ObjectVersion {
            bucket: "b".into(),
            key: "in/a".into(),
            etag: version.to_string(),
            size: 1,
            version_id: None,
        },
        outputs: (0..OUTPUTS).map(output).collect(),
        failure: None,
        report: RunReport::default(),
        items: String::new(),
        hops: 1,
    }
}

pub(super) fn seen(index: usize, object: &Object) -> Seen {
    Seen {
        key: format!("out/{index}"),
        etag: object.etag.to_string(),
        task: Some(format!("task{}", object.version)),
        source: Some("source".into()),
        input: None,
    }
}
