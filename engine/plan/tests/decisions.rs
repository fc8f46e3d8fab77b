//! What a plan decides besides resources: cost, checks, blocks, notifications, places.

#![expect(clippy::unwrap_used, reason = "tests")]

mod deployment;
#[path = "../../template/tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;

use deployment::{after, empty, rendered};
use scar_plan::{
    Action, BlockCode, BucketRule, BucketState, CheckOutcome, MicroDollars, Place, Plan, Policy,
    Request, Snapshot, diff, plan,
};
use scar_schemas::construct::Package;
use scar_template::{Notification, NotificationTarget, Rendered};
use scar_workflow::Workflow;
use support::Builder;

fn two() -> Builder {
    Builder::new("w")
        .stage("split", &["data:in/*.mp4"], &["data:video/"])
        .stage("burn", &["data:video/*.avi"], &["data:out/*.avi"])
}

fn planned(workflow: &Workflow, builder: &Builder, snapshot: &Snapshot, policy: Policy) -> Plan {
    let request = Request {
        policy,
        ..Request::default()
    };
    plan(&rendered(builder), workflow, snapshot, &request)
}

fn codes(plan: &Plan) -> Vec<BlockCode> {
    plan.blocks.iter().map(|block| block.code).collect()
}

#[test]
fn cost_is_what_the_price_list_says() {
    let mut request = Request::default();
    let given = "objects=1000,duration.split=30s,duration.burn=0s";
    request.assumptions.set(given).unwrap();
    let builder = Builder {
        memory_mib: 2048,
        ..two()
    };
    let plan = plan(&rendered(&builder), &builder.workflow(), &empty(), &request);
    // 1,000 tasks: 30 s × 2 GiB × 0.0000166667, a request, four writes and two reads, an event, 10 kB.
    let split = 1_000.0
        * (30.0 * 2.0 * 0.000_016_666_7
            + 0.2e-6
            + 4.0 * 5e-6
            + 2.0 * 0.4e-6
            + 1e-6
            + 1e-5 * 0.5
            + 0.0);
    let line = &plan.cost.lines[0];
    let difference = line.after.unwrap().dollars() - split;
    assert!(difference.abs() < 0.02, "{line:?} and {split}");
    assert_eq!((line.before, plan.cost.before), (None, None));
    assert_eq!(plan.cost.idle, MicroDollars(0));
    assert!(
        plan.cost
            .assumptions
            .iter()
            .any(|one| one.name == "duration.split" && one.source == "given")
    );
}

#[test]
fn images_in_the_registry_cost_while_nothing_runs() {
    let builder = two();
    let mut workflow = builder.workflow();
    for stage in &mut workflow.stages {
        stage.package = Package::Image;
    }
    let mut request = Request::default();
    request.assumptions.set("image=2GiB").unwrap();
    let cost = plan(&rendered(&builder), &workflow, &empty(), &request).cost;
    // Both stages have one image: 2 GiB at 10 cents.
    assert_eq!(cost.idle, MicroDollars(200_000));
    assert!(cost.assumptions.iter().any(|one| one.name == "image"));
    let again = plan(&rendered(&builder), &workflow, &after(&builder), &request).cost;
    assert_eq!(again.before, Some(again.after), "nothing changes");
}

#[test]
fn more_memory_costs_more_than_before() {
    let bigger = Builder {
        memory_mib: 2048,
        ..two()
    };
    let plan = diff(&rendered(&bigger), &bigger.workflow(), &after(&two()));
    let (before, now) = (plan.cost.before.unwrap(), plan.cost.after);
    assert!(now > before, "{now:?} {before:?}");
    let gone = Builder::new("w").stage("split", &["data:in/*.mp4"], &["data:video/"]);
    let plan = diff(&rendered(&gone), &gone.workflow(), &after(&two()));
    let line = plan
        .cost
        .lines
        .iter()
        .find(|line| line.stage.as_deref() == Some("burn"));
    assert_eq!(line.unwrap().after, None);
}

