//! What is looked at before anything is made.

use scar_schemas::construct::Events;
use scar_schemas::deployed::Deployed;
use scar_template::Rendered;
use scar_workflow::Workflow;

use crate::{Check, CheckOutcome, Plan, Request, Snapshot, capacity, key, quota};

/// Everything that was looked at, the worst first.
pub(crate) fn checks(
    plan: &Plan,
    rendered: &Rendered,
    workflow: &Workflow,
    snapshot: &Snapshot,
    old: Option<&Deployed>,
    request: &Request<'_>,
) -> Vec<Check> {
    let mut checks = vec![
        template(),
        size(plan, rendered),
        account(plan, workflow),
        region(plan, workflow),
    ];
    checks.extend(buckets(workflow, snapshot, request));
    checks.extend(overlaps(plan, snapshot));
    checks.extend(images(plan, request));
    checks.extend(pollers(workflow, request));
    checks.extend(quota::checks(plan, snapshot));
    checks.extend(key::checks(plan, workflow, old, request));
    checks.extend(unknown(snapshot));
    checks.sort_by(|one, other| {
        (other.outcome, &one.code, &one.stage).cmp(&(one.outcome, &other.code, &other.stage))
    });
    checks
}

/// [`scar_template::render`] hands out nothing that its own checks have found a mistake in.
fn template() -> Check {
    let good = "the templates are what CloudFormation takes";
    judged("template", None, good)
}

fn size(plan: &Plan, rendered: &Rendered) -> Check {
    let count = plan.stack.template.resources.len();
    let good = format!("{count} of at most {} resources", capacity::RESOURCES);
    judged("resources", capacity::excess(plan, rendered), &good)
}

fn account(plan: &Plan, workflow: &Workflow) -> Check {
    let wrong = workflow
        .account
        .as_ref()
        .filter(|account| !plan.account.is_empty() && **account != plan.account);
    let problem = wrong.map(|account| {
        format!(
            "environment {} belongs to account {account}, this is {}",
            plan.environment, plan.account
        )
    });
    judged("account", problem, "the account is the environment's")
}

fn region(plan: &Plan, workflow: &Workflow) -> Check {
    let wrong = workflow
        .region
        .as_ref()
        .filter(|region| !plan.region.is_empty() && **region != plan.region);
    let mut check = judged("region", None, "the region is the manifest's");
    if let Some(region) = wrong {
        check.outcome = CheckOutcome::Warning;
        check.summary = format!("the manifest says {region}, this is {}", plan.region);
    }
    check
}

fn buckets(workflow: &Workflow, snapshot: &Snapshot, request: &Request<'_>) -> Vec<Check> {
    let existing = workflow.buckets.iter().filter_map(|(bucket, real)| {
        Some((
            bucket,
            snapshot.buckets.get(real.as_ref()?)?,
            real.as_ref()?,
        ))
    });
    existing
        .map(|(bucket, state, real)| {
            let elsewhere = state
                .region
                .as_ref()
                .filter(|region| **region != snapshot.region);
            let problem = match (state.exists, elsewhere) {
                (false, _) => Some(format!("bucket {real} does not exist or may not be seen")),
                (true, Some(region)) => Some(format!(
                    "bucket {real} is in {region}: its events reach no function in {}",
                    snapshot.region
                )),
                (true, None) => None,
            };
            Check {
                place: request.place([format!("buckets.{bucket}").as_str()]),
                ..judged("bucket", problem, &format!("bucket {real} is there"))
            }
        })
        .collect()
}

/// S3 refuses two rules for one key; those of others are named before it does.
fn overlaps(plan: &Plan, snapshot: &Snapshot) -> Vec<Check> {
    let mut checks = Vec::new();
    for one in &plan.notifications {
        let Some(state) = snapshot.buckets.get(&one.real_name) else {
            continue;
        };
        let foreign = state
            .rules
            .iter()
            .filter(|rule| one.foreign.contains(&rule.id));
        for (rule, own) in foreign.flat_map(|rule| one.rules.iter().map(move |own| (rule, own))) {
            let meets = |a: &str, b: &str| a.starts_with(b) || b.starts_with(a);
            let ends = |a: &str, b: &str| a.ends_with(b) || b.ends_with(a);
            let creates = rule
                .events
                .iter()
                .any(|event| event.starts_with("s3:ObjectCreated:"));
            if creates
                && meets(&rule.prefix, &own.rule.prefix)
                && ends(&rule.suffix, &own.rule.suffix)
                && own.action != crate::Action::Delete
            {
                let problem = format!(
                    "bucket {} has rule {} of others ({}*{} to {}), which meets {}*{}: S3 allows one \
                     rule for a key; take events: bus",
                    one.real_name,
                    rule.id,
                    rule.prefix,
                    rule.suffix,
                    rule.target,
                    own.rule.prefix,
                    own.rule.suffix
                );
                checks.push(judged("notification-overlap", Some(problem), ""));
            }
        }
    }
    checks
}

fn images(plan: &Plan, request: &Request<'_>) -> Vec<Check> {
    let of = |image: &crate::ImageChange| {
        let name = &image.reference;
        let summary = match (&image.tag_now, image.is_pinned(), image.tag_moved) {
            (Some(now), ..) => format!(
                "scar.lock holds {name} at {}, the tag means {} now",
                short(&image.digest),
                short(now)
            ),
            (None, false, true) => {
                format!(
                    "{name} means another image than what is deployed, the manifest is the same"
                )
            }
            (None, false, false) => format!("{name} is a tag that may come to mean another image"),
            _ => return None,
        };
        Some(Check {
            code: "image".to_owned(),
            outcome: CheckOutcome::Warning,
            stage: Some(image.stage.clone()),
            summary,
            place: request.place([format!("stages.{}.image", image.stage).as_str()]),
        })
    };
    plan.images.iter().filter_map(of).collect()
}

fn pollers(workflow: &Workflow, request: &Request<'_>) -> Vec<Check> {
    let queued = workflow
        .stages
        .iter()
        .filter(|stage| stage.events == Events::Queue);
    let check = |stage: &scar_workflow::Stage| Check {
        code: "idle-cost".to_owned(),
        outcome: CheckOutcome::Warning,
        stage: Some(stage.name.clone()),
        summary: "a queue is polled all the time, which costs about $0.26 a month".to_owned(),
        place: request.place([format!("stages.{}.events", stage.name).as_str()]),
    };
    queued.map(check).collect()
}

fn unknown(snapshot: &Snapshot) -> Vec<Check> {
    let check = |one: &crate::Unknown| Check {
        code: "unknown".to_owned(),
        outcome: CheckOutcome::Warning,
        stage: None,
        summary: format!(
            "{} could not be looked at: {} is missing",
            one.subject, one.permission
        ),
        place: None,
    };
    snapshot.unknown.iter().map(check).collect()
}

fn short(digest: &scar_schemas::digest::Digest) -> String {
    digest.hex().chars().take(12).collect()
}

pub(crate) fn judged(code: &str, problem: Option<String>, good: &str) -> Check {
    let outcome = match problem {
        Some(_) => CheckOutcome::Failed,
        None => CheckOutcome::Passed,
    };
    Check {
        code: code.to_owned(),
        outcome,
        stage: None,
        summary: problem.unwrap_or_else(|| good.to_owned()),
        place: None,
    }
}
