//! Laws of planning, tried on rendered workflows.

#![expect(clippy::unwrap_used, reason = "tests")]

mod deployment;
#[path = "../../template/tests/support/mod.rs"]
mod support;

use std::sync::Arc;

use deployment::{after, empty, rendered};
use proptest::prelude::*;
use scar_plan::{
    Action, PermissionEffect, Plan, Reason, ResourceChange, Snapshot, Stack, Stale, destroy, diff,
};
use serde_json::json;
use support::Builder;

fn plan(new: &Builder, snapshot: &Snapshot) -> Plan {
    diff(&rendered(new), &new.workflow(), snapshot)
}

fn two() -> Builder {
    Builder::new("w")
        .stage("split", &["data:in/*.mp4"], &["data:video/"])
        .stage("burn", &["data:video/*.avi"], &["data:out/*.avi"])
}

fn changed(resources: &[ResourceChange]) -> Vec<&ResourceChange> {
    resources
        .iter()
        .filter(|change| change.action != Action::Keep)
        .collect()
}

#[test]
fn first_deployment_is_the_difference_to_nothing() {
    let plan = plan(&two(), &empty());
    assert_eq!(
        (plan.base.action, plan.stack.action),
        (Action::Create, Action::Create)
    );
    let resources = plan.stack.resources.iter().chain(&plan.base.resources);
    assert!(
        resources
            .clone()
            .all(|change| change.action == Action::Create && change.reason == Reason::New)
    );
    assert_eq!(plan.summary.create, resources.count());
    assert!(
        plan.stages
            .iter()
            .all(|stage| stage.action == Action::Create)
    );
    assert_eq!(plan.uploads.len(), rendered(&two()).assets.len());
    assert!(plan.bootstrap.is_some());
    assert!(
        plan.permissions
            .iter()
            .all(|one| one.effect == PermissionEffect::Added && !one.widens)
    );
}

#[test]
fn leftovers_of_a_failed_creation_count_as_nothing() {
    let mut snapshot = empty();
    snapshot.stack = Some(Stack {
        status: "ROLLBACK_COMPLETE".into(),
        ..Stack::default()
    });
    let plan = plan(&two(), &snapshot);
    assert_eq!(plan.stack.action, Action::Create);
    assert_eq!(plan.is_current(&snapshot), Ok(()));
}

#[test]
fn memory_changes_one_function_in_place() {
    let mut more = two();
    more.memory_mib = 2048;
    let one = Builder {
        memory_mib: 1024,
        ..Builder::new("w").stage("split", &["data:in/*.mp4"], &["data:video/"])
    };
    let bigger = Builder {
        memory_mib: 2048,
        ..Builder::new("w").stage("split", &["data:in/*.mp4"], &["data:video/"])
    };
    let plan_one = plan(&bigger, &after(&one));
    let changes = changed(&plan_one.stack.resources);
    assert_eq!(changes.len(), 1);
    assert_eq!(
        (changes[0].logical_id.as_str(), changes[0].action),
        ("SplitFunction", Action::Update)
    );
    let paths: Vec<&str> = changes[0]
        .properties
        .iter()
        .map(|property| property.path.as_str())
        .collect();
    assert_eq!(paths, ["Code.S3Key", "MemorySize"]);
    assert_eq!(plan_one.stages[0].settings[0].name, "memory");
    assert_eq!(plan_one.stages[0].settings[0].after, "2048 MiB");
    assert_eq!(
        (plan_one.base.action, plan_one.uploads.len()),
        (Action::Keep, 1)
    );
    assert_eq!(
        changed(&plan(&more, &after(&two())).stack.resources).len(),
        2
    );
}

