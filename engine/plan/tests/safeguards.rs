//! What a plan says of keys, log buckets and the account's limits.

#![expect(clippy::unwrap_used, reason = "tests")]

mod deployment;
#[path = "../../template/tests/support/mod.rs"]
mod support;

use deployment::{after, empty};
use scar_plan::{
    AccountLimits, BlockCode, CheckOutcome, Plan, Policy, Request, Snapshot, Unknown, plan, quota,
};
use scar_template::render;
use scar_workflow::Workflow;
use support::{Builder, materials};

const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn one() -> Builder {
    Builder::new("w").stage("split", &["data:in/*.mp4"], &["data:video/"])
}

fn hardened() -> Workflow {
    let mut workflow = one().workflow();
    workflow.safeguards.kms_key = Some(KEY.to_owned());
    workflow.safeguards.access_logs = Some("acme-access-logs".to_owned());
    workflow
}

fn planned(workflow: &Workflow, snapshot: &Snapshot, policy: Policy) -> Plan {
    let rendered = render(workflow, &materials(&one())).unwrap();
    let request = Request {
        policy,
        ..Request::default()
    };
    plan(&rendered, workflow, snapshot, &request)
}

fn outcome(plan: &Plan, code: &str) -> Option<CheckOutcome> {
    let check = plan.checks.iter().find(|check| check.code == code)?;
    Some(check.outcome)
}

fn deployed(workflow: &Workflow) -> Snapshot {
    let mut snapshot = after(&one());
    let rendered = render(workflow, &materials(&one())).unwrap();
    snapshot.stack.as_mut().unwrap().template = rendered.stack;
    snapshot
}

#[test]
fn a_new_key_is_told_once_and_an_old_one_is_not_forgotten() {
    let plan = planned(&hardened(), &empty(), Policy::default());
    for code in ["kms-key", "access-logs"] {
        assert_eq!(outcome(&plan, code), Some(CheckOutcome::Warning), "{code}");
    }
    let again = planned(&hardened(), &deployed(&hardened()), Policy::default());
    assert_eq!(outcome(&again, "kms-key"), Some(CheckOutcome::Passed));
    let without = planned(&one().workflow(), &deployed(&hardened()), Policy::default());
    assert_eq!(outcome(&without, "kms-key"), None);
    assert_eq!(
        outcome(&without, "old-kms-key"),
        Some(CheckOutcome::Warning)
    );
}

/// It reaches nothing that the role may not read otherwise.
#[test]
fn the_key_of_the_environment_widens_nothing() {
    let plan = planned(&hardened(), &empty(), Policy::default());
    let grants = plan.permissions.iter().filter(|one| one.resource == KEY);
    let actions: Vec<&str> = grants.clone().map(|one| one.action.as_str()).collect();
    assert_eq!(actions, ["kms:Decrypt", "kms:GenerateDataKey"]);
    assert!(grants.clone().all(|one| !one.widens));
}

#[test]
fn a_repository_can_ask_for_safeguards() {
    let policy = Policy {
        hardened_in: ["dev".to_owned()].into(),
        ..Policy::default()
    };
    let kept = planned(&hardened(), &empty(), policy.clone());
    assert_eq!(kept.blocks, []);
    let broken = planned(&one().workflow(), &empty(), policy);
    let [block] = broken.blocks.as_slice() else {
        panic!("{:?}", broken.blocks);
    };
    assert_eq!(block.code, BlockCode::Policy);
    assert!(
        block.reason.contains("kms_key and access_logs"),
        "{block:?}"
    );
}

fn with_limits(concurrency: u64, unreserved: u64, code_bytes: u64) -> Snapshot {
    Snapshot {
        limits: Some(AccountLimits {
            concurrency,
            unreserved,
            code_limit_bytes: 80_000_000_000,
            code_bytes,
        }),
        ..empty()
    }
}

#[test]
fn limits_of_the_account_are_looked_at_where_it_was_asked() {
    let mut workflow = one().workflow();
    workflow.stages[0].concurrency = Some(200);
    let found =
        |snapshot: &Snapshot, code| outcome(&planned(&workflow, snapshot, Policy::default()), code);
    let (reserved, code) = ("account-concurrency", "account-code");
    let roomy = with_limits(1_000, 1_000, 0);
    assert_eq!(found(&roomy, reserved), Some(CheckOutcome::Passed));
    assert_eq!(found(&roomy, code), Some(CheckOutcome::Passed));
    // One hundred have to stay unreserved.
    let taken = with_limits(1_000, 299, 75_000_000_000);
    assert_eq!(found(&taken, reserved), Some(CheckOutcome::Failed));
    assert_eq!(found(&taken, code), Some(CheckOutcome::Warning));
    let full = with_limits(1_000, 300, 80_000_000_000);
    assert_eq!(found(&full, reserved), Some(CheckOutcome::Passed));
    assert_eq!(found(&full, code), Some(CheckOutcome::Failed));
    let plan = planned(&workflow, &full, Policy::default());
    assert!(
        plan.blocks
            .iter()
            .any(|block| block.code == BlockCode::Check)
    );

    workflow.stages[0].concurrency = None;
    let small = planned(&workflow, &with_limits(10, 10, 0), Policy::default());
    assert_eq!(outcome(&small, reserved), Some(CheckOutcome::Warning));
}

#[test]
fn limits_that_nobody_asked_for_are_said_to_be_so() {
    let plan = planned(&one().workflow(), &empty(), Policy::default());
    let check = plan
        .checks
        .iter()
        .find(|check| check.code == "account-limits");
    assert_eq!(check.unwrap().summary, "limits of the account: not asked");
    let mut snapshot = empty();
    snapshot.unknown.push(Unknown {
        permission: "lambda:GetAccountSettings".to_owned(),
        subject: quota::SUBJECT.to_owned(),
    });
    let plan = planned(&one().workflow(), &snapshot, Policy::default());
    assert_eq!(outcome(&plan, "account-limits"), None);
    assert_eq!(outcome(&plan, "unknown"), Some(CheckOutcome::Warning));
}
