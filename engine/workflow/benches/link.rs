//! How long text takes to become a checked workflow: a small one, and generated ones of growing size.

#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark needs the clock")]

use std::fmt::Write;
use std::time::{Duration, Instant};

use scar_manifest::{Files, Format, Source};
use scar_workflow::load;

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(b"#!/bin/sh\ntrue\n".to_vec())
    }
}

/// Chains of five stages: a fan-out, two readers by suffix, a join by stem and a report.
fn generated(stages: usize) -> String {
    let mut text = "scar: 1\nname: generated\nstages:\n".to_owned();
    for chain in 0..stages / 5 {
        let _ = write!(
            text,
            r#"
  s{chain}: {{image: "a:1", in: "start/{chain}/*.mp4", out: {{video/{chain}/: "*.avi", audio/{chain}/: "*.wav"}}}}
  p{chain}: {{image: "a:1", in: "video/{chain}/*.avi", out: "pictures/{chain}/*.json", memory: 2GiB}}
  a{chain}: {{image: "a:1", in: "audio/{chain}/*.wav", out: "sounds/{chain}/*.srt"}}
  b{chain}: {{image: "a:1", in: [pictures/{chain}/*.json, sounds/{chain}/*.srt], join: {{by: stem}}, out: results/{chain}/}}
  r{chain}: {{image: "a:1", after: [b{chain}], out: "reports/{chain}/"}}
"#
        );
    }
    text
}

/// Median of several runs, with the fastest and the slowest.
fn measure(text: &str, runs: usize) -> [Duration; 3] {
    let source = Source {
        name: "workflow.yaml".to_owned(),
        text: text.to_owned(),
        format: Format::Yaml,
    };
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            let loaded = load(&source, None, &NoFiles);
            let time = start.elapsed();
            assert!(
                loaded.workflow.is_some(),
                "{:?}",
                loaded.diagnostics.first()
            );
            time
        })
        .collect();
    times.sort();
    [times[runs / 2], times[0], times[runs - 1]]
}

fn main() {
    let small = include_str!("../../../workflows/av/workflow.yaml");
    let [median, least, most] = measure(small, 200);
    println!("3 stages: {median:?} (from {least:?} to {most:?})");
    for stages in [300, 1000, 3000] {
        let [median, least, most] = measure(&generated(stages), 15);
        println!("{stages} stages: {median:?} (from {least:?} to {most:?})");
    }
}
