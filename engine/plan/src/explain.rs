//! Which line of the manifest causes a change, and what the change means for what runs.

use std::collections::BTreeSet;

use scar_schemas::deployed::Deployed;

use crate::{Action, Place, Plan, PropertyChange, Request, ResourceChange};

/// Properties of templates, and the key of the manifest that sets each. The longest prefix counts.
const KEYS: [(&str, &str, &str); 27] = [
    ("AWS::Lambda::Function", "Architectures", "arch"),
    ("AWS::Lambda::Function", "Code", "run"),
    ("AWS::Lambda::Function", "EphemeralStorage", "disk"),
    ("AWS::Lambda::Function", "MemorySize", "memory"),
    (
        "AWS::Lambda::Function",
        "ReservedConcurrentExecutions",
        "concurrency",
    ),
    ("AWS::Lambda::Function", "Tags", "tags"),
    ("AWS::Lambda::Function", "Timeout", "timeout"),
    ("AWS::Lambda::Function", "VpcConfig", "network"),
    (
        "AWS::Lambda::EventInvokeConfig",
        "MaximumRetryAttempts",
        "retry",
    ),
    (
        "AWS::Lambda::EventSourceMapping",
        "ScalingConfig",
        "concurrency",
    ),
    ("AWS::Lambda::Url", "AuthType", "http.auth"),
    ("AWS::ApiGatewayV2::Authorizer", "", "http.auth"),
    ("AWS::ApiGatewayV2::Route", "RouteKey", "http.path"),
    ("AWS::Logs::LogGroup", "RetentionInDays", "logs"),
    ("AWS::Events::Rule", "EventPattern", "in"),
    ("AWS::IAM::Role", "Policies", "out"),
    ("AWS::Scheduler::Schedule", "ScheduleExpression", "schedule"),
    ("AWS::SQS::Queue", "VisibilityTimeout", "timeout"),
    ("AWS::SQS::Queue", "RedrivePolicy", "retry"),
    ("AWS::Batch::JobDefinition", "RetryStrategy", "retry"),
    ("AWS::Batch::JobDefinition", "Timeout", "timeout"),
    (
        "AWS::Batch::JobDefinition",
        "ContainerProperties.ResourceRequirements",
        "memory",
    ),
    (
        "AWS::Batch::JobDefinition",
        "ContainerProperties.EphemeralStorage",
        "disk",
    ),
    ("AWS::Batch::JobDefinition", "ContainerProperties", "run"),
    ("AWS::Batch::JobDefinition", "NodeProperties", "nodes"),
    ("AWS::S3::Bucket", "LifecycleConfiguration", "expire"),
    ("AWS::S3::Bucket", "VersioningConfiguration", "versioned"),
];

/// Names of settings whose key in the manifest is another.
const SETTINGS: [(&str, &[&str]); 2] = [
    ("script", &["run", "script", "command"]),
    ("compute", &["compute", "fallback"]),
];

/// Fills in origins, places and consequences of a plan.
pub(crate) fn explain(plan: &mut Plan, old: Option<&Deployed>, request: &Request<'_>) {
    let environment = plan.environment.clone();
    let places = Located {
        request,
        environment: &environment,
    };
    for stage in &mut plan.stages {
        stage.place = places.of(&format!("stages.{}", stage.name), "");
        for setting in &mut stage.settings {
            setting.place = places.of_setting(&stage.name, &setting.name);
        }
    }
    let moved: BTreeSet<String> = plan
        .images
        .iter()
        .filter(|image| image.was.is_some())
        .map(|image| image.stage.clone())
        .collect();
    for change in plan
        .stack
        .resources
        .iter_mut()
        .chain(&mut plan.base.resources)
    {
        change.consequence = consequence(change);
        change.place = places.of(&change.origin, "");
        let has_new_image = change
            .stage
            .as_ref()
            .is_some_and(|stage| moved.contains(stage) && old.is_some());
        let (kind, origin) = (change.kind.clone(), change.origin.clone());
        for property in &mut change.properties {
            locate(property, &kind, &origin, has_new_image, &places);
        }
    }
}

