//! Workflows in every mode, what they must come to, and the count of what is wrong.

use std::collections::BTreeMap;

use scar_schemas::construct::{Compute, Join, JoinBy};
use scar_schemas::contract::More;
use scar_schemas::record::STAGED_PREFIX;

use crate::faults::Faults;
use crate::stage::{DATA, Stage, image, prefix, single};
use crate::store::Store;
use crate::world::{Treatment, World};

/// One workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    Atomic,
    Ledger,
    Stem,
    Scatter,
    HandOver,
    Batch,
    After,
    Window,
    /// One output that goes up in parts.
    Large,
    /// The same where it is staged first.
    LargeSet,
}

/// Those that are worth many rounds.
pub(crate) const ALL: [Scenario; 8] = [
    Scenario::Atomic,
    Scenario::Ledger,
    Scenario::Stem,
    Scenario::Scatter,
    Scenario::HandOver,
    Scenario::Batch,
    Scenario::After,
    Scenario::Window,
];

/// What one round came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) crashed: bool,
    pub(crate) kills: u64,
    pub(crate) faults: u64,
    /// Deliveries of an event after its first one.
    pub(crate) duplicates: u64,
    /// Outputs that were missing before an operator looked after them.
    pub(crate) lost_before_sweep: usize,
    missing: Vec<String>,
    doubled: Vec<String>,
    partial: Vec<String>,
    unpublished: Vec<String>,
    staged: Vec<String>,
}

impl Outcome {
    /// Lost, doubled, partial, acknowledged but unpublished, left where outputs are staged.
    pub(crate) fn zeros(&self) -> [usize; 5] {
        let lists = [
            &self.missing,
            &self.doubled,
            &self.partial,
            &self.unpublished,
            &self.staged,
        ];
        lists.map(Vec::len)
    }
}

impl Scenario {
    /// Whether a crash point can lie on the way; the others are not worth a round.
    pub(crate) fn passes(self, point: &str) -> bool {
        use Scenario as S;
        let has = |words: &[&str]| words.iter().any(|word| point.contains(word));
        let is_join = matches!(self, S::Stem | S::Scatter);
        if has(&["place", "fires", "gather"]) || point.ends_with("-fire") {
            return is_join;
        }
        if has(&["item-"]) {
            return self == S::Scatter;
        }
        if has(&["begin"]) {
            return self == S::HandOver;
        }
        if has(&["note", "submit", "confirm", "job"]) {
            return matches!(self, S::HandOver | S::Batch);
        }
        if has(&["announce"]) {
            return self == S::After;
        }
        if has(&["window"]) {
            return self == S::Window;
        }
        if has(&["output", "-put"]) {
            return matches!(self, S::Atomic | S::Stem | S::HandOver);
        }
        !matches!(self, S::Atomic) || has(&["work", "fetched", "ran"])
    }
}

/// Runs a workflow to its end; `prepare` may disturb it.
pub(crate) fn run(
    scenario: Scenario,
    treatment: Treatment<'_>,
    seed: u64,
    prepare: impl FnOnce(&mut World<'_>),
) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::start(Faults::none());
    let mut world = World::new(store, folder.path().to_owned(), treatment, seed);
    let expected = build(scenario, &mut world);
    prepare(&mut world);
    start(scenario, &mut world);
    world.run();
    let crashed = world.crashed;
    let faults = world.store.faults.lock().unwrap().count;
    let lost_before_sweep = missing(&world, &expected).len();
    let unpublished = match world.losses {
        // Without a loss, every event was acknowledged or given up, so nothing may be missing now.
        0 if world.given_up.is_empty() => missing(&world, &expected),
        _ => Vec::new(),
    };
    world.calm();
    world.sweep();
    world.run();
    world.store.stop();
    let state = world.store.state.lock().unwrap();
    let doubled = state
        .writes
        .iter()
        .filter(|((_, key), count)| expected.contains_key(key) && **count > 1);
    let keys = state.objects.keys().map(|(_, key)| key);
    let staged = keys.filter(|key| key.starts_with(STAGED_PREFIX));
    Outcome {
        crashed,
        kills: world.kills,
        faults,
        duplicates: world.further,
        lost_before_sweep,
        doubled: doubled.map(|((_, key), _)| key.clone()).collect(),
        unpublished,
        staged: staged.cloned().collect(),
        partial: wrong(&state.objects, &expected),
        missing: expected
            .keys()
            .filter(|key| {
                !state
                    .objects
                    .contains_key(&(DATA.to_owned(), (*key).clone()))
            })
            .cloned()
            .collect(),
    }
}

