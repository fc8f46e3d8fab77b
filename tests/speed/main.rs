//! The engine is fast enough, told by what the machine does for other work in the same process.
//!
//! Processor time, the least of several runs, and twice the room that it needs: a busy machine must not stop
//! a change. `cargo bench -p scar-tests --bench speed` has the real figures.

mod chain;

use std::time::Duration;

use chain::{Change, processor_time};

/// Runs of which the fastest counts.
const RUNS: usize = 3;

/// A plan takes as long as reading so many times the text of its template, at most.
const READINGS: u32 = 40;

/// How much longer than n·log n a plan of ten times as many stages may take.
const ROOM: f64 = 1.5;

#[test]
fn a_plan_takes_no_longer_than_reading_its_template_some_times() {
    let change = Change::of(100);
    let text = change.plan().stack.text;
    let plan = least(|| change.plan());
    let reading = least(|| serde_json::from_str::<serde_json::Value>(&text));
    assert!(
        plan < reading * READINGS,
        "100 stages: {plan:?}, reading the template: {reading:?}"
    );
}

#[test]
fn the_time_of_a_plan_grows_no_faster_than_n_log_n() {
    let [small, large] = [45.0_f64, 450.0].map(|stages| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small whole number"
        )]
        let change = Change::of(stages as usize);
        let time = least(|| change.plan());
        (time, stages * stages.ln())
    });
    let growth = large.0.as_secs_f64() / small.0.as_secs_f64();
    let allowed = large.1 / small.1 * ROOM;
    assert!(
        growth < allowed,
        "{small:?} to {large:?}: {growth:.1} times, {allowed:.1} are allowed"
    );
}

fn least<T>(work: impl Fn() -> T) -> Duration {
    let times = (0..RUNS).map(|_| processor_time(&work));
    times.min().unwrap_or_default()
}
