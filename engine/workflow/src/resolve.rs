//! Manifest → stages with every value decided, not linked yet.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use scar_manifest::{Diagnostic, Places, Span, quoted};
use scar_schemas::manifest::Manifest;

use crate::stage::Resolver;
use crate::{BucketSettings, Stage, Workflow};

/// The bucket that is there without any.
pub(crate) const DATA: &str = "data";
/// Names for a bucket of scar's own records, if the manifest has only existing buckets.
const STATE_NAMES: &[&str] = &["state", "scar-state"];

/// Days that old versions are kept where the environment asks for them: nobody looks at each bucket then.
pub const OLD_VERSIONS_DAYS: u32 = 30;

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
    let mut workflow = Workflow {
        name: manifest.name.clone(),
        environment: environment.to_owned(),
        description: manifest.description.clone(),
        region: own.region.or_else(|| manifest.region.clone()),
        protect: own.protect,
        account: own.account,
        alarm: own.alarm,
        limits: own.limits,
        bucket_settings: bucket_settings(manifest, &buckets, own.safeguards.versioned),
        safeguards: own.safeguards,
        tags: manifest.tags.clone(),
        state_bucket: state_bucket(&buckets),
        buckets,
        stages: stages.into_iter().flatten().collect(),
        links: Vec::new(),
    };
    announce(&mut workflow);
    let paths_are_good = report.len() == before;
    check_buckets(&workflow, places, report);
    paths_are_good.then_some(workflow)
}

fn bucket_settings(
    manifest: &Manifest,
    buckets: &IndexMap<String, Option<String>>,
    all_versioned: bool,
) -> BTreeMap<String, BucketSettings> {
    let managed = buckets.iter().filter(|(_, existing)| existing.is_none());
    let settings = managed.map(|(name, _)| {
        let own = manifest.buckets.get(name).cloned().unwrap_or_default();
        let days = |(prefix, days): (&String, &u64)| {
            (prefix.clone(), u32::try_from(*days).unwrap_or(u32::MAX))
        };
        let settings = BucketSettings {
            expire_days: own.expire_days.iter().map(days).collect(),
            versioned: own.versioned || all_versioned,
            old_versions_days: (all_versioned && !own.versioned).then_some(OLD_VERSIONS_DAYS),
        };
        (name.clone(), settings)
    });
    settings
        .filter(|(_, settings)| *settings != BucketSettings::default())
        .collect()
}

/// Whoever is `after` a stage needs to hear of its finished tasks.
fn announce(workflow: &mut Workflow) {
    let awaited: BTreeSet<String> = workflow
        .stages
        .iter()
        .flat_map(|stage| stage.after.iter().cloned())
        .collect();
    for stage in &mut workflow.stages {
        stage.announces = awaited.contains(&stage.id);
    }
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

/// Where a path stands; the beginning of the file if nobody knows.
pub(crate) fn span(places: &Places, path: &str) -> Span {
    places.find(path).map_or(0..0, |place| place.value.clone())
}
