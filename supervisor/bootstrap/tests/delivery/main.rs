//! The proof of delivery: the supervisor's real file under kills, faults, duplicates and losses, in every
//! way that a stage can be started and committed. Five numbers must be zero: inputs without outputs,
//! outputs made twice, sets that are not whole, events acknowledged before their outputs are there, and
//! staged objects that nobody removes.
//!
//! `SCAR_DELIVERY_FACTOR` makes the random parts so many times longer; `SCAR_DELIVERY_SUPERVISOR` names another
//! file to be tested than the one of this build; `SCAR_TEST_LONG` is for what takes minutes.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on ends, and tells how long it was"
)]

mod answers;
mod constructs;
mod doors;
mod faults;
mod figures;
mod objects;
mod parts;
mod room;
mod runtime;
mod sandbox;
mod scenario;
mod services;
mod stage;
mod store;
mod warm;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use scenario::{ALL, Outcome, Scenario};
use world::Treatment;

/// Every point at which a process can be made to abort. `name:n` is the n-th passage.
const POINTS: [&str; 50] = [
    "before-look-output",
    "after-look-output",
    "before-look-record",
    "after-look-record",
    "before-work",
    "fetched",
    "ran",
    "after-work",
    "before-put",
    "after-put",
    "before-stage",
    "staged-one",
    "staged-one:2",
    "after-stage",
    "before-commit",
    "after-commit",
    "before-publish",
    "published-one",
    "published-one:2",
    "after-publish",
    "before-mark",
    "before-clean",
    "after-mark",
    "before-announce",
    "after-announce",
    "before-take-place",
    "after-take-place",
    "before-look-fires",
    "after-look-fires",
    "before-look-places",
    "after-look-places",
    "before-gather",
    "after-gather",
    "before-fire",
    "after-fire",
    "item-created",
    "item-created:2",
    "before-begin",
    "after-begin",
    "before-note",
    "after-note",
    "before-submit",
    "after-submit",
    "before-confirm",
    "after-confirm",
    "window-opened",
    "window-claimed",
    "before-look-job",
    "before-count",
    "after-count",
];

/// Rounds that run at a time.
const AT_A_TIME: usize = 8;

/// `SCAR_DELIVERY_FACTOR` makes the random parts so many times longer.
fn factor() -> u64 {
    let text = std::env::var("SCAR_DELIVERY_FACTOR").unwrap_or_default();
    text.parse().unwrap_or(1)
}

fn check(scenario: Scenario, outcome: &Outcome, context: &str) {
    assert_eq!(
        outcome.zeros(),
        [0; 5],
        "{scenario:?} {context}: {outcome:?}"
    );
}

#[test]
fn nothing_happens_and_all_is_there() {
    for scenario in ALL {
        let outcome = scenario::run(scenario, Treatment::Kind, 1, |_| {});
        check(scenario, &outcome, "undisturbed");
    }
}

#[test]
fn a_crash_at_any_point_of_any_mode_is_made_good() {
    let mut unused = Vec::new();
    let mut crashes = 0;
    for point in POINTS {
        let mut hits = 0;
        for scenario in ALL.into_iter().filter(|scenario| scenario.passes(point)) {
            let treatment = Treatment::CrashAt(point);
            let outcome = scenario::run(scenario, treatment, 1, |_| {});
            check(scenario, &outcome, point);
            hits += u32::from(outcome.crashed);
        }
        crashes += hits;
        if hits == 0 {
            unused.push(point);
        }
    }
    eprintln!("{crashes} crashes at {} points", POINTS.len());
    // A job that is looked for needs a kill between two others; a counted failure needs a failing script.
    unused.retain(|point| !["before-look-job", "before-count", "after-count"].contains(point));
    assert_eq!(unused, [""; 0], "points that no mode passes");
}

#[test]
fn a_crash_in_an_upload_in_parts_is_made_good() {
    let uploads = ["upload-created", "upload-parts"];
    let all = [
        (Scenario::Large, [uploads, ["before-put", "after-put"]]),
        (
            Scenario::LargeSet,
            [uploads, ["staged-one", "published-one"]],
        ),
    ];
    for (scenario, points) in all {
        for point in points.concat() {
            let treatment = Treatment::CrashAt(point);
            let outcome = scenario::run(scenario, treatment, 1, |_| {});
            check(scenario, &outcome, point);
            assert!(outcome.crashed, "{scenario:?} {point}");
        }
    }
}

#[test]
fn processes_are_killed_at_random() {
    let kills = rounds(500, |seed, scenario| {
        let outcome = scenario::run(scenario, Treatment::Kill(40), seed * 7_919, |_| {});
        check(scenario, &outcome, &format!("seed {seed}"));
        outcome.kills
    });
    eprintln!("{kills} kills");
}

#[test]
fn the_network_and_the_storage_fail() {
    let faults = rounds(2_000, |seed, scenario| {
        let outcome = scenario::run(scenario, Treatment::Kind, seed * 104_729, |world| {
            let faults = faults::Faults::new(seed * 15_485_863, 25);
            *world.store.faults.lock().unwrap() = faults;
        });
        check(scenario, &outcome, &format!("seed {seed}"));
        outcome.faults
    });
    eprintln!("{faults} faults");
}

#[test]
fn events_are_lost_and_come_many_times() {
    let lost = AtomicU64::new(0);
    let duplicates = rounds(10_000, |seed, scenario| {
        let outcome = scenario::run(scenario, Treatment::Kind, seed * 31, |world| {
            world.duplicates = 60;
            world.copies_max = 80;
            world.losses = 20;
        });
        check(scenario, &outcome, &format!("seed {seed}"));
        lost.fetch_add(outcome.lost_before_sweep as u64, Ordering::Relaxed);
        outcome.duplicates
    });
    let lost = lost.into_inner();
    eprintln!("{duplicates} further deliveries, {lost} outputs missing before the sweep");
    assert!(lost > 0, "no event was lost");
}

/// Rounds with seeds of their own, through all scenarios in turn, until what they count is enough. Most of a
/// round is waiting, so several run at a time.
fn rounds(enough: u64, round: impl Fn(u64, Scenario) -> u64 + Sync) -> u64 {
    let (sum, seeds) = (AtomicU64::new(0), AtomicU64::new(1));
    let work = || {
        while sum.load(Ordering::Relaxed) < enough * factor() {
            let seed = seeds.fetch_add(1, Ordering::Relaxed);
            let scenario = ALL[usize::try_from(seed).unwrap() % ALL.len()];
            sum.fetch_add(round(seed, scenario), Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| (0..AT_A_TIME).for_each(|_| drop(scope.spawn(work))));
    sum.into_inner()
}
