//! The shell around the join's state machine: does what [`join::next`] says, and nothing else.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use scar_schemas::construct::JoinBy;
use scar_schemas::hand_over::{self, Fire, Member};
use scar_schemas::record::{FailureClass, ObjectVersion, deployment, metadata};

use crate::crash::crash_at;
use crate::items::Items;
use crate::join::{self, End, Group, Reply, Step};
use crate::json;
use crate::listing::Listed;
use crate::perform::body;
use crate::random;
use crate::setup::Setup;
use crate::step::{Condition, failure};
use crate::store::{Head, Labels, Location, Outcome, StoreError};

/// No group takes more steps, unless others change things under it all the time.
const MAX_STEPS: u32 = 500;
/// Members of one group.
pub(crate) const MAX_MEMBERS: usize = 20_000;
/// Members read at a time.
const PARALLEL: usize = 16;
/// Largest member.
const MAX_MEMBER_BYTES: u64 = 64 * 1024;
/// Largest firing.
pub(crate) const MAX_FIRE_BYTES: u64 = 64 * 1024 * 1024;

/// One group of a stage's join, and what happens to it.
pub(crate) struct Collector<'a> {
    setup: &'a Setup,
    group: String,
    facts: Group,
    member: Option<Member>,
    labels: Labels,
}

/// What became of a group.
#[derive(Debug)]
pub(crate) struct Collected {
    /// The group's name.
    pub(crate) group: String,
    /// How it ended.
    pub(crate) end: End,
}

