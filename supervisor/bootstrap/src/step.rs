//! The delivery protocol as a pure state machine: what was asked and what came back give what to do
//! next. All legal transitions stand in [`next`] and its four matches; the shell in `task.rs` does what it is told.
//!
//! The rules are those of docs/design/0002-delivery.md. A step is also the state: whoever holds a
//! step knows everything that matters, so a search over all schedules can hold it too.

mod verdict;

use scar_schemas::contract::Mode;
use scar_schemas::record::{Failure, FailureClass, TaskRecord, TaskState};

use verdict::{adopt, count, doubt, hands_over, illegal, judge, lose, trouble, unblock, vanished};

/// What the protocol knows about a task before it starts.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// Identity of the task.
    pub(crate) task: String,
    /// Identity of the input without its version.
    pub(crate) source: String,
    /// How the stage commits.
    pub(crate) mode: Mode,
    /// Starts allowed before the task is recorded as failed.
    pub(crate) attempts: u32,
    /// Key of the input, for messages.
    pub(crate) input: String,
    /// Where the work is done.
    pub(crate) place: Place,
    /// Whether other stages wait to hear of finished tasks.
    pub(crate) announces: bool,
}

/// Where the work of a task is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this process.
    Here,
    /// In this process, and where that is not enough, in a job of Batch.
    Fallback,
    /// In a job of Batch.
    Batch,
}

/// An object that stands where an output should go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// Final key.
    pub(crate) key: String,
    /// Its ETag.
    pub(crate) etag: String,
    /// The task that made it, if scar did.
    pub(crate) task: Option<String>,
    /// The input it was made of, without version.
    pub(crate) source: Option<String>,
    /// Key of that input, for messages.
    pub(crate) input: Option<String>,
}

/// Under which condition an output may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Nothing is there.
    Absent,
    /// What is there still has this ETag: it was made of another version of the same input.
    Etag(String),
}

/// A record that holds the commit of this task, on its way to being published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Committed {
    /// The record as it is stored.
    pub(crate) record: TaskRecord,
    /// ETag of the record.
    pub(crate) etag: String,
    /// Outputs that stand in the way, still to be judged.
    pub(crate) blocked: Vec<(usize, Seen)>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// HEAD the only output. `ready`: this attempt has made its output already.
    LookOutput { ready: bool },
    /// HEAD the input: is the version of this task still the current one, or again?
    LookInput { seen: Seen, ready: bool },
    /// GET the record.
    LookRecord { ready: bool },
    /// Leave a marker that the work has begun: whoever finds it knows that it did not end.
    Begin(Condition),
    /// Fetch the input, run the container, collect the outputs.
    Work(Condition),
    /// Leave a marker that the task goes to Batch.
    Note(Option<Failure>),
    /// GET that marker: is there a job already?
    LookJob(Option<Failure>),
    /// Submit the job.
    Submit(Option<Failure>),
    /// Replace the marker to say which job it is.
    Confirm,
    /// Tell the stages that wait for this one.
    Announce(End),
    /// Write the only output.
    Put(Condition),
    /// Upload all outputs to staged keys.
    Stage,
    /// Create the record, or replace one that says superseded: the commit.
    Commit,
    /// Copy all staged outputs to their final keys, each only where nothing is.
    Publish(Committed),
    /// HEAD the input because the first blocked output was made of another version of it.
    Compare(Committed),
    /// Copy over the first blocked output, if it is still the one that was seen.
    Replace(Committed),
    /// GET the record because a staged output is gone: somebody else may have published it.
    Recheck { lost: String },
    /// Replace the record to say how it ended.
    Mark(Committed, Ending),
    /// Remove what attempts that were killed staged for the task, which is closed.
    Tidy(End),
    /// Create a record that says how it ended, or replace one that says superseded.
    Close(Ending),
    /// Leave the marker of the n-th failed attempt.
    Count { number: u32, failure: Failure },
    /// Nothing more.
    End(End),
}

/// How a record is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All outputs are visible.
    Published,
    /// Given up.
    Failed(Failure),
    /// Another version of the input took over, or it is gone.
    Superseded,
}

