//! Manifests in which every choice of the language stands beside every other one that it can stand beside.
//!
//! They are to stand in a folder two levels below the product's, each in one of its own with `regions.txt`.
//!
//! A row picks one value of every dimension. Rows are chosen so that each shows as many pairs of values as
//! possible that no row before has shown; the choice is the same in every run.

use std::collections::BTreeSet;

/// Settings of an environment that does all that linters want of one.
pub const HARDENED: &str = "kms_key: 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab', \
     access_logs: acme-access-logs, versioned: true, \
     defaults: {network: {subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d]}}";

/// Rows that are tried before the best of them is taken.
const CANDIDATES: usize = 40;

/// Names of the dimensions and of their values; the first value is what is meant where nothing is said.
const DIMENSIONS: &[(&str, &[&str])] = &[
    ("place", &["lambda", "fallback", "batch", "auto"]),
    (
        "trigger",
        &[
            "in",
            "list",
            "after",
            "after-two",
            "http-iam",
            "http-none",
            "http-jwt",
            "http-async",
            "cron",
            "every",
            "join-stem",
            "join-run",
            "join-window",
            "scatter-list",
            "scatter-lines",
        ],
    ),
    ("when", &["any", "below", "between", "suffix"]),
    ("out", &["prefix", "single", "list", "map"]),
    ("events", &["bus", "direct", "queue"]),
    ("concurrency", &["open", "one", "ten"]),
    ("secrets", &["none", "parameter", "secret"]),
    ("mounts", &["none", "own", "foreign"]),
    ("vcpu", &["one", "two", "quarter"]),
    ("gpu", &["none", "one"]),
    ("spot", &["no", "yes"]),
    ("nodes", &["one", "two"]),
    ("network", &["auto", "own"]),
    ("arch", &["x86_64", "arm64"]),
    ("cache", &["object", "stage"]),
    ("loop", &["none", "three"]),
    ("bucket", &["managed", "existing", "expire", "versioned"]),
    ("environment", &["plain", "protect", "alarm", "limits"]),
    ("retry", &["default", "three", "only"]),
    ("disk", &["default", "large"]),
];

/// A manifest.
#[derive(Debug)]
pub struct Manifest {
    /// The values it has, for messages.
    pub name: String,
    /// `workflow.yaml`.
    pub text: String,
}

/// So many manifests, the most telling first.
#[must_use]
pub fn manifests(count: usize) -> Vec<Manifest> {
    let mut random = Random(0x5eed_cafe);
    let mut shown = BTreeSet::new();
    (0..count)
        .map(|_| {
            let row = best(&mut random, &shown);
            shown.extend(pairs(&row));
            Manifest {
                name: row.name(),
                text: row.text(),
            }
        })
        .collect()
}

fn best(random: &mut Random, shown: &BTreeSet<[(usize, usize); 2]>) -> Row {
    let new_pairs = |row: &Row| {
        pairs(row)
            .iter()
            .filter(|pair| !shown.contains(*pair))
            .count()
    };
    let candidates: Vec<Row> = (0..CANDIDATES).map(|_| Row::any(random)).collect();
    candidates
        .into_iter()
        .max_by_key(new_pairs)
        .unwrap_or(Row(Vec::new()))
}

fn pairs(row: &Row) -> Vec<[(usize, usize); 2]> {
    let values: Vec<(usize, usize)> = row.0.iter().copied().enumerate().collect();
    let with_later = |index: usize| values[index + 1..].iter().map(move |other| (index, *other));
    (0..values.len())
        .flat_map(with_later)
        .map(|(index, other)| [values[index], other])
        .collect()
}

/// The index of a value for every dimension.
struct Row(Vec<usize>);

impl Row {
    fn any(random: &mut Random) -> Self {
        let values = DIMENSIONS
            .iter()
            .map(|(_, values)| random.below(values.len()));
        let mut row = Self(values.collect());
        row.settle();
        row
    }

    fn is(&self, dimension: &str, value: &str) -> bool {
        self.value(dimension) == value
    }