#[test]
fn a_supervisor_replaces_the_layer_and_updates_functions() {
    let newer = Builder {
        supervisor: "newer",
        ..two()
    };
    let plan = plan(&newer, &after(&two()));
    let layer = plan
        .base
        .resources
        .iter()
        .find(|change| change.logical_id == "SupervisorLayer")
        .unwrap();
    assert_eq!((layer.action, layer.retained), (Action::Replace, true));
    let changes = changed(&plan.stack.resources);
    assert_eq!(changes.len(), 2);
    assert!(
        changes
            .iter()
            .all(|change| change.reason == Reason::Supervisor)
    );
    assert_eq!(
        changes[0].properties[0].after,
        Some(json!("${SupervisorLayerArn}"))
    );
    assert!(plan.summary.data_at_risk.is_empty());
}

#[test]
fn a_moved_tag_is_told_from_a_changed_manifest() {
    let moved = Builder {
        image: "another",
        ..two()
    };
    let plan = plan(&moved, &after(&two()));
    assert!(
        plan.images
            .iter()
            .all(|image| image.tag_moved && image.was.is_some())
    );
    assert!(
        plan.stages
            .iter()
            .all(|stage| stage.reason == Reason::TagMoved)
    );
}

#[test]
fn stages_come_and_go() {
    let other = Builder::new("w")
        .stage("split", &["data:in/*.mp4"], &["data:video/"])
        .stage("mix", &["data:video/*.avi"], &["data:out/"]);
    let plan = plan(&other, &after(&two()));
    let stages: Vec<(&str, Action)> = plan
        .stages
        .iter()
        .map(|one| (one.name.as_str(), one.action))
        .collect();
    assert_eq!(
        stages,
        [
            ("split", Action::Keep),
            ("mix", Action::Create),
            ("burn", Action::Delete)
        ]
    );
    let deleted = plan
        .stack
        .resources
        .iter()
        .filter(|change| change.action == Action::Delete);
    assert!(
        deleted
            .clone()
            .all(|change| change.stage.as_deref() == Some("burn"))
    );
    assert_eq!((deleted.count(), plan.summary.create), (7, 7));
    assert!(
        plan.permissions
            .iter()
            .any(|one| one.effect == PermissionEffect::Removed && one.stage == "burn")
    );
}

#[test]
fn another_bucket_leaves_the_first_alone() {
    let wider = two()
        .bucket("archive", Some("acme-archive"))
        .bucket("drop", None)
        .stage("keep", &["data:out/*"], &["archive:x/", "drop:y/"]);
    let plan = plan(&wider, &after(&two()));
    let ids: Vec<&str> = changed(&plan.stack.resources)
        .iter()
        .map(|change| change.logical_id.as_str())
        .collect();
    assert!(
        ids.iter()
            .all(|id| id.starts_with("Keep") || id.starts_with("Drop")),
        "{ids:?}"
    );
    let widening: Vec<(&str, &str)> = plan
        .permissions
        .iter()
        .filter(|one| one.widens)
        .map(|one| (one.action.as_str(), one.resource.as_str()))
        .collect();
    assert!(
        widening.contains(&("s3:PutObject", "archive:x/*")),
        "{widening:?}"
    );
    assert_eq!(plan.summary.widens, widening.len());
}

#[test]
fn a_replaced_bucket_is_data_at_risk_and_is_followed() {
    let mut snapshot = after(&two());
    let template = &mut snapshot.stack.as_mut().unwrap().template;
    let resources = &mut Arc::make_mut(template).resources;
    let bucket = resources.get_mut("DataStore").unwrap();
    bucket
        .properties
        .insert("BucketNamePrefix".into(), json!("other"));
    let plan = plan(&two(), &snapshot);
    assert_eq!(plan.summary.data_at_risk, ["DataStore"]);
    let of = |id: &str| {
        plan.stack
            .resources
            .iter()
            .find(|change| change.logical_id == id)
            .unwrap()
    };
    assert!(of("DataStore").retained);
    assert_eq!(
        of("DataStore").reason,
        Reason::Immutable {
            property: "BucketNamePrefix".into()
        }
    );
    for id in ["SplitRole", "SplitFunction", "SplitRule"] {
        assert_eq!(of(id).action, Action::Update, "{id}");
        assert_eq!(
            of(id).reason,
            Reason::Follows {
                logical_id: "DataStore".into()
            }
        );
    }
    assert_eq!(of("SplitInvoke").action, Action::Keep);
}

