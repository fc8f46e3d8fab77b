//! One stage of the manifest with every value decided.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use scar_manifest::{Diagnostic, Places, Span, VARIABLES_BYTES, nearest, quoted};
use scar_schemas::construct::{Compute, Events};
use scar_schemas::contract::{Mount, OutputKey, SYSTEM_PREFIX};
use scar_schemas::glob::Glob;
use scar_schemas::manifest::{self, Manifest, OutputPath, Path, Settings};

use crate::resolve::{DATA, span};
use crate::{Input, Output, Stage, limits};

/// What a stage has that asks for nothing.
struct Sizes {
    memory_mib: u64,
    timeout_s: u64,
    disk_mib: u64,
}

const LAMBDA: Sizes = Sizes {
    memory_mib: 1024,
    timeout_s: 300,
    disk_mib: 512,
};
/// The least memory that Fargate has for one processor, and the disk that it gives without asking (Amazon
/// ECS Developer Guide, "Fargate task definition differences").
const BATCH: Sizes = Sizes {
    memory_mib: 2048,
    timeout_s: 3600,
    disk_mib: 20 * 1024,
};
const VCPU_MILLI: u64 = 1000;
const ATTEMPTS: u64 = 2;
const LOG_DAYS: u64 = 30;

/// What one stage is resolved with.
pub(crate) struct Resolver<'a> {
    pub(crate) name: &'a str,
    pub(crate) stage: &'a manifest::Stage,
    pub(crate) buckets: &'a IndexMap<String, Option<String>>,
    pub(crate) manifest: &'a Manifest,
    pub(crate) places: &'a Places,
    pub(crate) report: &'a mut Vec<Diagnostic>,
}