    fn value(&self, dimension: &str) -> &'static str {
        let index = position(dimension);
        DIMENSIONS[index].1[self.0[index]]
    }

    /// Back to the first value of a dimension.
    fn reset(&mut self, dimensions: &[&str]) {
        for dimension in dimensions {
            self.0[position(dimension)] = 0;
        }
    }

    /// Takes back what cannot stand together.
    fn settle(&mut self) {
        let trigger = self.value("trigger");
        if self.is("place", "lambda") || self.is("place", "fallback") {
            self.reset(&["vcpu", "gpu", "spot", "nodes"]);
        }
        if self.is("place", "lambda") {
            self.reset(&["disk"]);
        }
        if !self.is("place", "lambda") {
            self.reset(&["concurrency"]);
        }
        if trigger.starts_with("http") && !self.is("trigger", "http-async") {
            self.0[position("place")] = 0;
            self.reset(&["vcpu", "gpu", "spot", "nodes", "disk", "cache"]);
        }
        if self.is("gpu", "one") || self.is("nodes", "two") {
            self.reset(&["spot", "vcpu"]);
        }
        if self.is("gpu", "one") {
            self.reset(&["arch"]);
        }
        if trigger.starts_with("scatter") {
            self.reset(&["nodes"]);
        }
        let is_batch = self.is("place", "batch") || self.is("spot", "yes");
        if !is_batch {
            self.reset(&["vcpu"]);
        }
        if !matches!(
            trigger,
            "in" | "list" | "scatter-list" | "scatter-lines" | "join-stem"
        ) {
            self.reset(&["when", "events"]);
        }
        // Two patterns of keys that both end in one suffix are one notification too many for S3.
        if self.is("events", "direct") && self.is("when", "suffix") {
            self.reset(&["when"]);
        }
        if trigger.starts_with("scatter")
            || trigger == "cron"
            || trigger == "every"
            || trigger.starts_with("http")
        {
            self.reset(&["out"]);
        }
        if trigger != "in" || !self.is("out", "prefix") || !self.is("when", "any") {
            self.reset(&["loop"]);
        }
    }

    fn name(&self) -> String {
        let values = DIMENSIONS
            .iter()
            .filter(|(name, values)| !self.is(name, values[0]));
        let shown = |(name, _): &(&str, _)| format!("{name}={}", self.value(name));
        values.map(shown).collect::<Vec<_>>().join(" ")
    }
}

fn position(dimension: &str) -> usize {
    DIMENSIONS
        .iter()
        .position(|(name, _)| *name == dimension)
        .unwrap_or_else(|| panic!("no dimension {dimension}"))
}

/// A linear congruential generator (Knuth's MMIX constants), so that every run shows the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit
    }
}

impl Row {
    fn text(&self) -> String {
        let mut lines = vec!["scar: 1".to_owned(), "name: pair".to_owned()];
        lines.push(self.buckets());
        lines.push(self.environments());
        lines.push("stages:".to_owned());
        for name in self.upstream() {
            lines.push(format!("  {name}:"));
            lines.push("    image: oci:../../workflows/images/shell".to_owned());
            lines.push(format!("    in: data:from-{name}/**"));
            lines.push(format!("    out: data:mid-{name}/*.txt"));
            lines.push("    run: 'true'".to_owned());
        }
        lines.push("  subject:".to_owned());
        lines.push(format!("    image: {}", self.image()));
        lines.push("    run: 'true'".to_owned());
        let settings = [self.trigger(), self.output(), self.place(), self.settings()];
        lines.extend(
            settings
                .into_iter()
                .flatten()
                .map(|line| format!("    {line}")),
        );
        lines.join("\n") + "\n"
    }

    /// The images of this disk are for one architecture.
    fn image(&self) -> String {
        match self.value("arch") {
            "arm64" => format!("ghcr.io/acme/shell@sha256:{}", "a".repeat(64)),
            _ => "oci:../../workflows/images/shell".to_owned(),
        }
    }