impl<'a> Collector<'a> {
    /// The collector of a member. `None` if the object is gone or has another version by now.
    pub(crate) async fn of_member(
        setup: &'a Setup,
        object: &ObjectVersion,
        input: usize,
    ) -> Result<Option<Collector<'a>>, StoreError> {
        let at = Location::new(&object.bucket, object.key.as_str());
        let head = setup.store.head(&at).await?;
        let Some(head) = head.filter(|head| head.is(object)) else {
            return Ok(None);
        };
        let labels = labels(setup, object, &head);
        let by_stem = setup.joins_by_stem();
        let group = match setup.config.inputs.get(input) {
            Some(input) if by_stem => hand_over::stem_group(&input.pattern, &object.key),
            _ => labels.run.clone(),
        };
        let items = if by_stem {
            String::new()
        } else {
            labels.items.clone()
        };
        let member = Member {
            format: hand_over::FORMAT,
            input,
            object: object.clone(),
            items,
            run: labels.run.clone(),
        };
        Ok(Some(Self {
            facts: facts(setup, false),
            setup,
            group,
            member: Some(member),
            labels,
        }))
    }

    /// The collector of a group of which a place is known, for a sweep.
    pub(crate) fn of_group(setup: &'a Setup, one: &Member, is_over: bool) -> Self {
        let by_stem = setup.joins_by_stem();
        let group = match setup.config.inputs.get(one.input) {
            Some(input) if by_stem => hand_over::stem_group(&input.pattern, &one.object.key),
            _ => one.run.clone(),
        };
        let labels = Labels {
            run: one.run.clone(),
            ..new_labels(setup, &one.object)
        };
        Self {
            facts: facts(setup, is_over),
            setup,
            group,
            member: None,
            labels,
        }
    }

    /// Brings the group as far as it can be brought.
    pub(crate) async fn run(self) -> Result<Collected, StoreError> {
        let mut step = match self.member {
            Some(_) => Step::Take(Condition::Absent),
            None => Step::LookFires,
        };
        for _ in 0..MAX_STEPS {
            if let Step::End(end) = step {
                return Ok(Collected {
                    group: self.group,
                    end,
                });
            }
            let name = name(&step);
            crash_at(&format!("before-{name}"));
            let reply = self.perform(&step).await?;
            crash_at(&format!("after-{name}"));
            step = join::next(&self.facts, self.member.as_ref(), step, reply);
        }
        Ok(Collected {
            group: self.group,
            end: End::Confused,
        })
    }

    async fn perform(&self, step: &Step) -> Result<Reply, StoreError> {
        match step {
            Step::Take(condition) => self.take(condition).await,
            Step::LookPlace => self.look_place().await,
            Step::LookMember { .. } => self.look_member().await,
            Step::LookFires => self.look_fires().await,
            Step::LookPlaces { .. } => self.look_places().await,
            Step::Gather { newest, .. } => self.gather(*newest).await,
            Step::Fire {
                generation,
                members,
                complete,
            } => self.fire(*generation, members, *complete).await,
            Step::End(_) => Ok(Reply::Written),
        }
    }

    async fn take(&self, condition: &Condition) -> Result<Reply, StoreError> {
        let (store, at) = (&self.setup.store, self.own_place());
        let body = body(&self.member);
        let outcome = store.write(&at, body, &self.labels, condition);
        Ok(match outcome.await? {
            Outcome::Mine { .. } => Reply::Taken,
            _ => Reply::Occupied,
        })
    }

    async fn look_place(&self) -> Result<Reply, StoreError> {
        let at = self.own_place();
        let found = self.setup.store.get(&at, MAX_MEMBER_BYTES).await?;
        Ok(Reply::Place(found.and_then(|(etag, text)| {
            let member = json::read(&text).ok()?;
            Some((member, etag))
        })))
    }

    async fn look_member(&self) -> Result<Reply, StoreError> {
        let Some(member) = &self.member else {
            return Ok(Reply::Current(false));
        };
        let object = &member.object;
        let at = Location::new(&object.bucket, object.key.as_str());
        let head = self.setup.store.head(&at).await?;
        Ok(Reply::Current(head.is_some_and(|head| head.is(object))))
    }

    async fn look_fires(&self) -> Result<Reply, StoreError> {
        let first = self.fire_place(0);
        let prefix = first.key.trim_end_matches("0.json");
        let listed = self.setup.list(&first.bucket, prefix, MAX_MEMBERS).await?;
        let number = |one: &Listed| {
            let name = one.object.key.strip_prefix(prefix)?;
            name.strip_suffix(".json")?.parse::<u32>().ok()
        };
        Ok(Reply::Fires(listed.iter().filter_map(number).max()))
    }

    async fn look_places(&self) -> Result<Reply, StoreError> {
        Ok(Reply::Places(self.list_places().await?))
    }

    async fn list_places(&self) -> Result<BTreeSet<join::Place>, StoreError> {
        let prefix = self.places_prefix();
        let listed = self
            .setup
            .list(self.state_bucket(), &prefix, MAX_MEMBERS)
            .await?;
        let place = |one: &Listed| {
            let (input, items) = one.object.key.strip_prefix(&prefix)?.split_once('/')?;
            Some((input.parse().ok()?, Items::parse(items)?))
        };
        Ok(listed.iter().filter_map(place).collect())
    }

    async fn gather(&self, newest: Option<u32>) -> Result<Reply, StoreError> {
        let places = self.list_places().await?;
        let reads = stream::iter(places).map(|(input, items)| async move {
            let at = self.place_of(input, &items.text());
            let found = self.setup.store.get(&at, MAX_MEMBER_BYTES).await?;
            Ok::<_, StoreError>(found.and_then(|(_, text)| json::read(&text).ok()))
        });
        let members: Vec<Option<Member>> = reads.buffered(PARALLEL).try_collect().await?;
        let members: Option<Vec<Member>> = members.into_iter().collect();
        let fired = match newest {
            Some(newest) => self.fired(newest).await?,
            None => None,
        };
        Ok(Reply::Gathered(members.map(|members| (members, fired))))
    }

    async fn fired(&self, generation: u32) -> Result<Option<Vec<Member>>, StoreError> {
        let at = self.fire_place(generation);
        let found = self.setup.store.get(&at, MAX_FIRE_BYTES).await?;
        let fire = found.and_then(|(_, text)| json::read::<Fire>(&text).ok());
        Ok(fire.map(|fire| fire.members))
    }

    async fn fire(
        &self,
        generation: u32,
        members: &[Member],
        complete: bool,
    ) -> Result<Reply, StoreError> {
        let fire = Fire {
            format: hand_over::FORMAT,
            group: self.group.clone(),
            generation,
            members: members.to_vec(),
            complete,
        };
        let at = self.fire_place(generation);
        let body = body(&fire);
        let store = &self.setup.store;
        let outcome = store.write(&at, body, &self.labels, &Condition::Absent);
        Ok(match outcome.await? {
            Outcome::Mine { .. } => Reply::Written,
            _ => Reply::Overtaken,
        })
    }

    fn own_place(&self) -> Location {
        let member = self.member.as_ref();
        let (input, items) = member.map_or((0, ""), |member| (member.input, &member.items));
        self.place_of(input, items)
    }

    fn place_of(&self, input: usize, items: &str) -> Location {
        let id = self.setup.config.id();
        self.setup
            .state(hand_over::slot_key(id, &self.group, input, items))
    }

    fn places_prefix(&self) -> String {
        let (prefix, group) = (
            hand_over::slots_prefix(self.setup.config.id()),
            hand_over::group_hash(&self.group),
        );
        format!("{prefix}{group}/")
    }

    fn fire_place(&self, generation: u32) -> Location {
        let id = self.setup.config.id();
        self.setup
            .state(hand_over::fire_key(id, &self.group, generation))
    }

    fn state_bucket(&self) -> &str {
        self.setup.bucket(&self.setup.config.state_bucket)
    }
}

