//! Protocols that are broken on purpose, each in one place, and that the search must find out.

use scar_schemas::contract::Mode;
use scar_schemas::record::TaskState;

use super::search::explore;
use super::world::{World, record};
use crate::step::{Committed, End, Facts, Place, Reply, Step, next};

/// What a broken protocol would do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Variant {
    Right,
    /// Writes outputs without a condition.
    NoCondition,
    /// Creates the record without a condition.
    CommitsAlways,
    /// Copies outputs to their keys before the commit.
    PublishesFirst,
    /// Writes outputs to their keys at once.
    WritesFinalKeys,
    /// Takes a committed record for a published one.
    NeverRollsForward,
    /// Takes its own write, whose answer was lost, for somebody else's, and leaves.
    DisownsItsWrite,
    /// Takes every refused write for a success.
    AnyRefusalIsSuccess,
    /// Takes an answer that decides nothing for "it exists".
    ConflictIsSuccess,
    /// Removes what is staged although a record still has to publish it.
    StagingExpires,
    /// Replaces an output without a look at the input.
    NeverComparesVersions,
    /// Looks at the input first and at the output afterwards.
    LooksAtTheInputFirst,
    /// Acknowledges when the marker is there, before there is a job.
    NeverSubmits,
    /// Tells nobody.
    NeverAnnounces,
    /// Never looks after events that were given up.
    NeverSweeps,
}

impl Variant {
    /// What to do next, in this variant.
    pub(super) fn next(self, facts: &Facts, step: Step, reply: Reply) -> Step {
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

fn ledger() -> World {
    World::new(Mode::Ledger, &[1, 1], 1)
}

fn atomic() -> World {
    World::new(Mode::Atomic, &[1, 1], 1)
}

fn newer() -> World {
    World::new(Mode::Atomic, &[1, 2], 2)
}

fn in_functions(place: Place) -> World {
    World::new(Mode::Atomic, &[1], 1).in_functions(place)
}

fn expiring() -> World {
    World {
        removals: 1,
        ..ledger()
    }
}

fn given_up() -> World {
    World {
        sweeps: 0,
        ..World::new(Mode::Ledger, &[1], 1).swept()
    }
}

#[test]
fn broken_protocols_are_found_out() {
    use Variant as V;
    let cases = [
        (V::NoCondition, atomic()),
        (V::NoCondition, ledger()),
        (V::NoCondition, newer()),
        (V::CommitsAlways, ledger()),
        (V::PublishesFirst, ledger()),
        (V::WritesFinalKeys, ledger()),
        (V::NeverRollsForward, ledger()),
        (V::DisownsItsWrite, ledger()),
        (V::DisownsItsWrite, World::new(Mode::Ledger, &[1], 1)),
        (V::AnyRefusalIsSuccess, newer()),
        (V::ConflictIsSuccess, atomic()),
        (V::ConflictIsSuccess, ledger()),
        (V::StagingExpires, expiring()),
        (V::NeverComparesVersions, newer()),
        (V::LooksAtTheInputFirst, newer()),
        (V::NeverSubmits, in_functions(Place::Batch)),
        (V::NeverAnnounces, in_functions(Place::Fallback)),
        (V::NeverSweeps, given_up()),
    ];
    let found = cases.map(|(variant, world)| {
        let world = World { variant, ..world };
        let is_found = std::panic::catch_unwind(|| explore(world)).is_err();
        (variant, is_found)
    });
    let missed: Vec<Variant> = found.iter().filter(|one| !one.1).map(|one| one.0).collect();
    assert_eq!(missed, []);
}

/// What the design record states as a limit is one, and the search sees it.
#[test]
fn an_output_that_a_user_deletes_may_come_back() {
    let world = World {
        deletes: 1,
        kills: 0,
        losses: 0,
        ..ledger()
    };
    assert!(std::panic::catch_unwind(|| explore(world)).is_err());
}
