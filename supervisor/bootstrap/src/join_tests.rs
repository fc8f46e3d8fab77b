//! Every schedule of a few collectors with kills, lost replies and newer versions, by exhaustive search.

use std::collections::{BTreeSet, VecDeque};

use scar_schemas::hand_over::stem_group;
use scar_schemas::record::ObjectVersion;

use super::*;

/// What a broken join would do.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Variant {
    Right,
    /// Lists before it takes its place.
    ListsFirst,
    /// Fires without a condition.
    FiresAlways,
    /// Reads the places before the firings.
    PlacesFirst,
}

#[derive(Debug, Clone)]
struct World {
    variant: Variant,
    group: Group,
    /// Current version of each member.
    current: Vec<u8>,
    newest: Vec<u8>,
    places: BTreeMap<usize, (Member, u32)>,
    fires: Vec<Vec<Member>>,
    collectors: Vec<(Option<Member>, Step, u8)>,
    etag: u32,
    kills: u8,
    losses: u8,
    overwritten: bool,
    went_back: bool,
}

fn member(input: usize, version: u8) -> Member {
    Member {
        format: 1,
        input,
        object: ObjectVersion {
            bucket: "b".into(),
            key: format!("in{input}/a"),
            etag: version.to_string(),
            size: 1,
            version_id: None,
        },
        items: String::new(),
        run: String::new(),
    }
}

fn version(member: &Member) -> u8 {
    member.object.etag.parse().unwrap()
}

impl World {
    /// One collector for each of these members: input and version.
    fn new(variant: Variant, inputs: usize, members: &[(usize, u8)]) -> Self {
        let start = |(input, version): &(usize, u8)| {
            let step = match variant {
                Variant::ListsFirst => Step::LookFires,
                _ => Step::Take(Condition::Absent),
            };
            (Some(member(*input, *version)), step, 2)
        };
        let newest = |input| members.iter().filter(|m| m.0 == input).map(|m| m.1).max();
        Self {
            variant,
            group: Group {
                inputs,
                min_percent: 100,
                is_over: false,
            },
            current: vec![1; inputs],
            newest: (0..inputs)
                .map(|input| newest(input).unwrap_or(1))
                .collect(),
            places: BTreeMap::new(),
            fires: Vec::new(),
            collectors: members.iter().map(start).collect(),
            etag: 0,
            kills: 1,
            losses: 1,
            overwritten: false,
            went_back: false,
        }
    }

    fn request(&mut self, which: usize) -> Reply {
        let (own, step, _) = self.collectors[which].clone();
        let input = own.as_ref().map_or(0, |own| own.input);
        match step {
            Step::Take(condition) => self.take(&own.unwrap(), &condition),
            Step::LookPlace => {
                let found = self.places.get(&input);
                Reply::Place(found.map(|(member, etag)| (member.clone(), etag.to_string())))
            }
            Step::LookMember { .. } => {
                Reply::Current(self.current[input] == version(&own.unwrap()))
            }
            Step::LookFires => {
                let count = u32::try_from(self.fires.len()).unwrap();
                Reply::Fires(count.checked_sub(1))
            }
            Step::LookPlaces { .. } => {
                let mut places: BTreeSet<Place> = self
                    .places
                    .keys()
                    .map(|input| (*input, Items::default()))
                    .collect();
                if self.variant == Variant::ListsFirst
                    && !places.contains(&(input, Items::default()))
                {
                    // The broken one counts itself in and writes afterwards.
                    places.insert((input, Items::default()));
                }
                Reply::Places(places)
            }
            Step::Gather { newest, .. } => {
                let members = self
                    .places
                    .values()
                    .map(|(member, _)| member.clone())
                    .collect();
                let fired = newest.and_then(|newest| self.fires.get(newest as usize).cloned());
                Reply::Gathered(Some((members, fired)))
            }
            Step::Fire {
                generation,
                members,
                ..
            } => self.fire(generation as usize, &members),
            Step::End(_) => unreachable!("ended collectors are not asked"),
        }
    }

    fn take(&mut self, own: &Member, condition: &Condition) -> Reply {
        let there = self.places.get(&own.input);
        let holds = match (condition, there) {
            (Condition::Absent, None) => true,
            (Condition::Etag(etag), Some((_, there))) => there.to_string() == *etag,
            _ => false,
        };
        if !holds {
            return Reply::Occupied;
        }
        self.etag += 1;
        self.places.insert(own.input, (own.clone(), self.etag));
        Reply::Taken
    }

    fn fire(&mut self, generation: usize, members: &[Member]) -> Reply {
        if generation < self.fires.len() {
            if self.variant != Variant::FiresAlways {
                return Reply::Overtaken;
            }
            self.overwritten = true;
            self.fires[generation] = members.to_vec();
            return Reply::Written;
        }
        if let Some(last) = self.fires.last() {
            let older = |(one, other): (&Member, &Member)| version(one) < version(other);
            self.went_back |= members.iter().zip(last).any(older);
        }
        self.fires.push(members.to_vec());
        Reply::Written
    }