/// The failure of a member that found its place taken.
pub(crate) fn collision(
    group: &str,
    object: &ObjectVersion,
    there: &Member,
) -> scar_schemas::record::Failure {
    let message = format!(
        "two objects for one place of the join of {group:?}: {:?} and {:?}",
        there.object.key, object.key
    );
    failure(FailureClass::Input, message)
}

fn facts(setup: &Setup, is_over: bool) -> Group {
    let more = &setup.config.more;
    let inputs = match more.after.len() {
        0 => setup.config.inputs.len(),
        after => after,
    };
    Group {
        inputs,
        min_percent: more.join.as_ref().map_or(100, |join| join.min_percent),
        is_over,
    }
}

/// Labels of what a collector writes: the run and fan-outs of the member.
fn labels(setup: &Setup, object: &ObjectVersion, head: &Head) -> Labels {
    let value = |name: &str| head.metadata.get(name).cloned();
    let own = new_labels(setup, object);
    let is_identity = |run: &String| run.len() == 64 && run.bytes().all(|b| b.is_ascii_hexdigit());
    let items = value(metadata::ITEMS).and_then(|items| Items::parse(&items));
    let hops = value(metadata::HOPS).and_then(|hops| hops.parse().ok());
    Labels {
        run: value(metadata::RUN)
            .filter(is_identity)
            .unwrap_or_else(|| own.run.clone()),
        items: items.unwrap_or_default().text(),
        hops: hops.unwrap_or_default(),
        rounds: value(metadata::ROUNDS).unwrap_or_default(),
        ..own
    }
}

fn new_labels(setup: &Setup, object: &ObjectVersion) -> Labels {
    let config = &setup.config;
    let deployment = deployment(&config.workflow, &config.environment);
    // The run of an object that no stage made is that of its own first task.
    let task = object.task(&deployment, config.id());
    Labels {
        run: task.clone(),
        task,
        attempt: random::attempt(),
        source: object.source(),
        hops: 0,
        input: object.key.clone(),
        items: String::new(),
        rounds: String::new(),
    }
}

fn name(step: &Step) -> &'static str {
    match step {
        Step::Take(_) => "take-place",
        Step::LookPlace => "look-place",
        Step::LookMember { .. } => "look-member",
        Step::LookFires => "look-fires",
        Step::LookPlaces { .. } => "look-places",
        Step::Gather { .. } => "gather",
        Step::Fire { .. } => "fire",
        Step::End(_) => "join-end",
    }
}

impl Setup {
    /// Whether the stage joins by stem; other joins belong to one run or one window.
    pub(crate) fn joins_by_stem(&self) -> bool {
        let join = self.config.more.join.as_ref();
        join.is_some_and(|join| join.by == JoinBy::Stem)
    }
}
