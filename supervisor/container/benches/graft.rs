//! What the engine `graft` costs: the same jobs with it and in namespaces, in turns, by processor time.
//!
//! ```text
//! cargo bench -p scar-container --bench graft [-- JOB…]
//! ```
//!
//! needs root and debootstrap. Times are user and system time of all processes of a job, as the shell in the
//! container counts them, without the making of the container. Given are medians, the median of the ratios of
//! neighbours, and the quartiles of these. Set-up is the time of a run that does nothing.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::time::Instant;

use scar_container::{Command, Engine, ImageConfig, Job, Rootfs, Stream, select};
use scar_schemas::digest::Digest;

#[path = "../tests/engines/image.rs"]
mod image;

const ROUNDS: usize = 11;
const ENGINES: [&str; 2] = ["namespaces", "graft"];

/// Something to measure.
struct Measured {
    name: &'static str,
    /// Most times of the time in namespaces.
    limit: f64,
    /// The image that has what the script needs.
    image: &'static str,
    script: &'static str,
}

const fn small(name: &'static str, limit: f64, script: &'static str) -> Measured {
    Measured {
        name,
        limit,
        image: "small",
        script,
    }
}

const JOBS: [Measured; 9] = [
    small("start", 1.35, "seq 400 | xargs -n 1 /bin/true"),
    small(
        "fork-heavy shell",
        1.35,
        "for i in $(seq 150); do sh -c 'x=$(basename /a/b$0); echo $x | cat' $i; done",
    ),
    small(
        "find and stat",
        1.15,
        "for i in 1 2 3 4 5; do find /usr /etc -xdev -type f -print0 | xargs -0 stat -c '%s %n'; done",
    ),
    small(
        "tar",
        1.15,
        "for i in 1 2 3; do tar -C /usr -cf - lib/python3.11 share bin | cat > /dev/null; done",
    ),
    small(
        "python start",
        1.35,
        "for i in $(seq 12); do python3 -c 'import json, subprocess'; done",
    ),
    small("sha256", 1.05, "head -c 400M /dev/zero | sha256sum"),
    small(
        "gzip",
        1.05,
        "tar -C /usr/lib -cf /tmp/a python3.11 && gzip -6 /tmp/a",
    ),
    small(
        "python loop",
        1.05,
        "python3 -c 'print(sum(i * i % 7 for i in range(8000000)))'",
    ),
    Measured {
        name: "ffmpeg",
        limit: 1.05,
        image: "large",
        script: "ffmpeg -v error -f lavfi -i testsrc=duration=4:size=1280x720:rate=25 -c:v mpeg4 -f avi -y /tmp/a",
    },
];

fn main() {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let place = tempfile::tempdir().unwrap();
    let engines = ENGINES.map(|name| select(Some(name)).unwrap().engine);
    let bench = Bench {
        place: place.path(),
        engines,
    };
    println!(
        "{:20} {:>10} {:>10} {:>7} {:>15} {:>6}",
        "job", ENGINES[0], ENGINES[1], "ratio", "quartiles", "at most"
    );
    for job in &JOBS {
        let is_chosen = |chosen: &String| job.name.contains(chosen.as_str());
        if chosen.is_empty() || chosen.iter().any(is_chosen) {
            // The first run of an image is another thing than all others.
            bench.pair(0, job);
            let pairs: Vec<[f64; 2]> = (0..ROUNDS).map(|round| bench.pair(round, job)).collect();
            report(job, &pairs);
        }
    }
    let pairs: Vec<[f64; 2]> = (0..ROUNDS).map(|round| bench.set_up(round)).collect();
    let [reference, ours] = [0, 1].map(|engine| median(pairs.iter().map(|pair| pair[engine])));
    println!("set-up: {reference:.0} ms and {ours:.0} ms of wall time");
}

/// Engines that live as long as those of a supervisor, and the place of images and runs.
struct Bench<'a> {
    place: &'a Path,
    engines: [Box<dyn Engine>; 2],
}

impl Bench<'_> {
    /// Processor times in milliseconds, in the order of [`ENGINES`]; every other round begins with the second.
    fn pair(&self, round: usize, job: &Measured) -> [f64; 2] {
        in_turns(round, |engine| {
            let script = format!("{{ {}; }} >/dev/null 2>&1; echo $?; times", job.script);
            let lines = self.run(engine, job.image, &script);
            assert_eq!(lines[0], "0", "{script} in {}: {lines:?}", ENGINES[engine]);
            lines[1..]
                .iter()
                .flat_map(|line| line.split(' '))
                .map(milliseconds)
                .sum()
        })
    }

    fn set_up(&self, round: usize) -> [f64; 2] {
        in_turns(round, |engine| {
            let begin = Instant::now();
            self.run(engine, "small", "true");
            begin.elapsed().as_secs_f64() * 1000.0
        })
    }

    fn run(&self, engine: usize, image: &str, script: &str) -> Vec<String> {
        let scratch = self.place.join("scratch");
        std::fs::create_dir(&scratch).unwrap();
        let words = ["/bin/bash", "-c", script].map(str::to_owned);
        let mut job = Job::new(Command::Exec(words.into()), &scratch);
        job.variables.insert("PATH".into(), "/usr/bin:/bin".into());
        job.variables.insert("HOME".into(), "/tmp".into());
        let rootfs = Rootfs {
            path: self.root(image),
            config: ImageConfig::default(),
            digest: Digest::of(b""),
        };
        let mut lines = Vec::new();
        let mut collect =
            |_: Stream, line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
        self.engines[engine]
            .run(&rootfs, &job, &mut collect)
            .unwrap();
        std::fs::remove_dir_all(&scratch).unwrap();
        lines
    }

    /// The root of an image, unpacked when it is needed first.
    fn root(&self, image: &str) -> PathBuf {
        let root = self.place.join(image);
        if !root.exists() {
            std::fs::create_dir(&root).unwrap();
            let mut command = Process::new("tar");
            command.arg("-C").arg(&root).arg("-xpf");
            let status = command.arg(image::image(image)).status().unwrap();
            assert!(status.success(), "the image cannot be unpacked");
        }
        root
    }
}

fn in_turns(round: usize, measure: impl Fn(usize) -> f64) -> [f64; 2] {
    let mut found = [0.0; 2];
    for turn in 0..2 {
        let engine = (round + turn) % 2;
        found[engine] = measure(engine);
    }
    found
}

/// The shell writes times as `0m1.234s`.
fn milliseconds(text: &str) -> f64 {
    let (minutes, seconds) = text.trim_end_matches('s').split_once('m').unwrap();
    let [minutes, seconds] = [minutes, seconds].map(|number| number.parse::<f64>().unwrap());
    (minutes * 60.0 + seconds) * 1000.0
}

fn report(job: &Measured, pairs: &[[f64; 2]]) {
    let (name, limit) = (job.name, job.limit);
    let [reference, ours] = [0, 1].map(|engine| median(pairs.iter().map(|pair| pair[engine])));
    let ratios: Vec<f64> = pairs
        .iter()
        .map(|[reference, ours]| ours / reference)
        .collect();
    let at = |share| quantile(ratios.iter().copied(), share);
    let spread = format!("{:.3}-{:.3}", at(0.25), at(0.75));
    let ratio = at(0.5);
    println!("{name:20} {reference:7.0} ms {ours:7.0} ms {ratio:7.3} {spread:>15} {limit:6.2}");
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a place in a short list"
    )]
    let at = ((values.len() - 1) as f64 * share).round() as usize;
    values[at]
}
