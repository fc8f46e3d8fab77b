//! Every schedule of a few attempts with kills, lost replies and conflicts, by exhaustive search.
//!
//! The world below has one task whose attempts follow [`next`], an input of several versions, and S3 as
//! a map with conditional writes. After every single request the invariants of the design record hold.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use scar_schemas::digest::Digest;
use scar_schemas::record::{ObjectVersion, OutputRecord, RunReport};

use super::*;

const OUTPUTS: usize = 2;

/// What a broken protocol would do.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Variant {
    Right,
    /// Writes without a condition.
    NoCondition,
    /// Copies outputs to their keys before the commit.
    PublishesFirst,
    /// Takes a committed record for a published one.
    NeverRollsForward,
    /// Takes its own write, whose answer was lost, for somebody else's, and leaves.
    DisownsItsWrite,
    /// Acknowledges when the marker is there, before there is a job.
    NeverSubmits,
    /// Takes every refused write for a success.
    AnyRefusalIsSuccess,
    /// Replaces an output without a look at the input.
    NeverComparesVersions,
    /// Tells nobody.
    NeverAnnounces,
}

impl Variant {
    fn next(self, facts: &Facts, step: Step, reply: Reply) -> Step {
        let published = Step::End(End::Already(TaskState::Published));
        match (self, &step, &reply) {
            (Self::NeverRollsForward, Step::LookRecord { .. }, Reply::Record(Some(_)))
            | (Self::DisownsItsWrite, Step::Commit, Reply::Taken(_))
            | (Self::AnyRefusalIsSuccess, Step::Put(_), Reply::Taken(_)) => published,
            (Self::NeverSubmits, Step::Note(_), _) => Step::End(End::HandedOver),
            (Self::NeverComparesVersions, Step::LookInput { .. }, Reply::Current(_)) => {
                next(facts, step, Reply::Current(true))
            }
            (Self::PublishesFirst, Step::Stage, Reply::Staged) => {
                let attempt = facts.input.parse().unwrap_or_default();
                Step::Publish(Committed {
                    record: record(1, attempt, TaskState::Committed),
                    etag: String::new(),
                    blocked: Vec::new(),
                })
            }
            (Self::NeverAnnounces, ..) => match next(facts, step, reply) {
                Step::Announce(end) => Step::End(end),
                step => step,
            },
            _ => next(facts, step, reply),
        }
    }
}

/// An object in an output's place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Object {
    version: u8,
    attempt: u8,
    etag: u32,
}

#[derive(Debug, Clone)]
struct Process {
    version: u8,
    attempt: u8,
    step: Step,
    /// Place within a step that makes several requests.
    at: usize,
    taken: Vec<(usize, Seen)>,
    tries: u8,
    dead: bool,
    place: Place,
}

#[derive(Debug, Clone)]
struct World {
    mode: Mode,
    current: u8,
    versions: u8,
    finals: [Option<Object>; OUTPUTS],
    /// Output events: how often a key was written, by version.
    events: BTreeMap<(usize, u8), u8>,
    newest: [u8; OUTPUTS],
    records: BTreeMap<u8, (TaskRecord, u32)>,
    commits: BTreeMap<u8, u8>,
    staged: BTreeSet<(u8, usize)>,
    markers: BTreeMap<(u8, u32), u8>,
    processes: Vec<Process>,
    etag: u32,
    next_attempt: u8,
    kills: u8,
    losses: u8,
    fails: bool,
    variant: Variant,
    announces: bool,
    /// Functions are too small for the work, jobs are not.
    too_small: bool,
    /// Markers of attempts at work, by version.
    started: BTreeMap<u8, u8>,
    /// Markers of tasks that go to Batch: whose, and whether the job is known.
    handed: BTreeMap<u8, (u8, bool)>,
    jobs: BTreeMap<u8, u8>,
    announced: BTreeSet<u8>,
}

