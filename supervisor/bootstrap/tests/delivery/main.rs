//! The proof of delivery: the supervisor's real file under kills, faults, duplicates and losses, in every
//! way that a stage can be started and committed. Four numbers must be zero: inputs without outputs,
//! outputs made twice, sets that are not whole, and events acknowledged before their outputs are there.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on ends, and tells how long it was"
)]

mod faults;
mod scenario;
mod stage;
mod store;
mod world;

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

/// `SCAR_DELIVERY_FACTOR` makes the random parts so many times longer.
fn factor() -> u64 {
    let text = std::env::var("SCAR_DELIVERY_FACTOR").unwrap_or_default();
    text.parse().unwrap_or(1)
}

fn check(scenario: Scenario, outcome: &Outcome, context: &str) {
    assert_eq!(
        outcome.zeros(),
        [0; 4],
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
fn processes_are_killed_at_random() {
    let (mut kills, mut seed) = (0, 1);
    while kills < 500 * factor() {
        let scenario = ALL[usize::try_from(seed).unwrap() % ALL.len()];
        let outcome = scenario::run(scenario, Treatment::Kill(40), seed * 7_919, |_| {});
        check(scenario, &outcome, &format!("seed {seed}"));
        kills += outcome.kills;
        seed += 1;
    }
    eprintln!("{kills} kills in {} rounds", seed - 1);
}

#[test]
fn the_network_and_the_storage_fail() {
    let (mut faults, mut seed) = (0, 1);
    while faults < 2_000 * factor() {
        let scenario = ALL[usize::try_from(seed).unwrap() % ALL.len()];
        let outcome = scenario::run(scenario, Treatment::Kind, seed * 104_729, |world| {
            let faults = faults::Faults::new(seed * 15_485_863, 25);
            *world.store.faults.lock().unwrap() = faults;
        });
        check(scenario, &outcome, &format!("seed {seed}"));
        faults += outcome.faults;
        seed += 1;
    }
    eprintln!("{faults} faults in {} rounds", seed - 1);
}

#[test]
fn events_are_lost_and_come_twice() {
    let mut lost = 0;
    for seed in 1..=8 * factor() {
        let scenario = ALL[usize::try_from(seed).unwrap() % ALL.len()];
        let outcome = scenario::run(scenario, Treatment::Kind, seed * 31, |world| {
            world.duplicates = 60;
            world.losses = 30;
        });
        check(scenario, &outcome, &format!("seed {seed}"));
        lost += outcome.lost_before_sweep;
    }
    assert!(lost > 0, "no event was lost");
}
