//! How long it takes from a manifest to a plan, in this process and as a whole, and beside other tools that
//! look at the same resources.
//!
//! `cargo bench -p scar-tests --bench speed`. Processor time throughout, so that other work on the machine
//! changes little. Tools that are not installed are named and left out. `-- chain`, `-- process` and `-- peers`
//! measure a part, and a number of stages, `-- 300`, the chain of that size alone.
#![expect(clippy::print_stdout, reason = "a benchmark talks to people")]

mod chain;
mod peers;

use std::process::{Command, Stdio};
use std::time::Duration;

use chain::{Change, processor_time};
use nix::sys::resource::{UsageWho, getrusage};
use scar_tests::figure::Figure;
use scar_tests::generated;
use scar_tests::product::{Product, released};

/// Numbers of stages, and how often each is measured.
const SIZES: [(usize, usize); 6] = [
    (3, 51),
    (30, 31),
    (100, 21),
    (300, 15),
    (1_000, 9),
    (3_000, 7),
];

fn main() {
    // Cargo adds an option of its own.
    let mut words = std::env::args().skip(1);
    match words.find(|word| !word.starts_with('-')).as_deref() {
        None => {
            in_process();
            whole_process();
            peers::compare();
        }
        Some("chain") => in_process(),
        Some("process") => whole_process(),
        Some("peers") => peers::compare(),
        Some(word) => one_size(
            word.parse()
                .expect("chain, process, peers or a number of stages"),
        ),
    }
}

/// Nothing but the chain of one size, for a profiler to look at.
fn one_size(stages: usize) {
    let change = Change::of(stages);
    println!("{}", figure(21, || processor_time(|| change.plan())));
}

/// The whole chain and its parts, and how the time grows.
fn in_process() {
    println!("from the text to the plan, a third of the stages changed");
    let mut before: Option<(usize, Figure)> = None;
    for (stages, runs) in SIZES {
        let change = Change::of(stages);
        let whole = figure(runs, || processor_time(|| change.plan()));
        println!("{stages:>6} stages  {whole}");
        parts(&change, runs);
        if let Some((fewer, figure)) = &before {
            growth(stages, &whole, *fewer, figure);
        }
        before = Some((stages, whole));
    }
}

fn parts(change: &Change, runs: usize) {
    let workflow = change.link();
    let rendered = Change::render(&workflow);
    let link = figure(runs, || processor_time(|| change.link()));
    let render = figure(runs, || processor_time(|| Change::render(&workflow)));
    let compare = figure(runs, || {
        processor_time(|| change.compare(&workflow, &rendered))
    });
    for (name, figure) in [
        ("validate and graph", link),
        ("render and check", render),
        ("diff", compare),
    ] {
        println!("{name:>20} {figure}");
    }
}

/// The exponent between two sizes, beside that of n·log n.
fn growth(stages: usize, whole: &Figure, fewer: usize, before: &Figure) {
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let [large, small] = [stages as f64, fewer as f64];
    let exponent = whole.ratio(before).ln() / (large / small).ln();
    let allowed = (large * large.ln() / (small * small.ln())).ln() / (large / small).ln();
    println!("{:>20} {exponent:.2}, n·log n has {allowed:.2}", "exponent");
}

/// The released program, from its start to its end.
fn whole_process() {
    println!("scar as a process");
    let product = Product::new();
    let floor = figure(21, || process(&mut Command::new("/bin/true")));
    println!("{:<32} {floor}", "floor: /bin/true");
    for stages in [3, 60] {
        let manifest = product.write("w/workflow.yaml", generated::manifest(stages, "2GiB"));
        for verb in ["validate", "render --offline", "plan --offline"] {
            let mut command = Command::new(released());
            command
                .args(verb.split(' '))
                .arg(&manifest)
                .current_dir(product.path());
            let figure = figure(21, || process(&mut command));
            let ratio = figure.ratio(&floor);
            let name = format!("{verb}, {stages} stages");
            println!("{name:<32} {figure}, {ratio:.1} times the floor");
        }
    }
}

/// Times of so many runs, after one that is not counted.
pub(crate) fn figure(runs: usize, mut time: impl FnMut() -> Duration) -> Figure {
    time();
    Figure::of((0..runs).map(|_| time()).collect())
}

/// User and system time of a process and its children.
///
/// # Panics
/// If it fails: what ends early is not measured.
pub(crate) fn process(command: &mut Command) -> Duration {
    let before = time_of_children();
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("start a process");
    assert!(output.status.success(), "{command:?}: {output:?}");
    time_of_children().saturating_sub(before)
}

/// User and system time of the children that have ended.
fn time_of_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("know the time used");
    let time = usage.user_time() + usage.system_time();
    let microseconds = time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros(u64::try_from(microseconds).unwrap_or(0))
}
