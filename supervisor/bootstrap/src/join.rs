//! The join of several objects as a pure state machine, like `step.rs` for tasks.
//!
//! Every member takes its place in the group, then looks who is there. Whoever takes the last place sees
//! all others, because a listing shows every write that ended before it; so somebody always fires, and
//! `If-None-Match` makes it one. The newest firing is looked up before the places: whoever was overtaken
//! meets a firing that it did not know, and looks again.

use std::collections::{BTreeMap, BTreeSet};

use scar_schemas::hand_over::Member;

use crate::items::{self, Items};
use crate::step::Condition;

/// What a join knows of itself.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// How many inputs must have their members.
    pub(crate) inputs: usize,
    /// Share in percent that is enough when the time is up.
    pub(crate) min_percent: u8,
    /// Whether the time is up.
    pub(crate) is_over: bool,
}

/// A place in a group: which input, and where in the run.
pub(crate) type Place = (usize, Items);

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Write the member into its place.
    Take(Condition),
    /// GET what is in its place.
    LookPlace,
    /// HEAD the member: is it still this version?
    LookMember { etag: String },
    /// LIST the firings of the group.
    LookFires,
    /// LIST the places.
    LookPlaces { newest: Option<u32> },
    /// GET all members, and the newest firing.
    Gather { newest: Option<u32>, complete: bool },
    /// Create the object that starts the task.
    Fire {
        generation: u32,
        members: Vec<Member>,
        complete: bool,
    },
    /// Nothing more.
    End(End),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum End {
    /// Members are still missing.
    Waits,
    /// The task was started, now or before.
    Fired,
    /// A newer version of the member is there.
    Superseded,
    /// Another object has this place.
    Collision(Member),
    /// The time is up and too few are there: the share, and which places are taken.
    TooFew { share: f64, places: BTreeSet<Place> },
    /// Nothing that was asked for.
    Confused,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    /// The place is ours.
    Taken,
    /// Something else is in the place.
    Occupied,
    /// What is in the place, with its ETag; it is this member, or an older version, or a stranger.
    Place(Option<(Member, String)>),
    /// Whether the member is the newest version of itself.
    Current(bool),
    /// Number of the newest firing.
    Fires(Option<u32>),
    /// The places that are taken.
    Places(BTreeSet<Place>),
    /// The members, and those of the newest firing. `None` if one is gone meanwhile.
    Gathered(Option<(Vec<Member>, Option<Vec<Member>>)>),
    /// It was written.
    Written,
    /// Somebody else has written this firing.
    Overtaken,
}

/// What to do next for the group of `member`; a sweep has none.
pub(crate) fn next(group: &Group, member: Option<&Member>, step: Step, reply: Reply) -> Step {
    match (step, reply) {
        (Step::Take(_), Reply::Taken) => Step::LookFires,
        (Step::Take(_), Reply::Occupied) => Step::LookPlace,
        (Step::LookPlace, Reply::Place(found)) => judge(member, found),
        (Step::LookMember { etag }, Reply::Current(true)) => Step::Take(Condition::Etag(etag)),
        (Step::LookMember { .. }, Reply::Current(false)) => Step::End(End::Superseded),
        (Step::LookFires, Reply::Fires(newest)) => Step::LookPlaces { newest },
        (Step::LookPlaces { newest }, Reply::Places(places)) => decide(group, newest, places),
        (Step::Gather { newest, complete }, Reply::Gathered(Some((members, fired)))) => {
            if fired.as_ref() == Some(&members) {
                return Step::End(End::Fired);
            }
            let generation = newest.map_or(0, |newest| newest.saturating_add(1));
            Step::Fire {
                generation,
                members,
                complete,
            }
        }
        (Step::Gather { .. }, Reply::Gathered(None)) => Step::LookFires,
        (Step::Fire { .. }, Reply::Written) => Step::End(End::Fired),
        (Step::Fire { .. }, Reply::Overtaken) => Step::LookFires,
        _ => Step::End(End::Confused),
    }
}

fn judge(member: Option<&Member>, found: Option<(Member, String)>) -> Step {
    match (member, found) {
        (Some(_), None) => Step::Take(Condition::Absent),
        (Some(member), Some((there, _))) if there.object == member.object => Step::LookFires,
        (Some(member), Some((there, etag))) if is_same_key(&there, member) => {
            Step::LookMember { etag }
        }
        (_, Some((there, _))) => Step::End(End::Collision(there)),
        (None, None) => Step::End(End::Confused),
    }
}

fn is_same_key(one: &Member, other: &Member) -> bool {
    one.object.bucket == other.object.bucket && one.object.key == other.object.key
}

fn decide(group: &Group, newest: Option<u32>, places: BTreeSet<Place>) -> Step {
    let share = share(group, &places);
    if share >= 1.0 {
        return Step::Gather {
            newest,
            complete: true,
        };
    }
    // What was fired in part is only fired again when it is whole.
    if !group.is_over || newest.is_some() || places.is_empty() {
        return Step::End(End::Waits);
    }
    match share * 100.0 + 1e-6 >= f64::from(group.min_percent) {
        true => Step::Gather {
            newest,
            complete: false,
        },
        false => Step::End(End::TooFew { share, places }),
    }
}

/// Share of the group that is there: every input counts the same.
fn share(group: &Group, places: &BTreeSet<Place>) -> f64 {
    let mut inputs: BTreeMap<usize, BTreeSet<Items>> = BTreeMap::new();
    for (input, items) in places {
        inputs.entry(*input).or_default().insert(items.clone());
    }
    let shares = (0..group.inputs).map(|input| inputs.get(&input).map_or(0.0, items::share));
    let shares: Vec<f64> = shares.collect();
    match shares.iter().all(|share| *share >= 1.0) {
        true => 1.0,
        #[expect(clippy::cast_precision_loss, reason = "a stage has few inputs")]
        false => (shares.iter().sum::<f64>() / group.inputs.max(1) as f64).min(0.999_999),
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
