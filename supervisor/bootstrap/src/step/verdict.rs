//! What is found, and what that means for the task: whose object stands in an output's place, what a record
//! of the task leads to, which failures are counted and which a larger computer may help against.

use scar_schemas::contract::Mode;
use scar_schemas::record::{Failure, FailureClass, TaskRecord, TaskState};

use super::{Committed, End, Ending, Facts, Place, Reply, Seen, Step, end, failure};

/// What a larger computer may help against.
pub(super) fn hands_over(facts: &Facts, failure: &Failure) -> bool {
    use FailureClass::{Disk, Memory, Timeout};
    facts.place == Place::Fallback && matches!(failure.class, Disk | Memory | Timeout)
}

pub(super) fn vanished() -> Failure {
    let message = "an attempt ended without a word: time or memory of the function ran out";
    failure(FailureClass::Memory, message.to_owned())
}

pub(super) fn count(failure: Failure) -> Step {
    Step::Count { number: 1, failure }
}

/// Atomic mode: whose object stands at the output's key?
pub(super) fn judge(facts: &Facts, seen: Seen, ready: bool) -> Step {
    match owner(facts, &seen) {
        Owner::ThisTask => end(facts, End::Already(TaskState::Published)),
        Owner::OtherVersion => Step::LookInput { seen, ready },
        Owner::Stranger => Step::Close(Ending::Failed(collision(facts, &seen))),
    }
}

pub(super) fn adopt(facts: &Facts, record: TaskRecord, etag: String) -> Step {
    match record.state {
        TaskState::Committed => Step::Publish(Committed {
            record,
            etag,
            blocked: Vec::new(),
        }),
        closed if facts.mode == Mode::Ledger => Step::Tidy(End::Already(closed)),
        closed => end(facts, End::Already(closed)),
    }
}

/// A record that says superseded is right as long as the input is not what it was: the same bytes may have
/// been put again, and on a bucket without versions that is the same task.
pub(super) fn doubt(etag: String, ready: bool) -> Step {
    let seen = Seen {
        etag,
        ..Seen::default()
    };
    Step::LookInput { seen, ready }
}

/// Ledger mode: goes on with the first output that somebody else's object keeps from its key.
pub(super) fn unblock(facts: &Facts, mut committed: Committed) -> Step {
    committed
        .blocked
        .retain(|(_, seen)| !matches!(owner(facts, seen), Owner::ThisTask));
    let Some((_, seen)) = committed.blocked.first() else {
        return Step::Mark(committed, Ending::Published);
    };
    match owner(facts, seen) {
        Owner::OtherVersion => Step::Compare(committed),
        Owner::Stranger | Owner::ThisTask => {
            let failure = collision(facts, seen);
            Step::Mark(committed, Ending::Failed(failure))
        }
    }
}

/// A staged output of a committed record is gone although nobody has published it.
pub(super) fn lose(facts: &Facts, record: TaskRecord, etag: String, lost: &str) -> Step {
    match adopt(facts, record, etag) {
        Step::Publish(committed) => {
            let message = format!("staged output {lost:?} is gone before it was published");
            Step::Mark(
                committed,
                Ending::Failed(failure(FailureClass::Output, message)),
            )
        }
        step => step,
    }
}

/// Before the commit, trouble is a failed attempt like any other; afterwards, and where not even a
/// marker can be written, only the event's own repetition helps.
pub(super) fn trouble(step: &Step, failure: Failure) -> Step {
    match step {
        Step::LookOutput { .. }
        | Step::LookInput { .. }
        | Step::LookRecord { ready: false }
        | Step::Begin(_)
        | Step::Note(_)
        | Step::LookJob(_)
        | Step::Submit(_)
        | Step::Put(_)
        | Step::Stage => count(failure),
        // There is a job, only its number is not written down: who looks again submits another one.
        Step::Confirm => Step::End(End::HandedOver),
        _ => Step::End(End::Retry(failure)),
    }
}

pub(super) fn illegal(step: &Step, reply: &Reply) -> Step {
    let message = format!("no rule for reply {reply:?} to step {step:?}");
    let message = message.chars().take(500).collect();
    Step::End(End::Retry(failure(FailureClass::Internal, message)))
}

enum Owner {
    ThisTask,
    OtherVersion,
    Stranger,
}

fn owner(facts: &Facts, seen: &Seen) -> Owner {
    if seen.task.as_deref() == Some(&facts.task) {
        Owner::ThisTask
    } else if seen.source.as_deref() == Some(&facts.source) {
        Owner::OtherVersion
    } else {
        Owner::Stranger
    }
}

fn collision(facts: &Facts, seen: &Seen) -> Failure {
    let (key, input) = (&seen.key, &facts.input);
    let maker = match (&seen.input, &seen.task) {
        (Some(other), _) => format!("made from {other:?}"),
        (None, Some(task)) => format!("made by task {task}"),
        (None, None) => "and was not made by scar".to_owned(),
    };
    let message = format!("output {key:?} of input {input:?} exists already, {maker}");
    failure(FailureClass::Output, message)
}