#[test]
fn limits_and_accounts_block() {
    let builder = two();
    let mut workflow = builder.workflow();
    workflow.limits.cost_per_month = Some(0.01);
    workflow.account = Some("999999999999".to_owned());
    let plan = planned(&workflow, &builder, &empty(), Policy::default());
    assert_eq!(codes(&plan), [BlockCode::Account, BlockCode::Cost]);
    let allowed: BTreeSet<String> = ["cost".to_owned(), "account".to_owned()].into();
    let left = plan.blocked_by(&allowed);
    assert_eq!(left.len(), 1);
    assert_eq!(
        left[0].code,
        BlockCode::Account,
        "nothing allows another account"
    );
}

#[test]
fn protected_environments_lose_nothing_without_a_word() {
    let builder = Builder::new("w").stage("split", &["data:in/*.mp4"], &["data:video/"]);
    let mut workflow = builder.workflow();
    workflow.protect = true;
    let plan = planned(&workflow, &builder, &after(&two()), Policy::default());
    assert_eq!(codes(&plan), [BlockCode::Protected]);
    assert!(plan.blocked_by(&["protected".to_owned()].into()).is_empty());
}

#[test]
fn access_beyond_the_workflow_is_allowed_by_name() {
    let wider = two().bucket("archive", Some("acme-archive")).stage(
        "keep",
        &["data:out/*"],
        &["archive:x/"],
    );
    let plan = diff(&rendered(&wider), &wider.workflow(), &after(&two()));
    assert_eq!(codes(&plan), [BlockCode::Widen]);
    assert!(
        plan.blocks[0].reason.contains("archive:x/*"),
        "{:?}",
        plan.blocks
    );
    let first = diff(&rendered(&wider), &wider.workflow(), &empty());
    assert!(first.blocks.is_empty(), "a first deployment widens nothing");
}

#[test]
fn a_policy_is_kept() {
    let policy = Policy {
        regions: Some(["us-east-1".to_owned()].into()),
        accounts: Some(["1".to_owned()].into()),
        cost_per_month: Some(MicroDollars(1)),
        pinned_images: true,
        registries: ["docker.io/".to_owned()].into(),
        resources_max: Some(3),
        ..Policy::default()
    };
    let builder = Builder::new("w").stage("split", &["data:in/*.mp4"], &["data:video/"]);
    let plan = planned(&builder.workflow(), &builder, &empty(), policy);
    let rules: Vec<&str> = plan
        .blocks
        .iter()
        .map(|block| block.subject.as_str())
        .collect();
    let all = [
        "regions",
        "accounts",
        "resources_max",
        "cost_per_month",
        "pinned_images",
    ];
    assert!(all.iter().all(|rule| rules.contains(rule)), "{rules:?}");
    assert!(plan.blocks.iter().all(|block| block.allow.is_none()));
}

fn listening(builder: &Builder, target: NotificationTarget) -> Rendered {
    Rendered {
        notifications: vec![Notification {
            bucket: "acme-drop".to_owned(),
            target,
        }],
        ..rendered(builder)
    }
}

fn drop() -> Builder {
    Builder::new("w").bucket("drop", Some("acme-drop")).stage(
        "split",
        &["drop:in/*.mp4"],
        &["data:video/"],
    )
}

