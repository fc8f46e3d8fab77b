//! How long a checked workflow takes to become templates and packages: three stages, as many as one stack
//! can have, and more, which is refused with the largest stages named.

#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark needs the clock")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use scar_template::{Error, render};
use scar_workflow::Workflow;
use support::{Builder, materials_for};

fn generated(stages: usize) -> Workflow {
    let chain = (0..stages).fold(Builder::new("generated"), |builder, index| {
        let (from, to) = (format!("data:p{index}/**"), format!("data:p{}/", index + 1));
        builder.stage(&format!("stage-{index}"), &[&from], &[&to])
    });
    chain.workflow()
}

/// Median of several runs, with the fastest and the slowest.
fn measure(workflow: &Workflow, runs: usize) -> [Duration; 3] {
    let materials = materials_for(workflow);
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            let rendered = render(workflow, &materials);
            let time = start.elapsed();
            let is_large = matches!(rendered, Err(Error::Resources { .. }));
            assert!(rendered.is_ok() || is_large, "{rendered:?}");
            time
        })
        .collect();
    times.sort();
    [times[runs / 2], times[0], times[runs - 1]]
}

fn main() {
    // Fragments are compiled once, before the clock starts.
    render(&generated(1), &materials_for(&generated(1))).unwrap();
    for (stages, runs) in [(3, 200), (62, 50), (300, 20)] {
        let [median, least, most] = measure(&generated(stages), runs);
        println!("{stages:>4} stages: median {median:?}, {least:?} to {most:?}");
    }
}