    fn successors(&self) -> Vec<World> {
        let mut worlds = Vec::new();
        for input in 0..self.current.len() {
            if self.current[input] < self.newest[input] {
                let mut world = self.clone();
                world.current[input] += 1;
                worlds.push(world);
            }
        }
        for which in 0..self.collectors.len() {
            let (own, step, tries) = &self.collectors[which];
            let is_there = own
                .as_ref()
                .is_none_or(|own| version(own) <= self.current[own.input]);
            if matches!(step, Step::End(_)) || !is_there {
                continue;
            }
            let mut world = self.clone();
            let reply = world.request(which);
            world.collectors[which].1 = self.after(own.as_ref(), step.clone(), reply);
            worlds.push(world);
            if self.kills > 0 && *tries > 1 {
                let mut killed = self.clone();
                killed.kills -= 1;
                killed.collectors[which] = (own.clone(), Step::Take(Condition::Absent), tries - 1);
                worlds.push(killed);
            }
            if self.losses > 0 {
                let mut lost = self.clone();
                lost.losses -= 1;
                lost.request(which);
                worlds.push(lost);
            }
        }
        worlds
    }

    fn after(&self, own: Option<&Member>, step: Step, reply: Reply) -> Step {
        let next = next(&self.group, own, step.clone(), reply.clone());
        match (self.variant, step, next) {
            // Lists, then writes, then fires if it had seen all others.
            (Variant::ListsFirst, Step::LookPlaces { .. }, Step::End(End::Waits)) => {
                Step::Take(Condition::Absent)
            }
            (Variant::ListsFirst, Step::Take(_), _) => Step::End(End::Waits),
            (Variant::PlacesFirst, Step::Gather { .. }, Step::Fire { members, .. }) => Step::Fire {
                generation: u32::try_from(self.fires.len()).unwrap(),
                members,
                complete: true,
            },
            (_, _, next) => next,
        }
    }

    /// What is wrong with this world, if anything.
    fn wrong(&self) -> Option<&'static str> {
        let complete = |fire: &Vec<Member>| fire.len() == self.group.inputs;
        if !self.fires.iter().all(complete) {
            return Some("fired without a member");
        }
        if self.overwritten || self.fires.windows(2).any(|pair| pair[0] == pair[1]) {
            return Some("fired twice");
        }
        if self.went_back {
            return Some("a member went back to an older version");
        }
        let ended = self
            .collectors
            .iter()
            .all(|(_, step, _)| matches!(step, Step::End(_)));
        let is_quiet = ended && self.current == self.newest;
        let newest = |fire: &Vec<Member>| fire.iter().all(|m| version(m) == self.newest[m.input]);
        if is_quiet && !self.fires.last().is_some_and(newest) {
            return Some("complete, but the newest members were not fired");
        }
        None
    }
}

fn explore(start: World) -> Result<usize, &'static str> {
    let mut known = BTreeSet::new();
    let mut pending = VecDeque::from([start]);
    while let Some(world) = pending.pop_front() {
        if known.insert(format!("{world:?}")) {
            if let Some(wrong) = world.wrong() {
                return Err(wrong);
            }
            pending.extend(world.successors());
        }
    }
    Ok(known.len())
}

#[test]
fn a_join_fires_once_when_all_are_there() {
    let members = [(0, 1), (1, 1), (1, 1)];
    assert!(explore(World::new(Variant::Right, 2, &members)).unwrap() > 1_000);
    let three = World {
        losses: 0,
        ..World::new(Variant::Right, 3, &[(0, 1), (1, 1), (2, 1)])
    };
    assert!(explore(three).unwrap() > 1_000);
}

#[test]
fn a_newer_member_fires_again_with_all_others_as_they_are() {
    let members = [(0, 1), (1, 1), (0, 2)];
    assert!(explore(World::new(Variant::Right, 2, &members)).unwrap() > 1_000);
    let both = World {
        kills: 0,
        losses: 0,
        ..World::new(Variant::Right, 2, &[(0, 1), (1, 1), (0, 2), (1, 2)])
    };
    assert!(explore(both).unwrap() > 1_000);
}

#[test]
fn broken_joins_are_found_out() {
    let members = [(0, 1), (1, 1)];
    assert!(explore(World::new(Variant::ListsFirst, 2, &members)).is_err());
    let twice = [(0, 1), (1, 1), (1, 1)];
    assert!(explore(World::new(Variant::FiresAlways, 2, &twice)).is_err());
    let newer = [(0, 1), (1, 1), (0, 2)];
    assert!(explore(World::new(Variant::PlacesFirst, 2, &newer)).is_err());
}

#[test]
fn two_objects_for_one_place_are_told() {
    let own = member(0, 1);
    let mut other = member(0, 1);
    other.object.key = "in0/a.txt".into();
    let group = World::new(Variant::Right, 2, &[]).group;
    let reply = Reply::Place(Some((other.clone(), "e".into())));
    let step = next(&group, Some(&own), Step::LookPlace, reply);
    assert_eq!(step, Step::End(End::Collision(other)));
}

#[test]
fn when_the_time_is_up_enough_is_enough() {
    let mut group = Group {
        inputs: 2,
        min_percent: 50,
        is_over: true,
    };
    let places = BTreeSet::from([(0, Items::default())]);
    let decided = |group: &Group| decide(group, None, places.clone());
    let enough = Step::Gather {
        newest: None,
        complete: false,
    };
    assert_eq!(decided(&group), enough);
    group.min_percent = 51;
    assert!(matches!(decided(&group), Step::End(End::TooFew { .. })));
    group.is_over = false;
    assert_eq!(decided(&group), Step::End(End::Waits));
}

#[test]
fn stems_keep_the_folders_below_the_patterns() {
    let group = |pattern: &str, key| stem_group(&pattern.parse().unwrap(), key);
    assert_eq!(group("in/**/*.txt", "in/a/b.tar.gz"), "a/b.tar");
    assert_eq!(group("in/*.txt", "in/b.txt"), "b");
    assert_eq!(group("in/x*.txt", "in/xb.txt"), "xb");
    assert_eq!(group("**", "a/.profile"), "a/.profile");
}
