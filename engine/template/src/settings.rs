//! Settings in the words of the manifest, for the summary that a deployed template carries.

use std::collections::BTreeMap;

use scar_schemas::construct::{
    Architecture, Cache, Events, Http, HttpAuth, HttpMode, Join, JoinBy, Network, Package,
    RetryClass, Schedule, SecretReference, Times, When,
};
use scar_schemas::digest::Digest;
use scar_workflow::{BucketSettings, Stage, Workflow};

use crate::placement::placement;

/// Settings by manifest key.
pub(crate) type Settings = BTreeMap<String, String>;

/// Settings of the whole workflow.
pub(crate) fn of_workflow(workflow: &Workflow) -> Settings {
    let mut list = List::default();
    list.flag("protect", workflow.protect);
    list.some("alarm", workflow.alarm.as_ref());
    list.some("account", workflow.account.as_ref());
    list.some("region", workflow.region.as_ref());
    list.some("description", workflow.description.as_ref());
    list.some("kms_key", workflow.safeguards.kms_key.as_ref());
    list.some("access_logs", workflow.safeguards.access_logs.as_ref());
    list.flag("versioned", workflow.safeguards.versioned);
    for (bucket, existing) in &workflow.buckets {
        let key = format!("buckets.{bucket}");
        let kind = existing.as_ref().map_or("managed", String::as_str);
        list.put(&key, kind);
    }
    for (bucket, settings) in &workflow.bucket_settings {
        bucket_settings(&mut list, bucket, settings);
    }
    list.0
}

/// Settings of a stage's constructs.
pub(crate) fn of_stage(stage: &Stage) -> Settings {
    let mut list = List::default();
    list.flag("fallback", stage.fallback);
    list.flag("spot", stage.spot);
    job(&mut list, stage);
    if stage.arch != Architecture::X86_64 {
        list.put("arch", "arm64");
    }
    if let Network::Private {
        subnets,
        security_groups,
    } = &stage.network
    {
        list.put("network.subnets", &subnets.join(", "));
        list.put("network.security_groups", &security_groups.join(", "));
    }
    list.some("concurrency", stage.concurrency.as_ref());
    match stage.events {
        Events::Bus => {}
        Events::Direct => list.put("events", "direct"),
        Events::Queue => list.put("events", "queue"),
    }
    if stage.package == Package::Image {
        list.put("package", "image");
    }
    triggers(&mut list, stage);
    for (variable, reference) in &stage.secrets {
        list.put(&format!("secrets.{variable}"), &secret(reference));
    }
    for mount in &stage.mounts {
        let source = format!("{}:{}", mount.bucket, mount.prefix);
        list.put(&format!("mounts.{}", mount.path), &source);
    }
    list.some("loop.max", stage.loop_max.as_ref());
    if stage.cache == Cache::Stage {
        list.put("cache", "stage");
    }
    if let Some(classes) = &stage.retry_only {
        let names: Vec<String> = classes.iter().map(retry_class).collect();
        list.put("retry.only", &names.join(", "));
    }
    for (key, value) in &stage.tags {
        list.put(&format!("tags.{key}"), value);
    }
    list.0
}

#[derive(Default)]
struct List(Settings);

impl List {
    fn put(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_owned(), value.to_owned());
    }

    fn flag(&mut self, key: &str, is_set: bool) {
        if is_set {
            self.put(key, "true");
        }
    }

    fn some<T: ToString>(&mut self, key: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.put(key, &value.to_string());
        }
    }
}

fn bucket_settings(list: &mut List, bucket: &str, settings: &BucketSettings) {
    list.flag(&format!("buckets.{bucket}.versioned"), settings.versioned);
    if let Some(days) = settings.old_versions_days {
        list.put(
            &format!("buckets.{bucket}.old_versions"),
            &format!("{days}d"),
        );
    }
    for (prefix, days) in &settings.expire_days {
        let key = format!("buckets.{bucket}.expire.{prefix}");
        list.put(key.trim_end_matches('.'), &format!("{days}d"));
    }
}

