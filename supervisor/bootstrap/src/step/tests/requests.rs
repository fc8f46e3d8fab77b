//! What the storage answers to each step of a process.

use scar_schemas::record::{FailureClass, TaskRecord, TaskState};

use super::broken::Variant;
use super::world::{OUTPUTS, Object, Process, World, record, seen};
use crate::step::{Committed, Condition, Ending, Place, Reply, Seen, Step, failure};

impl World {
    /// One request of one process. `None` means that the step needs more requests.
    pub(super) fn request(&mut self, which: usize) -> Option<Reply> {
        let Process {
            version,
            attempt,
            step,
            at,
            ..
        } = self.processes[which].clone();
        Some(match step {
            Step::LookOutput { .. } => return self.look_output(which),
            Step::LookInput { .. } if self.variant == Variant::LooksAtTheInputFirst => {
                Reply::Current(self.processes[which].remembered)
            }
            Step::LookInput { .. } | Step::Compare(_) => Reply::Current(self.current == version),
            Step::LookRecord { .. } | Step::Recheck { .. } => {
                let found = self.records.get(&version);
                Reply::Record(found.map(|(record, etag)| (record.clone(), etag.to_string())))
            }
            Step::Work(_) => self.work(which),
            Step::Put(condition) => match self.write(0, version, attempt, &condition) {
                Ok(()) => Reply::Written,
                Err(Some(seen)) if condition == Condition::Absent => Reply::Taken(seen),
                Err(_) => Reply::Changed,
            },
            Step::Stage => {
                self.staged.insert((version, attempt, at));
                if self.variant == Variant::WritesFinalKeys {
                    self.place(at, version, attempt);
                }
                return self.more(which, Reply::Staged);
            }
            Step::Commit => self.create(version, attempt, TaskState::Committed),
            Step::Publish(committed) => return self.publish(which, &committed, at),
            Step::Replace(committed) => self.replace(version, &committed),
            Step::Mark(committed, ending) => self.mark(version, &committed, &ending),
            Step::Tidy(_) => {
                self.staged.retain(|(owner, _, _)| *owner != version);
                Reply::Written
            }
            Step::Close(ending) => self.create(version, attempt, closed(&ending)),
            Step::Count { number, .. } => {
                let owner = *self.markers.entry((version, number)).or_insert(attempt);
                mine_or_taken(owner == attempt)
            }
            Step::End(_) => unreachable!("ended processes are not asked"),
            step => self.delegate(which, &step),
        })
    }

    fn look_output(&mut self, which: usize) -> Option<Reply> {
        if self.variant == Variant::LooksAtTheInputFirst && self.processes[which].at == 0 {
            let process = &mut self.processes[which];
            process.at = 1;
            process.remembered = self.current == process.version;
            return None;
        }
        self.processes[which].at = 0;
        Some(Reply::Output(self.finals[0].as_ref().map(|o| seen(0, o))))
    }