fn locate(
    property: &mut PropertyChange,
    kind: &str,
    origin: &str,
    has_new_image: bool,
    places: &Located<'_>,
) {
    if origin.is_empty() {
        return;
    }
    let key = match key(kind, &property.path) {
        "run" if has_new_image => "image",
        key => key,
    };
    property.place = places.of(origin, key);
    property.origin = match key {
        "" => origin.to_owned(),
        key => format!("{origin}.{key}"),
    };
}

fn key(kind: &str, path: &str) -> &'static str {
    let is_below = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest.starts_with('.'))
    };
    let fitting = KEYS
        .iter()
        .filter(|(of, prefix, _)| *of == kind && is_below(prefix));
    fitting
        .max_by_key(|(_, prefix, _)| prefix.len())
        .map_or("", |(_, _, key)| key)
}

struct Located<'a> {
    request: &'a Request<'a>,
    environment: &'a str,
}

impl Located<'_> {
    /// The place of a key below a path: its own, or where its value comes from, or that of the path.
    fn of(&self, path: &str, key: &str) -> Option<Place> {
        if path.is_empty() {
            return None;
        }
        let mut paths = Vec::new();
        if !key.is_empty() {
            let alternatives: &[&str] = match key {
                "run" => &["run", "script", "command", "image"],
                key => &[key],
            };
            let places =
                |start: String| alternatives.iter().map(move |key| format!("{start}.{key}"));
            paths.extend(places(path.to_owned()));
            paths.extend(places(format!("envs.{}.defaults", self.environment)));
            paths.extend(places("defaults".to_owned()));
        }
        paths.push(path.to_owned());
        self.request.place(paths.iter().map(String::as_str))
    }

    fn of_setting(&self, stage: &str, setting: &str) -> Option<Place> {
        let known = SETTINGS.iter().find(|(name, _)| *name == setting);
        let keys = known.map_or_else(|| std::slice::from_ref(&setting), |(_, keys)| *keys);
        let path = format!("stages.{stage}");
        let exact = keys.iter().map(|key| format!("{path}.{key}"));
        let exact: Vec<String> = exact.collect();
        let place = self.request.place(exact.iter().map(String::as_str));
        place.or_else(|| self.of(&path, setting))
    }
}

/// What happens to what runs, in words.
fn consequence(change: &ResourceChange) -> String {
    let text = match (change.action, change.kind.as_str()) {
        (Action::Keep, _) => "",
        (Action::Create, _) => "made",
        (Action::Delete, "AWS::S3::Bucket") if change.retained => {
            "leaves the stack; the bucket and its objects stay in the account"
        }
        (Action::Delete, "AWS::SQS::Queue") => "removed; messages in it are lost",
        (Action::Delete, "AWS::Lambda::Function") => {
            "removed; tasks that run end, events that come later start nothing"
        }
        (Action::Delete, "AWS::Batch::JobDefinition") => "removed; jobs that run keep theirs",
        (Action::Delete, "AWS::Logs::LogGroup") if !change.retained => "removed with its lines",
        (Action::Delete, _) if change.retained => "leaves the stack; it stays in the account",
        (Action::Delete, _) => "removed",
        (Action::Update, "AWS::Batch::JobDefinition") => {
            "in place: a new revision, jobs that run keep the old one"
        }
        (Action::Update, "AWS::Lambda::Function") => {
            "in place, no interruption: tasks that run end with the old settings"
        }
        (Action::Update, "AWS::Batch::ComputeEnvironment") => {
            "in place; jobs that run may be moved to new computers"
        }
        (Action::Update, _) => "in place, no interruption",
        (Action::Replace, "AWS::S3::Bucket") => {
            "REPLACED: a new, empty bucket; the old one is kept with its objects"
        }
        (Action::Replace, "AWS::SQS::Queue") => "REPLACED: messages in the old queue are lost",
        (Action::Replace, "AWS::Lambda::Permission" | "AWS::Lambda::LayerVersion") => {
            "made anew, then the old one is removed; no interruption"
        }
        (Action::Replace, "AWS::Lambda::Url" | "AWS::ApiGatewayV2::Api") => {
            "REPLACED: its URL changes"
        }
        (Action::Replace, _) => "REPLACED: made anew, then the old one is removed",
    };
    text.to_owned()
}
