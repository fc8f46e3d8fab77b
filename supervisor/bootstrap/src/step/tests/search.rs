//! The walk through every schedule, and the promises that hold after every single request.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use scar_schemas::contract::Mode;
use scar_schemas::record::{FailureClass, TaskState};

use super::broken::Variant;
use super::world::{OUTPUTS, Process, World};
use crate::step::{End, Ending, Step, first};

/// Walks through every reachable world and returns how many there are.
pub(super) fn explore(start: World) -> usize {
    let mut known = BTreeSet::new();
    let mut pending = VecDeque::from([start]);
    while let Some(world) = pending.pop_front() {
        let mut hasher = DefaultHasher::new();
        format!("{world:?}").hash(&mut hasher);
        if known.insert(hasher.finish()) {
            world.check();
            pending.extend(world.successors());
        }
    }
    known.len()
}

impl World {
    /// All worlds that one more event can make of this one.
    fn successors(&self) -> Vec<World> {
        let mut worlds = Vec::new();
        if self.current < self.versions {
            worlds.push(World {
                current: self.current + 1,
                ..self.clone()
            });
        }
        for which in 0..self.processes.len() {
            let process = &self.processes[which];
            if process.version <= self.current && !process.is_over() {
                self.moves(which, &mut worlds);
            }
        }
        if self.is_quiet() && self.sweeps > 0 {
            let mut world = self.clone();
            world.sweeps -= 1;
            world.begin(self.current, 1);
            worlds.push(world);
        }
        worlds.extend(self.removed());
        worlds.extend(self.deleted());
        worlds
    }

    fn moves(&self, which: usize, worlds: &mut Vec<World>) {
        let process = &self.processes[which];
        let mut next_world = self.clone();
        if let Some(reply) = next_world.request(which) {
            let step = process.step.clone();
            let facts = self.facts_of(process);
            next_world.processes[which].step = self.variant.next(&facts, step, reply);
        }
        // The platform delivers the event again after a function error.
        if matches!(next_world.processes[which].step, Step::End(End::Retry(_))) {
            next_world.restart(which);
        }
        worlds.push(next_world);
        if self.kills > 0 {
            let mut world = self.clone();
            world.kills -= 1;
            world.killed = true;
            world.restart(which);
            worlds.push(world);
        }
        if self.losses > 0 {
            // The request took effect, its reply did not come: the same request is made again.
            let mut lost = self.clone();
            lost.losses -= 1;
            lost.request(which);
            lost.processes[which] = process.clone();
            worlds.push(lost);
        }
        // A 409 decides nothing and the request is made again, which leaves the world as it is.
        if self.variant == Variant::ConflictIsSuccess
            && matches!(process.step, Step::Commit | Step::Put(_))
        {
            let mut world = self.clone();
            world.processes[which].step = Step::End(End::Already(TaskState::Published));
            worlds.push(world);
        }
    }

    /// A sweep removes what is staged for a closed task, and what attempts left that are no more.
    fn removed(&self) -> Option<World> {
        let is_waste = |version, attempt| match self.state_of(version) {
            _ if self.variant == Variant::StagingExpires => true,
            Some(state) => state != TaskState::Committed,
            None => !self.is_alive(attempt),
        };
        let mut world = self.clone();
        world
            .staged
            .retain(|(version, attempt, _)| !is_waste(*version, *attempt));
        world.removals = self.removals.checked_sub(1)?;
        (world.staged.len() < self.staged.len()).then_some(world)
    }

    /// A user deletes a published output.
    fn deleted(&self) -> Option<World> {
        let is_published = self.state_of(self.current) == Some(TaskState::Published);
        let mut world = self.clone();
        world.deletes = self.deletes.checked_sub(1)?;
        world.finals[0].take()?;
        is_published.then_some(world)
    }

    fn restart(&mut self, which: usize) {
        let facts = self.facts_of(&self.processes[which]);
        let attempt = self.next_attempt;
        let process = &mut self.processes[which];
        process.tries -= 1;
        process.dead = process.tries == 0;
        process.attempt = attempt;
        process.step = first(&facts);
        process.at = 0;
        process.taken.clear();
        self.next_attempt += 1;
    }

    /// Nothing more will happen by itself.
    fn is_quiet(&self) -> bool {
        self.current == self.versions && self.processes.iter().all(Process::is_over)
    }

    fn check(&self) {
        assert!(
            self.commits.values().all(|count| *count <= 1),
            "two commits"
        );
        if self.mode == Mode::Ledger {
            self.check_ledger();
        }
        if self.versions == 1 {
            assert!(
                self.events.values().all(|count| *count <= 1),
                "an output was created twice"
            );
        }
        for process in &self.processes {
            if let Step::End(end) = &process.step {
                self.check_end(process, end);
            }
        }
        if self.is_quiet() && self.sweeps == 0 && !self.fails {
            self.check_all();
        }
    }

    fn check_ledger(&self) {
        for object in self.finals.iter().flatten() {
            let found = self.records.get(&object.version);
            let (record, _) = found.expect("visible before committed");
            assert_eq!(
                record.attempt,
                object.attempt.to_string(),
                "outputs of two attempts"
            );
        }
    }

    /// When all is over, the newest version is there whole, and nobody who was not killed left anything.
    fn check_all(&self) {
        if self.deletes == 0 {
            self.check_visible(self.current);
        }
        if self.mode == Mode::Ledger {
            let state = self.state_of(self.current);
            assert_eq!(state, Some(TaskState::Published), "never published");
        }
        assert!(
            self.killed || self.staged.is_empty(),
            "left where outputs are staged"
        );
    }

    fn check_end(&self, process: &Process, end: &End) {
        match end {
            End::Closed(Ending::Published) | End::Already(TaskState::Published) => {
                assert!(
                    !self.announces || self.announced.contains(&process.version),
                    "published but not announced"
                );
                self.check_visible(process.version);
            }
            End::HandedOver => assert!(self.jobs.contains_key(&process.version), "no job"),
            End::Retry(failure) => {
                assert_ne!(failure.class, FailureClass::Internal, "{}", failure.message);
            }
            End::Closed(Ending::Failed(_)) | End::Already(TaskState::Failed) => {
                assert!(self.fails, "failed without a reason");
            }
            _ => {}
        }
    }

    fn check_visible(&self, wanted: u8) {
        let needed = if self.mode == Mode::Atomic {
            1
        } else {
            OUTPUTS
        };
        for object in self.finals.iter().take(needed) {
            let object = object.as_ref().expect("acknowledged but not visible");
            assert!(
                object.version >= wanted,
                "acknowledged but older is visible"
            );
        }
    }
}