#[test]
fn rules_of_others_stay_and_are_named_where_they_meet() {
    let target = NotificationTarget::Function {
        id: "scar.w.dev.split.0123abcd".to_owned(),
        stage: "split".to_owned(),
        logical_id: "SplitFunction".to_owned(),
        prefix: "in/".to_owned(),
        suffix: ".mp4".to_owned(),
    };
    let rule = |id: &str, prefix: &str| BucketRule {
        id: id.to_owned(),
        target: "arn:aws:sqs:::other".to_owned(),
        events: vec!["s3:ObjectCreated:*".to_owned()],
        prefix: prefix.to_owned(),
        suffix: String::new(),
    };
    let mut snapshot = empty();
    let state = BucketState {
        exists: true,
        rules: vec![
            rule("scar.w.dev.split.99999999", "old/"),
            rule("scar.w-2.dev.split.11111111", "b/"),
            rule("backup", "in/"),
        ],
        ..BucketState::default()
    };
    snapshot.buckets.insert("acme-drop".to_owned(), state);
    let builder = drop();
    let rendered = listening(&builder, target);
    let plan = plan(
        &rendered,
        &builder.workflow(),
        &snapshot,
        &Request::default(),
    );
    let one = &plan.notifications[0];
    assert_eq!(one.foreign, ["scar.w-2.dev.split.11111111", "backup"]);
    let actions: Vec<Action> = one.rules.iter().map(|rule| rule.action).collect();
    assert_eq!(actions, [Action::Create, Action::Delete]);
    let failed = |check: &&scar_plan::Check| check.outcome == CheckOutcome::Failed;
    let failed: Vec<_> = plan.checks.iter().filter(failed).collect();
    assert_eq!(failed.len(), 1);
    assert!(
        failed[0].summary.contains("backup"),
        "{}",
        failed[0].summary
    );
    assert_eq!(codes(&plan), [BlockCode::Check]);
    assert!(!plan.is_empty());
    let text = plan.to_json("2026-11-20T10:00:00Z", env!("CARGO_PKG_VERSION"));
    assert_eq!(Plan::from_json(&text).unwrap(), plan);
}

#[test]
fn the_switch_to_eventbridge_is_planned_once() {
    let builder = drop();
    let rendered = listening(&builder, NotificationTarget::EventBridge);
    let mut snapshot = empty();
    let on = |event_bridge| BucketState {
        exists: true,
        event_bridge,
        ..BucketState::default()
    };
    let of = |snapshot: &Snapshot| {
        let plan = plan(
            &rendered,
            &builder.workflow(),
            snapshot,
            &Request::default(),
        );
        plan.notifications[0].event_bridge
    };
    snapshot.buckets.insert("acme-drop".to_owned(), on(false));
    assert_eq!(of(&snapshot), Some(Action::Create));
    snapshot.buckets.insert("acme-drop".to_owned(), on(true));
    assert_eq!(of(&snapshot), Some(Action::Keep));
}

#[test]
fn a_change_tells_its_line() {
    let builder = Builder {
        memory_mib: 2048,
        ..two()
    };
    let places = |path: &str| {
        (path == "defaults.memory").then(|| Place {
            file: "workflow.yaml".to_owned(),
            line: 7,
            column: 3,
        })
    };
    let request = Request {
        places: Some(&places),
        ..Request::default()
    };
    let plan = plan(
        &rendered(&builder),
        &builder.workflow(),
        &after(&two()),
        &request,
    );
    let resources = plan.stack.resources.iter().flat_map(|one| &one.properties);
    let memory = resources
        .clone()
        .find(|one| one.path == "MemorySize")
        .unwrap();
    assert_eq!(memory.origin, "stages.burn.memory");
    assert_eq!(memory.place.as_ref().map(|place| place.line), Some(7));
    assert_eq!(
        plan.stages[0].settings[0]
            .place
            .as_ref()
            .map(|place| place.line),
        Some(7)
    );
    let text = plan.to_json("2026-11-20T10:00:00Z", env!("CARGO_PKG_VERSION"));
    assert!(text.contains("\"line\": 7"));
    assert_eq!(Plan::from_json(&text).unwrap(), plan);
}

#[test]
fn a_plan_of_another_version_is_refused() {
    let plan = diff(&rendered(&two()), &two().workflow(), &empty());
    assert!(Plan::from_json(&plan.to_json("2026-11-20T10:00:00Z", "99.0.0")).is_err());
}

#[test]
fn a_workflow_too_large_for_a_stack_is_planned_whole_and_blocked() {
    let many = (0..80).fold(Builder::new("w"), |builder, index| {
        builder.stage(&format!("s{index}"), &["data:in/*"], &["data:out/"])
    });
    let plan = diff(&rendered(&many), &many.workflow(), &empty());
    assert!(plan.summary.create > 500);
    assert_eq!(codes(&plan), [BlockCode::Check]);
    let [block] = plan.blocks.as_slice() else {
        panic!("{:?}", plan.blocks)
    };
    assert_eq!(block.allow, None);
    assert!(
        block.reason.contains("CloudFormation takes 500") && block.reason.contains("s0 ("),
        "{}",
        block.reason
    );
}