/// What was asked for, and what it became.
fn job(list: &mut List, stage: &Stage) {
    let Some(placement) = placement(stage) else {
        return;
    };
    list.put("vcpu", &format!("{}", f64::from(stage.vcpu_milli) / 1000.0));
    list.put("queue", placement.feature.name());
    list.put(
        "job",
        &format!("{} vCPU, {} MiB", placement.vcpu, placement.memory_mib),
    );
    list.some("gpu", Some(&stage.gpu).filter(|count| **count > 0));
    list.some("nodes", Some(&stage.nodes).filter(|count| **count > 1));
}

fn triggers(list: &mut List, stage: &Stage) {
    if let Some(when) = &stage.when {
        conditions(list, when);
    }
    if let Some(Join {
        by,
        min_percent,
        timeout_s,
    }) = &stage.join
    {
        let by = match by {
            JoinBy::Stem => "stem",
            JoinBy::Run => "run",
            JoinBy::Window => "window",
        };
        list.put("join.by", by);
        list.put("join.min", &format!("{min_percent}%"));
        if let Some(timeout_s) = timeout_s {
            list.put("join.timeout", &format!("{timeout_s}s"));
        }
    }
    if !stage.items.is_empty() {
        let digest = Digest::of(stage.items.join("\n").as_bytes());
        let short: String = digest.hex().chars().take(12).collect();
        list.put("scatter", &format!("{} items ({short})", stage.items.len()));
    }
    if !stage.after.is_empty() {
        list.put("after", &stage.after.join(", "));
    }
    if let Some(http) = &stage.http {
        door(list, http);
    }
    if let Some(Schedule { times, time_zone }) = &stage.schedule {
        match times {
            Times::Cron(cron) => list.put("schedule.cron", cron),
            Times::EveryMinutes(minutes) => list.put("schedule.every", &format!("{minutes}m")),
        }
        list.put("schedule.tz", time_zone);
    }
}

fn conditions(list: &mut List, when: &When) {
    let bounds = [(">=", when.min_bytes), ("<", when.below_bytes)];
    let bounds: Vec<String> = bounds
        .into_iter()
        .filter_map(|(sign, bytes)| bytes.map(|bytes| format!("{sign}{bytes}B")))
        .collect();
    if !bounds.is_empty() {
        list.put("when.size", &bounds.join(" "));
    }
    if !when.suffixes.is_empty() {
        list.put("when.suffix", &when.suffixes.join(", "));
    }
}

fn door(list: &mut List, http: &Http) {
    list.put("http.path", &http.path);
    let mode = match http.mode {
        HttpMode::Sync => "sync",
        HttpMode::Async => "async",
    };
    list.put("http.mode", mode);
    list.put("http.body", &format!("{}B", http.body_bytes));
    match &http.auth {
        HttpAuth::Iam => list.put("http.auth", "iam"),
        HttpAuth::None => list.put("http.auth", "none"),
        HttpAuth::Jwt { issuer, audiences } => {
            list.put("http.auth.jwt.issuer", issuer);
            list.put("http.auth.jwt.audience", &audiences.join(", "));
        }
    }
}

fn secret(reference: &SecretReference) -> String {
    match reference {
        SecretReference::Parameter(name) => format!("ssm:{name}"),
        SecretReference::Secret { name, key: None } => format!("secret:{name}"),
        SecretReference::Secret {
            name,
            key: Some(key),
        } => format!("secret:{name}#{key}"),
    }
}

fn retry_class(class: &RetryClass) -> String {
    match class {
        RetryClass::Spot => "spot".to_owned(),
        RetryClass::Pull => "pull".to_owned(),
        RetryClass::Throttle => "throttle".to_owned(),
        RetryClass::Memory => "memory".to_owned(),
        RetryClass::Timeout => "timeout".to_owned(),
        RetryClass::Exit(code) => format!("exit:{code}"),
    }
}