type Expected = BTreeMap<String, String>;

fn missing(world: &World<'_>, expected: &Expected) -> Vec<String> {
    let state = world.store.state.lock().unwrap();
    let is_there = |key: &String| state.objects.contains_key(&(DATA.to_owned(), key.clone()));
    expected
        .keys()
        .filter(|key| !is_there(key))
        .cloned()
        .collect()
}

/// Outputs with another content, and such that nobody expects.
fn wrong(objects: &crate::store::Objects, expected: &Expected) -> Vec<String> {
    let outputs = objects.iter().filter(|((bucket, key), _)| {
        bucket == DATA && (key.starts_with("out/") || key.starts_with("parts/"))
    });
    let is_wrong = |key: &String, body: &[u8]| {
        let wanted = expected.get(key);
        wanted.is_none_or(|wanted| wanted.as_bytes() != body)
    };
    outputs
        .filter(|((_, key), object)| is_wrong(key, &object.body))
        .map(|((_, key), _)| key.clone())
        .collect()
}

const COPY: &str = "#!/bin/sh -e\ncat \"$SCAR_INPUT\" > \"$SCAR_OUT/$SCAR_STEM.up\"\n";
const THREE: &str =
    "#!/bin/sh -e\nfor i in 1 2 3; do cat \"$SCAR_INPUT\" > \"$SCAR_OUT/$SCAR_STEM.$i\"; done\n";
const ALL_FILES: &str = "#!/bin/sh -e\ncat \"$SCAR_INPUT_DIR\"/* > \"$SCAR_OUT/$SCAR_STEM.up\"\n";
const TOGETHER: &str = "#!/bin/sh -e\ncat \"$SCAR_INPUT_DIR\"/* > \"$SCAR_OUT/all\"\n";
const ITEM: &str = "#!/bin/sh -e\nprintf \"$SCAR_ITEM\" > \"$SCAR_OUT/$SCAR_STEM.$SCAR_INDEX\"\n";
/// More than the 16 MiB from which an upload has parts.
const LARGE_BYTES: usize = 17_000_000;
const LARGE: &str =
    "#!/bin/sh -e\n/bin/busybox head -c 17000000 /dev/zero > \"$SCAR_OUT/$SCAR_STEM.up\"\n";
const TOO_LARGE: &str = "#!/bin/sh\nexit 137\n";

fn join(by: JoinBy) -> More {
    More {
        join: Some(Join {
            by,
            min_percent: 100,
            timeout_s: None,
        }),
        ..More::default()
    }
}