#[test]
fn removal_tells_what_stays() {
    let removal = destroy(&after(&two())).unwrap();
    assert_eq!(
        (removal.workflow.as_str(), removal.environment.as_str()),
        ("w", "dev")
    );
    assert!(
        removal
            .stack
            .resources
            .iter()
            .all(|change| change.action == Action::Delete)
    );
    assert_eq!(removal.kept_buckets.len(), 1);
    assert_eq!(removal.kept_buckets[0].name.as_deref(), Some("w-dev-1-an"));
    assert!(destroy(&empty()).is_none());
}

#[test]
fn a_changed_world_makes_a_plan_stale() {
    let snapshot = after(&two());
    let plan = plan(&two(), &snapshot);
    assert_eq!(plan.is_current(&snapshot), Ok(()));
    let check = |change: fn(&mut Snapshot)| {
        let mut other = snapshot.clone();
        change(&mut other);
        plan.is_current(&other)
    };
    assert!(matches!(
        check(|it| it.account = "1".into()),
        Err(Stale::Account { .. })
    ));
    assert!(matches!(
        check(|it| it.region = "us-east-1".into()),
        Err(Stale::Region { .. })
    ));
    assert!(matches!(
        check(|it| it.base = None),
        Err(Stale::Deleted { .. })
    ));
    let fields: [fn(&mut Stack); 6] = [
        |it| it.id.push('x'),
        |it| it.status = "UPDATE_IN_PROGRESS".into(),
        |it| it.changed.push('x'),
        |it| Arc::make_mut(&mut it.template).description = None,
        |it| it.outputs.clear(),
        |it| it.tags.clear(),
    ];
    let mut tidying = snapshot.clone();
    let stack = tidying.stack.as_mut().unwrap();
    stack.status.push_str("_CLEANUP_IN_PROGRESS");
    assert_eq!(plan.is_current(&tidying), Ok(()));
    for field in fields {
        let mut other = snapshot.clone();
        field(other.stack.as_mut().unwrap());
        assert!(matches!(
            plan.is_current(&other),
            Err(Stale::Changed { .. })
        ));
    }
}

#[test]
fn a_file_gives_the_same_plan_or_none() {
    let plan = plan(&two().image_in_bucket(), &after(&two()));
    let text = plan.to_json("2026-11-20T10:00:00Z", "0.1.0");
    assert_eq!(Plan::from_json(&text).unwrap(), plan);
    let mut bytes = text.clone().into_bytes();
    for index in (0..bytes.len()).step_by(bytes.len() / 150) {
        bytes[index] ^= 1;
        if let Ok(mutant) = std::str::from_utf8(&bytes) {
            // Only white space between values may change unnoticed.
            assert!(
                Plan::from_json(mutant).map_or(true, |other| other == plan),
                "byte {index}"
            );
        }
        bytes[index] ^= 1;
    }
    let added = text.replacen('{', "{\"extra\": 1,", 1);
    assert!(Plan::from_json(&added).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_deployed_needs_nothing(
        stages in proptest::collection::btree_map("[a-c][a-z0-9-]{0,6}", ("[a-z]{1,3}/\\*\\*", "[a-z]{1,3}/"), 1..4),
        memory in 128..10240_u32,
    ) {
        let mut builder = Builder::new("w");
        builder.memory_mib = memory;
        for (name, (input, output)) in &stages {
            builder = builder.stage(name, &[&format!("data:{input}")], &[&format!("data:{output}")]);
        }
        let first = plan(&builder, &empty());
        prop_assert_eq!(&first, &plan(&builder, &empty()));
        let second = plan(&builder, &after(&builder));
        prop_assert!(second.is_empty());
        prop_assert!(changed(&second.stack.resources).is_empty() && changed(&second.base.resources).is_empty());
        prop_assert!(second.permissions.is_empty());
        prop_assert!(second.stages.iter().all(|stage| stage.action == Action::Keep && stage.settings.is_empty()));
    }
}