fn facts(mode: Mode, version: u8) -> Facts {
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

fn record(version: u8, attempt: u8, state: TaskState) -> TaskRecord {
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

fn seen(index: usize, object: &Object) -> Seen {
    Seen {
        key: format!("out/{index}"),
        etag: object.etag.to_string(),
        task: Some(format!("task{}", object.version)),
        source: Some("source".into()),
        input: None,
    }
}

impl World {
    fn new(mode: Mode, versions: &[u8], newest: u8) -> Self {
        let process = |(attempt, version): (usize, &u8)| Process {
            version: *version,
            attempt: attempt as u8,
            step: first(&facts(mode, *version)),
            at: 0,
            taken: Vec::new(),
            tries: 2,
            dead: false,
            place: Place::Here,
        };
        Self {
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
            processes: versions.iter().enumerate().map(process).collect(),
            etag: 0,
            next_attempt: versions.len() as u8,
            kills: 1,
            losses: 1,
            fails: false,
            variant: Variant::Right,
            announces: false,
            too_small: false,
            started: BTreeMap::new(),
            handed: BTreeMap::new(),
            jobs: BTreeMap::new(),
            announced: BTreeSet::new(),
        }
    }

    /// The same world in functions that hand over to Batch.
    fn in_functions(mut self, place: Place) -> Self {
        for process in &mut self.processes {
            process.place = place;
        }
        self.too_small = true;
        self.announces = true;
        self
    }

    fn facts_of(&self, process: &Process) -> Facts {
        Facts {
            place: process.place,
            announces: self.announces,
            input: process.attempt.to_string(),
            ..facts(self.mode, process.version)
        }
    }

    fn write(
        &mut self,
        index: usize,
        version: u8,
        attempt: u8,
        condition: &Condition,
    ) -> Result<(), Option<Seen>> {
        let there = self.finals[index].clone();
        let holds = match (condition, &there) {
            _ if self.variant == Variant::NoCondition => true,
            (Condition::Absent, None) => true,
            (Condition::Etag(etag), Some(object)) => object.etag.to_string() == *etag,
            _ => false,
        };
        if !holds {
            return match there {
                // The store reads back what is there, and knows its own attempt again.
                Some(object) if object.attempt == attempt => Ok(()),
                Some(object) => Err(Some(seen(index, &object))),
                None => Err(None),
            };
        }
        self.etag += 1;
        self.finals[index] = Some(Object {
            version,
            attempt,
            etag: self.etag,
        });
        *self.events.entry((index, version)).or_default() += 1;
        assert!(
            version >= self.newest[index],
            "an output went back to an older version"
        );
        self.newest[index] = version;
        Ok(())
    }

    /// One request of one process. `None` means that the step needs more requests.
    fn request(&mut self, which: usize) -> Option<Reply> {
        let Process {
            version,
            attempt,
            step,
            at,
            ..
        } = self.processes[which].clone();
        Some(match step {
            Step::LookOutput { .. } => Reply::Output(self.finals[0].as_ref().map(|o| seen(0, o))),
            Step::LookInput { .. } | Step::Compare(_) => Reply::Current(self.current == version),
            Step::LookRecord { .. } | Step::Recheck { .. } => Reply::Record(
                self.records
                    .get(&version)
                    .map(|(record, etag)| (record.clone(), etag.to_string())),
            ),
            Step::Work(_) if self.fails => Reply::Failed {
                failure: failure(FailureClass::Container, "75".into()),
                retry: true,
            },
            Step::Work(_) if self.current != version => Reply::InputGone,
            Step::Work(_) if self.is_too_small(which) => Reply::Failed {
                failure: failure(FailureClass::Timeout, "too long".into()),
                retry: true,
            },
            Step::Work(_) => Reply::Worked,
            Step::Put(condition) => match self.write(0, version, attempt, &condition) {
                Ok(()) => Reply::Written,
                Err(Some(seen)) if condition == Condition::Absent => Reply::Taken(seen),
                Err(_) => Reply::Changed,
            },
            Step::Stage => {
                self.staged.insert((attempt, at));
                return self.more(which, OUTPUTS, Reply::Staged);
            }
            Step::Commit => self.create(version, attempt, TaskState::Committed),
            Step::Publish(committed) => return self.publish(which, &committed, at),
            Step::Replace(committed) => {
                let (index, seen) = committed.blocked[0].clone();
                let owner: u8 = committed.record.attempt.parse().unwrap();
                if !self.staged.contains(&(owner, index)) {
                    return Some(Reply::StagedGone(format!("{owner}/{index}")));
                }
                let condition = Condition::Etag(seen.etag);
                match self.write(index, version, owner, &condition) {
                    Ok(()) => Reply::Written,
                    Err(_) => Reply::Changed,
                }
            }
            Step::Mark(committed, ending) => {
                let (record, etag) = self.records[&version].clone();
                let state = closed(&ending);
                if record.state == state {
                    Reply::Written
                } else if etag.to_string() == committed.etag {
                    self.etag += 1;
                    self.discard(record.attempt.parse().unwrap());
                    self.records
                        .insert(version, (TaskRecord { state, ..record }, self.etag));
                    Reply::Written
                } else {
                    Reply::Changed
                }
            }
            Step::Close(ending) => self.create(version, attempt, closed(&ending)),
            Step::Count { number, .. } => {
                let owner = *self.markers.entry((version, number)).or_insert(attempt);
                if owner == attempt {
                    Reply::Written
                } else {
                    Reply::Taken(Seen::default())
                }
            }
            Step::End(_) => unreachable!("ended processes are not asked"),
            step => self.delegate(which, &step),
        })
    }

    fn is_too_small(&self, which: usize) -> bool {
        self.too_small && self.processes[which].place != Place::Here
    }

    /// The requests by which a task goes to Batch, and the one by which its end is told.
    fn delegate(&mut self, which: usize, step: &Step) -> Reply {
        let Process {
            version, attempt, ..
        } = self.processes[which];
        let taken = Reply::Taken(Seen::default());
        match step {
            Step::Begin(_) if *self.started.entry(version).or_insert(attempt) == attempt => {
                Reply::Written
            }
            Step::Note(_)
                if self.handed.entry(version).or_insert((attempt, false)).0 == attempt =>
            {
                Reply::Written
            }
            Step::Begin(_) | Step::Note(_) => taken,
            Step::LookJob(_) => Reply::Job(self.handed[&version].1),
            Step::Submit(_) => {
                self.submit(version);
                Reply::Written
            }
            Step::Confirm => {
                self.handed.insert(version, (attempt, true));
                Reply::Written
            }
            Step::Announce(_) => {
                self.announced.insert(version);
                Reply::Written
            }
            step => unreachable!("{step:?}"),
        }
    }

    fn submit(&mut self, version: u8) {
        *self.jobs.entry(version).or_default() += 1;
        self.processes.push(Process {
            version,
            attempt: self.next_attempt,
            step: first(&facts(self.mode, version)),
            at: 0,
            taken: Vec::new(),
            tries: 2,
            dead: false,
            place: Place::Here,
        });
        self.next_attempt += 1;
    }

    fn publish(&mut self, which: usize, committed: &Committed, at: usize) -> Option<Reply> {
        let owner: u8 = committed.record.attempt.parse().unwrap();
        let version = self.processes[which].version;
        if !self.staged.contains(&(owner, at)) {
            let process = &mut self.processes[which];
            process.at = 0;
            process.taken.clear();
            return Some(Reply::StagedGone(format!("{owner}/{at}")));
        }
        if let Err(Some(seen)) = self.write(at, version, owner, &Condition::Absent) {
            self.processes[which].taken.push((at, seen));
        }
        let taken = self.processes[which].taken.clone();
        let reply = self.more(which, OUTPUTS, Reply::Published { taken });
        if reply.is_some() {
            self.processes[which].taken.clear();
        }
        reply
    }

    fn more(&mut self, which: usize, of: usize, reply: Reply) -> Option<Reply> {
        let process = &mut self.processes[which];
        process.at = (process.at + 1) % of;
        (process.at == 0).then_some(reply)
    }

    fn discard(&mut self, attempt: u8) {
        self.staged.retain(|(owner, _)| *owner != attempt);
    }

    fn create(&mut self, version: u8, attempt: u8, state: TaskState) -> Reply {
        let found = self.records.get(&version).cloned();
        let (record, etag) = match found {
            None => {
                self.etag += 1;
                *self.commits.entry(version).or_default() += 1;
                let made = (record(version, attempt, state), self.etag);
                self.records.insert(version, made.clone());
                made
            }
            Some((there, etag))
                if there.attempt == attempt.to_string()
                    && self.variant != Variant::DisownsItsWrite =>
            {
                (there, etag)
            }
            Some(_) => {
                self.discard(attempt);
                return Reply::Taken(Seen::default());
            }
        };
        match state {
            TaskState::Committed => Reply::Committed {
                record,
                etag: etag.to_string(),
            },
            _ => Reply::Written,
        }
    }

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
            let is_started = process.version <= self.current;
            if process.dead || !is_started || matches!(process.step, Step::End(_)) {
                continue;
            }
            let mut next_world = self.clone();
            if let Some(reply) = next_world.request(which) {
                let step = process.step.clone();
                let facts = self.facts_of(process);
                next_world.processes[which].step = self.variant.next(&facts, step, reply);
            }
            next_world.redeliver(which);
            worlds.push(next_world);
            if self.kills > 0 {
                worlds.extend(self.killed(which));
            }
            if self.losses > 0 {
                // The request took effect, its reply did not come: the same request is made again.
                let mut lost = self.clone();
                lost.losses -= 1;
                let before = lost.processes[which].clone();
                lost.request(which);
                lost.processes[which] = before;
                worlds.push(lost);
            }
        }
        worlds
    }

    fn killed(&self, which: usize) -> Option<World> {
        let mut world = self.clone();
        world.kills -= 1;
        world.restart(which);
        Some(world)
    }

    /// The platform delivers the event again after a function error.
    fn redeliver(&mut self, which: usize) {
        if matches!(self.processes[which].step, Step::End(End::Retry(_))) {
            self.restart(which);
        }
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

    fn check(&self) {
        assert!(
            self.commits.values().all(|count| *count <= 1),
            "two commits"
        );
        if self.mode == Mode::Ledger {
            self.check_ledger();
        }
        let same_version = self.versions == 1;
        if same_version {
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
    }

    fn check_ledger(&self) {
        for object in self.finals.iter().flatten() {
            let (record, _) = self
                .records
                .get(&object.version)
                .expect("visible before committed");
            assert_eq!(
                record.attempt,
                object.attempt.to_string(),
                "outputs of two attempts"
            );
        }
    }

    fn check_end(&self, process: &Process, end: &End) {
        let is_published = match end {
            End::Closed(Ending::Published) | End::Already(TaskState::Published) => {
                assert!(
                    !self.announces || self.announced.contains(&process.version),
                    "published but not announced"
                );
                true
            }
            End::HandedOver => {
                assert!(self.jobs.contains_key(&process.version), "no job");
                false
            }
            End::Retry(failure) => {
                assert_ne!(failure.class, FailureClass::Internal, "{}", failure.message);
                false
            }
            End::Closed(Ending::Failed(_)) | End::Already(TaskState::Failed) => {
                assert!(self.fails, "failed without a reason");
                false
            }
            _ => false,
        };
        let needed = if self.mode == Mode::Atomic {
            1
        } else {
            OUTPUTS
        };
        for object in self.finals.iter().take(needed) {
            if is_published {
                let version = object
                    .as_ref()
                    .expect("acknowledged but not visible")
                    .version;
                assert!(
                    version >= process.version,
                    "acknowledged but older is visible"
                );
            }
        }
    }
}

fn closed(ending: &Ending) -> TaskState {
    match ending {
        Ending::Published => TaskState::Published,
        Ending::Failed(_) => TaskState::Failed,
        Ending::Superseded => TaskState::Superseded,
    }
}

/// Walks through every reachable world and returns how many there are.
fn explore(start: World) -> usize {
    let mut known = BTreeSet::new();
    let mut pending = VecDeque::from([start]);
    while let Some(world) = pending.pop_front() {
        let mut hasher = std::hash::DefaultHasher::new();
        std::hash::Hash::hash(&format!("{world:?}"), &mut hasher);
        if known.insert(std::hash::Hasher::finish(&hasher)) {
            world.check();
            pending.extend(world.successors());
        }
    }
    known.len()
}

#[test]
fn atomic_duplicates_make_one_output() {
    assert!(explore(World::new(Mode::Atomic, &[1, 1], 1)) > 100);
}

#[test]
fn ledger_duplicates_make_one_set() {
    assert!(explore(World::new(Mode::Ledger, &[1, 1], 1)) > 1_000);
}

#[test]
fn newer_versions_never_go_back() {
    assert!(explore(World::new(Mode::Atomic, &[1, 2], 2)) > 100);
    assert!(
        explore(World {
            kills: 0,
            ..World::new(Mode::Ledger, &[1, 2], 2)
        }) > 500
    );
}

#[test]
fn failures_are_counted_and_end() {
    for mode in [Mode::Atomic, Mode::Ledger] {
        let world = World {
            fails: true,
            losses: 0,
            ..World::new(mode, &[1, 1], 1)
        };
        explore(world);
    }
}

#[test]
fn a_task_that_goes_to_batch_is_done_once() {
    for place in [Place::Fallback, Place::Batch] {
        for mode in [Mode::Atomic, Mode::Ledger] {
            // A set of several outputs takes so many more steps that one delivery must do.
            let versions: &[u8] = match mode {
                Mode::Atomic => &[1, 1],
                Mode::Ledger => &[1],
            };
            let world = World {
                losses: 0,
                kills: u8::from(mode == Mode::Ledger),
                ..World::new(mode, versions, 1)
            };
            explore(world.in_functions(place));
        }
    }
}

#[test]
fn a_task_that_goes_to_batch_survives_a_kill() {
    for place in [Place::Fallback, Place::Batch] {
        let world = World {
            losses: 0,
            ..World::new(Mode::Atomic, &[1], 1)
        };
        assert!(explore(world.in_functions(place)) > 100, "{place:?}");
    }
}

#[test]
fn a_lost_answer_to_a_submission_makes_another_job_and_one_set() {
    for place in [Place::Fallback, Place::Batch] {
        let world = World {
            kills: 0,
            ..World::new(Mode::Atomic, &[1], 1)
        };
        explore(world.in_functions(place));
    }
}

#[test]
fn broken_protocols_are_found_out() {
    use Variant as V;
    let ledger = || World::new(Mode::Ledger, &[1, 1], 1);
    let atomic = || World::new(Mode::Atomic, &[1, 1], 1);
    let one = || World::new(Mode::Atomic, &[1], 1);
    let newer = || World::new(Mode::Atomic, &[1, 2], 2);
    let cases = [
        (V::NoCondition, atomic()),
        (V::NoCondition, ledger()),
        (V::PublishesFirst, ledger()),
        (V::NeverRollsForward, ledger()),
        (V::DisownsItsWrite, ledger()),
        (V::AnyRefusalIsSuccess, newer()),
        (V::NeverComparesVersions, newer()),
        (V::NeverSubmits, one().in_functions(Place::Batch)),
        (V::NeverAnnounces, one().in_functions(Place::Fallback)),
    ];
    let found = cases.map(|(variant, world)| {
        let world = World { variant, ..world };
        (
            variant,
            std::panic::catch_unwind(|| explore(world)).is_err(),
        )
    });
    let missed: Vec<Variant> = found.iter().filter(|one| !one.1).map(|one| one.0).collect();
    assert_eq!(missed, []);
}

#[test]
fn a_collision_is_a_visible_failure_that_names_both() {
    let facts = facts(Mode::Atomic, 1);
    let seen = Seen {
        key: "out/x".into(),
        etag: "e".into(),
        task: Some("other".into()),
        source: Some("elsewhere".into()),
        input: Some("in/b".into()),
    };
    let step = next(
        &facts,
        Step::LookOutput { ready: false },
        Reply::Output(Some(seen)),
    );
    let Step::Close(Ending::Failed(failure)) = step else {
        panic!("{step:?}")
    };
    assert_eq!(
        failure.message,
        "output \"out/x\" of input \"in/a\" exists already, made from \"in/b\""
    );
}

#[test]
fn answers_without_a_question_end_the_attempt() {
    let step = next(&facts(Mode::Atomic, 1), Step::Stage, Reply::Current(true));
    assert!(
        matches!(step, Step::End(End::Retry(failure)) if failure.class == FailureClass::Internal)
    );
}
