//! What a bucket tells others ("Amazon S3 Event Notifications").

use serde_json::Value;

use super::super::finding::Findings;
use super::super::item::{Item, at, text};
use super::super::scalar::shown;
use super::super::similar::similar;

/// Names of events ("Supported event types").
const EVENTS: &[&str] = &[
    "s3:IntelligentTiering",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:ObjectAcl:Put",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Put",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:ObjectRestore:Post",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Delete",
    "s3:ObjectTagging:Put",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationReplicatedAfterThreshold",
];

const KINDS: &[(&str, &str)] = &[
    ("LambdaConfigurations", "Function"),
    ("QueueConfigurations", "Queue"),
    ("TopicConfigurations", "Topic"),
];

/// One configuration.
struct Told {
    path: String,
    event: String,
    prefix: String,
    suffix: String,
}

/// Checks the notifications of a bucket.
pub(super) fn check(item: &Item<'_>, findings: &mut Findings) {
    let mut told: Vec<Told> = Vec::new();
    for (list, target) in KINDS {
        for (path, one) in item.list(&format!("NotificationConfiguration.{list}")) {
            check_event(item, &path, one, findings);
            check_filter(item, &path, one, findings);
            if *list == "LambdaConfigurations" {
                check_allowed(item, &path, at(one, target), findings);
            }
            told.extend(read(path, one));
        }
    }
    check_overlaps(item, &told, findings);
}

fn read(path: String, one: &Value) -> Option<Told> {
    let rules = at(one, "Filter.S3Key.Rules").as_array();
    let filter = |name: &str| {
        let named = |rule: &&Value| {
            text(at(rule, "Name")).is_some_and(|text| text.eq_ignore_ascii_case(name))
        };
        match rules.into_iter().flatten().find(named) {
            Some(rule) => text(at(rule, "Value")),
            None => Some(String::new()),
        }
    };
    Some(Told {
        path,
        event: text(at(one, "Event"))?,
        prefix: filter("prefix")?,
        suffix: filter("suffix")?,
    })
}

fn check_event(item: &Item<'_>, path: &str, one: &Value, findings: &mut Findings) {
    let Some(event) = text(at(one, "Event")) else {
        return;
    };
    if !EVENTS.contains(&event.as_str()) {
        let place = item.place(&format!("{path}.Event"));
        let finding = findings.error(place, format!("{} is no event of a bucket", shown(&event)));
        if let Some(name) = similar(&event, EVENTS.iter().copied()) {
            finding.fix(format!("did you mean {name}?"));
        }
    }
}

fn check_filter(item: &Item<'_>, path: &str, one: &Value, findings: &mut Findings) {
    let mut names: Vec<String> = Vec::new();
    for rule in at(one, "Filter.S3Key.Rules")
        .as_array()
        .into_iter()
        .flatten()
    {
        let place = item.place(&format!("{path}.Filter"));
        let name = text(at(rule, "Name")).unwrap_or_default().to_lowercase();
        if !name.is_empty() && !matches!(name.as_str(), "prefix" | "suffix") {
            findings
                .error(&*place, format!("{} is no filter", shown(&name)))
                .fix("use prefix or suffix");
        }
        if names.contains(&name) {
            findings.error(place, format!("two filters for the {name}"));
        }
        names.push(name);
    }
}

/// S3 refuses a notification to a function that it may not invoke.
fn check_allowed(item: &Item<'_>, path: &str, function: &Value, findings: &mut Findings) {
    let Some((id, _)) = item
        .target(function)
        .filter(|(_, one)| one.kind == "AWS::Lambda::Function")
    else {
        return;
    };
    let is_allowed = item.invokers.may_be_of(id).any(|one| {
        let principal = one.properties.get("Principal").and_then(text);
        principal.is_none_or(|name| name.starts_with("s3.amazonaws.com"))
    });
    if !is_allowed {
        findings
            .error(item.place(path), format!("the bucket may not invoke {id}"))
            .fix("add an AWS::Lambda::Permission with Principal s3.amazonaws.com");
    }
}

/// Of two configurations for the same event no key may meet both.
fn check_overlaps(item: &Item<'_>, told: &[Told], findings: &mut Findings) {
    for (index, one) in told.iter().enumerate() {
        for other in &told[..index] {
            let is_same_event = meets(&one.event, &other.event);
            let prefix =
                one.prefix.starts_with(&other.prefix) || other.prefix.starts_with(&one.prefix);
            let suffix = one.suffix.ends_with(&other.suffix) || other.suffix.ends_with(&one.suffix);
            if is_same_event && prefix && suffix {
                findings
                    .error(item.place(&one.path), format!("overlaps with {} for {}", other.path, one.event))
                    .fix("S3 tells each event to one target only: separate them by prefix or suffix, or use EventBridge");
            }
        }
    }
}

fn meets(left: &str, right: &str) -> bool {
    let covers = |wide: &str, narrow: &str| {
        wide.strip_suffix('*')
            .is_some_and(|start| narrow.starts_with(start))
    };
    left == right || covers(left, right) || covers(right, left)
}