/// How this attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// This attempt closed the task.
    Closed(Ending),
    /// The task had been closed before.
    Already(TaskState),
    /// A job of Batch has taken over.
    HandedOver,
    /// The input went round often enough and is left alone.
    LoopLimit,
    /// The event must come again.
    Retry(Failure),
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// What stands at the output's key.
    Output(Option<Seen>),
    /// Whether the input still has the version of this task.
    Current(bool),
    /// The record and its ETag.
    Record(Option<(TaskRecord, String)>),
    /// The outputs are made.
    Worked,
    /// The input is gone or has another version.
    InputGone,
    /// The input went round often enough.
    LoopLimit,
    /// Whether there is a job for the task.
    Job(bool),
    /// The work failed; `retry` says whether another attempt may help.
    Failed { failure: Failure, retry: bool },
    /// The outputs are staged.
    Staged,
    /// The write was ours.
    Written,
    /// The record is ours, with its ETag.
    Committed { record: TaskRecord, etag: String },
    /// The key is somebody else's.
    Taken(Seen),
    /// What was to be replaced is not there any more.
    Changed,
    /// All copies were tried; these keys were taken.
    Published { taken: Vec<(usize, Seen)> },
    /// This staged output is gone.
    StagedGone(String),
    /// The store refused or did not answer, after retries.
    Trouble(Failure),
}

/// The first step of a task.
pub(crate) fn first(facts: &Facts) -> Step {
    match facts.mode {
        Mode::Atomic => Step::LookOutput { ready: false },
        Mode::Ledger => Step::LookRecord { ready: false },
    }
}

/// What to do next. All legal transitions stand in the four matches below.
pub(crate) fn next(facts: &Facts, step: Step, reply: Reply) -> Step {
    use Step as S;
    if let Reply::Trouble(failure) = reply {
        return trouble(&step, failure);
    }
    match step {
        S::LookInput { .. } if facts.mode == Mode::Ledger => ledger(facts, step, reply),
        S::LookOutput { .. } | S::LookInput { .. } | S::Put(_) => atomic(facts, step, reply),
        S::Work(_) | S::Close(_) | S::Count { .. } | S::End(_) | S::Announce(_) => {
            both(facts, step, reply)
        }
        S::Begin(_) | S::Note(_) | S::LookJob(_) | S::Submit(_) | S::Confirm => {
            delegate(step, reply)
        }
        _ => ledger(facts, step, reply),
    }
}

/// Atomic mode: the output object is the commit.
fn atomic(facts: &Facts, step: Step, reply: Reply) -> Step {
    match (step, reply) {
        (Step::LookOutput { ready }, Reply::Output(None)) => {
            produce(facts, ready, Condition::Absent)
        }
        (Step::LookOutput { ready }, Reply::Output(Some(seen))) => judge(facts, seen, ready),
        (Step::LookInput { seen, ready }, Reply::Current(true)) => {
            produce(facts, ready, Condition::Etag(seen.etag))
        }
        (Step::LookInput { .. }, Reply::Current(false)) => Step::Close(Ending::Superseded),
        (Step::Put(_), Reply::Written) => end(facts, End::Closed(Ending::Published)),
        (Step::Put(_), Reply::Taken(seen)) => judge(facts, seen, true),
        (Step::Put(_), Reply::Changed) => Step::LookOutput { ready: true },
        (step, reply) => illegal(&step, &reply),
    }
}

/// Ledger mode: the record is the commit; whoever meets it rolls it forward.
fn ledger(facts: &Facts, step: Step, reply: Reply) -> Step {
    match (step, reply) {
        (Step::LookRecord { ready: false }, Reply::Record(None)) => {
            produce(facts, false, Condition::Absent)
        }
        // Whoever took the record away let go of what was staged, too.
        (Step::LookRecord { ready: true }, Reply::Record(None)) => Step::Stage,
        (Step::LookRecord { ready }, Reply::Record(Some((record, etag)))) => match record.state {
            TaskState::Superseded => doubt(etag, ready),
            _ => adopt(facts, record, etag),
        },
        (Step::LookInput { ready: false, .. }, Reply::Current(true)) => {
            produce(facts, false, Condition::Absent)
        }
        (Step::LookInput { ready: true, .. }, Reply::Current(true)) => Step::Stage,
        (Step::LookInput { .. }, Reply::Current(false)) => {
            Step::Tidy(End::Already(TaskState::Superseded))
        }
        (Step::Stage, Reply::Staged) => Step::Commit,
        (Step::Commit, Reply::Committed { record, etag }) => adopt(facts, record, etag),
        (Step::Commit, Reply::Taken(_) | Reply::Changed) => Step::LookRecord { ready: true },
        (Step::Publish(committed), Reply::Published { taken }) => unblock(
            facts,
            Committed {
                blocked: taken,
                ..committed
            },
        ),
        (Step::Compare(committed), Reply::Current(true)) => Step::Replace(committed),
        (Step::Compare(committed), Reply::Current(false)) => {
            Step::Mark(committed, Ending::Superseded)
        }
        (Step::Replace(mut committed), Reply::Written) => {
            committed.blocked.remove(0);
            unblock(facts, committed)
        }
        (Step::Replace(committed), Reply::Changed) => Step::Publish(committed),
        (Step::Publish(_) | Step::Replace(_), Reply::StagedGone(key)) => {
            Step::Recheck { lost: key }
        }
        (Step::Recheck { lost }, Reply::Record(Some((record, etag)))) => {
            lose(facts, record, etag, &lost)
        }
        (Step::Recheck { .. }, Reply::Record(None)) => Step::LookRecord { ready: false },
        (Step::Mark(_, ending), Reply::Written) => end(facts, End::Closed(ending)),
        (Step::Mark(..), Reply::Changed) => Step::LookRecord { ready: false },
        (Step::Tidy(ending), Reply::Written) => end(facts, ending),
        (step, reply) => illegal(&step, &reply),
    }
}

