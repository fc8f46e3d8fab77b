//! Every schedule of a few attempts with kills, lost replies, newer versions, jobs and sweeps, by exhaustive
//! search.
//!
//! The world has one task whose attempts follow [`next`], an input of several versions, and S3 as a map with
//! conditional writes. After every single request the invariants of the design record hold.
//! `SCAR_TEST_LONG` lets it walk through larger worlds too.

mod broken;
mod requests;
mod search;
mod world;

use super::*;

use search::explore;
use world::{World, facts, record};

fn is_long() -> bool {
    std::env::var_os("SCAR_TEST_LONG").is_some()
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
fn many_deliveries_and_two_kills_make_one_set() {
    let ledger: &[u8] = if is_long() { &[1, 1, 1] } else { &[1, 1] };
    for (mode, deliveries) in [(Mode::Atomic, &[1, 1, 1][..]), (Mode::Ledger, ledger)] {
        let world = World {
            kills: 2,
            ..World::new(mode, deliveries, 1)
        };
        assert!(explore(world) > 1_000);
    }
}

#[test]
fn newer_versions_never_go_back() {
    assert!(explore(World::new(Mode::Atomic, &[1, 2], 2)) > 100);
    let world = World {
        kills: 0,
        ..World::new(Mode::Ledger, &[1, 2], 2)
    };
    assert!(explore(world) > 500);
}

#[test]
fn three_versions_end_with_the_newest() {
    let world = World {
        kills: 0,
        ..World::new(Mode::Atomic, &[1, 2, 2, 3], 3)
    };
    assert!(explore(world) > 1_000);
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
fn an_event_that_was_given_up_is_made_good_by_a_sweep() {
    for mode in [Mode::Atomic, Mode::Ledger] {
        assert!(explore(World::new(mode, &[1, 1], 1).swept()) > 50);
    }
}

#[test]
fn what_a_record_has_to_publish_is_never_removed() {
    let world = World {
        removals: 2,
        losses: 0,
        ..World::new(Mode::Ledger, &[1, 1], 1)
    };
    assert!(explore(world) > 1_000);
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
fn whoever_finds_a_closed_task_tidies_up() {
    let (ledger, atomic) = (facts(Mode::Ledger, 1), facts(Mode::Atomic, 1));
    let closed = || Reply::Record(Some((record(1, 0, TaskState::Failed), "e".into())));
    let ended = End::Already(TaskState::Failed);
    let look = || Step::LookRecord { ready: false };
    let step = next(&ledger, look(), closed());
    assert_eq!(step, Step::Tidy(ended.clone()));
    assert_eq!(
        next(&ledger, step, Reply::Written),
        Step::End(ended.clone())
    );
    assert_eq!(next(&atomic, look(), closed()), Step::End(ended));
}

/// On a bucket without versions the same bytes, put again, are the same task.
#[test]
fn a_record_that_says_superseded_counts_as_long_as_the_input_is_another() {
    let facts = facts(Mode::Ledger, 1);
    let superseded = || Reply::Record(Some((record(1, 0, TaskState::Superseded), "e".into())));
    for ready in [false, true] {
        let look = next(&facts, Step::LookRecord { ready }, superseded());
        assert!(matches!(&look, Step::LookInput { .. }), "{look:?}");
        let again = next(&facts, look.clone(), Reply::Current(true));
        match ready {
            false => assert_eq!(again, Step::Work(Condition::Absent)),
            true => assert_eq!(again, Step::Stage),
        }
        let ended = End::Already(TaskState::Superseded);
        assert_eq!(next(&facts, look, Reply::Current(false)), Step::Tidy(ended));
    }
    let closing = Step::Close(Ending::Superseded);
    let look = Step::LookRecord { ready: false };
    assert_eq!(next(&facts, closing, Reply::Changed), look);
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
