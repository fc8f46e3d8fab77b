//! Manifest → stages with every value decided, not linked yet.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use scar_manifest::{Diagnostic, Places, Span, VARIABLES_BYTES, nearest, quoted};
use scar_schemas::contract::{OutputKey, SYSTEM_PREFIX};
use scar_schemas::glob::Glob;
use scar_schemas::manifest::{self, Manifest, OutputPath, Path, Settings};

use crate::{Input, Output, Stage, Workflow};

/// The bucket that is there without any.
const DATA: &str = "data";
/// Names for a bucket of scar's own records, if the manifest has only existing buckets.
const STATE_NAMES: &[&str] = &["state", "scar-state"];

const MEMORY_MIB: u64 = 1024;
const TIMEOUT_S: u64 = 300;
const DISK_MIB: u64 = 512;
const ATTEMPTS: u64 = 2;
const LOG_DAYS: u64 = 30;

/// Longest name of a bucket (Amazon S3 User Guide, "General purpose bucket naming rules").
const BUCKET_NAME: usize = 63;
/// What CloudFormation puts behind the prefix of an account-regional name besides the region:
/// `-<12 digits>-` and `-an` (Amazon S3 User Guide, "Account regional namespaces").
const ACCOUNT_AND_SUFFIX: usize = 12 + 5;
/// Length of the longest region names, for instance `ap-southeast-1`; taken if no region is said.
const LONGEST_REGION: usize = 14;

/// Everything but links and order; `None` if not even the links can be looked at.
pub(crate) fn workflow(
    manifest: &Manifest,
    environment: &str,
    places: &Places,
    report: &mut Vec<Diagnostic>,
) -> Option<Workflow> {
    let buckets = buckets(manifest);
    let before = report.len();
    // Every stage is looked at, also after one that cannot be resolved.
    let stages: Vec<Option<Stage>> = manifest
        .stages
        .iter()
        .map(|(name, stage)| {
            Resolver {
                name,
                stage,
                buckets: &buckets,
                manifest,
                places,
                report,
            }
            .stage()
        })
        .collect();
    let own = manifest.envs.get(environment).cloned().unwrap_or_default();
    let workflow = Workflow {
        name: manifest.name.clone(),
        environment: environment.to_owned(),
        description: manifest.description.clone(),
        region: own.region.or_else(|| manifest.region.clone()),
        protect: own.protect,
        account: own.account,
        alarm: own.alarm,
        limits: own.limits,
        bucket_settings: BTreeMap::new(),
        tags: manifest.tags.clone(),
        state_bucket: state_bucket(&buckets),
        buckets,
        stages: stages.into_iter().flatten().collect(),
        links: Vec::new(),
    };
    let paths_are_good = report.len() == before;
    check_buckets(&workflow, places, report);
    paths_are_good.then_some(workflow)
}

fn buckets(manifest: &Manifest) -> IndexMap<String, Option<String>> {
    let written = manifest.buckets.iter();
    let mut buckets: IndexMap<String, Option<String>> = written
        .map(|(name, bucket)| (name.clone(), bucket.existing.clone()))
        .collect();
    if buckets.is_empty() {
        buckets.insert(DATA.to_owned(), None);
    }
    if buckets.values().all(Option::is_some) {
        // scar's own records need a bucket that scar may do with as it likes.
        let free = STATE_NAMES
            .iter()
            .find(|name| !buckets.contains_key(**name));
        buckets.insert(free.unwrap_or(&"scar-records").to_string(), None);
    }
    buckets
}

fn state_bucket(buckets: &IndexMap<String, Option<String>>) -> String {
    let mut managed = buckets
        .iter()
        .filter(|(_, existing)| existing.is_none())
        .map(|(name, _)| name);
    let first = managed.clone().next();
    managed
        .find(|name| *name == DATA)
        .or(first)
        .cloned()
        .unwrap_or_default()
}

fn check_buckets(workflow: &Workflow, places: &Places, report: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, existing) in &workflow.buckets {
        match existing {
            Some(real) => {
                if let Some(first) = seen.insert(real, name) {
                    let summary = format!(
                        "bucket {} has two names: `{first}` and `{name}`",
                        quoted(real)
                    );
                    report.push(
                        Diagnostic::error("E308", summary)
                            .label(span(places, &format!("buckets.{name}")), "the second")
                            .label(span(places, &format!("buckets.{first}")), "the first")
                            .help("keep one name, and tell places apart by prefix"),
                    );
                }
            }
            None => check_managed_name(workflow, name, places, report),
        }
    }
}

fn check_managed_name(
    workflow: &Workflow,
    bucket: &str,
    places: &Places,
    report: &mut Vec<Diagnostic>,
) {
    let Workflow {
        name, environment, ..
    } = workflow;
    // As scar-template names them.
    let prefix = match bucket {
        DATA => format!("{name}-{environment}"),
        _ => format!("{name}-{environment}-{bucket}"),
    };
    let region = workflow.region.as_ref().map_or(LONGEST_REGION, String::len);
    let most = BUCKET_NAME - ACCOUNT_AND_SUFFIX - region.min(LONGEST_REGION * 2);
    if prefix.len() > most {
        let summary = format!(
            "the name of bucket `{bucket}` becomes too long: `{prefix}` and account and region"
        );
        let label = format!("{} characters, {most} fit", prefix.len());
        report.push(
            Diagnostic::error("E404", summary)
                .label(span(places, "name"), label)
                .help("shorten the name of the workflow, of the environment or of the bucket"),
        );
    }
}

/// What one stage is resolved with.
struct Resolver<'a> {
    name: &'a str,
    stage: &'a manifest::Stage,
    buckets: &'a IndexMap<String, Option<String>>,
    manifest: &'a Manifest,
    places: &'a Places,
    report: &'a mut Vec<Diagnostic>,
}

impl Resolver<'_> {
    fn stage(mut self) -> Option<Stage> {
        let inputs: Vec<_> = (0..self.stage.inputs.len())
            .map(|index| self.input(index))
            .collect();
        let outputs: Vec<_> = (0..self.stage.outputs.len())
            .map(|index| self.output(index))
            .collect();
        let (defaults, own) = (&self.manifest.defaults, &self.stage.settings);
        let variables = self.variables();
        let number = |pick: fn(&Settings) -> Option<u64>, default: u64| {
            u32::try_from(pick(own).or_else(|| pick(defaults)).unwrap_or(default))
                .unwrap_or(u32::MAX)
        };
        Some(Stage {
            name: self.name.to_owned(),
            image: self.stage.image.clone(),
            work: self.stage.work.clone(),
            inputs: inputs.into_iter().collect::<Option<_>>()?,
            outputs: outputs.into_iter().collect::<Option<_>>()?,
            variables,
            memory_mib: number(|s| s.memory_mib, MEMORY_MIB),
            timeout_s: number(|s| s.timeout_s, TIMEOUT_S),
            disk_mib: number(|s| s.disk_mib, DISK_MIB),
            attempts: number(
                |s| s.retry.as_ref().and_then(|retry| retry.attempts),
                ATTEMPTS,
            ),
            log_days: number(|s| s.logs.as_ref().map(|logs| logs.keep_days), LOG_DAYS),
            id: self.name.to_owned(),
            nodes: 1,
            ..Stage::default()
        })
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

/// Where a path stands; the beginning of the file if nobody knows.
pub(crate) fn span(places: &Places, path: &str) -> Span {
    places.find(path).map_or(0..0, |place| place.value.clone())
}