/// Both modes: the work and its failures.
fn both(facts: &Facts, step: Step, reply: Reply) -> Step {
    match (step, reply) {
        (Step::Work(condition), Reply::Worked) => match facts.mode {
            Mode::Atomic => Step::Put(condition),
            Mode::Ledger => Step::Stage,
        },
        (Step::Work(_), Reply::InputGone) => Step::Close(Ending::Superseded),
        (Step::Work(_), Reply::LoopLimit) => Step::End(End::LoopLimit),
        (Step::Work(_), Reply::Failed { failure, .. }) if hands_over(facts, &failure) => {
            Step::Note(Some(failure))
        }
        (
            Step::Work(_),
            Reply::Failed {
                failure,
                retry: true,
            },
        ) => count(failure),
        (
            Step::Work(_),
            Reply::Failed {
                failure,
                retry: false,
            },
        ) => Step::Close(Ending::Failed(failure)),
        (Step::Count { number, failure }, Reply::Written) if number < facts.attempts => {
            Step::End(End::Retry(failure))
        }
        (Step::Count { number, failure }, Reply::Written | Reply::Taken(_))
            if number >= facts.attempts =>
        {
            Step::Close(Ending::Failed(failure))
        }
        (Step::Count { number, failure }, Reply::Taken(_)) => Step::Count {
            number: number + 1,
            failure,
        },
        (Step::Close(ending), Reply::Written) => Step::End(End::Closed(ending)),
        (Step::Close(_), Reply::Taken(_) | Reply::Changed) => Step::LookRecord { ready: false },
        (Step::Announce(end), Reply::Written | Reply::Taken(_)) => Step::End(end),
        (step, reply) => illegal(&step, &reply),
    }
}

/// The task goes to Batch. The marker is there before the job is, so that a kill in between leads to
/// another job rather than to none; two jobs are harmless, because only one of them commits.
fn delegate(step: Step, reply: Reply) -> Step {
    match (step, reply) {
        (Step::Begin(condition), Reply::Written) => Step::Work(condition),
        (Step::Begin(_), Reply::Taken(_)) => Step::Note(Some(vanished())),
        (Step::Note(reason), Reply::Written) => Step::Submit(reason),
        (Step::Note(reason), Reply::Taken(_)) => Step::LookJob(reason),
        (Step::LookJob(_), Reply::Job(true)) => Step::End(End::HandedOver),
        (Step::LookJob(reason), Reply::Job(false)) => Step::Submit(reason),
        (Step::Submit(_), Reply::Written) => Step::Confirm,
        (Step::Confirm, Reply::Written | Reply::Changed | Reply::Taken(_)) => {
            Step::End(End::HandedOver)
        }
        (step, reply) => illegal(&step, &reply),
    }
}

fn produce(facts: &Facts, ready: bool, condition: Condition) -> Step {
    match facts.place {
        _ if ready => Step::Put(condition),
        Place::Here => Step::Work(condition),
        Place::Fallback => Step::Begin(condition),
        Place::Batch => Step::Note(None),
    }
}

/// Where a task ends: those that others wait for are announced first.
fn end(facts: &Facts, end: End) -> Step {
    let is_published = matches!(
        end,
        End::Closed(Ending::Published) | End::Already(TaskState::Published)
    );
    match is_published && facts.announces {
        true => Step::Announce(end),
        false => Step::End(end),
    }
}

/// A failure without a container behind it.
pub(crate) fn failure(class: FailureClass, message: String) -> Failure {
    Failure {
        class,
        message,
        exit_code: None,
        log_tail: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