    /// Stages before the one that is looked at.
    fn upstream(&self) -> &'static [&'static str] {
        match self.value("trigger") {
            "after" | "join-run" => &["first"],
            "after-two" | "join-stem" => &["first", "second"],
            _ => &[],
        }
    }

    fn buckets(&self) -> String {
        let data = match self.value("bucket") {
            "existing" => "existing: acme-data",
            "expire" => "expire: {tmp/: 7d}",
            "versioned" => "versioned: true",
            _ => "",
        };
        format!("buckets: {{data: {{{data}}}, archive: {{existing: acme-archive}}}}")
    }

    fn environments(&self) -> String {
        let settings = match self.value("environment") {
            "protect" => "protect: true, ",
            "alarm" => "alarm: ops-pager, ",
            "limits" => "limits: {cost_per_month: 500, concurrency: 200}, ",
            _ => "",
        };
        format!("envs: {{dev: {{{settings}}}, hardened: {{{settings}{HARDENED}}}}}")
    }

    fn trigger(&self) -> Vec<&'static str> {
        let mut lines = match self.value("trigger") {
            "list" => vec!["in: ['data:uploads/*.{jpg,png}', 'archive:old/**.jpg']"],
            "after" => vec!["after: first"],
            "after-two" => vec!["after: [first, second]"],
            "http-iam" => vec!["http: {auth: iam}"],
            "http-none" => vec!["http: {auth: none, path: /open}"],
            "http-jwt" => vec![
                "http: {auth: {jwt: {issuer: 'https://login.example.org/', audience: scar}}}",
                "timeout: 20s",
            ],
            "http-async" => vec!["http: {auth: iam, mode: async, body: 100MiB}"],
            "cron" => vec!["schedule: {cron: '0 6 * * MON', tz: Europe/Madrid}"],
            "every" => vec!["schedule: {every: 15m}"],
            "join-stem" => vec![
                "in: ['data:mid-first/*.txt', 'data:mid-second/*.txt']",
                "join: {by: stem, timeout: 6h}",
            ],
            "join-run" => vec![
                "in: data:mid-first/*.txt",
                "join: {by: run, min: 80%, timeout: 6h}",
            ],
            "join-window" => vec![
                "in: data:uploads/**",
                "join: {by: window}",
                "schedule: {every: 1h}",
            ],
            "scatter-list" => vec!["in: data:uploads/*.txt", "scatter: {list: [chr1, chr2]}"],
            "scatter-lines" => vec!["in: data:uploads/*.txt", "scatter: {lines: regions.txt}"],
            _ if self.is("loop", "three") => vec!["in: data:round/**", "loop: {max: 3}"],
            _ => vec!["in: data:uploads/**"],
        };
        lines.extend(match self.value("when") {
            "below" => Some("when: {size: '<64MiB'}"),
            "between" => Some("when: {size: '>=1MiB, <64MiB'}"),
            "suffix" => Some("when: {suffix: [.txt, .jpg]}"),
            _ => None,
        });
        lines
    }

    fn output(&self) -> Vec<&'static str> {
        vec![match self.value("out") {
            "single" => "out: data:results/*.webp",
            "list" => "out: [data:results/, archive:copies/]",
            "map" => "out: {data:video/: '*.avi', archive:audio/: '*.wav'}",
            _ if self.is("loop", "three") => "out: data:round/next/",
            _ => "out: data:results/",
        }]
    }

    fn place(&self) -> Vec<&'static str> {
        let mut lines = match self.value("place") {
            "fallback" => vec!["fallback: batch", "timeout: 30m"],
            "batch" => vec!["compute: batch"],
            "auto" => vec!["compute: auto"],
            _ => vec![],
        };
        // Whatever needs Batch makes Batch of `auto`.
        lines.extend(match self.value("vcpu") {
            "two" => Some("vcpu: 2"),
            "quarter" => Some("vcpu: 0.25"),
            _ => None,
        });
        lines.extend(self.is("gpu", "one").then_some("gpu: 1"));
        lines.extend(self.is("spot", "yes").then_some("spot: true"));
        lines.extend(self.is("nodes", "two").then_some("nodes: 2"));
        lines.extend(self.is("disk", "large").then_some("disk: 100GiB"));
        lines
    }

    fn settings(&self) -> Vec<&'static str> {
        let choices = [
            ("cache", "stage", "cache: stage"),
            ("concurrency", "one", "concurrency: 1"),
            ("concurrency", "ten", "concurrency: 10"),
            ("events", "direct", "events: direct"),
            ("events", "queue", "events: queue"),
            (
                "mounts",
                "foreign",
                "mounts: {/archive: 'archive:reference/'}",
            ),
            ("mounts", "own", "mounts: {/reference: 'data:reference/'}"),
            ("arch", "arm64", "arch: arm64"),
            (
                "network",
                "own",
                "network: {subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d]}",
            ),
            (
                "retry",
                "only",
                "retry: {attempts: 3, only: [spot, pull, 'exit:137']}",
            ),
            ("retry", "three", "retry: {attempts: 3}"),
            (
                "secrets",
                "parameter",
                "secrets: {LICENSE: 'ssm:/pair/license'}",
            ),
            (
                "secrets",
                "secret",
                "secrets: {TOKEN: 'secret:pair/token#key'}",
            ),
        ];
        let chosen = choices
            .iter()
            .filter(|(dimension, value, _)| self.is(dimension, value));
        chosen.map(|(_, _, line)| *line).collect()
    }
}