/// Makes the stages and says which outputs must be there in the end.
fn build(scenario: Scenario, world: &mut World<'_>) -> Expected {
    let folder = world.folder.join("packages");
    let digest = image(&world.store);
    let stage = |name: &str, inputs: &[&str], output, more, script| {
        Stage::new(&folder, name, &digest, inputs, output, more, script)
    };
    let two = || vec!["x".to_owned(), "y".to_owned()];
    let mut stages = Vec::new();
    match scenario {
        Scenario::Atomic => {
            stages.push(stage(
                "one",
                &["in/*"],
                single("out/", ".up"),
                More::default(),
                COPY,
            ));
        }
        Scenario::Ledger => {
            stages.push(stage(
                "one",
                &["in/*"],
                prefix("out/"),
                More::default(),
                THREE,
            ));
        }
        Scenario::Large | Scenario::LargeSet => {
            let output = match scenario {
                Scenario::Large => single("out/", ".up"),
                _ => prefix("out/"),
            };
            let more = More::default();
            stages.push(stage("one", &["in/*"], output, more, LARGE));
        }
        Scenario::Stem => {
            let inputs = ["in/*", "other/*"];
            let output = single("out/", ".up");
            stages.push(stage("one", &inputs, output, join(JoinBy::Stem), ALL_FILES));
        }
        Scenario::Scatter => {
            let items = More {
                items: two(),
                ..More::default()
            };
            stages.push(stage("one", &["in/*"], prefix("parts/"), items, ITEM));
            let output = prefix("out/");
            stages.push(stage(
                "two",
                &["parts/*"],
                output,
                join(JoinBy::Run),
                TOGETHER,
            ));
        }
        Scenario::HandOver => {
            let more = More {
                fallback: true,
                job_timeout_s: 60,
                ..More::default()
            };
            let one = stage("one", &["in/*"], single("out/", ".up"), more, TOO_LARGE);
            one.upload(&world.store, COPY);
            stages.push(one);
        }
        Scenario::Batch => {
            let more = More {
                compute: Compute::Batch,
                items: two(),
                job_timeout_s: 60,
                ..More::default()
            };
            let one = stage("one", &["in/*"], prefix("out/"), more, ITEM);
            one.upload(&world.store, ITEM);
            stages.push(one);
        }
        Scenario::After => {
            let first = More {
                announces: true,
                ..More::default()
            };
            stages.push(stage("one", &["in/*"], prefix("parts/"), first, COPY));
            let second = More {
                after: vec!["one".into()],
                ..More::default()
            };
            let script = "#!/bin/sh -e\nprintf done > \"$SCAR_OUT/done\"\n";
            stages.push(stage("two", &[], prefix("out/"), second, script));
        }
        Scenario::Window => {
            let more = More {
                scheduled: true,
                ..join(JoinBy::Window)
            };
            stages.push(stage("one", &["in/*"], prefix("out/"), more, TOGETHER));
        }
    }
    world.stages = stages;
    expected(scenario)
}

/// Puts the inputs.
fn start(scenario: Scenario, world: &mut World<'_>) {
    let inputs: &[&str] = match scenario {
        Scenario::Atomic | Scenario::Ledger | Scenario::HandOver => &["a", "b"],
        Scenario::Stem => &["a", "b"],
        _ => &["a"],
    };
    for name in inputs {
        world.put(&format!("in/{name}"), name);
        if scenario == Scenario::Stem {
            world.put(&format!("other/{name}.txt"), &name.to_uppercase());
        }
    }
    if scenario == Scenario::Window {
        world.put("in/b", "b");
        world.fire(0, "2026-01-01T00:00:00Z");
    }
}

fn expected(scenario: Scenario) -> Expected {
    let large = "\0".repeat(LARGE_BYTES);
    let pairs: &[(&str, &str)] = match scenario {
        Scenario::Large | Scenario::LargeSet => &[("out/a.up", &large)],
        Scenario::Atomic | Scenario::HandOver => &[("out/a.up", "a"), ("out/b.up", "b")],
        Scenario::Ledger => &[
            ("out/a.1", "a"),
            ("out/a.2", "a"),
            ("out/a.3", "a"),
            ("out/b.1", "b"),
            ("out/b.2", "b"),
            ("out/b.3", "b"),
        ],
        Scenario::Stem => &[("out/a.up", "aA"), ("out/b.up", "bB")],
        Scenario::Scatter => &[("parts/a.0", "x"), ("parts/a.1", "y"), ("out/all", "xy")],
        Scenario::Batch => &[("out/a.0", "x"), ("out/a.1", "y")],
        Scenario::After => &[("parts/a.up", "a"), ("out/done", "done")],
        Scenario::Window => &[("out/all", "ab")],
    };
    let pairs = pairs.iter();
    pairs
        .map(|(key, body)| ((*key).to_owned(), (*body).to_owned()))
        .collect()
}