impl Resolver<'_> {
    pub(crate) fn stage(mut self) -> Option<Stage> {
        let inputs: Vec<_> = (0..self.stage.inputs.len())
            .map(|index| self.input(index))
            .collect();
        let outputs: Vec<_> = (0..self.stage.outputs.len())
            .map(|index| self.output(index))
            .collect();
        let mounts = self.mounts();
        let (compute, compute_reason) = self.compute();
        let mut stage = Stage {
            name: self.name.to_owned(),
            image: self.stage.image.clone(),
            work: self.stage.work.clone(),
            inputs: inputs.into_iter().collect::<Option<_>>()?,
            outputs: outputs.into_iter().collect::<Option<_>>()?,
            mounts: mounts?,
            variables: self.variables(),
            id: self.id(self.name),
            // What runs in Batch anyway needs nothing to fall back to.
            fallback: self.stage.fallback && compute == Compute::Lambda,
            compute,
            compute_reason,
            ..self.constructs()
        };
        self.sizes(&mut stage);
        self.settings(&mut stage);
        self.fit(&mut stage);
        Some(stage)
    }

    /// What is taken over as it was written.
    fn constructs(&self) -> Stage {
        let stage = self.stage;
        Stage {
            when: stage.when.clone(),
            join: stage.join.clone(),
            items: stage.items.clone(),
            after: stage.after.iter().map(|name| self.id(name)).collect(),
            http: stage.http.clone(),
            schedule: stage.schedule.clone(),
            secrets: stage.secrets.clone(),
            loop_max: stage.loop_max.map(narrow),
            nodes: narrow(stage.nodes.unwrap_or(1)),
            package: stage.package.unwrap_or_default(),
            tags: stage.tags.clone(),
            ..Stage::default()
        }
    }

    /// The name under which a stage was first deployed.
    fn id(&self, name: &str) -> String {
        let stage = self.manifest.stages.get(name);
        let former = stage.and_then(|stage| stage.renamed_from.clone());
        former.unwrap_or_else(|| name.to_owned())
    }

    /// Of the stage itself, else of `defaults`.
    fn pick<T>(&self, pick: impl Fn(&Settings) -> Option<T>) -> Option<T> {
        pick(&self.stage.settings).or_else(|| pick(&self.manifest.defaults))
    }

    fn sizes(&self, stage: &mut Stage) {
        let defaults = match stage.compute {
            Compute::Lambda => &LAMBDA,
            Compute::Batch => &BATCH,
        };
        let number = |pick: fn(&Settings) -> Option<u64>, default: u64| {
            narrow(self.pick(pick).unwrap_or(default))
        };
        stage.memory_mib = number(|s| s.memory_mib, defaults.memory_mib);
        stage.timeout_s = number(|s| s.timeout_s, defaults.timeout_s);
        stage.disk_mib = number(|s| s.disk_mib, defaults.disk_mib);
        stage.vcpu_milli = number(|s| s.vcpu_milli, VCPU_MILLI);
        stage.gpu = number(|s| s.gpu, 0);
        stage.attempts = number(
            |s| s.retry.as_ref().and_then(|retry| retry.attempts),
            ATTEMPTS,
        );
        stage.log_days = number(|s| s.logs.as_ref().map(|logs| logs.keep_days), LOG_DAYS);
    }

    fn settings(&self, stage: &mut Stage) {
        stage.spot = self.pick(|s| s.spot).unwrap_or_default();
        stage.arch = self.pick(|s| s.arch).unwrap_or_default();
        stage.network = self.pick(|s| s.network.clone()).unwrap_or_default();
        stage.concurrency = self.pick(|s| s.concurrency).map(narrow);
        stage.events = self.pick(|s| s.events).unwrap_or_default();
        stage.cache = self.pick(|s| s.cache).unwrap_or_default();
        stage.retry_only = self.pick(|s| s.retry.as_ref().and_then(|retry| retry.only.clone()));
    }

    /// Of `defaults`, a stage takes only what it has a use for. What it asks for itself was checked.
    fn fit(&self, stage: &mut Stage) {
        let has_jobs = stage.compute == Compute::Batch || stage.fallback;
        if !has_jobs {
            (stage.gpu, stage.spot, stage.vcpu_milli) = (0, false, narrow(VCPU_MILLI));
        }
        if stage.compute == Compute::Batch {
            stage.concurrency = None;
        }
        if self.stage.inputs.is_empty() {
            stage.events = Events::default();
        }
    }

    /// Where it runs, and why if that was left open.
    fn compute(&self) -> (Compute, Option<String>) {
        match self.stage.compute {
            manifest::Compute::Lambda => (Compute::Lambda, None),
            manifest::Compute::Batch => (Compute::Batch, None),
            manifest::Compute::Auto => match self.needs_batch() {
                Some(reason) => (Compute::Batch, Some(reason)),
                None => (
                    Compute::Lambda,
                    Some("all that was asked for fits into Lambda".to_owned()),
                ),
            },
        }
    }

    /// What of that which was asked for only Batch has.
    fn needs_batch(&self) -> Option<String> {
        let over = |pick: fn(&Settings) -> Option<u64>, most: u64| {
            self.pick(pick).filter(|asked| *asked > most)
        };
        if over(|s| s.gpu, 0).is_some() {
            return Some("a GPU is only in Batch".to_owned());
        }
        if self.stage.nodes.is_some_and(|nodes| nodes > 1) {
            return Some("several nodes are only in Batch".to_owned());
        }
        if self.pick(|s| s.spot) == Some(true) {
            return Some("spare capacity is only in Batch".to_owned());
        }
        if let Some(asked) = over(|s| s.memory_mib, limits::MEMORY_MIB) {
            return Some(format!(
                "{asked} MiB of memory are more than Lambda's {}",
                limits::MEMORY_MIB
            ));
        }
        if let Some(asked) = over(|s| s.timeout_s, limits::TIMEOUT_S) {
            return Some(format!(
                "{asked} s are more than Lambda's {}",
                limits::TIMEOUT_S
            ));
        }
        if let Some(asked) = over(|s| s.disk_mib, limits::DISK_MIB) {
            return Some(format!(
                "{asked} MiB of disk are more than Lambda's {}",
                limits::DISK_MIB
            ));
        }
        let processors = over(|s| s.vcpu_milli, limits::VCPU_MILLI)?;
        Some(format!(
            "{} vCPU are more than Lambda's 6",
            processors / 1000
        ))
    }

    fn mounts(&mut self) -> Option<Vec<Mount>> {
        let mounts: Vec<Option<Mount>> = self
            .stage
            .mounts
            .iter()
            .map(|(target, source)| {
                let span = self.span(&format!("mounts.{target}"));
                let bucket = self.bucket(source, &span)?;
                if source.pattern.starts_with(SYSTEM_PREFIX) {
                    self.own_prefix(source, span);
                    return None;
                }
                Some(Mount {
                    bucket,
                    prefix: source.pattern.clone(),
                    path: target.clone(),
                })
            })
            .collect();
        mounts.into_iter().collect()
    }

    fn variables(&mut self) -> BTreeMap<String, String> {
        let mut variables = self.manifest.defaults.env.clone();
        variables.extend(self.stage.settings.env.clone());
        let bytes: usize = variables
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if bytes > VARIABLES_BYTES {
            let summary = format!("the variables of stage `{}` have {bytes} bytes", self.name);
            self.report.push(
                Diagnostic::error("E208", summary)
                    .label(self.span("env"), format!("{VARIABLES_BYTES} bytes are possible"))
                    .help("put long values into a file of the image, or into an object that the script fetches"),
            );
        }
        variables
    }

    fn input(&mut self, index: usize) -> Option<Input> {
        let path = &self.stage.inputs[index].path;
        let span = self.span(&format!("in.{index}"));
        let bucket = self.bucket(path, &span)?;
        let pattern: Glob = path.pattern.parse().ok()?;
        let is_own = pattern.alternatives().iter().any(|tokens| {
            let own = SYSTEM_PREFIX
                .chars()
                .map(scar_schemas::glob::Token::Literal);
            tokens.iter().copied().take(SYSTEM_PREFIX.len()).eq(own)
        });
        if is_own {
            self.own_prefix(path, span);
            return None;
        }
        Some(Input { bucket, pattern })
    }

    fn output(&mut self, index: usize) -> Option<Output> {
        let OutputPath { path, files } = &self.stage.outputs[index];
        let span = self.span(&format!("out.{index}"));
        let bucket = self.bucket(path, &span)?;
        if path.pattern.starts_with(SYSTEM_PREFIX) {
            self.own_prefix(path, span);
            return None;
        }
        let key = match path.pattern.split_once('*') {
            Some((before, after)) => OutputKey::Single {
                before: before.to_owned(),
                after: after.to_owned(),
            },
            None => OutputKey::Prefix {
                prefix: path.pattern.clone(),
                files: match files {
                    Some(files) => Some(files.parse().ok()?),
                    None => None,
                },
            },
        };
        Some(Output { bucket, key })
    }

    fn own_prefix(&mut self, path: &Path, span: Span) {
        let summary = format!(
            "stage `{}` uses {}, which is scar's own",
            self.name,
            quoted(&path.pattern)
        );
        self.report.push(
            Diagnostic::error("E305", summary)
                .label(span, format!("below `{SYSTEM_PREFIX}`"))
                .help(
                    "choose another prefix: records of tasks are there, and no event comes from it",
                ),
        );
    }

    /// The bucket that a path means.
    fn bucket(&mut self, path: &Path, span: &Span) -> Option<String> {
        let names = self.manifest.buckets.keys().map(String::as_str);
        let Some(written) = &path.bucket else {
            return self.default_bucket(span);
        };
        if self.buckets.contains_key(written) {
            return Some(written.clone());
        }
        let label = match nearest(written, names) {
            Some(near) => format!("did you mean `{near}:{}`?", path.pattern),
            None => "no bucket of this name".to_owned(),
        };
        let known = self.buckets.keys().cloned().collect::<Vec<_>>().join(", ");
        self.report.push(
            Diagnostic::error(
                "E306",
                format!(
                    "stage `{}` names bucket {}, which is not there",
                    self.name,
                    quoted(written)
                ),
            )
            .label(span.clone(), label)
            .help(format!("buckets of this workflow: {known}")),
        );
        None
    }

    fn default_bucket(&mut self, span: &Span) -> Option<String> {
        let mut names = self.manifest.buckets.keys();
        match (names.next(), names.next()) {
            (None, _) => Some(DATA.to_owned()),
            (Some(only), None) => Some(only.clone()),
            _ if self.buckets.contains_key(DATA) => Some(DATA.to_owned()),
            _ => {
                let known: Vec<&str> = self.manifest.buckets.keys().map(String::as_str).collect();
                self.report.push(
                    Diagnostic::error(
                        "E307",
                        format!("stage `{}` does not say which bucket it means", self.name),
                    )
                    .label(span.clone(), "in which bucket?")
                    .help(format!(
                        "write `BUCKET:` before it; there are {}",
                        known.join(", ")
                    )),
                );
                None
            }
        }
    }

    fn span(&self, key: &str) -> Span {
        span(self.places, &format!("stages.{}.{key}", self.name))
    }
}

/// Values were checked against smaller limits before.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