    fn work(&self, which: usize) -> Reply {
        let process = &self.processes[which];
        let failed = |class, text: &str| Reply::Failed {
            failure: failure(class, text.into()),
            retry: true,
        };
        if self.fails {
            failed(FailureClass::Container, "75")
        } else if self.current != process.version {
            Reply::InputGone
        } else if self.too_small && process.place != Place::Here {
            failed(FailureClass::Timeout, "too long")
        } else {
            Reply::Worked
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
        match there {
            _ if holds => {
                self.place(index, version, attempt);
                Ok(())
            }
            // The store reads back what is there, and knows its own attempt again.
            Some(object) if object.attempt == attempt => Ok(()),
            Some(object) => Err(Some(seen(index, &object))),
            None => Err(None),
        }
    }

    fn place(&mut self, index: usize, version: u8, attempt: u8) {
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
    }

    fn publish(&mut self, which: usize, committed: &Committed, at: usize) -> Option<Reply> {
        let owner: u8 = committed.record.attempt.parse().unwrap();
        let version = self.processes[which].version;
        if !self.staged.contains(&(version, owner, at)) {
            let process = &mut self.processes[which];
            process.at = 0;
            process.taken.clear();
            return Some(Reply::StagedGone(format!("{owner}/{at}")));
        }
        if let Err(Some(seen)) = self.write(at, version, owner, &Condition::Absent) {
            self.processes[which].taken.push((at, seen));
        }
        let taken = self.processes[which].taken.clone();
        let reply = self.more(which, Reply::Published { taken });
        if reply.is_some() {
            self.processes[which].taken.clear();
        }
        reply
    }

    fn replace(&mut self, version: u8, committed: &Committed) -> Reply {
        let (index, seen) = committed.blocked[0].clone();
        let owner: u8 = committed.record.attempt.parse().unwrap();
        if !self.staged.contains(&(version, owner, index)) {
            return Reply::StagedGone(format!("{owner}/{index}"));
        }
        match self.write(index, version, owner, &Condition::Etag(seen.etag)) {
            Ok(()) => Reply::Written,
            Err(_) => Reply::Changed,
        }
    }

    fn mark(&mut self, version: u8, committed: &Committed, ending: &Ending) -> Reply {
        let (record, etag) = self.records[&version].clone();
        let state = closed(ending);
        if record.state == state {
            Reply::Written
        } else if etag.to_string() == committed.etag {
            self.etag += 1;
            self.discard(record.attempt.parse().unwrap());
            let marked = TaskRecord { state, ..record };
            self.records.insert(version, (marked, self.etag));
            Reply::Written
        } else {
            Reply::Changed
        }
    }

    fn more(&mut self, which: usize, reply: Reply) -> Option<Reply> {
        let process = &mut self.processes[which];
        process.at = (process.at + 1) % OUTPUTS;
        (process.at == 0).then_some(reply)
    }

    fn discard(&mut self, attempt: u8) {
        self.staged.retain(|(_, owner, _)| *owner != attempt);
    }

    fn create(&mut self, version: u8, attempt: u8, state: TaskState) -> Reply {
        let found = self.records.get(&version).cloned();
        let is_mine = |there: &TaskRecord| there.attempt == attempt.to_string();
        let (record, etag) = match found {
            Some((there, etag)) if is_mine(&there) && self.variant != Variant::DisownsItsWrite => {
                (there, etag)
            }
            Some(_) if self.variant != Variant::CommitsAlways => {
                self.discard(attempt);
                return Reply::Taken(Seen::default());
            }
            _ => {
                self.etag += 1;
                *self.commits.entry(version).or_default() += 1;
                let made = (record(version, attempt, state), self.etag);
                self.records.insert(version, made.clone());
                made
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

    /// The requests by which a task goes to Batch, and the one by which its end is told.
    fn delegate(&mut self, which: usize, step: &Step) -> Reply {
        let Process {
            version, attempt, ..
        } = self.processes[which];
        match step {
            Step::Begin(_) => {
                mine_or_taken(*self.started.entry(version).or_insert(attempt) == attempt)
            }
            Step::Note(_) => {
                let marker = self.handed.entry(version).or_insert((attempt, false));
                mine_or_taken(marker.0 == attempt)
            }
            Step::LookJob(_) => Reply::Job(self.handed[&version].1),
            Step::Submit(_) => {
                *self.jobs.entry(version).or_default() += 1;
                self.begin(version, 2);
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
}

fn mine_or_taken(is_mine: bool) -> Reply {
    match is_mine {
        true => Reply::Written,
        false => Reply::Taken(Seen::default()),
    }
}

fn closed(ending: &Ending) -> TaskState {
    match ending {
        Ending::Published => TaskState::Published,
        Ending::Failed(_) => TaskState::Failed,
        Ending::Superseded => TaskState::Superseded,
    }
}
